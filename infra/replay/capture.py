"""The events that the stack's rules matched, out of the log group that keeps them."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pydantic_core

from handlers.paging import each

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient


def captured_events(
    client: "CloudWatchLogsClient", log_group: str, since: datetime
) -> Iterator[dict[str, Any]]:
    """The events since then; some perhaps twice, as EventBridge may deliver them.

    Raises:
        AwsRefused: There is no such log group, or it may not be read.
        AwsUnavailable: AWS does not answer now.
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
    """The event in a line of the log; whatever else may be there is none."""
    try:
        event = pydantic_core.from_json(message, allow_inf_nan=False)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "detail-type" in event else None
