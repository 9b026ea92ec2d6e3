"""`ami-reactor hold` and `resume`: keep a template where it is, and let it follow again."""

from typing import Annotated

import typer
from rich.text import Text

from infra.cli.account import account_of, agreed
from infra.cli.options import (
    STACK,
    WAIT,
    Profile,
    Region,
    Stack,
    TemplateName,
    Wait,
    Yes,
    one_line,
)
from infra.cli.reconcile import run_and_show
from infra.cli.render import err, out, outside, print_json, progress_line, show_outcomes
from infra.operate.find import find_template
from infra.operate.hold import end_hold, hold_template, stamp_now, without_hold
from infra.operate.reconcile import is_ok, left_alone, plan_reconcile
from models.base import printable
from models.launch_template import Template
from models.tags import HOLD_TAG, read_stamp


def hold(
    template: TemplateName,
    reason: Annotated[
        str, typer.Option(help="Why: others see it in status and explain.", callback=one_line)
    ],
    yes: Yes = False,
    profile: Profile = None,
    region: Region = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Hold a launch template: nothing moves it until it is resumed.

    Writes the tag ami-reactor-state:hold. IAM denies the function a change of a template with it.

    Example: ami-reactor hold web --reason "load test until Friday" --yes
    """
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


def resume(
    template: TemplateName,
    yes: Yes = False,
    wait: Wait = WAIT,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """End the hold of a launch template, and reconcile it at once.

    Shows first what the reactor would do.

    Example: ami-reactor resume web --yes

    Exit status: 1 if the template is refused or failed, or is not done in time.
    """
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
