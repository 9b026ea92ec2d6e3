"""`ami-reactor hold` and `resume`: keep a template where it is, and let it follow again."""

import typer
from rich.text import Text

from infra.cli.account import account_of, agreed
from infra.cli.reconcile import run_and_show
from infra.cli.render import err, out, outside, print_json, progress_line, show_outcomes
from infra.operate.find import find_template
from infra.operate.hold import end_hold, hold_template, stamp_now, without_hold
from infra.operate.reconcile import is_ok, left_alone, plan_reconcile
from models.base import printable
from models.launch_template import Template
from models.tags import HOLD_TAG, read_stamp


def run_hold(
    *,
    template: str,
    reason: str,
    yes: bool,
    profile: str | None,
    region: str | None,
    as_json: bool,
) -> None:
    with account_of(profile, region) as account:
        found = find_template(account, template)
        mine, value = stamp_now(account, reason), found.tags.get(HOLD_TAG)
        if value is None:
            name = printable(found.launch_template_name)
            if not agreed(account, f"Hold {name} until it is resumed?", yes=yes):
                raise typer.Exit(1)
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
        if as_json and not wanted:
            show_outcomes(map(left_alone, planned), as_json=True)
        elif not wanted:
            _show(found, None, as_json=False)
        all_ok = all(map(is_ok, planned))
        if wanted:
            all_ok &= run_and_show(account, stack, wanted, wait, as_json=as_json)
        raise typer.Exit(0 if all_ok else 1)


def _show(template: Template, value: str | None, *, as_json: bool) -> None:
    held = read_stamp(value) if value is not None else None
    if as_json:
        print_json(
            {
                "launch_template_id": template.launch_template_id,
                "launch_template_name": template.launch_template_name,
                "hold": held and held.model_dump(mode="json"),
            }
        )
        return
    name = outside(template.launch_template_name, "bold")
    out.print(Text.assemble(name, " is held: " if held else " is not held", str(held or "")))
