"""`ami-reactor explain`: why a template, group, instance or image is where it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import typer
from rich.tree import Tree

from infra.cli.account import account_of
from infra.cli.options import STACK, Profile, Region, Stack
from infra.cli.render import out, outside, print_gaps, print_json, progress_line, stop
from infra.operate.account import Account
from infra.operate.explain import (
    Line,
    explain_group,
    explain_image,
    explain_instance,
    explain_template,
)
from infra.operate.find import NotFound, find_group, find_instance, find_template
from infra.operate.fleet import Fleet, read_fleet
from infra.operate.history import Log, read_log
from infra.operate.instances import GROUP_TAG, TEMPLATE_TAG, count_running
from infra.operate.paging import Gaps
from infra.operate.versions import VersionInfo, read_versions
from models.launch_template import Template
from models.selectors import read_selectors

_STYLES = {"good": "green", "warn": "yellow", "bad": "bold red", "": ""}
_LOGGED_WITHIN = timedelta(days=1)
"""An outcome is logged shortly after its version was version, but for a version that was there."""


def explain(
    what: Annotated[
        str,
        typer.Argument(
            metavar="TEMPLATE|GROUP|INSTANCE|IMAGE", help="A name, or an id: lt-…, i-…, ami-…."
        ),
    ],
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Explain why something launches or runs the image that it does, image by image.

    Read-only.

    Example: ami-reactor explain web

    Exit status: 1 if there is no such thing, or something could not be read.
    """
    with account_of(profile, region) as account:
        explained = Explained(account, stack, Gaps())
        for line in explained.lines(what):
            if as_json:
                print_json(line.as_json())
            else:
                out.print(_tree(line))
        print_gaps(explained.gaps)
        raise typer.Exit(1 if explained.gaps else 0)


def _tree(line: Line) -> Tree:
    tree = Tree(outside(line.what, "bold"))
    _grow(tree, line)
    return tree


def _grow(tree: Tree, line: Line) -> None:
    for below in line.below:
        _grow(tree.add(outside(below.what, _STYLES[below.mood])), below)


@dataclass
class Explained:
    """What is read to explain something."""

    account: Account
    stack: str
    gaps: Gaps

    def lines(self, what: str) -> Iterator[Line]:
        if re.fullmatch(r"ami-[0-9a-f]{8,17}", what):
            yield self._image(what)
        elif re.fullmatch(r"i-[0-9a-f]{8,17}", what):
            yield from self._instance(what)
        else:
            yield from self._named(what)

    def _named(self, name: str) -> Iterator[Line]:
        """A template; else a group, and the templates that it launches from."""
        try:
            yield self._template(find_template(self.account, name))
        except NotFound as nothing:
            group = find_group(self.account, name)
            if group is None:
                stop(f"{nothing}, and no such group", status=1)
            for template_id in dict.fromkeys(s.launch_template_id for s in group.specifications):
                template = self._of(template_id)
                [status] = self._fleet([template]).statuses
                known = (one for one in status.groups if one.name == name)
                yield explain_group(next(known, group), status)
                yield self._template(template)

    def _of(self, template_id: str) -> Template:
        return find_template(self.account, template_id)

    def _template(self, template: Template) -> Line:
        [status] = self._fleet([template]).statuses
        selectors = read_selectors(template.tags, self.account.place)
        version = self.gaps.read(lambda: self._default(template), None)
        log = self._log(version, template) if version else Log()
        return explain_template(status, selectors, version, log)

    def _default(self, template: Template) -> VersionInfo:
        """The default version."""
        number = str(template.default_version_number)
        return next(read_versions(self.account, template.launch_template_id, Versions=[number]))

    def _log(self, version: VersionInfo, template: Template) -> Log:
        since = version.create_time - _LOGGED_WITHIN
        return read_log(self.account, self.stack, template, since, self.gaps)

    def _instance(self, instance_id: str) -> Iterator[Line]:
        instance = find_instance(self.account, instance_id)
        tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
        template_id = tags.get(TEMPLATE_TAG)
        if name := tags.get(GROUP_TAG):
            group = find_group(self.account, name)
            named = next(group.specifications, None) if group else None
            template_id = named.launch_template_id if named else template_id
        if template_id is None:
            yield explain_instance(instance, None)
            return
        template = self._of(template_id)
        [status] = self._fleet([template]).statuses
        yield explain_instance(instance, status)
        yield self._template(template)

    def _image(self, image_id: str) -> Line:
        found = self.account.ec2.images([image_id])
        if not found:
            stop(f"{image_id}: there is no such image", status=1)
        fleet = self._fleet(None)
        running: list[int] = []
        self.gaps.unless(lambda: running.append(count_running(self.account, image_id)))
        return explain_image(found[0], fleet.statuses, running[0] if running else None)

    def _fleet(self, templates: list[Template] | None) -> Fleet:
        with progress_line() as progress:
            fleet = read_fleet(self.account, progress, templates)
        self.gaps.extend(fleet.gaps)
        return fleet
