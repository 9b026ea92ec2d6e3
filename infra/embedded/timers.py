"""What is due later: stands for Step Functions and EventBridge Scheduler, on the stage's clock.

The stack's timer is walked as its deployed definition says, with the two kinds of state that it
has. moto has an interpreter of the whole language, but it waits in real time, in a thread for each
execution; `tests/infra/embedded/test_timers.py` runs the same definition in it. A one-time schedule
does its call of EC2 when its time comes; recurring ones are kept and never run.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from unittest import mock
from zoneinfo import ZoneInfo

from botocore import xform_name
from moto.scheduler.models import EventBridgeSchedulerBackend, Schedule
from moto.stepfunctions.models import stepfunctions_backends

from infra.embedded.clock import StageClock
from models.base import Place

if TYPE_CHECKING:
    import boto3

_PUT_EVENTS = ":states:::events:putEvents"
_EC2 = ":scheduler:::aws-sdk:ec2:"

Put = Callable[[list[dict[str, Any]]], object]
"""Puts the entries of a PutEvents."""


# -- Step Functions --------------------------------------------------------------------------------


def definition_of(machine_arn: str, place: Place) -> dict[str, Any] | None:
    """A state machine's definition; None: there is no such machine."""
    machines = stepfunctions_backends[place.account][place.region].state_machines
    found = [machine.definition for machine in machines if machine.arn == machine_arn]
    definition: dict[str, Any] | None = json.loads(found[0]) if found else None
    return definition


@dataclass
class Timers:
    """The executions that wait on a clock.

    One whose input tells the same as that of another that waits is not started: AWS would start it,
    and the second would find nothing left to do.
    """

    clock: StageClock
    _waiting: set[str] = field(default_factory=set)

    def start(self, definition: dict[str, Any], event: dict[str, Any], put: Put) -> None:
        """Run a state machine with one event as its input.

        An execution that fails ends, as on AWS: the input has not what a path names, or no time
        there.

        Raises:
            NotImplementedError: It has a state of another kind than the stack's timer.
        """
        told = json.dumps(event["detail"], sort_keys=True)
        if told not in self._waiting:
            self._waiting.add(told)
            with suppress(KeyError, TypeError, ValueError):
                if self._enter(definition, definition["StartAt"], event, put):
                    return
            self._waiting.discard(told)

    def _enter(
        self, definition: dict[str, Any], name: str, event: dict[str, Any], put: Put
    ) -> bool:
        """Enter a state; whether the execution waits in it."""
        state = definition["States"][name]
        match state:
            case {"Type": "Wait", "TimestampPath": path, "Next": following}:
                moment = datetime.fromisoformat(_at(path, event)).astimezone(UTC)

                def go_on() -> None:
                    self._waiting.discard(json.dumps(event["detail"], sort_keys=True))
                    self._enter(definition, following, event, put)

                self.clock.at(moment, go_on)
                return True
            case {"Type": "Task", "Resource": str(resource), "End": True} if resource.endswith(
                _PUT_EVENTS
            ):
                entries = _filled(state["Parameters"], event)["Entries"]
                put([{**one, "Detail": json.dumps(one["Detail"])} for one in entries])
                return False
            case _:
                raise NotImplementedError(f"the embedded AWS does not run the state {name}")


def _filled(parameters: Any, given: dict[str, Any]) -> Any:
    """Parameters with what their paths name: of `{"id.$": "$.detail.id"}`, the id.

    https://docs.aws.amazon.com/step-functions/latest/dg/input-output-inputpath-params.html
    """
    if isinstance(parameters, list):
        return [_filled(one, given) for one in parameters]
    if not isinstance(parameters, dict):
        return parameters
    return {
        key.removesuffix(".$"): _at(one, given) if key.endswith(".$") else _filled(one, given)
        for key, one in parameters.items()
    }


def _at(path: str, given: Any) -> Any:
    for key in path.removeprefix("$.").split("."):
        given = given[key]
    return given


# -- EventBridge Scheduler -------------------------------------------------------------------------


@contextmanager
def schedules_run(session: "boto3.Session", clock: StageClock) -> Iterator[None]:
    """Every one-time schedule that is created runs when its time comes, if it is there then."""
    create = EventBridgeSchedulerBackend.create_schedule

    def create_schedule(backend: EventBridgeSchedulerBackend, **how: Any) -> Schedule:
        schedule = create(backend, **how)
        if moment := _moment_of(schedule):
            clock.at(moment, lambda: _run(session, backend, schedule))
        return schedule

    with mock.patch.object(EventBridgeSchedulerBackend, "create_schedule", create_schedule):
        yield


def _moment_of(schedule: Schedule) -> datetime | None:
    """When a one-time schedule runs; None: it recurs.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#one-time
    """
    kind, _, when = schedule.schedule_expression.partition("(")
    if kind != "at":
        return None
    local = datetime.fromisoformat(when.rstrip(")"))
    return local.replace(tzinfo=ZoneInfo(schedule.schedule_expression_timezone)).astimezone(UTC)


def _run(
    session: "boto3.Session", backend: EventBridgeSchedulerBackend, schedule: Schedule
) -> None:
    schedules = backend.schedule_groups[schedule.group_name].schedules
    if schedules.get(schedule.name) is not schedule or _EC2 not in schedule.target["Arn"]:
        return
    action = xform_name(schedule.target["Arn"].partition(_EC2)[2])
    getattr(session.client("ec2"), action)(**json.loads(schedule.target["Input"]))
    if schedule.action_after_completion == "DELETE":
        del schedules[schedule.name]
