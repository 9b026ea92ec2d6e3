"""`ami-reactor dlq redrive`: the function gets the events again."""

from collections import Counter
from dataclasses import dataclass, field
from functools import partial

import typer

from infra.cli.dlq.open_queue import OpenQueue, open_queue
from infra.cli.dlq.options import QueueOptions
from infra.cli.dlq.table import table_of
from infra.cli.dlq.watching import watch_and_show
from infra.cli.render import counted, err, out, outside, stop
from infra.dead_letters.causes import MessageGroups
from infra.dead_letters.redrive import Redriver
from infra.dead_letters.verdict import Judged
from infra.dead_letters.verdicts import Verdict


@dataclass
class _Tally:
    """What became of the messages so far."""

    redriven: int = 0
    not_deleted: int = 0
    left: Counter[str] = field(default_factory=Counter)
    is_interrupted: bool = False

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
) -> None:
    if bool(ids) == everything:
        stop("redrive: pass either message ids or --all")
    if verdict and not everything:
        stop("redrive: --verdict needs --all: a message id is redriven whatever its verdict")
    wanted = set(verdict or [Verdict.REPLAYABLE]) if everything else set(Verdict)
    with open_queue(QueueOptions(profile, region, stack, queue_url, poll)) as queue:
        err.print(str(queue.account), highlight=False)
        if not yes:
            _dry_run(queue, ids or [], wanted)
            return
        name = function or queue.output("FunctionName", "--function")
        guard = None if function else partial(queue.output, "GuardFunctionName", "--function")
        redriver = Redriver(queue.account, name, queue.reading, rate, guard=guard)
        tally = _Tally()
        try:
            _redrive(queue, redriver, ids or [], wanted, tally)
        except KeyboardInterrupt:
            tally.is_interrupted = True
            if redriver.in_doubt:
                err.print(f"{redriver.in_doubt}: may have been accepted, and be in the queue still")
        out.print(str(tally), highlight=False)
        unseen = queue.missing or (everything and queue.depth.in_flight)
        is_left = tally.left or tally.not_deleted or tally.is_interrupted or unseen
        is_watched = redriver.accepted and wait and not tally.is_interrupted
        all_done = watch_and_show(queue, redriver.accepted, wait) if is_watched else True
        raise typer.Exit(0 if all_done and not is_left else 1)


def _dry_run(queue: OpenQueue, ids: list[str], wanted: set[Verdict]) -> None:
    left: Counter[str] = Counter()
    groups = MessageGroups()
    for _, judged in queue.messages(ids):
        if reason := _reason_to_leave(judged, wanted):
            left[reason] += 1
        else:
            groups.add(judged)
    if groups.listed():
        out.print(table_of(groups, queue.now))
    count = groups.count(*Verdict)
    next_ = "; nothing was invoked: pass --yes to redrive" if count else ""
    err.print(f"{counted(count, 'message')} would be redriven{next_}", highlight=False)
    if left:
        parts = (f"{number} {reason}{_how_to_choose(reason)}" for reason, number in left.items())
        err.print(f"would be left: {', '.join(parts)}", highlight=False, soft_wrap=True)


def _how_to_choose(verdict: str) -> str:
    is_choice = verdict != Verdict.UNREADABLE  # which has no event to redrive
    return f" (--verdict {verdict} redrives these)" if is_choice else ""


def _redrive(
    queue: OpenQueue, redriver: Redriver, ids: list[str], wanted: set[Verdict], tally: _Tally
) -> None:
    for message, judged in queue.messages(ids, prints=True):
        message_id, event = message["MessageId"], judged.dead_letter.event
        reason = _reason_to_leave(judged, wanted)
        if before := redriver.accepted.pop(judged.dead_letter.failure.request_id or "", None):
            reason = "failed again"
            line = f"{before}: failed again, and is back as {message_id}: {judged.cause}"
            err.print(outside(line), soft_wrap=True)
        if reason or event is None:
            tally.left[str(reason)] += 1
        elif failure := redriver.redrive(message_id, event):
            err.print(outside(f"{message_id}: {failure.message}"), soft_wrap=True)
            if failure.is_accepted:
                tally.not_deleted += 1
            else:
                tally.left["not redriven"] += 1
        else:
            tally.redriven += 1
            out.print(outside(f"redriven {message_id}  {judged.about}"), soft_wrap=True)


def _reason_to_leave(judged: Judged, wanted: set[Verdict]) -> str | None:
    if judged.dead_letter.event is None:
        return Verdict.UNREADABLE
    return None if judged.verdict in wanted else judged.verdict
