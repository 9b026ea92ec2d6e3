"""What the function says it did: the outcomes in its log group."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pydantic_core
from pydantic import SerializeAsAny, ValidationError

from handlers.paging import each
from infra.operate.account import Account
from models.base import Value
from models.errors import AwsRefused
from models.guard import read_outcome
from models.outcome import Outcome


class Logged(Value):
    """An outcome, and when it was logged.

    Attributes:
        request_id: Lambda's id of the invocation, the same for all its attempts.
    """

    at: datetime
    outcome: SerializeAsAny[Outcome]
    request_id: str | None = None


def log_group_of(stack: str) -> str:
    return f"/aws/lambda/{stack}"


def read_outcomes(
    account: Account, log_group: str, since: datetime, about: str = "outcome"
) -> Iterator[Logged]:
    """The outcomes since then, oldest first within one log stream.

    Args:
        account: Where the function is.
        log_group: The function's.
        since: Older ones are not read.
        about: Only lines that hold this text, such as a template's id.

    Raises:
        AwsRefused: The log group does not exist, or may not be read.
    """
    for line in each(
        account.client("logs"),
        "filter_log_events",
        "events",
        logGroupName=log_group,
        startTime=int(since.timestamp() * 1000),
        filterPattern=f'"{about}"',
    ):
        logged = _logged(line["message"], datetime.fromtimestamp(line["timestamp"] / 1000, UTC))
        if logged:
            yield logged


def log_begins(account: Account, log_group: str, now: datetime) -> datetime:
    """From when on the log has what the function did.

    Raises:
        AwsRefused: It may not be asked, or there is no such log group.
    """
    for group in each(
        account.client("logs"), "describe_log_groups", "logGroups", logGroupNamePrefix=log_group
    ):
        if group["logGroupName"] == log_group:
            made = datetime.fromtimestamp(group["creationTime"] / 1000, UTC)
            days = group.get("retentionInDays")
            return max(made, now - timedelta(days=days)) if days else made
    raise AwsRefused(f"there is no log group {log_group}")


def _logged(message: str, at: datetime) -> Logged | None:
    """The outcome in a line of the log; other lines are none.

    `function_request_id` is what Powertools calls Lambda's id.
    """
    try:
        line = pydantic_core.from_json(message)
        outcome, request_id = read_outcome(line["outcome"]), line.get("function_request_id")
        return Logged(at=at, outcome=outcome, request_id=request_id)
    except (ValueError, ValidationError, KeyError, TypeError):
        return None
