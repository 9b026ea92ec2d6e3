"""What `reconcile`, `follow` and `resume` share: the function reconciles, and each is shown."""

from collections.abc import Sequence

from infra.cli.render import counted, err, outside, show_outcomes
from infra.operate.account import Account
from infra.operate.reconcile import is_ok, run_reconcile
from models.outcome import TemplateOutcome


def run_and_show(
    account: Account, stack: str, wanted: Sequence[TemplateOutcome], wait: float, *, as_json: bool
) -> bool:
    """Have the function reconcile templates, and show each when it is done; whether all are ok."""
    err.print(f"reconciling {counted(len(wanted), 'template')}", highlight=False)
    missing = {outcome.launch_template_id: outcome.launch_template_name for outcome in wanted}
    all_ok = True
    for done in run_reconcile(account, stack, wanted, wait):
        show_outcomes([done], as_json=as_json)
        del missing[done.launch_template_id]
        all_ok &= is_ok(done)
    if missing:
        err.print(outside(f"not done within {wait:.0f} s: {', '.join(missing.values())}", "yellow"))
        err.print("see: ami-reactor doctor; ami-reactor dlq list")
    return all_ok and not missing
