"""Holds: nothing writes to a held template until it is resumed; the function's IAM role cannot.

A hold that ends by itself has a one-time schedule of EventBridge Scheduler. It deletes the hold's
tag with its value: EC2 leaves a tag that has another value by then, so a newer hold stays.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html
"""

import hashlib
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from handlers import rollback
from handlers.aws_errors import translated
from infra.operate import writes
from infra.operate.account import Account
from models.base import Value
from models.launch_template import Template
from models.tags import HOLD_TAG, Stamp, stamp

_OLD = timedelta(days=7)


class HoldLine(Value):
    """A launch template's hold, as `hold --json` and `resume --json` print it; a public interface.

    Attributes:
        hold: Who holds it, since when, until when and why; null if it is not held.
    """

    launch_template_id: str
    launch_template_name: str
    hold: Stamp | None


def stamp_now(account: Account, why: str, until: datetime | None = None) -> str:
    """The value of a hold's or a quarantine's tag: the caller, the time, until when, and why."""
    return stamp(account.caller_name, why, datetime.now(UTC), until)


def trouble_with(hold: Stamp, now: datetime) -> str | None:
    """What makes a hold look forgotten, in words; None: nothing."""
    if hold.until is not None and hold.until <= now:
        return "its hold should have ended: the schedule is gone, or may not delete the tag"
    if hold.since is not None and now - hold.since > _OLD:
        return f"held for {(now - hold.since).days} days"
    return None


def hold_template(account: Account, template: Template, value: str) -> str:
    """Hold the template; a hold that exists already stays as it is.

    Returns:
        The value of the hold's tag now: the given one, or the first one's.
    """
    return rollback.hold_template(account.ec2, template, value)


def schedule_end(
    account: Account, template: Template, value: str, until: datetime, role_arn: str
) -> None:
    """Have EventBridge Scheduler delete the hold with that value at that time, and then itself.

    Args:
        account: Where the template is.
        template: It need not be held yet.
        value: The hold's tag.
        until: With its zone.
        role_arn: What Scheduler deletes the tag with; to pass it takes iam:PassRole.
    """
    client = account.client("scheduler")
    tag = {"Key": HOLD_TAG, "Value": value}
    doing = f"scheduling the end of the hold (which takes iam:PassRole on {role_arn} too)"
    with translated(doing, service="scheduler"), suppress(client.exceptions.ConflictException):
        client.create_schedule(
            Name=_name_of_end(template, value),
            Description=f"Ends a hold of {template.launch_template_name}; ami-reactor hold made it",
            # to the minute, as the hold says it and as Scheduler keeps it
            ScheduleExpression=f"at({until.astimezone(UTC):%Y-%m-%dT%H:%M}:00)",
            ScheduleExpressionTimezone="UTC",
            FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE",
            Target={
                "Arn": f"arn:{client.meta.partition}:scheduler:::aws-sdk:ec2:deleteTags",
                "RoleArn": role_arn,
                "Input": json.dumps({"Resources": [template.launch_template_id], "Tags": [tag]}),
            },
        )


def cancel_end(account: Account, template: Template, value: str) -> None:
    """Delete the schedule of that hold, if it is still there."""
    client = account.client("scheduler")
    name = _name_of_end(template, value)
    with (
        translated(f"deleting the schedule {name}", service="scheduler"),
        suppress(client.exceptions.ResourceNotFoundException),
    ):
        client.delete_schedule(Name=name)


def _name_of_end(template: Template, value: str) -> str:
    """One name for each hold: to end one never touches the schedule of another."""
    digest = hashlib.sha256(value.encode()).hexdigest()[:12]
    return f"ami-reactor-hold-{template.launch_template_id}-{digest}"


def end_hold(account: Account, template: Template) -> None:
    writes.untag(account, [template.launch_template_id], [HOLD_TAG])


def without_hold(template: Template) -> Template:
    """The template as it would be without its hold."""
    tags = {key: value for key, value in template.tags.items() if key != HOLD_TAG}
    return template.model_copy(update={"tags": tags})
