"""`ami-reactor status`: what new instances launch, what runs, and what would happen next."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.console import Group as Stacked
from rich.table import Table
from rich.text import Text

from handlers.aws_errors import translated
from infra.cli.account import account_of
from infra.cli.options import STACK, AsJson, Region, Stack
from infra.cli.render import (
    NONE_FOLLOWS,
    WOULD,
    ago,
    counted,
    err,
    out,
    outside,
    print_gaps,
    print_json,
    print_notes,
    progress_line,
)
from infra.dead_letters.queue import Reading
from infra.operate.account import Account
from infra.operate.doctor import is_paused, paused, unpause
from infra.operate.fleet import Fleet, TemplateStatus, read_fleet
from infra.operate.groups import Follows, verdict
from infra.operate.stack_outputs import output_of
from models.base import aws_date
from models.errors import AwsRefused, AwsUnavailable
from models.failure_text import YOURS, told
from models.tags import HOLD_TAG, read_stamp

_FOLLOWS = {
    Follows.YES: ("follows", "green"),
    Follows.PARTLY: ("follows partly", "yellow"),
    Follows.NO: ("does not follow", "bold red"),
}


def status(
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C", help="AWS profiles, one after the other.", show_default=False
        ),
    ] = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: AsJson = False,
) -> None:
    """Show every followed launch template: what it launches, what runs, what would happen next.

    Read-only, and works before anything is deployed.

    Example: ami-reactor status

    Exit status: 1 if something could not be read.
    """
    gaps: list[str] = []
    for name in profile.split(",") if profile else [None]:
        with account_of(name, region) as account:
            fleet = fleet_of(account)
            if as_json:
                _pause(account, stack, err)
                for status in fleet.statuses:
                    print_json(_as_json(fleet, status))
            else:
                out.print(Text(str(account), "bold"))
                _pause(account, stack, out)
                _show(fleet)
            found = [*fleet.gaps, *_dead_letters(account, stack, as_json=as_json)]
            print_gaps(found)
            print_notes(fleet.notes)
            gaps += found
    raise typer.Exit(1 if gaps else 0)


def fleet_of(account: Account) -> Fleet:
    with progress_line() as progress:
        return read_fleet(account, progress)


def _show(fleet: Fleet) -> None:
    if not fleet.statuses:
        out.print(NONE_FOLLOWS)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0), header_style="bold")
    table.add_column("Template", overflow="fold", ratio=3)
    table.add_column("New instances launch", overflow="fold", ratio=3, min_width=25)
    table.add_column("The reactor would", overflow="fold", ratio=3)
    now = datetime.now(UTC)
    for status in fleet.statuses:
        table.add_row(_who(status), _launches(status, now), _next(status, now))
    out.print(table)
    if lines := list(to_mend(fleet)):
        out.print()
    for line in lines:
        out.print(line, soft_wrap=True)


def count_dead_letters(account: Account, stack: str) -> int:
    """How many wait, those among them that somebody is just looking at.

    Raises:
        AwsRefused: There is no such stack, or it may not be asked.
        AwsUnavailable: AWS does not answer now.
    """
    url = output_of(account, stack, "DeadLetterQueueUrl", "--stack")
    with translated("counting dead letters", service="sqs"):
        depth = Reading(account.client("sqs"), url).depth()
    return depth.visible + depth.in_flight


def _dead_letters(account: Account, stack: str, *, as_json: bool) -> list[str]:
    """Say how many there are; where that may not be asked, the gap."""
    try:
        count = count_dead_letters(account, stack)
    except (AwsRefused, AwsUnavailable) as error:
        if isinstance(error, AwsUnavailable) or error.unauthorized:
            return [told(error, YOURS)]
        err.print(outside(f"dead letters: {error}"), soft_wrap=True)
        return []
    if count:
        say = err if as_json else out
        say.print(Text(f"{counted(count, 'dead letter')}: ami-reactor dlq list", "bold red"))
    return []


def _pause(account: Account, stack: str, say: Console) -> None:
    """Say first of all that nothing will be moved, where the function is paused."""
    try:
        name = output_of(account, stack, "FunctionName", "--stack")
        is_off = is_paused(account.client("lambda"), name)
    except (AwsRefused, AwsUnavailable):  # not deployed, or not to be asked: doctor says so
        return
    if is_off:
        say.print(outside(paused(name), "bold red"), soft_wrap=True)
        say.print(outside(f"  fix: {unpause(name)}"), soft_wrap=True)


def _who(status: TemplateStatus) -> Stacked:
    lines = [outside(status.template.launch_template_name, "bold")]
    for group, found in status.findings():
        short, style = _FOLLOWS[verdict(found)]
        lines.append(Text.assemble("└ ", outside(group.name), " ", (short, style)))
    return Stacked(*lines)


def _launches(status: TemplateStatus, now: datetime) -> Stacked:
    image = status.image
    lines = [
        outside(status.image_id or "no image", "bold"),
        Text(f"version {status.template.default_version_number}"),
    ]
    if image:
        lines.append(Text(f"{ago(image.creation_date, now)} old"))
    total = sum(status.running.values())
    if total:
        lines.append(Text(f"{status.running[status.image_id or '']} of {total} run it"))
    for image_id, count in status.running_others.most_common():
        lines.append(outside(f"{count} on {image_id}", "yellow"))
    return Stacked(*lines)


def _next(status: TemplateStatus, now: datetime) -> Stacked:
    following = status.next
    verb, style = WOULD[following.outcome]
    lines = [Text.assemble((verb, style), ": ", following.reason)]
    newest = status.candidates[0] if status.candidates else None
    held = status.template.tags.get(HOLD_TAG)
    if held is not None:
        lines.append(outside(str(read_stamp(held))))
    if newest and newest.image_id != status.image_id:
        if following.outcome != "promoted":
            lines.append(Text("newest candidate:"))
        lines.append(Text(newest.image_id, "bold"))
        lines.append(Text(f"{ago(newest.creation_date, now)} old"))
    return Stacked(*lines)


def to_mend(fleet: Fleet) -> Iterator[Text]:
    """What keeps groups from following, one line each, and below it what mends it."""
    for status in fleet.statuses:
        for group, found in status.findings():
            for finding in found:
                style = _FOLLOWS[finding.follows][1]
                yield Text.assemble(outside(group.name, style), ": ", finding.what)
                yield Text(f"  fix: {finding.fix}")
        if status.has_unreleased_version:
            yield from _unreleased(status)
        if status.next.outcome in ("refused", "failed"):
            name = outside(status.template.launch_template_name, "bold red")
            yield Text.assemble(name, ": ", outside(status.next.message))


def _unreleased(status: TemplateStatus) -> Iterator[Text]:
    template = status.template
    name = outside(template.launch_template_name, "yellow")
    latest, default = template.latest_version_number, template.default_version_number
    yield Text.assemble(name, f": version {latest} is the latest and not the default ({default})")
    yield Text(
        f"  fix: make it the default: aws ec2 modify-launch-template --launch-template-id"
        f" {template.launch_template_id} --default-version {latest}; or delete it"
    )


def _as_json(fleet: Fleet, status: TemplateStatus) -> dict[str, Any]:
    template, image = status.template, status.image
    newest = status.candidates[0] if status.candidates else None
    held = template.tags.get(HOLD_TAG)
    return {
        "account": fleet.place.account,
        "region": fleet.place.region,
        "launch_template_id": template.launch_template_id,
        "launch_template_name": template.launch_template_name,
        "default_version": template.default_version_number,
        "latest_version": template.latest_version_number,
        "image_id": status.image_id,
        "image_created": aws_date(image.creation_date) if image else None,
        "newest_candidate": newest.image_id if newest else None,
        "instances": dict(status.running),
        "hold": read_stamp(held).model_dump(mode="json") if held is not None else None,
        "next": status.next.model_dump(mode="json"),
        "groups": [
            {
                "name": group.name,
                "instances": group.size,
                "follows": verdict(found),
                "findings": [finding.model_dump(mode="json") for finding in found],
            }
            for group, found in status.findings()
        ],
    }
