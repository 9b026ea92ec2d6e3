"""`ami-reactor report`: what each group and instance runs, for an auditor."""

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import IO, NamedTuple

import typer

from infra.cli.fleets import (
    Fleets,
    Found,
    print_head,
    print_missing_names,
    print_what_was_not_read,
    targets_of,
)
from infra.cli.render import NONE_FOLLOWS, err, out, outside, print_json, progress_line, stop
from infra.cli.report_table import show_rows
from infra.operate.fleet import ASKED
from infra.operate.report import Reported, ReportLine, not_read, reported
from infra.operate.timelines import with_timelines
from infra.replay.atomic_write import PUBLIC, CannotWrite, check_can_write, new_file
from models.base import printable

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet take a text for a formula, full-width ones too.

https://owasp.org/www-community/attacks/CSV_Injection
"""


class Format(NamedTuple):
    """Where the page or the CSV goes, `-` being the output; or JSON Lines; or none: a table."""

    html: str | None
    csv: str | None
    as_json: bool

    @property
    def file(self) -> Path | None:
        name = self.html or self.csv
        return Path(name) if name and name != "-" else None


def run_report(
    *,
    names: Sequence[str],
    chosen: Format,
    refreshes: bool,
    timelines: bool,
    force: bool,
    profile: str | None,
    role_arns: Sequence[str],
    region: str | None,
    stack: str,
) -> None:
    _check(chosen, force=force, timelines=timelines)
    targets = targets_of("report", profile, role_arns, region)
    now = datetime.now(UTC)
    fleets = Fleets(
        targets,
        names,
        lambda fleet: reported(fleet, now),
        stack,
        asked=None if refreshes else ASKED,
        more=partial(with_timelines, stack=stack, now=now) if timelines else None,
    )
    with progress_line() as progress:
        found = fleets.read(progress)
    if len(found) == 1 and found[0].error:
        stop(*found[0].error)
    _write(found, chosen, names, now, force=force)
    print_what_was_not_read(found)
    missing = print_missing_names(found)
    sys.stdout.flush()
    raise typer.Exit(max(missing, *map(_exit_status, found)))


def _check(chosen: Format, *, force: bool, timelines: bool) -> None:
    if "" in (chosen.html, chosen.csv):  # of a variable that is not set
        stop("report: --html, --csv: must name a file, or be -")
    if timelines and not chosen.html:
        stop("report: --timelines: must come with --html")
    if sum(map(bool, chosen)) > 1:
        stop("report: --html, --csv, --json: give one of them at most")
    if chosen.file is not None:
        try:
            check_can_write(chosen.file, force=force)
        except CannotWrite as error:
            stop(str(error))


def _exit_status(found: Found[Reported]) -> int:
    if found.error:
        return found.error[1]
    return 1 if found.gaps else 0


def rows_shown(found: Iterable[Found[Reported]]) -> list[ReportLine]:
    return [row for one in found for template in one.shown for row in template.rows]


def all_rows(found: Sequence[Found[Reported]]) -> Iterator[ReportLine]:
    """The rows of all targets; what could not be read is one, too."""
    for one in found:
        yield from rows_shown([one])
        where = one.account.place if one.account else None
        for gap in (*one.gaps, *([one.error[0]] if one.error else [])):
            yield not_read(where, str(one.target), gap)


def _write(
    found: Sequence[Found[Reported]],
    chosen: Format,
    names: Sequence[str],
    now: datetime,
    *,
    force: bool,
) -> None:
    _show_heads(found, chosen)
    if chosen.html:
        from infra.cli.report_page import pieces_of_page

        with _opened(chosen, force=force) as file:
            for piece in pieces_of_page(found, list(all_rows(found)), names, now):
                file.write(piece)
    elif chosen.csv:
        with _opened(chosen, force=force) as file:
            write_csv(file, all_rows(found))
    elif chosen.as_json:
        for row in all_rows(found):
            print_json(row)
    elif not any(one.known for one in found) and all(one.fleet for one in found):
        out.print(NONE_FOLLOWS)
    else:
        show_rows(rows_shown(found), several=len(found) > 1)
    if chosen.file:
        err.print(outside(f"written: {chosen.file}"), soft_wrap=True)


def _show_heads(found: Sequence[Found[Reported]], chosen: Format) -> None:
    is_table = not any(chosen)
    for one in found:
        print_head(one, (out if is_table else err).print, is_alone=is_table and len(found) == 1)


@contextmanager
def _opened(chosen: Format, *, force: bool) -> Iterator[IO[str]]:
    """The file, which gets its name once it is complete; or the output."""
    if chosen.file is None:
        yield sys.stdout
        return
    try:
        with new_file(chosen.file, mode=PUBLIC, force=force) as file:
            text = TextIOWrapper(file, encoding="utf-8", newline="")
            yield text
            text.detach()
    except CannotWrite as error:
        stop(str(error), status=1)


def write_csv(file: IO[str], rows: Iterator[ReportLine]) -> None:
    """A line of field names, then one for each row; what is null is empty."""
    writer = csv.DictWriter(file, ReportLine.model_fields, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row})


def _cell(value: object) -> object:
    """A text from outside is never a formula."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
