"""EventBridge: what PutEvents refuses."""

from functools import partialmethod
from typing import TYPE_CHECKING, Any

from moto.events.exceptions import ValidationException
from moto.events.models import EventsBackend

if TYPE_CHECKING:
    from infra.embedded.repairs.answers import Repair

REQUEST_ENTRIES = 10  # API model

REQUEST_BYTES = 1024 * 1024
"""Of all entries of a request together: "must be less than 1MB" (API model); 256 KB before 2026."""

REFUSED = {
    "ErrorCode": "NotAuthorizedForSourceException",
    "ErrorMessage": "Not authorized for the source.",
}

_moto_put_events = EventsBackend.put_events


def put_events(
    self: EventsBackend, events: list[dict[str, Any]], *, aws_sources: bool
) -> list[dict[str, Any]]:
    """Entries with a source of AWS are refused one by one; a request that is too large, entirely.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
    """
    if len(events) > REQUEST_ENTRIES:
        return _moto_put_events(self, events)  # which refuses them
    if sum(map(_bytes, events)) >= REQUEST_BYTES:
        raise ValidationException("Total size of the entries in the request is over the limit.")
    refused = [not aws_sources and _is_of_aws(event) for event in events]
    answers = iter(
        _moto_put_events(self, [e for e, no in zip(events, refused, strict=True) if not no])
    )
    return [dict(REFUSED) if no else next(answers) for no in refused]


def _is_of_aws(event: dict[str, Any]) -> bool:
    return str(event.get("Source")).startswith("aws.")


def _bytes(event: dict[str, Any]) -> int:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html ."""
    texts = [event.get("Source"), event.get("DetailType"), event.get("Detail")]
    texts += event.get("Resources", [])
    return sum(len(str(text or "").encode()) for text in texts) + (14 if "Time" in event else 0)


REPAIRS: "tuple[Repair, ...]" = (
    (EventsBackend, "put_events", partialmethod(put_events, aws_sources=False)),
)

AWS_SOURCES_ACCEPTED: "Repair" = (
    EventsBackend,
    "put_events",
    partialmethod(put_events, aws_sources=True),
)
