"""What the guard did to a template, or would have to be told of: in words, with what to type."""

from collections.abc import Iterable, Iterator
from shlex import quote
from typing import NamedTuple

from infra.operate.groups import start_refresh
from models.auto_scaling import Group
from models.base import printable
from models.guard import read_guard_hold
from models.launch_template import Template


class Told(NamedTuple):
    """What is so, and what to type."""

    what: str
    fix: str


def by_the_guard(template: Template) -> Told | None:
    """Why the guard holds the template, and how it goes on; None: it does not."""
    hold = read_guard_hold(template)
    if hold is None:
        return None
    resume = f"ami-reactor resume {quote(printable(template.launch_template_name))}"
    if not hold.goes_back:
        what = f"the guard holds it on {hold.image_id}: {printable(hold.why)}"
        return Told(what, resume)
    what = f"the guard moved it back from {hold.image_id}: {printable(hold.why)}"
    if template.versions and template.default.image_id == hold.image_id:
        what = f"the guard holds it and has not moved it back yet from {hold.image_id}"
    fix = (
        f"if the image is good: ami-reactor unquarantine {hold.image_id}; then {resume}"
        "; if it is bad, only resume: the next good image is taken"
    )
    return Told(what, fix)


def failed_refreshes(template: Template, groups: Iterable[Group]) -> Iterator[Told]:
    """Groups whose last refresh to the default version failed: the event may have been lost."""
    for group in groups:
        refresh = group.failed_refresh
        made = template.default.create_time if template.versions else None
        if refresh and made and refresh.start_time and refresh.start_time >= made:
            why = printable(refresh.status_reason or refresh.status)
            what = f"the last instance refresh of {printable(group.name)} failed: {why}"
            yield Told(what, f"when the cause is gone: {start_refresh(group)}")
