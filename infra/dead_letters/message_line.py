"""A message of the dead-letter queue, as `dlq list --json` prints it; a public interface."""

from datetime import datetime

from infra.dead_letters.verdict import Judged
from infra.dead_letters.verdicts import Verdict
from models.base import ImageId, Value, aws_date
from models.dead_letter import Shape
from models.outcome import TemplateOutcome


class MessageLine(Value):
    """One message of the dead-letter queue, and what would become of its event now.

    Attributes:
        message_id: SQS's id of it.
        shape: Who sent it to the queue, and so in what the event is wrapped.
        verdict: What would become of its event now.
        cause: Why it is in the queue, without what differs from one message to the next.
        error_code: EventBridge's code, the type of the function's error, or an HTTP status.
        error_message: What belongs to it, if there is more.
        event_id: The event's id; None if no event could be read.
        detail_type: The event's, as its id.
        image_id: The image that the event speaks of.
        sent: When it came into the queue.
        age_seconds: How long ago that was.
        attempts: How often the function was invoked, or delivery to it was tried.
        receive_count: How often it was received, this time included.
        wrapped_in: What the event is wrapped in beside what the shape says, the outermost first.
        templates: What would be done about each launch template; nothing of it was done.
    """

    message_id: str
    shape: Shape
    verdict: Verdict
    why: str
    cause: str
    error_code: str | None
    error_message: str | None
    event_id: str | None
    detail_type: str | None
    image_id: ImageId | None
    sent: str | None
    age_seconds: int | None
    attempts: int | None
    receive_count: int | None
    wrapped_in: tuple[str, ...]
    templates: tuple[TemplateOutcome, ...]


def message_line(judged: Judged, now: datetime) -> MessageLine:
    """The line of a message that was judged, at that time."""
    dead_letter, outcome = judged.dead_letter, judged.outcome
    sent = dead_letter.sent
    return MessageLine(
        message_id=dead_letter.message_id,
        shape=dead_letter.shape,
        verdict=judged.verdict,
        why=judged.why,
        cause=judged.cause,
        error_code=dead_letter.failure.error_code,
        error_message=dead_letter.failure.error_message,
        event_id=outcome.event_id if outcome else None,
        detail_type=outcome.detail_type if outcome else None,
        image_id=outcome.image_id if outcome else None,
        sent=aws_date(sent) if sent else None,
        age_seconds=int((now - sent).total_seconds()) if sent else None,
        attempts=dead_letter.failure.attempts,
        receive_count=dead_letter.receive_count,
        wrapped_in=dead_letter.chain,
        templates=outcome.templates if outcome else (),
    )
