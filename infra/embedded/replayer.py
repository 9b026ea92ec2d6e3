"""Captured events, replayed on a stage, one after the other, each at its own time."""

import json
import operator
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pydantic import Field

from infra.embedded.clock import StageClock
from infra.embedded.delivery import Delivered, Receipt
from infra.embedded.stage import Stage
from infra.embedded.world.alarm_change import Alarm, alarm_of, write_alarm
from infra.embedded.world.tag_change import write_tags
from infra.replay.event_reader import Captured
from models.base import Value, date_or_none
from models.events import Ignored
from models.guard import GuardOutcome, read_outcome, why_of
from models.outcome import Outcome, Result, rejected, undelivered, unmatched
from models.wrappings import AN_EVENT_HAS, fault_of

_REST = timedelta(days=31)
"""How long after the last event what is due is still delivered; one that recurs has no end."""


class _Delivered(Value):
    """What delivery adds to an outcome.

    Attributes:
        attempts: How often the function was invoked with the event.
        dead_lettered: The event is in the dead-letter queue.
        at: When the event came, if it was not given: it was due then, or another event caused it.
        instances: Of an instance refresh on the stage: by group, how many instances run which image
            at that moment.
    """

    attempts: int = 0
    dead_lettered: bool = False
    at: str | None = Field(default=None, exclude_if=operator.not_)
    instances: dict[str, dict[str, int]] = Field(default={}, exclude_if=operator.not_)


class OutcomeLine(_Delivered, Outcome):
    """An outcome as `replay --json` prints it. The function's log has no more than an outcome."""


class GuardOutcomeLine(_Delivered, GuardOutcome):
    """The same of the guard, whose outcomes and reasons have words of their own."""


@dataclass(frozen=True)
class Replayed:
    """What became of one event, in a world of that account.

    Attributes:
        at: When it came, of an event that was not given: it was due then, or an event caused it.
        alarm: What it says of an alarm, which is in that state from then on.
    """

    source: str
    receipt: Receipt
    outcome: Outcome
    account: str
    event: dict[str, Any] = field(default_factory=dict)
    at: datetime | None = None
    alarm: Alarm | None = None

    @property
    def instances(self) -> dict[str, dict[str, int]]:
        """Of an instance refresh on the stage: by group, how many instances ran which image."""
        return self.receipt.instances if self.at else {}

    @property
    def is_unmatched(self) -> bool:
        """It was given, and no rule selects it."""
        return self.outcome.result is Result.UNMATCHED and self.at is None

    @property
    def is_failure(self) -> bool:
        return self.receipt.is_dead_lettered or self.receipt.is_lost

    @property
    def why(self) -> str:
        """Why no template was looked at; empty if there is nothing to say."""
        if self.receipt.has_started and self.receipt.outcome is None:
            return "started a state machine"
        return why_of(self.outcome) or self._why_unmatched or ""

    @property
    def _why_unmatched(self) -> str | None:
        """Names the mistake that the rules' patterns do not show: the account."""
        if not self.is_unmatched:
            return None
        account = self.event.get("account")
        if account is None:
            return "no rule selects it: account is missing"
        if account != self.account:
            return f"no rule selects it: the world is of account {self.account}, the event is not"
        return f"no rule selects it{self._and_the_alarm}"

    @property
    def _and_the_alarm(self) -> str:
        return f"; {self.alarm.name} is in {self.alarm.state} from now on" if self.alarm else ""

    @property
    def line(self) -> OutcomeLine | GuardOutcomeLine:
        """As `replay --json` prints it."""
        shape = GuardOutcomeLine if isinstance(self.outcome, GuardOutcome) else OutcomeLine
        own = {
            "error": self.outcome.error or self.receipt.error or self._why_unmatched,
            "attempts": self.receipt.attempts,
            "dead_lettered": self.receipt.is_dead_lettered,
            "at": in_seconds(self.at) if self.at else None,
            "instances": self.instances,
        }
        return shape.model_validate(self.outcome.model_dump() | own)

    def as_json(self) -> dict[str, Any]:
        return self.line.model_dump(mode="json")


def in_seconds(moment: datetime) -> str:
    """A moment as the time of an event."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def clock_for(captured: Sequence[Captured]) -> StageClock:
    """A clock that stands at the time of the first event; if that has none, at the real time."""
    clock = StageClock(stands=True)
    if captured and (first := time_of(captured[0])):
        clock.move_to(first)
    return clock


def time_of(item: Captured) -> datetime | None:
    """The time of an event; None if it has none."""
    return date_or_none(item.payload.get("time")) if isinstance(item.payload, dict) else None


def replayed(
    staged: Stage, captured: Iterable[Captured], until: datetime | None = None
) -> Iterator[Replayed]:
    """Each event's result, as soon as the event has been replayed, and what became due meanwhile.

    Args:
        staged: Where. If its clock stands, it is moved to each event's time.
        captured: The events.
        until: Where the clock stops, after the last event; None: when nothing is due any more.
    """
    for item in captured:
        yield from replayed_now(staged, item)
    yield from rest(staged, until)


def replayed_now(staged: Stage, item: Captured) -> Iterator[Replayed]:
    """What became due by the event's time, and the event's own result."""
    moment = time_of(item)
    if moment and staged.clock.stands:
        yield from caused(staged, staged.move_on(moment))
    yield from _replayed(staged, item)


def rest(staged: Stage, until: datetime | None) -> Iterator[Replayed]:
    """What is due after the last event."""
    by = until or staged.clock.after(_REST)
    with staged.delivery.watched() as delivered:
        while staged.clock.run_next(by):
            yield from caused(staged, delivered)
            delivered.clear()
    if until:
        staged.clock.move_to(until)


def caused(staged: Stage, delivered: Iterable[Delivered]) -> Iterator[Replayed]:
    """The results of events that were not given."""
    for moment, event, receipt in delivered:
        source = f"then, at {in_seconds(moment)}"
        outcome = _outcome(event, receipt)
        if outcome.reason is not Ignored.NO_FOLLOWER:  # a promotion that no template waits for
            yield Replayed(source, receipt, outcome, staged.place.account, event, moment)


def _replayed(staged: Stage, item: Captured) -> Iterator[Replayed]:
    account = staged.place.account
    fault = f"no event is in it: {AN_EVENT_HAS}"
    if item.payload is None or (fault := fault_of(item.payload) or ""):
        outcome = rejected(item.payload or {}, fault)  # EventBridge delivers no such event
        yield Replayed(item.source, Receipt(is_lost=True), outcome, account)
        return
    event = _completed(item.payload, item.made_up, staged)
    write_tags(event, staged.place)
    alarm = alarm_of(event, staged.place)
    if alarm:
        write_alarm(alarm, staged.place)
    with staged.delivery.watched() as delivered:
        receipt = staged.delivery.deliver(event)
    yield Replayed(item.source, receipt, _outcome(event, receipt), account, event, alarm=alarm)
    yield from caused(staged, (one for one in delivered if one.receipt is not receipt))


def _outcome(event: dict[str, Any], receipt: Receipt) -> Outcome:
    if not receipt.is_matched:
        return unmatched(event)
    if receipt.outcome is None and receipt.has_started and receipt.error is None:
        return unmatched(event).model_copy(update={"result": Result.HANDLED})
    if receipt.outcome is None:
        return undelivered(event, receipt.error or "no outcome")
    return read_outcome(receipt.outcome)


def _completed(payload: dict[str, Any], missing: Iterable[str], staged: Stage) -> dict[str, Any]:
    """The event with the fields that EventBridge adds: the same in each run, except the time."""
    made_up = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(payload, sort_keys=True))),
        "account": staged.place.account,
        "region": staged.place.region,
        "time": in_seconds(staged.clock.now()),
    }
    return {**payload, **{key: made_up[key] for key in missing}}


class Launched(NamedTuple):
    """An instance that a group started, when it was scaled out to that capacity."""

    group: str
    capacity: int
    instance_id: str
    image_id: str


def scale_out(staged: Stage) -> Iterator[Launched]:
    """Let each group start one more instance."""
    auto_scaling, ec2 = staged.session.client("autoscaling"), staged.session.client("ec2")
    before = _images_of_instances(ec2)
    for group in auto_scaling.describe_auto_scaling_groups()["AutoScalingGroups"]:
        name, capacity = group["AutoScalingGroupName"], group["DesiredCapacity"] + 1
        auto_scaling.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=capacity)
        now = _images_of_instances(ec2)
        for instance_id, image_id in now.items():
            if instance_id not in before:
                yield Launched(name, capacity, instance_id, image_id)
        before = now


def _images_of_instances(ec2: Any) -> dict[str, str]:
    pages = ec2.get_paginator("describe_instances").paginate()
    return {
        instance["InstanceId"]: instance["ImageId"]
        for page in pages
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
    }
