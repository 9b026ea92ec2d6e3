"""A message of the dead-letter queue, as each verb of `dlq` prints it with `--json`."""

import operator
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from infra.dead_letters.verdict import Judged
from infra.dead_letters.verdicts import Verdict
from models.base import ImageId, Value, aws_date
from models.dead_letter import Shape
from models.guard import GuardedTemplate, GuardOutcome
from models.outcome import Outcome, TemplateOutcome


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
    templates: tuple[GuardedTemplate | TemplateOutcome, ...]


class ShownMessage(MessageLine):
    """All about one message, as `dlq show --json` prints it; a public interface.

    Attributes:
        condition: Why AWS gave up: `RetriesExhausted`, `MaximumEventAgeInSeconds`, and so on.
        gave_up: When it did, if that is known.
        function: The ARN of the function.
        rule: The ARN of the rule that could not deliver; None if the function was invoked.
        request_id: Lambda's id of the invocation, as in the function's log.
        stack: The function's stack, by line.
        event: The event as it was; None if there is none.
        body: The body of a message without an event, as it is.
        next: The command to type next.
    """

    condition: str | None
    gave_up: str | None
    function: str | None
    rule: str | None
    request_id: str | None
    stack: tuple[str, ...]
    event: dict[str, Any] | None
    body: str | None
    next: str


class DropLine(Value):
    """A message that was to be deleted, as `dlq drop --json` prints it; a public interface.

    Attributes:
        message_id: SQS's id of it.
        deleted: Whether it is gone from the queue.
        copy_in: The file that has a copy of it.
    """

    message_id: str
    deleted: bool
    copy_in: str


RedriveState = Literal["left", "not-redriven", "redriven", "done", "failed-again", "not-done"]
"""`redriven` is the last word only if the function is not watched."""


class RedriveLine(Value):
    """What became of a message, as `dlq redrive --json` prints it; a public interface.

    Attributes:
        planned: Nothing was invoked: `state` is what it would be. Absent if it is so.
        message_id: SQS's id of it.
        verdict: What would have become of its event, as in `dlq list`.
        event_id: The event's id; None if no event could be read.
        detail_type: The event's, as its id.
        image_id: The image that the event speaks of.
        state: `left`: not chosen. `not-redriven`: Lambda did not accept the event. `redriven`:
            Lambda accepted it, and the function was not watched. `done`: the function is done with
            it. `failed-again`: it failed each time that Lambda tried. `not-done`: watched, and
            neither came in time.
        in_queue: Whether the message, or a new one with its event, is in the queue now, as far as
            is known.
        why: Why it is left, not redriven or in the queue still, if there is more to say.
        outcome: What the function logged of its last attempt, as in `outcome`; None if it was not
            watched or logged none.
    """

    planned: bool = Field(default=False, exclude_if=operator.not_)
    message_id: str
    verdict: Verdict
    event_id: str | None
    detail_type: str | None
    image_id: ImageId | None
    state: RedriveState
    in_queue: bool
    why: str | None = None
    outcome: GuardOutcome | Outcome | None = None


def redrive_line(judged: Judged, state: RedriveState, why: str | None = None) -> RedriveLine:
    """The line of a message that is in the queue."""
    outcome = judged.outcome
    return RedriveLine(
        message_id=judged.dead_letter.message_id,
        verdict=judged.verdict,
        event_id=outcome.event_id if outcome else None,
        detail_type=outcome.detail_type if outcome else None,
        image_id=outcome.image_id if outcome else None,
        state=state,
        in_queue=True,
        why=why,
    )


def shown_message(judged: Judged, now: datetime, body: str, next_: str) -> ShownMessage:
    """All about a message that was judged, at that time."""
    dead_letter, failure = judged.dead_letter, judged.dead_letter.failure
    return ShownMessage(
        **dict(message_line(judged, now)),
        condition=failure.condition,
        gave_up=aws_date(failure.gave_up) if failure.gave_up else None,
        function=failure.function,
        rule=failure.rule,
        request_id=failure.request_id,
        stack=failure.stack,
        event=dead_letter.event,
        body=None if dead_letter.event else body,
        next=next_,
    )


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
