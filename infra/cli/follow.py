"""`ami-reactor follow`: say which images a launch template follows."""

import sys
from typing import Annotated

import typer
from rich.text import Text

from infra.cli.account import account_of
from infra.cli.options import STACK, WAIT, Profile, Region, Stack, TemplateName, Wait, Yes
from infra.cli.reconcile import carry_out, catch_up_of
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
from infra.operate import writes
from infra.operate.account import Account
from infra.operate.find import find_template
from infra.operate.fleet import TemplateStatus, read_fleet, several
from infra.operate.follow import as_cloudformation, as_hcl, declared, obsolete
from infra.operate.reconcile import CatchUp
from models.launch_template import Template
from models.selectors import Misconfigured, read_selectors


def follow(
    template: TemplateName,
    source_instance: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Images made from this instance, or one of these."),
    ] = None,
    image_tag: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Images with this tag.")
    ] = None,
    image_name: Annotated[
        str | None, typer.Option(metavar="GLOB", help="Images of such a name: * and ? are wild.")
    ] = None,
    copied_images: Annotated[
        bool, typer.Option("--copied-images", help="Images made by CopyImage count too.")
    ] = False,
    observe: Annotated[
        bool, typer.Option("--observe", help="Decide and report only, never write.")
    ] = False,
    hcl: Annotated[bool, typer.Option("--hcl", help="Print it as Terraform.")] = False,
    cloudformation: Annotated[
        bool, typer.Option("--cloudformation", help="Print it as CloudFormation.")
    ] = False,
    yes: Yes = False,
    wait: Wait = WAIT,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one object a line; a plan has planned: true.")
    ] = False,
) -> None:
    """Have a launch template follow images: shows what that would match and move.

    With --yes the tags are written, in place of what it followed before, and it catches up.

    Example: ami-reactor follow web --source-instance i-0b2e25be910fac823 --yes
    """
    tags = declared(
        mode="observe" if observe else "on",
        source_instances=source_instance or [],
        image_tags=dict(map(_pair, image_tag or [])),
        image_name=image_name,
        copied_images=copied_images,
    )
    if hcl and cloudformation:
        stop("follow: --hcl or --cloudformation, not both")
    with account_of(profile, region) as account:
        found = find_template(account, template)
        old = obsolete(found.tags, tags)
        rest = {key: value for key, value in found.tags.items() if key not in old}
        status = _suppose(account, found.model_copy(update={"tags": rest | tags}))
        if hcl or cloudformation:
            name = found.launch_template_name
            sys.stdout.write(as_hcl(name, tags) if hcl else as_cloudformation(tags))
        elif not (as_json and yes):  # there, one object: what was written
            _show(status, tags, old, as_json=as_json)
        if yes:
            _write(account, status, tags, old)
            if as_json:
                print_json({"tags": tags, "remove": old} | _counts(status))
            _catch_up(catch_up_of(account, stack), account, status, wait, as_json=as_json)
        elif not (hcl or cloudformation):
            err.print("nothing was written: add --yes")


def _write(account: Account, status: TemplateStatus, tags: dict[str, str], old: list[str]) -> None:
    err.print(str(account), highlight=False)
    template_id = status.template.launch_template_id
    writes.tag(account.client("ec2"), template_id, tags)
    if old:  # afterwards: between the two it follows less, never more
        writes.untag(account.client("ec2"), [template_id], old)


def _catch_up(
    catch_up: CatchUp, account: Account, status: TemplateStatus, wait: float, *, as_json: bool
) -> None:
    """Have the function do what was planned, if anything is to be done."""
    if status.next.outcome == "promoted":
        is_well = carry_out(account, catch_up, [status.next], wait, as_json=as_json)
        raise typer.Exit(0 if is_well else 1)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        stop(f"--image-tag: must be KEY=VALUE, not {text}")
    return key, value


def _suppose(account: Account, template: Template) -> TemplateStatus:
    """How the template would stand with those tags; wrong ones end the command."""
    selectors = read_selectors(template.tags, account.place)
    if isinstance(selectors, Misconfigured):
        stop(selectors.message)
    with progress_line() as progress:
        fleet = read_fleet(account, progress, [template])
    print_gaps(fleet.gaps)
    return fleet.statuses[0]


def _counts(status: TemplateStatus) -> dict[str, object]:
    return {
        "images": len(status.candidates) + len(status.skipped),
        "candidates": len(status.candidates),
        "source_instances": status.sources,
        "next": status.next.model_dump(mode="json"),
    }


def _show(status: TemplateStatus, tags: dict[str, str], old: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"planned": True, "tags": tags, "remove": old} | _counts(status))
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
