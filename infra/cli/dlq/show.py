"""`ami-reactor dlq show`: everything about one letter."""

import json
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.text import Text

from infra.cli.dlq.list import STYLES
from infra.cli.dlq.open_queue import WAIT, Opened, QueueUrl, Wait, Where, opened
from infra.cli.options import STACK, Profile, Region, Stack
from infra.cli.render import ago, out, outside
from infra.dead_letters.queue import Message
from infra.dead_letters.verdict import Judged, Verdict
from models.base import aws_date, date_or_none
from models.dead_letter import DeadLetter, Shape

_BODY_CHARACTERS = 2000
_A_FEW = 3  # attempts that get a line each
_NEXT = {
    Verdict.UNREADABLE: "drop",
    Verdict.INVALID: "drop",
    Verdict.REPLAYABLE: "redrive",
    Verdict.BLOCKED: "redrive",
    Verdict.OBSOLETE: "drop",
}


def show(
    message_id: Annotated[str, typer.Argument(metavar="ID", help="Its message id, as list shows.")],
    queue_url: QueueUrl = None,
    wait: Wait = WAIT,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
) -> None:
    """Show everything about one letter: what happened, when, why, and what to type next.

    Example: ami-reactor dlq show 7d0c9a55-6f0e-4d57-93c7-5a1b8f0c2a41

    Exit status: 1 if there is no such letter.
    """
    with opened(Where(profile, region, stack, queue_url, wait)) as queue:
        for message, judged in queue.letters([message_id]):
            _show(queue, message, judged)
            return
        raise typer.Exit(1)


def _show(queue: Opened, message: Message, judged: Judged) -> None:
    letter = judged.letter
    failure = letter.failure
    out.print(outside(letter.message_id, "bold"), outside(f"({letter.shape})"))
    verdict = Text(judged.verdict, STYLES[judged.verdict])
    out.print(Text.assemble(verdict, ": ", outside(judged.why)), soft_wrap=True)
    _section("What happened", (outside(line) for line in timeline(judged, queue)))
    facts = {
        "code": failure.error_code,
        "message": failure.error_message,
        "invocation": failure.request_id,
        "function": failure.function,
        "rule": failure.rule,
    }
    _section("Error", (outside(f"{name}: {fact}") for name, fact in facts.items() if fact))
    _section("Wrapped in", (outside(layer) for layer in letter.chain))
    _section("Stack", (outside(line) for line in failure.stack))
    _section("Event" if letter.event else "Body", map(outside, _content(message, letter)))
    command = f"ami-reactor dlq {_next(judged)} {letter.message_id}{queue.where}"
    mended = "once mended: " if judged.verdict is Verdict.BLOCKED else ""
    _section("Next", [outside(f"{mended}{command}")])


def _next(judged: Judged) -> str:
    return "save --to captured" if judged.letter.event_count > 1 else _NEXT[judged.verdict]


def _section(title: str, lines: "Iterator[Text] | list[Text]") -> None:
    listed = list(lines)
    if listed:
        out.print(Text(f"\n{title}", "bold"))
    for line in listed:
        out.print(Text("  ").append_text(line), soft_wrap=True)


def _content(message: Message, letter: DeadLetter) -> Iterator[str]:
    if letter.event is not None:
        yield from json.dumps(letter.event, indent=2, ensure_ascii=False).splitlines()
        return
    body = message["Body"]
    yield body[:_BODY_CHARACTERS]
    if len(body) > _BODY_CHARACTERS:
        yield f"... and {len(body) - _BODY_CHARACTERS} characters more"


def timeline(judged: Judged, queue: Opened) -> Iterator[str]:
    """From the event's time over each attempt to the queue; not every time is known."""
    letter = judged.letter
    failure = letter.failure
    if letter.event is not None:
        time = date_or_none(letter.event.get("time"))
        yield _at(aws_date(time) if time else None, f"event: {judged.about}")
    what = "delivery" if letter.shape is Shape.RULE_TARGET else "invocation"
    count = failure.attempts or 0
    if letter.shape is Shape.ON_SUCCESS:
        when = aws_date(failure.gave_up) if failure.gave_up else None
        yield _at(when, f"{what} {count or 1} succeeded")
    elif count > _A_FEW:
        yield _at(None, f"{what} tried {count} times")
    else:
        yield from (_at(None, f"{what} {number} failed") for number in range(1, count + 1))
    if failure.condition and letter.shape is not Shape.ON_SUCCESS:
        who = "EventBridge" if letter.shape is Shape.RULE_TARGET else "Lambda"
        gave_up = aws_date(failure.gave_up) if failure.gave_up else None
        yield _at(gave_up, f"{who} gave up: {failure.condition}")
    if letter.sent:
        age = ago(letter.sent, queue.now)
        came = "came into the queue" if letter.shape is Shape.ON_SUCCESS else "became a dead letter"
        yield _at(aws_date(letter.sent), f"{came}, {age} ago")
    yield _at(None, f"received {letter.receive_count} times, this one included")


def _at(moment: str | None, what: str) -> str:
    return f"{moment or '':<24}  {what}"
