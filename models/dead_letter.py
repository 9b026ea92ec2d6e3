"""Dead letters: the events that could not be delivered or handled, as AWS leaves them in SQS."""

from typing import Any

import pydantic_core


def original_event(item: dict[str, Any]) -> dict[str, Any] | None:
    """The event inside: of an SQS message, of Lambda's on-failure record, or the item itself.

    None where a message holds no event.
    """
    body = item.get("Body", item.get("body"))
    if isinstance(body, str):
        try:
            item = pydantic_core.from_json(body, allow_inf_nan=False)
        except ValueError:
            return None
        if not isinstance(item, dict):
            return None
    if "requestPayload" in item:
        payload = item["requestPayload"]
        return payload if isinstance(payload, dict) else None
    return item
