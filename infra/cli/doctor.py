"""`ami-reactor doctor`: is everything there for events to become versions?"""

from collections.abc import Iterator

import typer
from rich.table import Table
from rich.text import Text

from infra.cli.account import account_of
from infra.cli.render import out, outside, print_json, progress_line
from infra.operate.account import Account
from infra.operate.check import Check, State
from infra.operate.doctor import examine_stack, examine_templates

_STYLES = {
    State.OK: "green",
    State.WARN: "yellow",
    State.FAIL: "bold red",
    State.UNKNOWN: "bold yellow",
}


def run_doctor(
    *,
    profile: str | None,
    region: str | None,
    stack: str,
    as_json: bool,
) -> None:
    with account_of(profile, region) as account:
        if not as_json:
            out.print(Text(str(account), "bold"))
        is_ok = True
        for check in _checks(account, stack):
            is_ok &= check.state in (State.OK, State.WARN)
            if as_json:
                print_json(check)
            else:
                _show(check)
        raise typer.Exit(0 if is_ok else 1)


def _checks(account: Account, stack: str) -> Iterator[Check]:
    yield from examine_stack(account, stack)
    with progress_line() as progress:  # all of them before any is printed beside it
        of_templates = list(examine_templates(account, progress))
    yield from of_templates


def _show(check: Check) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=7)
    table.add_column(overflow="fold")
    table.add_row(Text(check.state, _STYLES[check.state]), outside(check.what))
    out.print(table)
    if check.fix:  # never folded: it is there to be copied
        out.print(outside(f"{'':9}fix: {check.fix}", "italic"), soft_wrap=True)
