"""`ami-reactor dlq redrive`: the function gets the events again."""

import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import typer

from infra.cli.account import agreed
from infra.cli.dlq.open_queue import OpenQueue, open_queue
from infra.cli.dlq.options import QueueOptions
from infra.cli.dlq.table import table_of
from infra.cli.dlq.watching import watch_and_show
from infra.cli.render import counted, err, out, outside, print_json, stop
from infra.dead_letters.causes import MessageGroups
from infra.dead_letters.message_line import RedriveLine, redrive_line
from infra.dead_letters.queue import Message
from infra.dead_letters.redrive import Redriver
from infra.dead_letters.verdict import Judged
from infra.dead_letters.verdicts import Verdict


@dataclass
class _Tally:
    """What became of the messages so far.

    Attributes:
        accepted: The lines of those that Lambda accepted, by the ids of the messages.
    """

    redriven: int = 0
    not_deleted: int = 0
    left: Counter[str] = field(default_factory=Counter)
    is_interrupted: bool = False
    accepted: dict[str, RedriveLine] = field(default_factory=dict)

    def __str__(self) -> str:
        rest = " · interrupted: the rest was not read" if self.is_interrupted else ""
        more = f" · accepted, but not deleted {self.not_deleted}" if self.not_deleted else ""
        left = ", ".join(f"{count} {why}" for why, count in self.left.items()) or "0"
        return f"redriven {self.redriven}{more} · left {left}{rest}"


def run_redrive(
    *,
    ids: list[str] | None,
    everything: bool,
    verdict: list[Verdict] | None,
    yes: bool,
    rate: float,
    function: str | None,
    queue_url: str | None,
    wait: float,
    poll: int,
    profile: str | None,
    region: str | None,
    stack: str,
    as_json: bool,
) -> None:
    wanted = _wanted(ids, verdict, everything=everything)
    with open_queue(QueueOptions(profile, region, stack, queue_url, poll)) as queue:
        err.print(str(queue.account), highlight=False)
        shown = None if yes else _dry_run(queue, ids or [], wanted, as_json=as_json)
        if shown is not None and not _is_agreed(queue, shown, as_json=as_json):
            return
        name = function or queue.output("FunctionName", "--function")
        guard = None if function else partial(queue.output, "GuardFunctionName", "--function")
        redriver = Redriver(queue.account, name, queue.reading, rate, guard=guard)
        tally = _Tally()
        try:
            found = queue.messages(ids or [], prints=True)
            _redrive(_those(found, shown, redriver), redriver, wanted, tally, as_json=as_json)
        except KeyboardInterrupt:
            tally.is_interrupted = True
            if redriver.in_doubt:
                err.print(f"{redriver.in_doubt}: may have been accepted, and be in the queue still")
        (err if as_json else out).print(str(tally), highlight=False)
        unseen = queue.missing or (everything and queue.depth.in_flight)
        is_left = tally.left or tally.not_deleted or tally.is_interrupted or unseen
        seconds = 0 if tally.is_interrupted else wait
        all_done = _watched(queue, redriver, tally, seconds, as_json=as_json)
        raise typer.Exit(1 if is_left or not all_done else 0)


def _wanted(
    ids: list[str] | None, verdict: list[Verdict] | None, *, everything: bool
) -> set[Verdict]:
    """Messages of which verdict."""
    if bool(ids) == everything:
        stop("redrive: pass either message ids or --all")
    if verdict and not everything:
        stop("redrive: --verdict needs --all: a message id is redriven whatever its verdict")
    return set(verdict or [Verdict.REPLAYABLE]) if everything else set(Verdict)


def _watched(
    queue: OpenQueue, redriver: Redriver, tally: _Tally, seconds: float, *, as_json: bool
) -> bool:
    """Whether none of the events failed again, or took too long, as far as they are watched."""
    if redriver.accepted and seconds:
        by_request = {request: tally.accepted[one] for request, one in redriver.accepted.items()}
        return watch_and_show(queue, by_request, seconds, as_json=as_json)
    for line in tally.accepted.values() if as_json else ():
        print_json(line)
    return True


def _those(
    found: Iterable[tuple[Message, Judged]], shown: Collection[str] | None, redriver: Redriver
) -> Iterator[tuple[Message, Judged]]:
    """Those that a person has seen before saying yes, and what failed again since; None: all."""
    for message, judged in found:
        is_again = judged.dead_letter.failure.request_id in redriver.accepted
        if shown is None or is_again or message["MessageId"] in shown:
            yield message, judged


def _dry_run(
    queue: OpenQueue, ids: list[str], wanted: set[Verdict], *, as_json: bool
) -> dict[str, bool]:
    """Show what would be redriven and what would be left; by message id, whether it would."""
    left: Counter[str] = Counter()
    groups = MessageGroups()
    shown: dict[str, bool] = {}
    for message, judged in queue.messages(ids, prints=as_json):
        reason = _reason_to_leave(judged, wanted)
        if as_json:
            line = redrive_line(judged, "left" if reason else "redriven")
            print_json(line.model_copy(update={"planned": True}))
        if reason:
            left[reason] += 1
        else:
            groups.add(judged)
        shown[message["MessageId"]] = not reason
    if groups.listed() and not as_json:
        out.print(table_of(groups, queue.now))
    count = groups.count(*Verdict)
    is_all = count and not _can_ask(as_json=as_json)
    next_ = "; nothing was invoked: pass --yes to redrive" if is_all else ""
    err.print(f"{counted(count, 'message')} would be redriven{next_}", highlight=False)
    if left:
        parts = (f"{number} {reason}{_how_to_choose(reason)}" for reason, number in left.items())
        err.print(f"would be left: {', '.join(parts)}", highlight=False, soft_wrap=True)
    return shown


def _can_ask(*, as_json: bool) -> bool:
    return sys.stdin.isatty() and not as_json


def _is_agreed(queue: OpenQueue, shown: dict[str, bool], *, as_json: bool) -> bool:
    """Whether a person says to redrive what was shown. Meanwhile it is visible to others."""
    count = sum(shown.values())
    if not count or not _can_ask(as_json=as_json):
        return False
    queue.reading.reset_visibility()
    question = f"Redrive {counted(count, 'message')}?"
    return agreed(queue.account, question, yes=False, is_shown=True)


def _how_to_choose(verdict: str) -> str:
    is_choice = verdict != Verdict.UNREADABLE  # which has no event to redrive
    return f" (--verdict {verdict} redrives these)" if is_choice else ""


def _redrive(
    found: Iterable[tuple[Message, Judged]],
    redriver: Redriver,
    wanted: set[Verdict],
    tally: _Tally,
    *,
    as_json: bool,
) -> None:
    for message, judged in found:
        message_id, event = message["MessageId"], judged.dead_letter.event
        reason = _reason_to_leave(judged, wanted)
        if before := redriver.accepted.pop(judged.dead_letter.failure.request_id or "", None):
            line = _failed_again(tally.accepted.pop(before), message_id, judged.cause)
            err.print(outside(f"{before}: {line.why}"), soft_wrap=True)
            tally.left["failed again"] += 1
        elif reason or event is None:
            line = redrive_line(judged, "left")
            tally.left[str(reason)] += 1
        elif (
            line := _redriven(redriver, judged, event, tally, as_json=as_json)
        ).state == "redriven":
            tally.accepted[message_id] = line
            continue
        if as_json:
            print_json(line)


def _failed_again(line: RedriveLine, message_id: str, cause: str) -> RedriveLine:
    why = f"failed again, and is back as {message_id}: {cause}"
    return line.model_copy(update={"state": "failed-again", "in_queue": True, "why": why})


def _redriven(
    redriver: Redriver, judged: Judged, event: dict[str, Any], tally: _Tally, *, as_json: bool
) -> RedriveLine:
    message_id = judged.dead_letter.message_id
    failure = redriver.redrive(message_id, event)
    if failure is None:
        tally.redriven += 1
        if not as_json:
            out.print(outside(f"redriven {message_id}  {judged.about}"), soft_wrap=True)
        return redrive_line(judged, "redriven").model_copy(update={"in_queue": False})
    err.print(outside(f"{message_id}: {failure.message}"), soft_wrap=True)
    if failure.is_accepted:
        tally.not_deleted += 1
        return redrive_line(judged, "redriven", failure.message)
    tally.left["not redriven"] += 1
    return redrive_line(judged, "not-redriven", failure.message)


def _reason_to_leave(judged: Judged, wanted: set[Verdict]) -> str | None:
    if judged.dead_letter.event is None:
        return Verdict.UNREADABLE
    return None if judged.verdict in wanted else judged.verdict
