"""`ami-reactor dlq redrive`: the function gets the events again."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated

import typer

from infra.cli.dlq.list import table_of
from infra.cli.dlq.open_queue import WAIT, Ids, Opened, QueueUrl, Wait, Where, opened
from infra.cli.options import STACK, Profile, Region, Stack, Yes
from infra.cli.render import counted, err, out, outside, stop
from infra.dead_letters.causes import Groups
from infra.dead_letters.redrive import Redriver
from infra.dead_letters.verdict import Judged, Verdict

RATE = 10.0  # a second


@dataclass
class _Tally:
    """What became of the letters so far."""

    redriven: int = 0
    not_removed: int = 0
    left: Counter[str] = field(default_factory=Counter)
    is_interrupted: bool = False

    def __str__(self) -> str:
        left = ", ".join(f"{count} {why}" for why, count in self.left.items()) or "0"
        rest = " · interrupted: the rest was not looked at" if self.is_interrupted else ""
        more = f" · accepted, but not removed {self.not_removed}" if self.not_removed else ""
        return f"redriven {self.redriven}{more} · left {left}{rest}"


def redrive(
    ids: Ids = None,
    everything: Annotated[bool, typer.Option("--all", help="Every letter of the queue.")] = False,
    verdict: Annotated[
        list[Verdict] | None,
        typer.Option(
            help="With --all, letters of which verdict; may be repeated.",
            show_default="replayable",
        ),
    ] = None,
    yes: Yes = False,
    rate: Annotated[float, typer.Option(min=0.1, help="The most invocations in a second.")] = RATE,
    function: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The function; by default the stack's output tells.",
            show_default=False,
        ),
    ] = None,
    queue_url: QueueUrl = None,
    wait: Wait = WAIT,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
) -> None:
    """Invoke the function again with the events of letters, and remove those that it got.

    Without --yes, only shows which. A letter is removed once Lambda has accepted its event (202),
    and never before: whatever fails leaves it in the queue, and it may be redriven again.

    Example: ami-reactor dlq redrive --all --yes

    Exit status: 1 if any of the letters is left in the queue.
    """
    if bool(ids) == everything:
        stop("redrive: name letters, or say --all")
    if verdict and not everything:
        stop("redrive: --verdict goes with --all; letters that are named are taken as they are")
    wanted = set(verdict or [Verdict.REPLAYABLE]) if everything else set(Verdict)
    with opened(Where(profile, region, stack, queue_url, wait)) as queue:
        err.print(str(queue.account), highlight=False)
        if not yes:
            _rehearse(queue, ids or [], wanted)
            return
        name = function or queue.output("FunctionName", "--function")
        # a retry of botocore's, after an answer that was lost, would invoke twice
        client = queue.account.client("lambda", retries={"total_max_attempts": 1})
        redriver = Redriver(client, name, queue.reading, rate)
        tally = _Tally()
        try:
            _redrive(queue, redriver, ids or [], wanted, tally)
        except KeyboardInterrupt:
            tally.is_interrupted = True
            if redriver.in_doubt:
                err.print(f"{redriver.in_doubt}: may have been accepted, and be in the queue still")
        out.print(str(tally), highlight=False)
        unseen = queue.missing or (everything and queue.depth.in_flight)
        is_left = tally.left or tally.not_removed or tally.is_interrupted or unseen
        raise typer.Exit(1 if is_left else 0)


def _rehearse(queue: Opened, ids: list[str], wanted: set[Verdict]) -> None:
    left: Counter[str] = Counter()
    groups = Groups()
    for _, judged in queue.letters(ids):
        if reason := _reason_to_leave(judged, wanted):
            left[reason] += 1
        else:
            groups.add(judged)
    if groups.listed():
        out.print(table_of(groups, queue.now))
    count = groups.count(*Verdict)
    next_ = "; nothing was invoked: add --yes" if count else ""
    err.print(f"{counted(count, 'letter')} would be redriven{next_}", highlight=False)
    if left:
        rest = ", ".join(f"{number} {why}" for why, number in left.items())
        err.print(f"would be left: {rest}", highlight=False)


def _redrive(
    queue: Opened, redriver: Redriver, ids: list[str], wanted: set[Verdict], tally: _Tally
) -> None:
    for message, judged in queue.letters(ids, prints=True):
        message_id, event = message["MessageId"], judged.letter.event
        reason = _reason_to_leave(judged, wanted)
        if judged.letter.failure.request_id in redriver.accepted:
            reason = "failed again"
        if reason or event is None:
            tally.left[str(reason)] += 1
        elif why := redriver.redrive(message_id, event):
            err.print(outside(f"{message_id}: {why.message}"), soft_wrap=True)
            if why.is_accepted:
                tally.not_removed += 1
            else:
                tally.left["not redriven"] += 1
        else:
            tally.redriven += 1
            out.print(outside(f"redriven {message_id}  {judged.about}"), soft_wrap=True)


def _reason_to_leave(judged: Judged, wanted: set[Verdict]) -> str | None:
    if judged.letter.event is None:
        return Verdict.UNREADABLE
    return None if judged.verdict in wanted else judged.verdict
