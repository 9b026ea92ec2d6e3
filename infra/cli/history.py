"""`ami-reactor history`: what a launch template was on, since when, and who moved it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.table import Table
from rich.text import Text

from infra.cli.account import account_of
from infra.cli.render import (
    ago,
    err,
    out,
    outside,
    print_gaps,
    print_json,
    progress_line,
    stacked,
    stop,
)
from infra.cli.timeline import timeline_svg
from infra.operate.find import find_template_or_group
from infra.operate.history import HistoryEntry, read_history, read_log
from infra.operate.paging import Gaps
from infra.operate.timeline import Timeline, history_line, quarantine_of, timeline_of
from infra.replay.atomic_write import PUBLIC, CannotWrite, check_can_write, write_file
from models.launch_template import Template
from models.tags import HOLD_TAG, read_stamp

_ROOM = 160  # columns: for a line a version


def run_history(
    *,
    name: str,
    last: int,
    svg: Path | None,
    force: bool,
    profile: str | None,
    region: str | None,
    stack: str,
    as_json: bool,
) -> None:
    if svg is not None:
        try:
            check_can_write(svg, force=force)
        except CannotWrite as error:
            stop(str(error))
    with account_of(profile, region) as account:
        _, [template, *_others] = find_template_or_group(account, name)
        gaps = Gaps()
        with progress_line() as progress:
            progress("the function's log")
            since = datetime.fromtimestamp(0, UTC)  # as far back as the log goes
            log = read_log(account, stack, template, since, gaps)
            progress("versions")
            entries = read_history(account, template, last, log)
        timeline = timeline_of(template, entries, log, datetime.now(UTC))
        if as_json:
            for entry in entries:
                print_json(history_line(entry, timeline))
        else:
            _show(template, entries)
        if svg is not None:
            _draw(svg, timeline, force=force)
        print_gaps(gaps)
        raise typer.Exit(1 if gaps else 0)


def _show(template: Template, entries: list[HistoryEntry]) -> None:
    held = template.tags.get(HOLD_TAG)
    name = outside(template.launch_template_name, "bold")
    state = Text.assemble(", held: ", (str(read_stamp(held)), "yellow")) if held else Text("")
    out.print(Text.assemble(name, state))
    out.print((_lines if out.width >= _ROOM else _blocks)(entries, datetime.now(UTC)))


def _lines(entries: list[HistoryEntry], now: datetime) -> Table:
    """A line for each version, for `grep` too."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Version", justify="right", min_width=7)
    for title in ("What new instances launched", "Its age", "Version made"):
        table.add_column(title, no_wrap=True)
    table.add_column("How it came", overflow="fold")
    for entry in entries:
        image = outside(entry.version.image_id or "no image")
        age = Text(", ".join(_about_image(entry, now)))
        made = f"{entry.version.create_time:%Y-%m-%d %H:%M}Z"
        how = Text("; ").join(map(outside, entry.how))
        table.add_row(_number(entry), image, age, made, how, style=_style(entry))
    return table


def _blocks(entries: list[HistoryEntry], now: datetime) -> Table:
    """Some lines for each version."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0), header_style="bold")
    table.add_column("Version", justify="right", min_width=7)
    table.add_column("What new instances launched", no_wrap=True, min_width=31)
    table.add_column("How it came", overflow="fold", ratio=1)
    for entry in entries:
        image = outside(entry.version.image_id or "no image")
        cell = stacked([image, *map(Text, _about_image(entry, now))])
        made = f"made {entry.version.create_time:%Y-%m-%d %H:%M}Z"
        how = stacked([Text(made), *map(outside, entry.how)])
        table.add_row(_number(entry), cell, how, style=_style(entry))
    return table


def _number(entry: HistoryEntry) -> str:
    return f"{'→ ' if entry.is_default else ''}{entry.version.version_number}"


def _style(entry: HistoryEntry) -> str:
    return "bold green" if entry.is_default else ""


def _about_image(entry: HistoryEntry, now: datetime) -> Iterator[str]:
    if entry.image is None:
        if entry.version.image_id:
            yield "not there any more"
        return
    born = entry.image.creation_date
    yield f"then {ago(born, entry.version.create_time)} old, now {ago(born, now)}"
    if quarantine_of(entry):
        yield "quarantined"


def _draw(file: Path, timeline: Timeline, *, force: bool) -> None:
    try:
        write_file(file, timeline_svg(timeline) + "\n", mode=PUBLIC, force=force)
    except CannotWrite as error:
        stop(str(error), status=1)
    err.print(outside(f"drawn: {file}"), soft_wrap=True)
