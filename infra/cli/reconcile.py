"""`ami-reactor reconcile`: catch up with whatever events were lost."""

from collections.abc import Sequence
from typing import Annotated

import typer

from infra.cli.account import account_of
from infra.cli.options import STACK, WAIT, Profile, Region, Stack, Wait, Yes
from infra.cli.render import NONE_FOLLOWS, counted, err, outside, progress_line, show_outcomes
from infra.operate.account import Account
from infra.operate.find import find_template
from infra.operate.outcome_log import log_group_of
from infra.operate.reconcile import CatchUp, left_alone
from models.outcome import TemplateOutcome


def reconcile(
    template: Annotated[
        str | None, typer.Argument(help="Its name or id; without it, all.", show_default=False)
    ] = None,
    yes: Yes = False,
    wait: Wait = WAIT,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one object a line; a plan has planned: true.")
    ] = False,
) -> None:
    """Catch up: have the function look at one launch template, or at all of them, now.

    Shows what would be done; with --yes it puts `Reconcile Requested` for each template that would
    be promoted, and watches until the function is done.

    Example: ami-reactor reconcile web --yes

    Exit status: 1 if a template is refused or failed, or is not done in time.
    """
    with account_of(profile, region) as account:
        catch_up = catch_up_of(account, stack)
        with progress_line() as progress:
            planned = catch_up.foresee(
                [find_template(account, template)]
                if template
                else account.ec2.opted_in_templates(),
                progress,
            )
        wanted = [outcome for outcome in planned if outcome.outcome == "promoted"]
        is_well = not any(map(is_bad, planned))
        rest = [left_alone(outcome) for outcome in planned if outcome not in wanted]
        show_outcomes(rest if yes else planned, as_json=as_json)
        if wanted and yes:
            is_well &= carry_out(account, catch_up, wanted, wait, as_json=as_json)
        elif wanted:
            err.print("nothing was written: add --yes")
        if not planned:
            err.print(NONE_FOLLOWS)
        raise typer.Exit(0 if is_well else 1)


def is_bad(outcome: TemplateOutcome) -> bool:
    return outcome.outcome in ("refused", "failed", "unknown")


def catch_up_of(account: Account, stack: str) -> CatchUp:
    return CatchUp(
        account.client("ec2"),
        account.client("events"),
        account,
        account.place,
        log_group_of(stack),
    )


def carry_out(
    account: Account,
    catch_up: CatchUp,
    wanted: Sequence[TemplateOutcome],
    wait: float,
    *,
    as_json: bool,
) -> bool:
    """Have the function do it, and show each as it comes; whether all went well."""
    err.print(f"{account}: catching up with {counted(len(wanted), 'template')}", highlight=False)
    missing = {outcome.launch_template_id: outcome.launch_template_name for outcome in wanted}
    is_well = True
    for done in catch_up.run(wanted, wait):
        show_outcomes([done], as_json=as_json)
        del missing[done.launch_template_id]
        is_well &= not is_bad(done)
    if missing:
        err.print(outside(f"not done within {wait:.0f} s: {', '.join(missing.values())}", "yellow"))
        err.print("see: ami-reactor doctor; ami-reactor dlq list")
    return is_well and not missing
