"""Why a template is on what it is on, and why the next image will, or will not, be taken.

`Explainer` reads the account; the functions below it say what that means, and read nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from infra.operate.account import Account
from infra.operate.find import (
    NotFound,
    find_group,
    find_instance,
    find_template,
    find_template_or_group,
    whole_image_id,
)
from infra.operate.fleet import Fleet, TemplateStatus, read_fleet, with_chains
from infra.operate.groups import UsesDefault, findings, verdict
from infra.operate.guarded import by_the_guard, failed_refreshes
from infra.operate.history import Log, made_default, read_log, unlogged
from infra.operate.instances import GROUP_TAG, TEMPLATE_TAG, VERSION_TAG, count_running
from infra.operate.paging import Gaps, Progress
from infra.operate.versions import VersionInfo, read_versions
from models.auto_scaling import Group
from models.base import aws_date, printable
from models.image import Image
from models.launch_template import Template
from models.selectors import Misconfigured, Selectors, read_selectors
from models.tags import (
    HIGH_WATER_MARK_TAG,
    HOLD_TAG,
    QUARANTINE_TAG,
    SOAK,
    WINDOW_TAG,
    read_stamp,
    tags_of,
)

Level = Literal["", "ok", "warn", "fail"]
"""How good a statement is; empty for plain facts."""

_IMAGES_SHOWN = 20
_LOGGED_WITHIN = timedelta(days=1)
"""An outcome is logged shortly after its version was made, unless the version existed before."""

_WOULD: dict[str, tuple[str, Level]] = {
    "promoted": ("so the reactor would promote it", "ok"),
    "kept": ("so the reactor would keep it", ""),
    "refused": ("so the reactor would refuse", "fail"),
    "failed": ("so the reactor would fail", "fail"),
    "unknown": ("what the reactor would do is unknown", "warn"),
}
_GROUP_LEVELS: dict[UsesDefault, Level] = {
    UsesDefault.YES: "ok",
    UsesDefault.PARTLY: "warn",
    UsesDefault.NO: "fail",
}


@dataclass(frozen=True)
class Node:
    """One statement, and below it what it rests on."""

    text: str
    level: Level = ""
    children: tuple["Node", ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Under the keys that scripts know."""
        below = [child.as_json() for child in self.children]
        return {"what": self.text, "mood": self.level, "below": below}


@dataclass(frozen=True)
class Explainer:
    """Reads what it takes to explain something.

    Attributes:
        stack: Whose function's log is read.
        gaps: Told what could not be read.
        progress: Told what is being read.
    """

    account: Account
    stack: str
    gaps: Gaps
    progress: Progress

    def explain(self, what: str) -> Iterator[Node]:
        """A tree for the image, the instance, the template or the group of that id or name.

        The id of a template or an image may be the beginning of one.

        Raises:
            AwsRefused: It does not exist, or a permission is missing.
            AwsUnavailable: AWS does not answer now.
        """
        if re.fullmatch(r"ami-[0-9a-f]{1,17}", what):
            yield self._image(whole_image_id(self.account, what))
        elif re.fullmatch(r"i-[0-9a-f]{8,17}", what):
            yield from self._instance(what)
        else:
            yield from self._template_or_group(what)

    def _template_or_group(self, name: str) -> Iterator[Node]:
        group, templates = find_template_or_group(self.account, name)
        for template in templates:
            status = self._status(template)
            if group is not None:
                # of the fleet's reading, which also knows of a refresh and of deleted versions
                known = (one for one in status.groups if one.name == name)
                yield _group(next(known, group), status)
            yield self._template(status)

    def _image(self, image_id: str) -> Node:
        found = self.account.ec2.images([image_id])
        if not found:
            raise NotFound(f"{image_id}: there is no such image")
        fleet = self._fleet(None)
        running = self.gaps.read(lambda: count_running(self.account, image_id), None)
        return _image(found[0], fleet, running)

    def _instance(self, instance_id: str) -> Iterator[Node]:
        instance = find_instance(self.account, instance_id)
        tags = tags_of(instance.get("Tags", []))
        template_id = self._template_of(tags)
        if template_id is None:
            yield _instance(instance, tags, None)
            return
        status = self._status(find_template(self.account, template_id))
        yield _instance(instance, tags, status)
        yield self._template(status)

    def _template_of(self, tags: dict[str, str]) -> str | None:
        """What the instance's group names now, else what the instance was launched from."""
        group = find_group(self.account, tags[GROUP_TAG]) if tags.get(GROUP_TAG) else None
        named = next(group.specifications, None) if group else None
        return named.launch_template_id if named else tags.get(TEMPLATE_TAG)

    def _template(self, status: TemplateStatus) -> Node:
        template = status.template
        version = self.gaps.read(lambda: self._default(template), None)
        log = self._log(template, version) if version else Log()
        return _template(status, read_selectors(template.tags, self.account.place), version, log)

    def _default(self, template: Template) -> VersionInfo:
        number = str(template.default_version_number)
        return next(read_versions(self.account, template.launch_template_id, Versions=[number]))

    def _log(self, template: Template, version: VersionInfo) -> Log:
        """What the function's log tells of the template since that version was made."""
        since = version.create_time - _LOGGED_WITHIN
        return read_log(self.account, self.stack, template, since, self.gaps)

    def _status(self, template: Template) -> TemplateStatus:
        [status] = self._fleet([template]).statuses
        return status

    def _fleet(self, templates: list[Template] | None) -> Fleet:
        fleet = read_fleet(self.account, self.progress, templates)
        if templates:
            self.progress("stacks")
            fleet = with_chains(self.account, fleet)
        self.gaps.extend(fleet.gaps)
        return fleet


# -- a template ------------------------------------------------------------------------------------


def _template(
    status: TemplateStatus,
    selectors: Selectors | Misconfigured,
    version: VersionInfo | None,
    log: Log,
) -> Node:
    """The whole reasoning about one template.

    Args:
        status: As `status` has it.
        selectors: What its tags say.
        version: Its default version, if it could be read.
        log: What the function's log tells of it.
    """
    template = status.template
    name = f"{template.launch_template_name} ({template.launch_template_id})"
    would, level = _WOULD[status.next.outcome]
    why = f"{would}: {status.next.reason}: {printable(status.next.message)}"
    return Node(
        printable(name),
        children=(
            _followed(selectors),
            *_ripens(template, selectors),
            *_held(template),
            Node(_launched(status), children=tuple(_since(template, version, log))),
            *_high_water_mark(template),
            _selected(status),
            *(_group(group, status) for group in status.groups),
            *_failed_refreshes(status),
            *(Node(f"then: {chain}", "fail" if chain.is_failed else "") for chain in status.chains),
            Node(why, level),
        ),
    )


def _followed(selectors: Selectors | Misconfigured) -> Node:
    if isinstance(selectors, Misconfigured):
        return Node(selectors.message, "fail")
    asked = []
    if selectors.source_instances:
        asked.append(f"made from {' or '.join(sorted(selectors.source_instances))}")
    asked += [f"tagged {printable(f'{k}={v}')}" for k, v in sorted(selectors.image_tags.items())]
    if selectors.image_name is not None:
        asked.append(f"named {printable(selectors.image_name)}")
    copies = "" if selectors.copied_images else ", no copies"
    watches = " (observe: it never writes)" if selectors.mode == "observe" else ""
    return Node(f"follows images {' and '.join(asked)}{copies}{watches}")


def _ripens(template: Template, selectors: Selectors | Misconfigured) -> Iterator[Node]:
    """What an image that matches waits for."""
    if isinstance(selectors, Selectors) and selectors.ripens:
        soak = printable(template.tags.get(SOAK, ""))
        waits = [f"it is tagged {printable(f'{k}={v}')}" for k, v in selectors.gates.items()]
        if selectors.after:
            since = f" for {soak}" if soak else ""
            waits.append(f"{' and '.join(map(printable, selectors.after))} proved it{since}")
        elif soak:
            waits.append(f"it is {soak} old")
        yield Node(f"takes an image only once {', and once '.join(waits)}")
    if WINDOW_TAG in template.tags:
        yield Node("its window is closed: a newer image waits until it opens", "warn")


def _held(template: Template) -> Iterator[Node]:
    value = template.tags.get(HOLD_TAG)
    if value is not None:
        done = by_the_guard(template)
        below = (Node(done.what), Node(f"fix: {done.fix}")) if done else ()
        yield Node(f"held: {read_stamp(value)}", "warn", below)


def _launched(status: TemplateStatus) -> str:
    image = status.image
    image_id = printable(status.image_id or "no image")
    dated = f" of {aws_date(image.creation_date)}" if image else ", which cannot be seen"
    number = status.template.default_version_number
    return f"new instances launch {image_id}{dated}: version {number}"


def _since(template: Template, version: VersionInfo | None, log: Log) -> Iterator[Node]:
    if version is None:
        return
    yield Node(f"that version was made on {aws_date(version.create_time)} by {version.who}")
    if moves := log.moves_to(version):
        yield Node(f"made the default on {aws_date(moves[-1].at)} by the event {moves[-1].event}")
    elif version.is_promotion:
        yield Node(unlogged(version, log))
    elif version.rollback:
        yield Node(f"made the default by a rollback of version {version.rollback.version}")
    yield from map(Node, made_default(version, template, log))


def _high_water_mark(template: Template) -> Iterator[Node]:
    if mark := template.tags.get(HIGH_WATER_MARK_TAG):
        yield Node(f"the newest image it was ever on: {printable(mark)}")


def _selected(status: TemplateStatus) -> Node:
    """Each image that the tags select, newest first, and what speaks for it or against it."""
    candidates = {image.image_id for image in status.candidates}
    ids = candidates | status.skipped.keys()
    selected = [image for image_id, image in status.images.items() if image_id in ids]
    selected.sort(key=lambda image: image.order, reverse=True)
    nodes = [_image_of(status, image) for image in selected[:_IMAGES_SHOWN]]
    if len(selected) > _IMAGES_SHOWN:
        nodes.append(Node(f"and {len(selected) - _IMAGES_SHOWN} older ones"))
    what = f"images that its tags select: {len(selected)}, of which may be taken: {len(candidates)}"
    return Node(what, children=tuple(nodes))


def _failed_refreshes(status: TemplateStatus) -> Iterator[Node]:
    for told in failed_refreshes(status.template, status.groups):
        yield Node(told.what, "warn", (Node(f"fix: {told.fix}"),))


def _group(group: Group, status: TemplateStatus) -> Node:
    """Whether the group launches what the template's default names."""
    found = findings(group, status.template)
    uses_default = verdict(found)
    return Node(
        f"the group {printable(group.name)} {uses_default}; its instances: {group.size}",
        _GROUP_LEVELS[uses_default],
        tuple(Node(one.what, children=(Node(f"fix: {one.fix}"),)) for one in found),
    )


# -- an image, an instance -------------------------------------------------------------------------


class _Verdict(NamedTuple):
    """What an image means to a template."""

    text: str
    level: Level = ""


def _image_of(status: TemplateStatus, image: Image) -> Node:
    text, level = _verdict(status, image)
    return Node(f"{image.image_id} of {aws_date(image.creation_date)}: {text}", level)


def _verdict(status: TemplateStatus, image: Image) -> _Verdict:
    """What speaks for one image, or against it, for one template."""
    current = status.image
    if image.image_id == status.image_id:
        return _Verdict("current image", "ok")
    if (skip := status.skipped.get(image.image_id)) is not None:
        stamp = image.tags.get(QUARANTINE_TAG)
        by = f": {read_stamp(stamp)}" if stamp is not None else ""
        return _Verdict(f"{skip}{by}", "warn")
    if image not in status.candidates:
        return _Verdict("not selected by the tags")
    if current and not image.is_newer_than(current):
        return _Verdict("not newer than the current image")
    if image != status.candidates[0]:
        return _Verdict("newer than the current image, but not the newest")
    if status.next.to_image == image.image_id:
        return _Verdict("the newest, and it would be taken", "ok")
    return _Verdict(f"the newest, but it would not be taken: {status.next.reason}", "warn")


def _image(image: Image, fleet: Fleet, running: int | None) -> Node:
    """What an image is, and what it means to each template that it concerns."""
    nodes = [Node(f"made on {aws_date(image.creation_date)}, state {printable(image.state)}")]
    if image.source_instances:
        nodes.append(Node(f"made from {', '.join(sorted(map(printable, image.source_instances)))}"))
    if (stamp := image.tags.get(QUARANTINE_TAG)) is not None:
        nodes.append(Node(f"quarantined: {read_stamp(stamp)}", "warn"))
    if running is not None:
        nodes.append(Node(f"instances that run it: {running}"))
    concerned = [status for status in fleet.statuses if _concerns(image, status)]
    for status in concerned:
        text, level = _verdict(status, image)
        nodes.append(Node(f"{printable(status.template.launch_template_name)}: {text}", level))
    if not concerned:
        nodes.append(Node("no followed template selects it"))
    return Node(printable(f"{image.image_id} {image.name}"), children=tuple(nodes))


def _concerns(image: Image, status: TemplateStatus) -> bool:
    is_current = image.image_id == status.image_id
    return is_current or image.image_id in status.skipped or image in status.candidates


def _instance(
    instance: dict[str, Any], tags: dict[str, str], status: TemplateStatus | None
) -> Node:
    """What an instance runs, and what would be launched in its place."""
    nodes = [Node(f"launched on {aws_date(instance['LaunchTime'])}")]
    if (number := tags.get(VERSION_TAG)) is not None:
        nodes.append(Node(f"from version {printable(number)} of {printable(tags[TEMPLATE_TAG])}"))
    if (group := tags.get(GROUP_TAG)) is not None:
        nodes.append(Node(f"by the group {printable(group)}"))
    nodes.append(_instead(instance["ImageId"], status))
    return Node(f"{instance['InstanceId']} runs {instance['ImageId']}", children=tuple(nodes))


def _instead(image_id: str, status: TemplateStatus | None) -> Node:
    if status is None:
        return Node("no followed template launched it")
    if image_id == status.image_id:
        return Node("a new instance would launch the same image", "ok")
    would = printable(status.image_id or "no image")
    return Node(f"a new instance would launch {would} instead", "warn")
