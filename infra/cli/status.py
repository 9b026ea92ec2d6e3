"""`ami-reactor status`: what new instances launch, what runs, and what would happen next."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

import typer

from infra.cli.fleets import (
    Fleets,
    Found,
    print_head,
    print_missing_names,
    print_what_was_not_read,
    targets_of,
)
from infra.cli.render import (
    NONE_FOLLOWS,
    counted,
    err,
    out,
    print_json,
    progress_line,
    stop,
)
from infra.cli.status_table import problems_of, show_statuses
from infra.operate.fleet import Fleet, TemplateStatus, with_chains
from infra.operate.status_line import status_line


class Filters(NamedTuple):
    """Which templates to show: those that one of the filters selects; all, if there is none."""

    moving: bool = False
    waiting: bool = False
    behind: bool = False
    held: bool = False
    refused: bool = False

    def of(self, fleet: Fleet) -> Iterator[TemplateStatus]:
        return filter(self.select, fleet.statuses)

    def select(self, status: TemplateStatus) -> bool:
        following = status.next
        holds = (
            following.outcome == "promoted",
            bool(status.waiting),
            following.outcome == "promoted" or following.behind_since is not None,
            status.template.hold is not None,
            following.outcome in ("refused", "failed", "unknown"),
        )
        return not any(self) or any(
            wanted and held for wanted, held in zip(self, holds, strict=True)
        )


_Found = Found[TemplateStatus]


def _exit_status(found: _Found) -> int:
    if found.error:
        return found.error[1]
    stack = found.trouble
    wants = stack.checks or stack.messages or found.gaps or any(map(wants_engineer, found.shown))
    return 1 if wants else 0


def wants_engineer(status: TemplateStatus) -> bool:
    """Whether something of it stays as it is until a person does something."""
    is_refused = status.next.outcome in ("refused", "failed", "unknown")
    return is_refused or any(problem.is_fault for problem in problems_of(status))


def run_status(
    *,
    names: Sequence[str],
    filters: Filters,
    profile: str | None,
    role_arns: Sequence[str],
    region: str | None,
    stack: str,
    every: float | None,
    as_json: bool,
) -> None:
    targets = targets_of("status", profile, role_arns, region)
    fleets = Fleets(targets, names, filters.of, stack, more=with_chains)
    exit_status = _show_once(fleets, filters, as_json=as_json)
    with suppress(KeyboardInterrupt):
        while every is not None:
            time.sleep(every)
            exit_status = _show_once(fleets, filters, as_json=as_json, is_again=True)
    raise typer.Exit(exit_status)


# -- what is printed -------------------------------------------------------------------------------


def _show_once(
    fleets: Fleets[TemplateStatus], filters: Filters, *, as_json: bool, is_again: bool = False
) -> int:
    """Read and show all targets; the exit status."""
    with progress_line() as progress:
        found = fleets.read(progress)
    if is_again and not as_json:
        out.clear() if out.is_terminal else out.print()
        out.print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z", style="dim")
    if len(found) == 1 and found[0].error:
        stop(*found[0].error)
    console = err if as_json else out
    for one in found:
        print_head(one, console.print, is_alone=len(found) == 1 and not as_json)
    if as_json:
        for fleet, status in _shown(found):
            print_json(status_line(fleet.place, status, datetime.now(UTC)))
    else:
        _show_table(found, filters, is_detailed=bool(fleets.names))
    print_what_was_not_read(found)
    missing = print_missing_names(found)
    sys.stdout.flush()
    return max(missing, *(_exit_status(one) for one in found))


def _shown(found: Iterable[_Found]) -> Iterator[tuple[Fleet, TemplateStatus]]:
    for one in found:
        for status in one.shown:
            if one.fleet:
                yield one.fleet, status


def _show_table(found: list[_Found], filters: Filters, *, is_detailed: bool) -> None:
    shown = [(fleet.place, status) for fleet, status in _shown(found)]
    total = sum(one.total for one in found)
    if not any(one.known for one in found):
        if all(one.fleet for one in found):
            out.print(NONE_FOLLOWS)
        return
    if any(filters) or len(found) > 1:
        out.print(f"{len(shown)} of {counted(total, 'launch template')}", highlight=False)
    if shown:
        show_statuses(shown, several=len(found) > 1, is_detailed=is_detailed)
