"""`ami-reactor dlq show`: everything about one message."""

import json
from collections.abc import Iterator

import typer
from rich.text import Text

from infra.cli.dlq.open_queue import OpenQueue, open_queue
from infra.cli.dlq.options import QueueOptions
from infra.cli.dlq.table import STYLES
from infra.cli.render import ago, counted, out, outside, print_json, stop
from infra.dead_letters.message_line import shown_message
from infra.dead_letters.queue import Message
from infra.dead_letters.verdict import Judged
from infra.dead_letters.verdicts import Verdict
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


def run_show(
    *,
    message_id: str | None,
    latest: bool,
    queue_url: str | None,
    poll: int,
    profile: str | None,
    region: str | None,
    stack: str,
    as_json: bool,
) -> None:
    if (message_id is not None) == latest:
        stop("show: pass either a message id or --latest")
    with open_queue(QueueOptions(profile, region, stack, queue_url, poll)) as queue:
        found = list(queue.latest() if message_id is None else queue.messages([message_id]))
        for message, judged in found:
            if as_json:
                line = shown_message(judged, queue.now, message["Body"], _command(queue, judged))
                print_json(line)
            else:
                _show(queue, message, judged)
        raise typer.Exit(0 if found else 1)


def _show(queue: OpenQueue, message: Message, judged: Judged) -> None:
    dead_letter = judged.dead_letter
    failure = dead_letter.failure
    out.print(outside(dead_letter.message_id, "bold"), outside(f"({dead_letter.shape})"))
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
    _section("Wrapped in", (outside(layer) for layer in dead_letter.chain))
    _section("Stack", (outside(line) for line in failure.stack))
    _section("Event" if dead_letter.event else "Body", map(outside, _content(message, dead_letter)))
    first = "after the fix: " if judged.verdict is Verdict.BLOCKED else ""
    _section("Next", [outside(f"{first}{_command(queue, judged)}")])


def _command(queue: OpenQueue, judged: Judged) -> str:
    """What to type next."""
    return f"ami-reactor dlq {_next(judged)} {judged.dead_letter.message_id}{queue.options}"


def _next(judged: Judged) -> str:
    has_several = judged.dead_letter.event_count > 1
    return "save --to captured" if has_several else _NEXT[judged.verdict]


def _section(title: str, lines: "Iterator[Text] | list[Text]") -> None:
    listed = list(lines)
    if listed:
        out.print(Text(f"\n{title}", "bold"))
    for line in listed:
        out.print(Text("  ").append_text(line), soft_wrap=True)


def _content(message: Message, dead_letter: DeadLetter) -> Iterator[str]:
    if dead_letter.event is not None:
        yield from json.dumps(dead_letter.event, indent=2, ensure_ascii=False).splitlines()
        return
    body = message["Body"]
    yield body[:_BODY_CHARACTERS]
    if len(body) > _BODY_CHARACTERS:
        yield f"... and {len(body) - _BODY_CHARACTERS} characters more"


def timeline(judged: Judged, queue: OpenQueue) -> Iterator[str]:
    """From the event's time over each attempt to the queue; not every time is known."""
    dead_letter = judged.dead_letter
    if dead_letter.event is not None:
        time = date_or_none(dead_letter.event.get("time"))
        yield _at(aws_date(time) if time else None, f"event: {judged.about}")
    yield from _attempts(dead_letter)
    if dead_letter.sent:
        age = ago(dead_letter.sent, queue.now)
        yield _at(aws_date(dead_letter.sent), f"came into the queue, {age} ago")
    if times := dead_letter.receive_count:
        yield _at(None, f"received {counted(times, 'time')}, this one included")


def _attempts(dead_letter: DeadLetter) -> Iterator[str]:
    """What was tried, and who gave up when."""
    failure = dead_letter.failure
    is_of_rule = dead_letter.shape is Shape.RULE_TARGET
    what = "delivery" if is_of_rule else "invocation"
    count = failure.attempts or 0
    ended = aws_date(failure.gave_up) if failure.gave_up else None
    if dead_letter.shape is Shape.ON_SUCCESS:
        yield _at(ended, f"{what} {count or 1} succeeded")
        return
    if count > _A_FEW:
        yield _at(None, f"{what} tried {count} times")
    else:
        yield from (_at(None, f"{what} {number} failed") for number in range(1, count + 1))
    if failure.condition:
        who = "EventBridge" if is_of_rule else "Lambda"
        yield _at(ended, f"{who} gave up: {failure.condition}")


def _at(moment: str | None, what: str) -> str:
    return f"{moment or '':<24}  {what}"
