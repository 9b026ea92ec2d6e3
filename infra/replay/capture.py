"""The events that the stack's rules matched, read from the log group that keeps them."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from handlers.paging import each
from infra.replay.json_text import parse_json

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient


def captured_events(
    client: "CloudWatchLogsClient", log_group: str, since: datetime
) -> Iterator[dict[str, Any]]:
    """The events since then; some may be there twice, because EventBridge may deliver twice.

    Raises:
        AwsRefused: There is no such log group, or a permission is missing.
        AwsUnavailable: AWS does not answer.
    """
    for line in each(
        client,
        "filter_log_events",
        "events",
        logGroupName=log_group,
        startTime=int(since.timestamp() * 1000),
    ):
        event = _event(line["message"])
        if event is not None:
            yield event


def _event(message: str) -> dict[str, Any] | None:
    """The event in a line of the log; None if the line is something else."""
    try:
        event = parse_json(message)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "detail-type" in event else None
