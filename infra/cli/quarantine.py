"""`ami-reactor quarantine` and `unquarantine`: keep templates from an image, or no longer."""

import typer

from infra.cli.account import account_of, agreed
from infra.cli.render import err, names_of, out, outside, print_json
from infra.operate.hold import stamp_now
from infra.operate.quarantine import (
    Concerned,
    QuarantineLine,
    UnquarantineLine,
    clear_marks,
    concerned,
    find_image,
    lift_quarantine,
    moved_away,
    quarantine_image,
)
from models.launch_template import Template
from models.tags import QUARANTINE_TAG, read_stamp


def run_quarantine(
    *,
    image: str,
    reason: str,
    yes: bool,
    profile: str | None,
    region: str | None,
    as_json: bool,
) -> None:
    with account_of(profile, region) as account:
        found = find_image(account, image)
        image = found.image_id
        mine, value = stamp_now(account, reason), found.tags.get(QUARANTINE_TAG)
        others = concerned(account, found)
        _show_concerned(image, others)
        if value is None:
            if not agreed(account, f"Quarantine {image}?", yes=yes):
                raise typer.Exit(1)
            value = quarantine_image(account, image, mine)
        if value != mine:
            err.print("it was quarantined already; to give another reason, unquarantine it first")
        _show_quarantined(image, value, others, as_json=as_json)


def _show_concerned(image: str, others: Concerned) -> None:
    for template in others.current_of:
        name = template.launch_template_name
        line = f"{image} is the current image of {name}; to go back: ami-reactor rollback {name}"
        err.print(outside(line, "yellow"), soft_wrap=True)
    if others.selected_by:
        err.print(outside(f"selects this image: {names_of(others.selected_by)}"))


def _show_quarantined(image: str, value: str, others: Concerned, *, as_json: bool) -> None:
    stamp = read_stamp(value)
    if as_json:
        names = tuple(one.launch_template_name for one in others.current_of)
        print_json(QuarantineLine(image_id=image, quarantine=stamp, current_image_of=names))
        return
    out.print(outside(f"{image} is quarantined: {stamp}"), soft_wrap=True)


def run_unquarantine(
    *,
    image: str,
    yes: bool,
    profile: str | None,
    region: str | None,
    as_json: bool,
) -> None:
    with account_of(profile, region) as account:
        found = find_image(account, image)
        image, value = found.image_id, found.tags.get(QUARANTINE_TAG)
        if value is not None:
            err.print(outside(f"{image} is quarantined: {read_stamp(value)}"), soft_wrap=True)
            if not agreed(account, "Lift the quarantine?", yes=yes):
                raise typer.Exit(1)
            lift_quarantine(account, image)
        moved = moved_away(account, image)
        is_cleared = bool(moved) and agreed(
            account,
            f"Let {names_of(moved)} be moved to it again?",
            yes=yes,
            is_shown=value is not None,
        )
        if is_cleared:
            clear_marks(account, moved)
        elif moved:
            later = f"{names_of(moved)} stays away from it, until: ami-reactor unquarantine {image}"
            err.print(outside(later), soft_wrap=True)
        _show_lifted(image, moved if is_cleared else [], was=value, as_json=as_json)


def _show_lifted(image: str, cleared: list[Template], *, was: str | None, as_json: bool) -> None:
    if as_json:
        names = tuple(template.launch_template_name for template in cleared)
        was_it = was is not None
        print_json(UnquarantineLine(image_id=image, was_quarantined=was_it, cleared=names))
        return
    out.print(f"{image} is {'no longer' if was is not None else 'not'} quarantined")
    for template in cleared:
        verb = "resume" if template.hold is not None else "reconcile"
        command = f"ami-reactor {verb} {template.launch_template_name}"
        out.print(outside(f"to move it there: {command}"), soft_wrap=True)
