"""The table of `status`: a line for each template if there is room, and what there is none for."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from shlex import quote
from typing import NamedTuple

from rich.console import Group as Stacked
from rich.table import Table
from rich.text import Text

from infra.cli.render import WOULD, ago, out, outside
from infra.operate.chains import Chain
from infra.operate.fleet import TemplateStatus
from infra.operate.groups import UsesDefault, verdict
from infra.operate.guarded import by_the_guard, failed_refreshes
from infra.operate.hold import trouble_with
from models.base import Place, printable
from models.launch_template import Template
from models.tags import HOLD_TAG, read_stamp

_ROOM = 120  # columns, from which on each template has one line

_WAITING_SHOWN = 3
"""Images that may be taken later, of each template."""

_GROUPS = {
    UsesDefault.YES: ("$Default", "green"),
    UsesDefault.PARTLY: ("partly $Default", "yellow"),
    UsesDefault.NO: ("not $Default", "bold red"),
}

_Shown = Sequence[tuple[Place, TemplateStatus]]


class Problem(NamedTuple):
    """What keeps promotions from a group, or looks forgotten.

    Attributes:
        about: The group or the template.
        is_fault: Something stays as it is until a person does something about it.
    """

    about: str
    style: str
    what: str
    fix: str = ""
    is_fault: bool = True


def show_statuses(shown: _Shown, *, several: bool, is_detailed: bool) -> None:
    """Print the table, then the problems of its templates, each with its fix.

    Args:
        shown: The templates, each with its account and Region.
        several: They may be of several accounts or Regions.
        is_detailed: Also say below lines what follows a promotion; blocks say it anyway.
    """
    now = datetime.now(UTC)
    has_room = out.width >= _ROOM
    out.print((_lines if has_room else _blocks)(shown, now, several=several))
    below: list[Text] = []
    for place, status in shown:
        where = f"{place.account} {place.region} " if several else ""
        left_out = [*_left_out(status, is_detailed=is_detailed)] if has_room else []
        below += _below(status, where, left_out)
    if below:
        out.print()
    for line in below:
        out.print(line, soft_wrap=True)


# -- a line for each template ----------------------------------------------------------------------


def _lines(shown: _Shown, now: datetime, *, several: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    if several:
        table.add_column("Account", no_wrap=True)
        table.add_column("Region", no_wrap=True)
    for title in ("Template", "Launches", "Age", "Run it", "The reactor would"):
        table.add_column(title, overflow="fold", no_wrap=title in ("Launches", "Age", "Run it"))
    if not several:
        table.add_column("Newer", no_wrap=True)
    for place, status in shown:
        newer = newer_image(status)
        table.add_row(
            *([place.account, place.region] if several else []),
            outside(status.template.launch_template_name, "bold"),
            outside(status.image_id or "no image"),
            _age(status, now),
            _share(status),
            _would(status),
            *([] if several else [outside(newer or "")]),
        )
    return table


def _age(status: TemplateStatus, now: datetime) -> str:
    return ago(status.image.creation_date, now) if status.image else "unknown"


def _share(status: TemplateStatus) -> Text:
    """Of the instances, how many run what new ones launch."""
    total = sum(status.running.values())
    same = status.running[status.image_id or ""]
    return Text(f"{same} of {total}" if total else "none", "yellow" if same < total else "")


def newer_image(status: TemplateStatus) -> str | None:
    """What it could be moved to, or may be later."""
    newest = status.candidates[0].image_id if status.candidates else None
    if newest and newest != status.image_id:
        return newest
    return status.waiting[0].image.image_id if status.waiting else None


def _would(status: TemplateStatus) -> Text:
    verb, style = WOULD[status.next.outcome]
    waits = f", {status.waiting[0].skip}" if status.waiting else ""
    return Text.assemble((verb, style), ": ", status.next.reason, (waits, "cyan"))


# -- a block for each template ---------------------------------------------------------------------


def _blocks(shown: _Shown, now: datetime, *, several: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0), header_style="bold")
    table.add_column("Template", overflow="fold")
    # whole, for rich would fold it to less than it then prints, and crop the last column
    table.add_column("New instances launch", no_wrap=True, min_width=25)
    table.add_column("The reactor would", overflow="fold")
    for place, status in shown:
        where = [Text(place.account), Text(place.region)] if several else []
        table.add_row(_who(status, where), _launches(status, now), _next(status, now))
    return table


def _who(status: TemplateStatus, where: list[Text]) -> Stacked:
    lines = [outside(status.template.launch_template_name, "bold"), *where]
    for group, found in status.findings():
        launches, style = _GROUPS[verdict(found)]
        lines.append(Text.assemble("ASG ", outside(group.name), ": ", (launches, style)))
    return Stacked(*lines, *map(_then, status.chains))


def _then(chain: Chain) -> Text:
    """What a chain does when the template was promoted or moved back."""
    return outside(f"then: {chain}")


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
    if held := _hold_in_short(status.template):
        lines.append(outside(held))
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


# -- below the table -------------------------------------------------------------------------------


def _below(status: TemplateStatus, where: str, left_out: list[Text]) -> Iterator[Text]:
    """What a line had no room for, then problems; one line each, and below it the fix."""
    name = status.template.launch_template_name
    for line in left_out:
        yield Text.assemble(where, outside(name, "bold"), ": ", line)
    for problem in problems_of(status):
        about, what = outside(problem.about, problem.style), outside(problem.what)
        yield Text.assemble(where, about, ": ", what)
        if problem.fix:
            yield Text(f"  fix: {problem.fix}")


def _hold_in_short(template: Template) -> str:
    """Who holds it, since when and why; the guard's reason is below the table with its fix."""
    held = template.tags.get(HOLD_TAG)
    if held is None:
        return ""
    found = read_stamp(held)
    if by_the_guard(template) and found.since:
        return f"{found.who} since {found.since:%Y-%m-%d %H:%M}Z"
    return str(found)


def _left_out(status: TemplateStatus, *, is_detailed: bool) -> Iterator[Text]:
    if held := _hold_in_short(status.template):
        yield outside(f"held: {held}")
    for waiting in status.waiting[:_WAITING_SHOWN]:
        yield outside(f"{waiting.image.image_id} {waiting}", "cyan")
    if is_detailed:
        yield from map(_then, status.chains)


def problems_of(status: TemplateStatus) -> Iterator[Problem]:
    """What keeps promotions from groups, and what looks forgotten."""
    for group, found in status.findings():
        for finding in found:
            _, style = _GROUPS[finding.uses_default]
            is_fault = finding.uses_default is UsesDefault.NO
            yield Problem(group.name, style, finding.what, finding.fix, is_fault)
    name = status.template.launch_template_name
    if latest := status.latest_not_default:
        yield Problem(name, "yellow", latest.what, latest.fix)
    if status.next.outcome in ("refused", "failed"):
        yield Problem(name, "bold red", status.next.message)
    yield from _of_the_guard(status)
    for chain in status.chains:
        if chain.is_failed:
            yield Problem(name, "bold red", chain.state, chain.events)
    held = status.template.hold
    if held and (trouble := trouble_with(held, datetime.now(UTC))):
        fix = f"ami-reactor resume {quote(printable(name))}"
        yield Problem(name, "yellow", f"{trouble}: {held}", fix)


def _of_the_guard(status: TemplateStatus) -> Iterator[Problem]:
    """What it did, and the failed refreshes of which it may not have been told."""
    done = by_the_guard(status.template)
    failed = [] if done else failed_refreshes(status.template, status.groups)
    for told in filter(None, [done, *failed]):
        yield Problem(status.template.launch_template_name, "bold yellow", told.what, told.fix)
