"""`ami-reactor unfollow`: a launch template follows no images any more."""

from rich.text import Text

from infra.cli.account import account_of, agreed_to_plan
from infra.cli.render import err, out, outside, print_json
from infra.operate.find import find_template
from infra.operate.follow import UnfollowLine, own_tags, stop_following
from models.base import printable
from models.launch_template import Template
from models.tags import STATE_PREFIX


def run_unfollow(
    *, template: str, yes: bool, profile: str | None, region: str | None, as_json: bool
) -> None:
    with account_of(profile, region) as account:
        found = find_template(account, template)
        tags, name = own_tags(found), printable(found.launch_template_name)
        if not (as_json and yes):  # there, one object: what was removed
            _show(found, tags, as_json=as_json)
        if not tags:
            err.print(outside(f"{name} has no such tag: it follows nothing"))
            return
        if not agreed_to_plan(account, f"Have {name} follow nothing?", yes=yes, as_json=as_json):
            return
        stop_following(account, found)
        if as_json:
            print_json(_line(found, tags))
        else:
            out.print(Text.assemble(outside(name, "bold"), " follows nothing"))


def _line(template: Template, tags: list[str], *, planned: bool = False) -> UnfollowLine:
    return UnfollowLine(
        planned=planned,
        launch_template_id=template.launch_template_id,
        launch_template_name=template.launch_template_name,
        remove=tuple(tags),
        stay=tuple(sorted(key for key in template.tags if key.startswith(STATE_PREFIX))),
    )


def _show(template: Template, tags: list[str], *, as_json: bool) -> None:
    """What goes, with its value, so that it can be written again; and what stays."""
    if as_json:
        print_json(_line(template, tags, planned=True))
        return
    for key in tags:
        out.print(Text.assemble("  - ", outside(f"{key} = {template.tags[key]}", "red")))
    for key, value in sorted(template.tags.items()):
        if key.startswith(STATE_PREFIX):
            out.print(outside(f"    {key} = {value} stays"))
