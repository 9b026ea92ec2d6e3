"""Facts about a deployed stack and what its rules have seen; only read."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from handlers.paging import each
from infra.operate import permissions
from infra.operate.stack_outputs import output_of
from infra.operate.verify.asking import ask, is_gone
from infra.operate.verify.bench import Bench
from infra.operate.verify.fact import Answer, CannotTell
from infra.operate.verify.facts import facts
from infra.operate.verify.running import Check
from models.errors import AwsRefused
from models.selectors import Selectors, read_selectors

_SINCE = timedelta(days=14)
_SHOWN = 5  # of what differs, at most
_ID = re.compile(r"\b(ami|snap|i)-[0-9a-f]{8,17}\b")


def _output(bench: Bench, name: str) -> str:
    """An output of the stack.

    Raises:
        CannotTell: There is no such stack, or it has no such output.
    """
    if bench.stack is None:
        raise CannotTell("the name of a stack: --stack NAME")
    try:
        return output_of(bench.account, bench.stack, name, "--stack")
    except AwsRefused as error:
        if error.unauthorized:
            raise
        raise CannotTell(str(error)) from error


# -- its role --------------------------------------------------------------------------------------


def _role(bench: Bench) -> Iterator[Answer | CannotTell]:
    name = _output(bench, "FunctionName")
    queue = _output(bench, "DeadLetterQueueUrl").rpartition("/")[2]
    functions = bench.account.client("lambda")
    function = ask(functions.get_function_configuration, FunctionName=name)
    _, partition, _, region, account, *_ = function["FunctionArn"].split(":")
    places = permissions.Places(partition, region, account, name, queue)
    answers = [
        (question, answer)
        for question in permissions.questions(places)
        for answer in permissions.ask(bench.account, function["Role"], question)
    ]
    yield Answer([], list(permissions.faults(iter(answers))))


# -- what its rules matched ------------------------------------------------------------------------


def _captured(bench: Bench) -> Iterator[Answer | CannotTell]:
    group = _output(bench, "CapturedEventsLogGroupName")
    backups = [event for event in _events(bench, group, "COMPLETED") if _is_of_ec2(event)]
    if not backups:
        raise CannotTell(f"a captured backup of an instance in {_SINCE.days} days")
    partition, region = bench.account.client("ec2").meta.partition, bench.account.place.region
    newest = max(backups, key=lambda event: str(event["time"]))
    yield Answer([f"arn:{partition}:ec2:{region}::image/ami-…"], _shapes(newest["resources"]))
    available = _images_of(_events(bench, group, "available"))
    yield Answer([], sorted(_images_of(backups) - available)[:_SHOWN])


def _images_of(events: list[dict[str, Any]]) -> set[str]:
    return {arn.rpartition("/")[2] for event in events for arn in event["resources"]}


def _events(bench: Bench, group: str, word: str) -> list[dict[str, Any]]:
    """The captured events with that word in them, of a job or of an image."""
    found = each(
        bench.account.client("logs"),
        "filter_log_events",
        "events",
        logGroupName=group,
        filterPattern=f'"{word}"',
        startTime=int((datetime.now(UTC) - _SINCE).timestamp() * 1000),
    )
    try:
        events = [json.loads(line["message"]) for line in found]
    except AwsRefused as error:
        if not is_gone(error):
            raise
        raise CannotTell(f"the log group of captured events: {error}") from error
    return [event for event in events if _state(event) == word]


def _state(event: dict[str, Any]) -> Any:
    """AWS Backup writes it with a small letter, EC2 with a capital one."""
    return event["detail"].get("state", event["detail"].get("State"))


def _is_of_ec2(event: dict[str, Any]) -> bool:
    kind = (event["detail-type"], event["detail"].get("resourceType"))
    return kind == ("Backup Job State Change", "EC2")


def _shapes(arns: list[str]) -> list[str]:
    return [_ID.sub(r"\1-…", arn) for arn in arns]


# -- the backups that it follows -------------------------------------------------------------------


def _recovery_points(bench: Bench) -> Iterator[Answer | CannotTell]:
    client = bench.account.client("backup")
    arns = [
        point["RecoveryPointArn"]
        for instance in _golden_instances(bench)
        for point in each(
            client,
            "list_recovery_points_by_resource",
            "RecoveryPoints",
            ResourceArn=bench.arn("ec2", f"instance/{instance}"),
        )
    ]
    if not arns:
        raise CannotTell("a backup of an instance that a launch template names")
    odd = sorted({shape for shape in _shapes(arns) if not shape.endswith("::image/ami-…")})
    yield Answer([], odd[:_SHOWN])


def _golden_instances(bench: Bench) -> list[str]:
    """The instances that launch templates name; the first few, because each takes a call."""
    named = [
        instance
        for template in bench.account.ec2.opted_in_templates()
        if isinstance(selectors := read_selectors(template.tags, bench.account.place), Selectors)
        for instance in sorted(selectors.source_instances)
    ]
    return list(dict.fromkeys(named))[:_SHOWN]


CHECKS = (
    Check(facts("role-is-fenced"), _role),
    Check(facts("backup-event-names-image", "backup-sends-available"), _captured),
    Check(facts("recovery-point-is-image"), _recovery_points),
)
