"""What all verbs print: outside text, JSON Lines, outcomes, progress, and an error in one line."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NoReturn, TypeVar

import typer
from rich.progress import Progress as ProgressBar
from rich.style import StyleType
from rich.table import Table
from rich.text import Text

from infra.cli.console import err, out
from infra.cli.json_mode import JsonMode, error_text, line_text
from infra.cli.stderr_lines import GapLine
from infra.operate.paging import Progress
from models.base import Value, printable
from models.launch_template import Template
from models.outcome import Outcome, TemplateOutcome

__all__ = ["err", "out"]

T = TypeVar("T")

NONE_FOLLOWS = "No launch template has the tag ami-reactor. Start: ami-reactor follow --help"

WOULD = {
    "promoted": ("promote", "bold green"),
    "moved-back": ("move back", "bold yellow"),
    "held": ("hold", "bold yellow"),
    "quarantined": ("quarantine", "bold yellow"),
    "kept": ("keep", "cyan"),
    "refused": ("refuse", "bold yellow"),
    "failed": ("fail", "bold red"),
    "rejected": ("reject", "bold red"),
    "unknown": ("unknown", "bold yellow"),
}
"""An outcome, as what would be done, and its colour."""

_PLANNED = {"failed": "would fail", "unknown": "unknown"}
"""Plans that do not read `would be` and the outcome."""

_UNITS = ((86400, "day"), (3600, "h"), (60, "min"))  # seconds


def outside(text: str, style: StyleType = "") -> Text:
    """Text from outside: never markup, never control characters."""
    return Text(printable(text), style)


def ago(moment: datetime, now: datetime) -> str:
    """How long ago, in the greatest unit that fits: 3 days, 5 h, 20 min."""
    seconds = (now - moment).total_seconds()
    for length, unit in _UNITS:
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}{'s' if unit == 'day' and number > 1 else ''}"
    return "under a minute"


def counted(number: int, what: str) -> str:
    """`1 instance`, `2 instances`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def stacked(lines: Iterable[Text]) -> Text:
    """The lines of a cell; in a pipe, where a row of a table is one line, one after the other."""
    return Text("; " if out.is_unbounded else "\n").join(lines)


def names_of(templates: Iterable[Template]) -> str:
    return ", ".join(sorted(template.launch_template_name for template in templates))


def print_json(line: Value) -> None:
    """Print the model of one line; `ami-reactor schema` describes each that a verb prints."""
    sys.stdout.write(json.dumps(line.model_dump(mode="json")) + "\n")


def print_gaps(gaps: Iterable[str]) -> None:
    """Name on stderr what could not be read."""
    for gap in gaps:
        if JsonMode.is_on:
            err.print_line(line_text(GapLine(not_read=gap)))
        else:
            err.print(outside(f"not read: {gap}", "yellow"), soft_wrap=True)


def print_notes(notes: Iterable[str]) -> None:
    """Say on stderr what was not read on purpose."""
    for note in notes:
        err.print(outside(f"note: {note}"), soft_wrap=True)


@contextmanager
def progress_line() -> Iterator[Progress]:
    """Say on a terminal what is being read; nothing elsewhere."""
    if not err.is_watched:  # colour may be forced on a log
        yield lambda _what: None
        return
    with err.status("reading") as status:
        yield lambda what: status.update(outside(f"reading {what}"))


def tracked(items: Iterable[T], what: str, total: int, *, prints: bool) -> Iterator[T]:
    """Each item; meanwhile a bar on stderr, if that is a terminal.

    Args:
        items: What takes long.
        what: The word beside the bar.
        total: How many there are, about.
        prints: Results are printed meanwhile. On the same terminal, they and the bar would tear
            each other apart, and they tell enough of the progress.
    """
    is_watched = err.is_watched and not (prints and out.is_watched)
    with ProgressBar(
        console=err,
        transient=True,
        redirect_stdout=False,  # else results would go to stderr
        redirect_stderr=False,
        disable=not is_watched,
    ) as bar:
        yield from bar.track(items, total, description=what)


def word_table() -> Table:
    """An empty table of a word and what it is about, aligned with other such tables."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=8)
    table.add_column(overflow="fold")
    return table


def outcome_word(outcome: str, *, planned: bool = False) -> Text:
    """An outcome or result in its colour; of a plan, as what would be done."""
    would = _PLANNED.get(outcome, f"would be {outcome}")
    _, style = WOULD.get(outcome, ("", "dim"))
    return Text(would if planned else outcome, style)


def reason_text(reason: str | None, message: str) -> Text:
    return Text.assemble((f"{reason}: " if reason else "", "italic"), outside(message))


def outcome_table(outcomes: Iterable[TemplateOutcome]) -> Table:
    """A line for each template: what was done, or would be; and why."""
    table = word_table()
    for outcome in outcomes:
        name = outside(outcome.launch_template_name, "bold")
        versions = f" version {outcome.from_version} → {outcome.to_version}"
        moved = versions if outcome.outcome in ("promoted", "moved-back") else ""
        why = reason_text(outcome.reason, outcome.message)
        table.add_row(
            outcome_word(outcome.outcome, planned=outcome.planned),
            Text.assemble(name, moved, "  ", why),
        )
    return table


def result_table(outcome: Outcome, why: str) -> Table:
    """A line for each template of the event; if there is none, the event's result and why."""
    if outcome.templates:
        return outcome_table(outcome.templates)
    table = word_table()
    table.add_row(outcome_word(outcome.result), reason_text(outcome.reason, why))
    return table


def show_outcomes(outcomes: Iterable[TemplateOutcome], *, as_json: bool) -> None:
    for outcome in outcomes:
        if as_json:
            print_json(outcome)
        else:
            out.print(outcome_table([outcome]))


def print_error(message: str, status: int) -> None:
    """Say on stderr why the command will end with that exit status."""
    err.print_line(error_text(printable(message), status))


def stop(message: str, status: int = 2) -> NoReturn:
    """End the command with one line on stderr."""
    print_error(message, status)
    raise typer.Exit(status)
