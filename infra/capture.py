"""The events that the stack's rules matched, out of the log group that keeps them."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pydantic_core

from infra.operate.reading import each

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient


def captured_events(
    client: "CloudWatchLogsClient", log_group: str, since: datetime
) -> Iterator[dict[str, Any]]:
    """Each event since then, once: EventBridge may have delivered it twice.

    Raises:
        AwsRefused: There is no such log group, or it may not be read.
        AwsUnavailable: AWS does not answer now.
    """
    seen: set[str] = set()
    for line in each(
        client,
        "filter_log_events",
        "events",
        logGroupName=log_group,
        startTime=int(since.timestamp() * 1000),
    ):
        event = _event(line["message"])
        if event is not None and event["id"] not in seen:
            seen.add(event["id"])
            yield event


def _event(message: str) -> dict[str, Any] | None:
    """The event in a line of the log; whatever else may be there is none."""
    try:
        event = pydantic_core.from_json(message, allow_inf_nan=False)
    except ValueError:
        return None
    is_event = isinstance(event, dict) and isinstance(event.get("id"), str)
    return event if is_event else None
