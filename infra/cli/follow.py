"""`ami-reactor follow`: set which images a launch template follows."""

import re
import sys
from typing import NoReturn

import typer
from rich.text import Text

from infra.cli.account import account_of, agreed_to_plan
from infra.cli.render import (
    counted,
    err,
    out,
    outside,
    print_gaps,
    print_json,
    progress_line,
    show_outcomes,
    stop,
)
from infra.cli.run_and_show import run_and_show
from infra.operate.account import Account
from infra.operate.fleet import TemplateStatus, read_fleet, several
from infra.operate.follow import (
    FollowLine,
    as_cloudformation,
    as_hcl,
    declared,
    suppose,
    write_tags,
)
from models.base import printable
from models.launch_template import Template
from models.ripening import canaries
from models.selectors import Misconfigured, read_selectors

_FLAGGED = re.compile(
    r"ami-reactor:(source-instance|image-tag|image-name|copied-images|soak|after|gate|on-trouble)(:KEY)?"
)
"""The tags that have a flag of the same name."""


def run_follow(
    *,
    template: str,
    source_instance: list[str] | None,
    image_tag: list[str] | None,
    image_name: str | None,
    copied_images: bool,
    soak: str | None,
    after: list[str] | None,
    gate: list[str] | None,
    on_trouble: str | None,
    observe: bool,
    hcl: bool,
    cloudformation: bool,
    yes: bool,
    wait: float,
    profile: str | None,
    region: str | None,
    stack: str,
    as_json: bool,
) -> None:
    tags = declared(
        mode="observe" if observe else "on",
        source_instances=source_instance or [],
        image_tags=_pairs("--image-tag", image_tag),
        image_name=image_name,
        copied_images=copied_images,
        soak=soak,
        after=after or [],
        gates=_pairs("--gate", gate),
        on_trouble=on_trouble,
    )
    if hcl and cloudformation:
        stop("follow: --hcl, --cloudformation: must not be given both")
    with account_of(profile, region) as account:
        supposed, old = suppose(account, template, tags)
        status = _status_of(account, supposed)
        if hcl or cloudformation:
            name = supposed.launch_template_name
            sys.stdout.write(as_hcl(name, tags) if hcl else as_cloudformation(tags))
            if not yes:
                return
        elif not (as_json and yes):  # there, one object: what was written
            _show(status, tags, old, as_json=as_json)
        name = printable(supposed.launch_template_name)
        if agreed_to_plan(account, f"Have {name} follow these?", yes=yes, as_json=as_json):
            write_tags(account, supposed, tags, old)
            if as_json:
                print_json(_line(status, tags, old))
            else:
                err.print(outside(f"{name} follows these"), soft_wrap=True)
            if status.next.outcome == "promoted":
                is_ok = run_and_show(account, stack, [status.next], wait, as_json=as_json)
                raise typer.Exit(0 if is_ok else 1)


def _pairs(flag: str, texts: list[str] | None) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts or []:
        key, equals, value = text.partition("=")
        if not (key and equals):
            stop(f"{flag}: must be KEY=VALUE, not {text}")
        pairs[key] = value
    return pairs


def _status_of(account: Account, template: Template) -> TemplateStatus:
    """The template's status with its supposed tags; wrong ones end the command."""
    selectors = read_selectors(template.tags, account.place)
    if isinstance(selectors, Misconfigured):
        _stop_at(selectors)
    if selectors.after:
        named = canaries(template, selectors.after, account.ec2.opted_in_templates())
        if isinstance(named, Misconfigured):
            _stop_at(named)
    with progress_line() as progress:
        fleet = read_fleet(account, progress, [template])
    print_gaps(fleet.gaps)
    return fleet.statuses[0]


def _stop_at(fault: Misconfigured) -> NoReturn:
    """End the command, with the flags that were typed in place of the tags that they become."""
    message = _FLAGGED.sub(r"--\1", fault.message)
    stop(f"follow: {message}")


def _line(
    status: TemplateStatus, tags: dict[str, str], old: list[str], *, planned: bool = False
) -> FollowLine:
    return FollowLine(
        planned=planned,
        tags=tags,
        remove=tuple(old),
        images=len(status.candidates) + len(status.skipped),
        candidates=len(status.candidates),
        source_instances=tuple(status.sources),
        next=status.next,
    )


def _show(status: TemplateStatus, tags: dict[str, str], old: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json(_line(status, tags, old, planned=True))
        return
    for key, value in tags.items():
        out.print(Text.assemble("  + ", outside(f"{key} = {value}", "green")))
    for key in old:
        out.print(Text.assemble("  - ", outside(key, "red")))
    total = counted(len(status.candidates) + len(status.skipped), "image")
    out.print(f"{total} selected, of which {len(status.candidates)} may be taken")
    if status.mixed_sources:
        out.print(outside(several(status.mixed_sources), "yellow"))
    show_outcomes([status.next], as_json=False)
