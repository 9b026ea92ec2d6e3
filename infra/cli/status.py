"""`ami-reactor status`: what new instances launch, what runs, and what would happen next."""

from collections.abc import Iterator
from datetime import UTC, datetime
from shlex import quote
from typing import Any

import typer
from rich.console import Console
from rich.console import Group as Stacked
from rich.table import Table
from rich.text import Text

from infra.cli.account import account_of
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
from infra.operate.account import Account
from infra.operate.deployment import examine_pause
from infra.operate.fleet import Fleet, TemplateStatus, read_fleet
from infra.operate.groups import UsesDefault, verdict
from infra.operate.hold import trouble_with
from infra.operate.queue_depth import count_dead_letters
from infra.operate.stack_outputs import output_of
from models.base import aws_date, printable
from models.decision import SECONDS
from models.errors import AwsRefused, AwsUnavailable
from models.failure_text import YOURS, error_text
from models.tags import HOLD_TAG, read_stamp

_WAITING_SHOWN = 3
"""Images that may be taken later, of each template."""

_GROUPS = {
    UsesDefault.YES: ("$Default", "green"),
    UsesDefault.PARTLY: ("partly $Default", "yellow"),
    UsesDefault.NO: ("not $Default", "bold red"),
}


def run_status(
    *,
    profile: str | None,
    region: str | None,
    stack: str,
    as_json: bool,
) -> None:
    gaps: list[str] = []
    for name in profile.split(",") if profile else [None]:
        with account_of(name, region) as account:
            with progress_line() as progress:
                fleet = read_fleet(account, progress)
            if as_json:
                _pause(account, stack, err)
                for one in fleet.statuses:
                    print_json(_as_json(fleet, one))
            else:
                out.print(Text(str(account), "bold"))
                _pause(account, stack, out)
                _show(fleet)
            found = [*fleet.gaps, *_queue_depth(account, stack, as_json=as_json)]
            print_gaps(found)
            print_notes(fleet.notes)
            gaps += found
    raise typer.Exit(1 if gaps else 0)


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
    if lines := list(_problems(fleet)):
        out.print()
    for line in lines:
        out.print(line, soft_wrap=True)


def _queue_depth(account: Account, stack: str, *, as_json: bool) -> list[str]:
    """Print how many messages wait; what could not be read is answered, as a gap."""
    try:
        count = count_dead_letters(account, stack)
    except (AwsRefused, AwsUnavailable) as error:
        if isinstance(error, AwsUnavailable) or error.unauthorized:
            return [error_text(error, YOURS)]
        err.print(outside(f"dead-letter queue: {error}"), soft_wrap=True)
        return []
    if count:
        what = f"{counted(count, 'message')} in the dead-letter queue: ami-reactor dlq list"
        (err if as_json else out).print(Text(what, "bold red"))
    return []


def _pause(account: Account, stack: str, console: Console) -> None:
    """Print first of all that nothing will be moved, if the function is paused."""
    try:
        function = output_of(account, stack, "FunctionName", "--stack")
        paused = examine_pause(account, stack, function)
    except (AwsRefused, AwsUnavailable):  # not deployed, or not to be read: doctor says so
        return
    if paused:
        console.print(outside(paused.what, "bold red"), soft_wrap=True)
        console.print(outside(f"  fix: {paused.fix}"), soft_wrap=True)


def _who(status: TemplateStatus) -> Stacked:
    lines = [outside(status.template.launch_template_name, "bold")]
    for group, found in status.findings():
        launches, style = _GROUPS[verdict(found)]
        lines.append(Text.assemble("ASG ", outside(group.name), ": ", (launches, style)))
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
    for waiting in status.waiting[:_WAITING_SHOWN]:
        lines.append(Text(waiting.image.image_id, "bold"))
        lines.append(outside(str(waiting), "cyan"))
    if more := len(status.waiting) - _WAITING_SHOWN:
        lines += [Text(f"and {more} more that wait")] if more > 0 else []
    return Stacked(*lines)


def _problems(fleet: Fleet) -> Iterator[Text]:
    """What keeps promotions from groups, one line each, and below it the fix."""
    for status in fleet.statuses:
        for group, found in status.findings():
            for finding in found:
                _, style = _GROUPS[finding.uses_default]
                yield Text.assemble(outside(group.name, style), ": ", finding.what)
                yield Text(f"  fix: {finding.fix}")
        name = status.template.launch_template_name
        if latest := status.latest_not_default:
            yield Text.assemble(outside(name, "yellow"), f": {latest.what}")
            yield Text(f"  fix: {latest.fix}")
        if status.next.outcome in ("refused", "failed"):
            yield Text.assemble(outside(name, "bold red"), ": ", outside(status.next.message))
        yield from _forgotten_hold(status)


def _forgotten_hold(status: TemplateStatus) -> Iterator[Text]:
    held, name = status.template.hold, status.template.launch_template_name
    if held and (trouble := trouble_with(held, datetime.now(UTC))):
        yield Text.assemble(outside(name, "yellow"), f": {trouble}: ", outside(str(held)))
        yield Text(f"  fix: ami-reactor resume {quote(printable(name))}")


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
        "hold_trouble": held and trouble_with(read_stamp(held), datetime.now(UTC)),
        "next": status.next.model_dump(mode="json"),
        "waiting": [
            {
                "image_id": one.image.image_id,
                "reason": one.skip,
                "message": str(one),
                "until": f"{one.until:{SECONDS}}" if one.until else None,
            }
            for one in status.waiting
        ],
        "groups": [
            {
                "name": group.name,
                "instances": group.size,
                "follows": verdict(found),
                "findings": [
                    {"follows": one.uses_default, "what": one.what, "fix": one.fix} for one in found
                ],
            }
            for group, found in status.findings()
        ],
    }
