"""One-time schedules on the stage's clock: stands for EventBridge Scheduler.

A one-time schedule does its call of EC2 when its time comes; recurring ones are kept and never run.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from unittest import mock
from zoneinfo import ZoneInfo

from botocore import xform_name
from moto.scheduler.models import EventBridgeSchedulerBackend, Schedule

from infra.embedded.clock import StageClock

if TYPE_CHECKING:
    import boto3

_EC2 = ":scheduler:::aws-sdk:ec2:"


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
