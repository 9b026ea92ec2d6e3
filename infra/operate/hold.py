"""Holds: nothing writes to a held template until it is resumed; the function's IAM role cannot."""

from datetime import UTC, datetime

from handlers import rollback
from infra.operate import writes
from infra.operate.account import Account
from models.launch_template import Template
from models.tags import HOLD_TAG, stamp


def stamp_now(account: Account, why: str) -> str:
    """The value of a hold's or a quarantine's tag: the caller, the time, and why."""
    return stamp(account.caller_name, why, datetime.now(UTC))


def hold_template(account: Account, template: Template, value: str) -> str:
    """Hold the template; a hold that exists already stays as it is.

    Returns:
        The value of the hold's tag now: the given one, or the first one's.
    """
    return rollback.hold_template(account.ec2, template, value)


def end_hold(account: Account, template: Template) -> None:
    writes.untag(account, [template.launch_template_id], [HOLD_TAG])


def without_hold(template: Template) -> Template:
    """The template as it would be without its hold."""
    tags = {key: value for key, value in template.tags.items() if key != HOLD_TAG}
    return template.model_copy(update={"tags": tags})
