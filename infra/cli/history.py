"""`ami-reactor history`: what a launch template was on, since when, and who moved it."""

import io
import re
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.console import Group as Stacked
from rich.table import Table
from rich.text import Text

from infra.cli.account import account_of
from infra.cli.render import ago, err, out, outside, print_gaps, print_json, progress_line, stop
from infra.operate.find import find_template_or_group
from infra.operate.history import HistoryEntry, read_history, read_log
from infra.operate.paging import Gaps
from infra.replay.atomic_write import PUBLIC, CannotWrite, check_can_write, write_file
from models.base import aws_date, printable
from models.launch_template import Template
from models.tags import HOLD_TAG, read_stamp

_SVG_COLUMNS = 120
# rich has it fetch fonts from elsewhere, and so tell that host who opens it
_SVG = re.sub(r"@font-face\s*{{.*?}}|<!--.*?-->", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


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
        if as_json:
            for entry in entries:
                print_json(_as_json(entry))
        else:
            _show(out, template, entries)
        if svg is not None:
            _draw(svg, template, entries, force=force)
        print_gaps(gaps)
        raise typer.Exit(1 if gaps else 0)


def _show(console: Console, template: Template, entries: list[HistoryEntry]) -> None:
    held = template.tags.get(HOLD_TAG)
    name = outside(template.launch_template_name, "bold")
    state = Text.assemble(", held: ", (str(read_stamp(held)), "yellow")) if held else Text("")
    console.print(Text.assemble(name, state))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0), header_style="bold")
    table.add_column("Version", justify="right", min_width=7)
    table.add_column("What new instances launched", min_width=31)
    table.add_column("How it came", overflow="fold", ratio=1)
    now = datetime.now(UTC)
    for entry in entries:
        arrow = "→ " if entry.is_default else ""
        number = f"{arrow}{entry.version.version_number}"
        style = "bold green" if entry.is_default else ""
        table.add_row(number, _image(entry, now), _how(entry), style=style)
    console.print(table)


def _image(entry: HistoryEntry, now: datetime) -> Stacked:
    version = entry.version
    age = "not there any more"
    if entry.image:
        born = entry.image.creation_date
        age = f"then {ago(born, version.create_time)} old, now {ago(born, now)}"
    return Stacked(outside(version.image_id or "no image"), Text(age))


def _how(entry: HistoryEntry) -> Stacked:
    made = f"made {entry.version.create_time:%Y-%m-%d %H:%M}Z"
    return Stacked(Text(made), *map(outside, entry.how))


def _draw(file: Path, template: Template, entries: list[HistoryEntry], *, force: bool) -> None:
    console = Console(record=True, file=io.StringIO(), width=_SVG_COLUMNS)
    _show(console, template, entries)
    title = printable(f"ami-reactor history {template.launch_template_name}")
    svg = console.export_svg(title=title, code_format=_SVG)
    try:
        write_file(file, svg, mode=PUBLIC, force=force)
    except CannotWrite as error:
        stop(str(error), status=1)
    err.print(outside(f"drawn: {file}"))


def _as_json(entry: HistoryEntry) -> dict[str, object]:
    version, image = entry.version, entry.image
    return {
        "version": version.version_number,
        "made": aws_date(version.create_time),
        "created_by": version.created_by,
        "description": version.version_description,
        "image_id": version.image_id,
        "image_created": aws_date(image.creation_date) if image else None,
        "in_force": entry.is_default,
        "how": entry.how,
    }
