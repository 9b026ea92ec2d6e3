"""The table of messages by verdict and cause, and each verdict's colour."""

from datetime import datetime

from rich.table import Table
from rich.text import Text

from infra.cli.render import ago, out, outside
from infra.dead_letters.causes import MessageGroups
from infra.dead_letters.verdicts import Verdict

STYLES = {
    Verdict.REPLAYABLE: "bold green",
    Verdict.BLOCKED: "bold yellow",
    Verdict.INVALID: "bold red",
    Verdict.UNREADABLE: "bold red",
    Verdict.OBSOLETE: "dim",
}


def table_of(groups: MessageGroups, now: datetime) -> Table:
    """Verdict, count, oldest, cause, templates behind; under each cause, what it means now."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("verdict")
    table.add_column("count", justify="right")
    table.add_column("oldest", no_wrap=True)
    table.add_column("cause", ratio=1, overflow="fold")
    table.add_column(
        "templates behind" if out.is_unbounded else "templates\nbehind", overflow="fold"
    )
    for group in groups.listed():
        whys = [*group.whys, *(["and for other reasons"] if group.has_more_whys else [])]
        arrows = [outside(f"→ {why}", "italic dim") for why in whys]
        table.add_row(
            Text(group.verdict, STYLES[group.verdict]),
            str(group.count),
            ago(group.oldest, now) if group.oldest else "",
            Text(" " if out.is_unbounded else "\n").join([outside(group.cause), *arrows]),
            outside(", ".join(sorted(group.behind))),
        )
    return table
