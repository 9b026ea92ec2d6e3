"""Captured events, replayed on a stage, one after the other."""

import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from infra.embedded.delivery import Receipt
from infra.embedded.stage import Stage
from infra.replay.event_reader import Captured
from models.base import Place
from models.events import Ignored
from models.outcome import Outcome, Result, rejected, undelivered, unmatched
from models.wrappings import AN_EVENT_HAS, fault_of


@dataclass(frozen=True)
class Replayed:
    """What became of one event, in a world of that account."""

    source: str
    receipt: Receipt
    outcome: Outcome
    account: str
    event: dict[str, Any] = field(default_factory=dict)

    @property
    def is_failure(self) -> bool:
        return self.receipt.is_dead_lettered or self.receipt.is_lost

    @property
    def why(self) -> str:
        """Why no template was looked at; empty if there is nothing to say."""
        if self.outcome.error:
            return self.outcome.error
        if isinstance(self.outcome.reason, Ignored):
            return self.outcome.reason.in_words
        return self._why_unmatched or ""

    @property
    def _why_unmatched(self) -> str | None:
        """Names the mistake that the rules' patterns do not show: the account."""
        if self.outcome.result is not Result.UNMATCHED:
            return None
        account = self.event.get("account")
        if account is None:
            return "no rule selects it: account is missing"
        if account != self.account:
            return f"no rule selects it: the world is of account {self.account}, the event is not"
        return "no rule selects it"

    def as_json(self) -> dict[str, Any]:
        return self.outcome.model_dump(mode="json") | {
            "error": self.outcome.error or self.receipt.error or self._why_unmatched,
            "attempts": self.receipt.attempts,
            "dead_lettered": self.receipt.is_dead_lettered,
        }


def replayed(staged: Stage, captured: Iterable[Captured]) -> Iterator[Replayed]:
    """Each event's result, as soon as the event has been replayed."""
    for item in captured:
        yield _replayed(staged, item)


def _replayed(staged: Stage, item: Captured) -> Replayed:
    account = staged.place.account
    if item.payload is None:
        outcome = rejected({}, f"no event is in it: {AN_EVENT_HAS}")
        return Replayed(item.source, Receipt(is_lost=True), outcome, account)
    if fault := fault_of(item.payload):  # EventBridge delivers no such event
        outcome = rejected(item.payload, fault)
        return Replayed(item.source, Receipt(is_lost=True), outcome, account)
    event = _completed(item.payload, item.made_up, staged.place)
    receipt = staged.delivery.deliver(event)
    if not receipt.is_matched:
        outcome = unmatched(event)
    elif receipt.outcome is None:
        outcome = undelivered(event, receipt.error or "no outcome")
    else:
        outcome = Outcome.model_validate(receipt.outcome)
    return Replayed(item.source, receipt, outcome, account, event)


def _completed(payload: dict[str, Any], missing: Iterable[str], place: Place) -> dict[str, Any]:
    """The event with the fields that EventBridge adds: the same in each run, except the time."""
    made_up = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(payload, sort_keys=True))),
        "account": place.account,
        "region": place.region,
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
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
