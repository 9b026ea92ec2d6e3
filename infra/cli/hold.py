"""`ami-reactor hold` and `resume`: keep a template where it is, and let it follow again."""

from datetime import datetime

import typer
from rich.text import Text

from infra.cli.account import account_of, agreed
from infra.cli.render import err, out, outside, print_json, progress_line, show_outcomes
from infra.cli.run_and_show import run_and_show
from infra.operate.account import Account
from infra.operate.find import find_template
from infra.operate.hold import (
    HoldLine,
    cancel_end,
    end_hold,
    hold_template,
    schedule_end,
    stamp_now,
    without_hold,
)
from infra.operate.reconcile import is_ok, left_alone, plan_reconcile
from infra.operate.stack_outputs import output_of
from models.base import printable
from models.errors import AwsRefused, AwsUnavailable
from models.failure_text import YOURS, error_text
from models.launch_template import Template
from models.tags import HOLD_TAG, read_stamp


def run_hold(
    *,
    template: str,
    reason: str,
    until: datetime | None,
    yes: bool,
    profile: str | None,
    region: str | None,
    stack: str,
    as_json: bool,
) -> None:
    with account_of(profile, region) as account:
        found = find_template(account, template)
        mine, value = stamp_now(account, reason, until), found.tags.get(HOLD_TAG)
        if value is None:
            name = printable(found.launch_template_name)
            end = f"{until:%Y-%m-%d %H:%M%z}" if until else "it is resumed"
            if not agreed(account, f"Hold {name} until {end}?", yes=yes):
                raise typer.Exit(1)
            if until:  # first: a hold that was to end must not stay if a permission is missing
                role = output_of(account, stack, "EndHoldRoleArn", "--stack")
                schedule_end(account, found, mine, until, role)
            value = hold_template(account, found, mine)
        if value != mine:
            err.print("it was held already; to give another reason, resume it first")
        _show(found, value, as_json=as_json)


def run_resume(
    *,
    template: str,
    yes: bool,
    wait: float,
    profile: str | None,
    region: str | None,
    stack: str,
    as_json: bool,
) -> None:
    with account_of(profile, region) as account:
        found = find_template(account, template)
        if found.hold is None:
            _show(found, None, as_json=as_json)
            return
        with progress_line() as progress:
            planned = plan_reconcile(account, [without_hold(found)], progress)
        wanted = [outcome for outcome in planned if outcome.outcome == "promoted"]
        if not as_json:  # there, one object: what was done
            _show(found, found.tags[HOLD_TAG], as_json=False)
            show_outcomes(planned, as_json=False)
        if not agreed(account, "End the hold, so that this is done?", yes=yes):
            raise typer.Exit(1)
        end_hold(account, found)
        _cancel_end(account, found)
        if as_json and not wanted:
            show_outcomes(map(left_alone, planned), as_json=True)
        elif not wanted:
            _show(found, None, as_json=False)
        all_ok = all(map(is_ok, planned))
        if wanted:
            all_ok &= run_and_show(account, stack, wanted, wait, as_json=as_json)
        raise typer.Exit(0 if all_ok else 1)


def _cancel_end(account: Account, template: Template) -> None:
    """Delete the schedule that was to end the hold. One that stays does no harm."""
    value = template.tags[HOLD_TAG]
    if read_stamp(value).until is None:
        return
    try:
        cancel_end(account, template, value)
    except (AwsRefused, AwsUnavailable) as error:
        err.print(outside(error_text(error, YOURS), "yellow"), soft_wrap=True)
        err.print("the schedule stays and does no harm: it deletes this hold alone, then itself")


def _show(template: Template, value: str | None, *, as_json: bool) -> None:
    held = read_stamp(value) if value is not None else None
    if as_json:
        print_json(
            HoldLine(
                launch_template_id=template.launch_template_id,
                launch_template_name=template.launch_template_name,
                hold=held,
            )
        )
        return
    name = outside(template.launch_template_name, "bold")
    out.print(Text.assemble(name, " is held: " if held else " is not held", str(held or "")))
