"""`ami-reactor rollback` and `release`: go back so that it stays, and trust an image again."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from infra.cli.account import account_of, agreed
from infra.cli.hold import check_reason, who_am_i
from infra.cli.options import Profile, Region, TemplateName, Yes
from infra.cli.render import ago, err, out, outside, print_gaps, print_json, progress_line, stop
from infra.operate import quarantine as releasing
from infra.operate import rollback as rolling
from infra.operate.account import Account
from infra.operate.find import find_template
from infra.operate.groups import Group, cancel_refresh, start_refresh
from infra.operate.instances import count_running, read_groups
from infra.operate.paging import Gaps
from models.base import printable
from models.image import Image
from models.launch_template import Template
from models.tags import QUARANTINE_TAG, read_stamp, stamp


def rollback(
    template: TemplateName,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION|IMAGE",
            help="Where to; without it, the next older version with a good image.",
            show_default=False,
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="What is wrong with the image.")] = "rolled back",
    follow_newer: Annotated[
        bool,
        typer.Option("--follow-newer", help="Do not hold: the next newer image is taken."),
    ] = False,
    everywhere: Annotated[
        bool, typer.Option("--all", help="Also the other templates that are on that image.")
    ] = False,
    yes: Yes = False,
    profile: Profile = None,
    region: Region = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object a template.")] = False,
) -> None:
    """Go back to an older version, so that it stays.

    Holds the template, quarantines the image that was in force, and makes a copy of the older
    version the default: the latest version stays the default. Running instances are not touched.

    Example: ami-reactor rollback web --reason "kernel panic" --yes
    """
    check_reason("rollback", reason)
    with account_of(profile, region) as account:
        client = account.client("ec2")
        planned, others = _planned(account, template, to, everywhere=everywhere)
        groups = _groups_of(account, planned)
        for one in planned:
            _show_plan(account, one, follow_newer=follow_newer)
        _say_of_others(others, everywhere=everywhere)
        _warn_of_refreshes(groups)
        if not agreed(account, "Roll back?", yes=yes):
            raise typer.Exit(1)
        said = stamp(who_am_i(account), reason, datetime.now(UTC))
        for one, number in rolling.carry_out(
            client, account.place, planned, said, follow_newer=follow_newer
        ):
            _show_done(one, number, as_json=as_json)
        for group in groups:
            if group.size:
                line = f"to replace the running instances of {group.name}: {start_refresh(group)}"
                err.print(outside(line), soft_wrap=True)


def _planned(
    account: Account, name: str, to: str | None, *, everywhere: bool
) -> tuple[list[rolling.Rollback], rolling.Others]:
    """The rollback of that template, and of the others on its image where that is wanted."""
    client = account.client("ec2")
    first = rolling.plan_rollback(client, account.place, find_template(account, name), to)
    others = rolling.others(account.ec2, first)
    image = to if to and to.startswith("ami-") else None
    rest = others.on_it if everywhere else ()
    planned = [rolling.plan_rollback(client, account.place, one, image) for one in rest]
    return [first, *planned], others


def _say_of_others(others: rolling.Others, *, everywhere: bool) -> None:
    if others.would_follow:
        line = f"would follow that image, and no longer will: {_names(others.would_follow)}"
        err.print(outside(line))
    if others.on_it and not everywhere:
        line = f"on that image too, and left there: {_names(others.on_it)} (--all takes them)"
        err.print(outside(line, "yellow"))


def _names(templates: Iterable[Template]) -> str:
    return ", ".join(sorted(template.launch_template_name for template in templates))


def _groups_of(account: Account, planned: Iterable[rolling.Rollback]) -> list[Group]:
    gaps = Gaps()
    with progress_line() as progress:
        found = read_groups(account, [one.template for one in planned], gaps, progress)
    print_gaps(gaps)
    return list({group.name: group for groups in found.values() for group in groups}.values())


def _show_plan(account: Account, planned: rolling.Rollback, *, follow_newer: bool) -> None:
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
        table.add_row("", _quarantine(account, planned.bad))
    newer = "the next newer image is taken" if follow_newer else "the template is held"
    table.add_row("then", newer)
    err.print(table)


def _age(image: Image | None) -> str:
    return f", {ago(image.creation_date, datetime.now(UTC))} old" if image else ""


def _quarantine(account: Account, bad: Image) -> str:
    """What happens to the bad image, and how many instances run it all the same."""
    gaps = Gaps()
    counts: list[int] = []
    gaps.unless(lambda: counts.append(count_running(account, bad.image_id)))
    print_gaps(gaps)
    go_on = f"; instances that go on with it: {counts[0]}" if counts else ""
    return f"{bad.image_id} is quarantined{go_on}"


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


def _show_done(done: rolling.Rollback, number: int, *, as_json: bool) -> None:
    template = done.template
    if as_json:
        print_json(
            {
                "launch_template_id": template.launch_template_id,
                "launch_template_name": template.launch_template_name,
                "from_version": template.default_version_number,
                "from_image": template.default.image_id,
                "to_version": number,
                "to_image": done.image.image_id,
                "copy_of_version": done.target.version_number,
            }
        )
        return
    name = outside(template.launch_template_name, "bold")
    out.print(Text.assemble(name, f" launches {done.image.image_id} again: version {number}"))


def release(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="The image's id.")],
    yes: Yes = False,
    profile: Profile = None,
    region: Region = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Lift the quarantine of an image, so that templates may be moved to it again.

    Templates that were moved away from it stay where they are. So that they may be moved to it
    again, their mark is cleared too, after a question; --yes answers both.

    Example: ami-reactor release ami-0a1b2c3d4e5f60718 --yes
    """
    with account_of(profile, region) as account:
        client = account.client("ec2")
        found = account.ec2.own_image(image)
        if found is None:
            stop(f"{printable(image)}: this account has no such image", status=1)
        why = found.tags.get(QUARANTINE_TAG)
        if why is not None:
            err.print(outside(f"{image} is quarantined: {read_stamp(why)}"), soft_wrap=True)
            if not agreed(account, "Lift the quarantine?", yes=yes):
                raise typer.Exit(1)
            releasing.lift_quarantine(client, image)
        moved = releasing.moved_away(account.ec2, image)
        is_cleared = bool(moved) and agreed(
            account,
            f"Let {_names(moved)} be moved to it again?",
            yes=yes,
            is_shown=why is not None,
        )
        if is_cleared:
            releasing.clear_marks(client, moved)
        _show_released(image, moved if is_cleared else [], was=why, as_json=as_json)


def _show_released(image: str, cleared: list[Template], *, was: str | None, as_json: bool) -> None:
    if as_json:
        names = [template.launch_template_name for template in cleared]
        print_json({"image_id": image, "was_quarantined": was is not None, "cleared": names})
        return
    out.print(f"{image} is {'no longer' if was is not None else 'not'} quarantined")
    for template in cleared:
        verb = "resume" if template.hold is not None else "reconcile"
        command = f"ami-reactor {verb} {template.launch_template_name}"
        out.print(outside(f"to move it there: {command}"), soft_wrap=True)
