"""`ami-reactor reconcile`: look at launch templates now, without an event."""

from collections.abc import Sequence

import typer

from infra.cli.account import account_of
from infra.cli.render import NONE_FOLLOWS, counted, err, outside, progress_line, show_outcomes
from infra.operate.account import Account
from infra.operate.reconcile import is_ok, left_alone, plan_by_name
from infra.operate.reconcile import run_reconcile as reconciled
from models.outcome import TemplateOutcome


def run_reconcile(
    *,
    template: str | None,
    yes: bool,
    wait: float,
    profile: str | None,
    region: str | None,
    stack: str,
    as_json: bool,
) -> None:
    with account_of(profile, region) as account:
        with progress_line() as progress:
            planned = plan_by_name(account, template, progress)
        wanted = [outcome for outcome in planned if outcome.outcome == "promoted"]
        rest = [left_alone(outcome) for outcome in planned if outcome not in wanted]
        all_ok = all(map(is_ok, planned))
        show_outcomes(rest if yes else planned, as_json=as_json)
        if wanted and yes:
            err.print(str(account), highlight=False)
            all_ok &= run_and_show(account, stack, wanted, wait, as_json=as_json)
        elif wanted:
            err.print("nothing was written: add --yes")
        if not planned:
            err.print(NONE_FOLLOWS)
        raise typer.Exit(0 if all_ok else 1)


def run_and_show(
    account: Account, stack: str, wanted: Sequence[TemplateOutcome], wait: float, *, as_json: bool
) -> bool:
    """Have the function reconcile templates, and show each when it is done; whether all are ok."""
    err.print(f"reconciling {counted(len(wanted), 'template')}", highlight=False)
    missing = {outcome.launch_template_id: outcome.launch_template_name for outcome in wanted}
    all_ok = True
    for done in reconciled(account, stack, wanted, wait):
        show_outcomes([done], as_json=as_json)
        del missing[done.launch_template_id]
        all_ok &= is_ok(done)
    if missing:
        err.print(outside(f"not done within {wait:.0f} s: {', '.join(missing.values())}", "yellow"))
        err.print("see: ami-reactor doctor; ami-reactor dlq list")
    return all_ok and not missing
