"""`ami-reactor dlq list`: what is in the queue, why, and whether it still matters."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from infra.cli.dlq.open_queue import WAIT, Opened, QueueUrl, Wait, Where, opened
from infra.cli.options import STACK, Profile, Region, Stack
from infra.cli.render import ago, counted, err, out, outside, print_json
from infra.dead_letters.causes import Groups
from infra.dead_letters.verdict import Judged, Verdict
from models.base import aws_date

STYLES = {
    Verdict.REPLAYABLE: "bold green",
    Verdict.BLOCKED: "bold yellow",
    Verdict.INVALID: "bold red",
    Verdict.UNREADABLE: "bold red",
    Verdict.OBSOLETE: "dim",
}


def list_letters(
    each: Annotated[bool, typer.Option("--each", help="One line for each letter.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one object a line, for each letter.")
    ] = False,
    queue_url: QueueUrl = None,
    wait: Wait = WAIT,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
) -> None:
    """Show what is in the dead-letter queue: why, and what would become of it now.

    Letters with one cause are one line. Nothing is removed, and every letter is handed back as
    soon as all were read.

    Verdicts: replayable (some template would be promoted), blocked (held, refused, AWS would
    refuse again, or the function cannot read it), obsolete (nothing is left to do), invalid (no
    event that the rules select), unreadable (no event in it).

    Example: ami-reactor dlq list
    """
    with opened(Where(profile, region, stack, queue_url, wait)) as queue:
        letters = (judged for _, judged in queue.letters(prints=as_json or each))
        if as_json:
            for judged in letters:
                print_json(as_line(judged, queue.now))
        elif each:
            groups = Groups(_print_each(letters, queue.now))
            _say_what_next(groups, queue)
        else:
            groups = Groups(letters)
            if groups.listed():
                out.print(table_of(groups, queue.now))
            _say_what_next(groups, queue)


def as_line(judged: Judged, now: datetime) -> dict[str, Any]:
    """One letter, for programs."""
    letter, outcome = judged.letter, judged.outcome
    return {
        "message_id": letter.message_id,
        "shape": letter.shape,
        "verdict": judged.verdict,
        "why": judged.why,
        "cause": judged.cause,
        "error_code": letter.failure.error_code,
        "error_message": letter.failure.error_message,
        "event_id": outcome.event_id if outcome else None,
        "detail_type": outcome.detail_type if outcome else None,
        "image_id": outcome.image_id if outcome else None,
        "sent": aws_date(letter.sent) if letter.sent else None,
        "age_seconds": int((now - letter.sent).total_seconds()) if letter.sent else None,
        "attempts": letter.failure.attempts,
        "receive_count": letter.receive_count,
        "wrapped_in": list(letter.chain),
        "templates": [t.model_dump(mode="json") for t in outcome.templates] if outcome else [],
    }


def table_of(groups: Groups, now: datetime) -> Table:
    """Verdict, count, oldest, cause, templates behind; under each cause, what it means now."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("verdict")
    table.add_column("count", justify="right")
    table.add_column("oldest", no_wrap=True)
    table.add_column("cause", ratio=1, overflow="fold")
    table.add_column("templates\nbehind", overflow="fold")
    for group in groups.listed():
        whys = [*group.whys, *(["and for other reasons"] if group.has_more_whys else [])]
        arrows = [part for why in whys for part in ("\n", outside(f"→ {why}", "italic dim"))]
        table.add_row(
            Text(group.verdict, STYLES[group.verdict]),
            str(group.count),
            ago(group.oldest, now) if group.oldest else "",
            Text.assemble(outside(group.cause), *arrows),
            outside(", ".join(sorted(group.behind))),
        )
    return table


def _print_each(letters: Iterable[Judged], now: datetime) -> Iterable[Judged]:
    """Each letter as soon as it is judged; nothing is kept."""
    for judged in letters:
        letter = judged.letter
        out.print(
            Text.assemble(
                outside(letter.message_id, "bold"),
                (f"  {judged.verdict:<10}  ", STYLES[judged.verdict]),
                f"{ago(letter.sent, now) if letter.sent else '':<14}  ",
                outside(judged.cause),
                outside(f" → {judged.why}", "italic"),
            ),
            soft_wrap=True,
        )
        yield judged


def _say_what_next(groups: Groups, queue: Opened) -> None:
    total = groups.count(*Verdict)
    err.print(f"{queue.account}: {counted(total, 'dead letter')}", highlight=False)
    next_steps = {
        Verdict.REPLAYABLE: "redrive --all",
        Verdict.BLOCKED: "redrive --all --verdict blocked",
        Verdict.OBSOLETE: "drop ID...",
        Verdict.INVALID: "show ID",
        Verdict.UNREADABLE: "show ID",
    }
    remarks = {Verdict.BLOCKED: "once mended", Verdict.OBSOLETE: "list --each shows the ids"}
    for verdict, verb in next_steps.items():
        if count := groups.count(verdict):
            remark = f"  ({remarks[verdict]})" if verdict in remarks else ""
            command = f"ami-reactor dlq {verb}{queue.where}{remark}"
            err.print(outside(f"{count} {verdict}: {command}"), soft_wrap=True)
