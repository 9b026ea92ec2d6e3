"""`ami-reactor reconcile`: look at launch templates now, without an event."""

import typer

from infra.cli.account import account_of, agreed_to_plan
from infra.cli.render import NONE_FOLLOWS, counted, err, progress_line, show_outcomes
from infra.cli.run_and_show import run_and_show
from infra.operate.reconcile import is_ok, left_alone, plan_by_name


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
        question = f"Reconcile {counted(len(wanted), 'template')}?"
        if wanted and agreed_to_plan(account, question, yes=yes, as_json=as_json):
            all_ok &= run_and_show(account, stack, wanted, wait, as_json=as_json)
        if not planned:
            err.print(NONE_FOLLOWS)
        raise typer.Exit(0 if all_ok else 1)
