"""`ami-reactor rollback`: go back to an older version, so that it stays."""

from collections.abc import Iterable
from datetime import UTC, datetime

import typer
from rich.table import Table
from rich.text import Text

from infra.cli.account import account_of, agreed
from infra.cli.render import (
    ago,
    err,
    names_of,
    out,
    outside,
    print_gaps,
    print_json,
    progress_line,
)
from infra.operate.groups import cancel_refresh, start_refresh
from infra.operate.hold import stamp_now
from infra.operate.rollback import Plan, Rollback, plan_rollbacks, rollback_line, run_rollbacks
from models.auto_scaling import Group
from models.image import Image
from models.launch_template import Template


def run_rollback(
    *,
    template: str,
    to: str | None,
    reason: str,
    follow_newer: bool,
    everywhere: bool,
    yes: bool,
    profile: str | None,
    region: str | None,
    as_json: bool,
) -> None:
    with account_of(profile, region) as account:
        with progress_line() as progress:
            plan = plan_rollbacks(account, template, to, progress, everywhere=everywhere)
        print_gaps(plan.gaps)
        for planned in plan.rollbacks:
            _show_plan(planned, plan.running, follow_newer=follow_newer)
        _show_others(plan, everywhere=everywhere)
        _warn_of_refreshes(plan.groups)
        if not agreed(account, "Roll back?", yes=yes):
            raise typer.Exit(1)
        value = stamp_now(account, reason)
        for done, number in run_rollbacks(
            account, plan.rollbacks, value, follow_newer=follow_newer
        ):
            _show_done(done, number, as_json=as_json)
        for group in plan.groups:
            if group.size:
                line = f"to replace the running instances of {group.name}: {start_refresh(group)}"
                err.print(outside(line), soft_wrap=True)


def _show_plan(planned: Rollback, running: dict[str, int], *, follow_newer: bool) -> None:
    template, target = planned.template, planned.target
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=4)
    table.add_column(overflow="fold")
    table.add_row("", outside(template.launch_template_name, "bold"))
    bad = outside(template.default.image_id or "no image", "red")
    was = f"version {template.default_version_number}  "
    table.add_row("from", Text.assemble(was, bad, _age(planned.bad)))
    copy = f"version {template.latest_version_number + 1}, a copy of {target.version_number}  "
    table.add_row("to", Text.assemble(copy, (planned.image.image_id, "green"), _age(planned.image)))
    if planned.other_changes:
        table.add_row("also", Text(f"changes {', '.join(planned.other_changes)}", "yellow"))
    if planned.bad:
        count = running.get(planned.bad.image_id)
        still = "" if count is None else f"; instances still running it: {count}"
        table.add_row("", f"{planned.bad.image_id} is quarantined{still}")
    table.add_row("then", _then(template, follow_newer=follow_newer))
    err.print(table)


def _age(image: Image | None) -> str:
    return f", {ago(image.creation_date, datetime.now(UTC))} old" if image else ""


def _then(template: Template, *, follow_newer: bool) -> Text:
    """Whether the template is held afterwards."""
    if template.hold is not None:
        return outside(f"the template stays held: {template.hold}", "yellow")
    return Text("the next newer image is taken" if follow_newer else "the template is held")


def _show_others(plan: Plan, *, everywhere: bool) -> None:
    if plan.others.selected_by:
        err.print(outside(f"also selects this image: {names_of(plan.others.selected_by)}"))
    if plan.others.current_of and not everywhere:
        others = names_of(plan.others.current_of)
        line = f"also the current image, and not rolled back: {others} (--all includes them)"
        err.print(outside(line, "yellow"))


def _warn_of_refreshes(groups: Iterable[Group]) -> None:
    for group in groups:
        if group.refresh:
            err.print(
                outside(
                    f"an instance refresh of {group.name} is in flight"
                    f" ({group.refresh.percentage_complete} %); to end it: {cancel_refresh(group)}",
                    "yellow",
                ),
                soft_wrap=True,
            )


def _show_done(done: Rollback, number: int, *, as_json: bool) -> None:
    template = done.template
    if as_json:
        print_json(rollback_line(done, number))
        return
    name = outside(template.launch_template_name, "bold")
    out.print(Text.assemble(name, f" launches {done.image.image_id} again: version {number}"))
