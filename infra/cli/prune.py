"""`ami-reactor prune`: delete old versions that are not needed any more."""

import typer
from rich.text import Text

from infra.cli.account import account_of, agreed_to_plan
from infra.cli.render import counted, out, outside, print_json, progress_line, stop
from infra.operate.account import Account
from infra.operate.prune import PruneLine, Pruning, plan_prunings
from infra.operate.writes import delete_versions


def run_prune(
    *,
    template: str | None,
    everywhere: bool,
    keep: int,
    yes: bool,
    profile: str | None,
    region: str | None,
    as_json: bool,
) -> None:
    if (template is None) != everywhere:
        stop("prune: name one template, or pass --all")
    with account_of(profile, region) as account:
        with progress_line() as progress:
            planned = plan_prunings(account, template, keep, progress)
        if not yes:
            for pruning in planned:
                _carry_out(account, pruning, yes=False, as_json=as_json)
        question = f"Delete {counted(sum(len(one.delete) for one in planned), 'version')}?"
        is_agreed = (yes or any(pruning.delete for pruning in planned)) and agreed_to_plan(
            account, question, yes=yes, as_json=as_json, done="deleted"
        )
        done = [
            _carry_out(account, pruning, yes=True, as_json=as_json)
            for pruning in (planned if is_agreed else ())
        ]
        raise typer.Exit(0 if all(done) else 1)


def _carry_out(account: Account, pruning: Pruning, *, yes: bool, as_json: bool) -> bool:
    """Delete what is to be deleted, if that is wanted, and show it; whether all was deleted."""
    deleted, failed = (
        delete_versions(account, pruning.template, pruning.delete) if yes else ([], {})
    )
    if as_json:
        print_json(_line(pruning, deleted, failed, planned=not yes))
    else:
        _show(pruning, yes=yes, deleted=len(deleted), failed=failed)
    return not failed


def _line(
    pruning: Pruning, deleted: list[int], failed: dict[int, str], *, planned: bool
) -> PruneLine:
    return PruneLine(
        launch_template_id=pruning.template.launch_template_id,
        launch_template_name=pruning.template.launch_template_name,
        to_delete=pruning.delete,
        kept=pruning.kept,
        deleted=tuple(deleted),
        failed=failed,
        planned=planned,
    )


def _show(pruning: Pruning, *, yes: bool, deleted: int, failed: dict[int, str]) -> None:
    name = outside(pruning.template.launch_template_name, "bold")
    what = f"{counted(deleted, 'version')} deleted" if yes else _would(pruning)
    out.print(Text.assemble(name, f": {what}"))
    for why, count in pruning.kept.items():
        out.print(Text.assemble(f"  {count:>6} {'stays' if count == 1 else 'stay'}: {why}"))
    for number, why in failed.items():
        out.print(outside(f"  version {number} could not be deleted: {why}", "bold red"))


def _would(pruning: Pruning) -> str:
    if not pruning.delete:
        return "nothing to delete"
    span = f"versions {pruning.delete[0]} to {pruning.delete[-1]}"
    return f"{counted(len(pruning.delete), 'version')} would be deleted, of {span}"
