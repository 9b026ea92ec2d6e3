"""Why a template is on what it is on, and why the next image will, or will not, be taken.

`Explainer` reads the account; the functions below it say what that means, and read nothing.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Literal, NamedTuple

from pydantic import Field

from infra.operate.account import Account
from infra.operate.chains import Chain
from infra.operate.find import (
    NotFound,
    find_group,
    find_instance,
    find_template,
    find_template_or_group,
    whole_image_id,
)
from infra.operate.fleet import Fleet, TemplateStatus, read_fleet, with_chains
from infra.operate.groups import Finding, UsesDefault, findings, verdict
from infra.operate.guarded import by_the_guard, failed_refreshes
from infra.operate.history import Log, made_default, read_log, unlogged
from infra.operate.instances import GROUP_TAG, TEMPLATE_TAG, VERSION_TAG, count_running
from infra.operate.paging import Gaps, Progress
from infra.operate.versions import VersionInfo, read_versions
from models.auto_scaling import Group
from models.base import Value, aws_date, printable
from models.image import Image
from models.launch_template import Template
from models.selectors import Misconfigured, Selectors, read_selectors
from models.tags import (
    HIGH_WATER_MARK_TAG,
    QUARANTINE_TAG,
    SOAK,
    WINDOW_TAG,
    Stamp,
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


Kind = Literal[
    "template",
    "follows",
    "misconfigured",
    "waits-for",
    "window",
    "held",
    "guard",
    "fix",
    "launches",
    "made",
    "made-default",
    "high-water-mark",
    "selected",
    "image",
    "group",
    "finding",
    "failed-refresh",
    "chain",
    "would",
    "source",
    "quarantined",
    "running",
    "no-template",
    "instance",
    "launched",
    "from-version",
    "by-group",
    "instead",
]
"""What a statement is about."""


def _is_none(value: object) -> bool:
    return value is None


def _absent() -> Any:
    return Field(default=None, exclude_if=_is_none)


class Node(Value):
    """One statement, and below it what it rests on, as `explain --json` prints it.

    It is a public interface. Beside the first four keys, a statement has those of which it tells.

    Attributes:
        kind: What it is about.
        what: The statement, in words.
        mood: How good it is: `ok`, `warn` or `fail`; empty for a plain fact.
        below: What it rests on.
        image_name: The image's name; of what a template follows, the pattern.
        image_created: The image's CreationDate.
        state: The image's state, as EC2 has it; of a chain, its stack's, as CloudFormation has it.
        stack: The stack that does something after a promotion.
        version: The number of a version of the launch template.
        instance_id: The instance's id.
        group: The Auto Scaling group's name.
        uses_default: Whether the group launches what the template's default version names.
        at: When it happened.
        by: Who did it, as EC2 says.
        event: The detail type and the id of the event by which it happened.
        outcome: What the reactor would do.
        reason: Why, in one word: a reason or a skip of models/README.md.
        count: How many there are.
        candidates: How many of them may be taken.
        mode: `on`, or `observe`: it never writes.
        source_instances: The instances from which the image is, or must be, made.
        image_tags: The tags that an image must have to be followed.
        soak: How old an image must be, or how long ago proved.
        after: The launch templates that must have proved an image.
        gates: The tags that an image must have to be taken.
        stamp: Who holds the template or quarantined the image, since when, until when and why.
        fix: What to type.
    """

    kind: Kind
    what: str
    mood: Level = ""
    below: tuple["Node", ...] = ()
    launch_template_id: str | None = _absent()
    launch_template_name: str | None = _absent()
    image_id: str | None = _absent()
    image_name: str | None = _absent()
    image_created: str | None = _absent()
    state: str | None = _absent()
    stack: str | None = _absent()
    version: int | None = _absent()
    instance_id: str | None = _absent()
    group: str | None = _absent()
    uses_default: UsesDefault | None = _absent()
    at: str | None = _absent()
    by: str | None = _absent()
    event: str | None = _absent()
    outcome: str | None = _absent()
    reason: str | None = _absent()
    count: int | None = _absent()
    candidates: int | None = _absent()
    mode: str | None = _absent()
    source_instances: tuple[str, ...] | None = _absent()
    image_tags: dict[str, str] | None = _absent()
    soak: str | None = _absent()
    after: tuple[str, ...] | None = _absent()
    gates: dict[str, str] | None = _absent()
    stamp: Stamp | None = _absent()
    fix: str | None = _absent()


def _node(
    kind: Kind, what: str, mood: Level = "", below: Iterable[Node] = (), **fields: Any
) -> Node:
    return Node(kind=kind, what=what, mood=mood, below=tuple(below), **fields)


def _fix(command: str) -> Node:
    return _node("fix", f"fix: {command}", fix=command)


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
            fleet = with_chains(self.account, fleet, self.progress)
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
    return _node(
        "template",
        printable(f"{template.launch_template_name} ({template.launch_template_id})"),
        below=(
            _followed(selectors),
            *_ripens(template, selectors),
            *_held(template),
            _launched(status, _since(template, version, log)),
            *_high_water_mark(template),
            _selected(status),
            *(_group(group, status) for group in status.groups),
            *_failed_refreshes(status),
            *map(_chain, status.chains),
            _would(status),
        ),
        **_names(template),
    )


def _names(template: Template) -> dict[str, Any]:
    return {
        "launch_template_id": template.launch_template_id,
        "launch_template_name": template.launch_template_name,
    }


def _chain(chain: Chain) -> Node:
    """What follows a promotion."""
    told = partial(_node, "chain", stack=chain.stack, state=chain.status)
    if chain.is_failed:
        return told(f"then: {chain.state}", "fail", [_fix(chain.events)])
    return told(f"then: {chain}")


def _would(status: TemplateStatus) -> Node:
    following = status.next
    would, level = _WOULD[following.outcome]
    return _node(
        "would",
        f"{would}: {following.reason}: {printable(following.message)}",
        level,
        outcome=following.outcome,
        reason=following.reason,
        image_id=following.to_image,
    )


def _followed(selectors: Selectors | Misconfigured) -> Node:
    if isinstance(selectors, Misconfigured):
        return _node("misconfigured", selectors.message, "fail")
    asked = []
    instances = sorted(selectors.source_instances)
    if instances:
        asked.append(f"made from {' or '.join(instances)}")
    asked += [f"tagged {printable(f'{k}={v}')}" for k, v in sorted(selectors.image_tags.items())]
    if selectors.image_name is not None:
        asked.append(f"named {printable(selectors.image_name)}")
    copies = "" if selectors.copied_images else ", no copies"
    watches = " (observe: it never writes)" if selectors.mode == "observe" else ""
    return _node(
        "follows",
        f"follows images {' and '.join(asked)}{copies}{watches}",
        mode=selectors.mode,
        source_instances=instances or None,
        image_tags=dict(selectors.image_tags) or None,
        image_name=selectors.image_name,
    )


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
        yield _node(
            "waits-for",
            f"takes an image only once {', and once '.join(waits)}",
            soak=soak or None,
            after=tuple(selectors.after) or None,
            gates=dict(selectors.gates) or None,
        )
    if WINDOW_TAG in template.tags:
        yield _node("window", "its window is closed: a newer image waits until it opens", "warn")


def _held(template: Template) -> Iterator[Node]:
    held = template.hold
    if held is not None:
        done = by_the_guard(template)
        below = (_node("guard", done.what), _fix(done.fix)) if done else ()
        yield _node("held", f"held: {held}", "warn", below, stamp=held)


def _launched(status: TemplateStatus, since: Iterable[Node]) -> Node:
    image = status.image
    image_id = printable(status.image_id or "no image")
    created = aws_date(image.creation_date) if image else None
    dated = f" of {created}" if created else ", which cannot be seen" if status.image_id else ""
    number = status.template.default_version_number
    return _node(
        "launches",
        f"new instances launch {image_id}{dated}: version {number}",
        below=since,
        image_id=status.image_id,
        image_created=created,
        version=number,
    )


def _since(template: Template, version: VersionInfo | None, log: Log) -> Iterator[Node]:
    if version is None:
        return
    made = aws_date(version.create_time)
    what = f"that version was made on {made} by {version.who}"
    yield _node("made", what, version=version.version_number, at=made, by=version.who)
    if moves := log.moves_to(version):
        at, event = aws_date(moves[-1].at), moves[-1].event
        yield _node(
            "made-default", f"made the default on {at} by the event {event}", at=at, event=event
        )
    elif version.is_promotion:
        yield _node("made-default", unlogged(version, log))
    elif version.rollback:
        number = version.rollback.version
        what = f"made the default by a rollback of version {number}"
        yield _node("made-default", what, version=number)
    yield from (_node("made-default", told) for told in made_default(version, template, log))


def _high_water_mark(template: Template) -> Iterator[Node]:
    if tag := template.tags.get(HIGH_WATER_MARK_TAG):
        mark = template.high_water_mark
        image_id = mark.image_id if mark else None
        what = f"the newest image it was ever on: {printable(tag)}"
        yield _node("high-water-mark", what, image_id=image_id)


def _selected(status: TemplateStatus) -> Node:
    """Each image that the tags select, newest first, and what speaks for it or against it."""
    candidates = {image.image_id for image in status.candidates}
    ids = candidates | status.skipped.keys()
    selected = [image for image_id, image in status.images.items() if image_id in ids]
    selected.sort(key=lambda image: image.order, reverse=True)
    nodes = [_image_of(status, image) for image in selected[:_IMAGES_SHOWN]]
    if more := len(selected[_IMAGES_SHOWN:]):
        nodes.append(_node("selected", f"and {more} older ones", count=more))
    return _node(
        "selected",
        f"images that its tags select: {len(selected)}, of which may be taken: {len(candidates)}",
        below=nodes,
        count=len(selected),
        candidates=len(candidates),
    )


def _failed_refreshes(status: TemplateStatus) -> Iterator[Node]:
    for told in failed_refreshes(status.template, status.groups):
        yield _node("failed-refresh", told.what, "warn", [_fix(told.fix)])


def _group(group: Group, status: TemplateStatus) -> Node:
    """Whether the group launches what the template's default names."""
    found = findings(group, status.template)
    uses_default = verdict(found)
    return _node(
        "group",
        f"the group {printable(group.name)} {uses_default}; its instances: {group.size}",
        _GROUP_LEVELS[uses_default],
        map(_finding, found),
        group=group.name,
        uses_default=uses_default,
        count=group.size,
    )


def _finding(finding: Finding) -> Node:
    fix = [_fix(finding.fix)]
    return _node("finding", finding.what, below=fix, uses_default=finding.uses_default)


# -- an image, an instance -------------------------------------------------------------------------


class _Verdict(NamedTuple):
    """What an image means to a template.

    Attributes:
        reason: A skip, or the reason for which it would not be taken.
    """

    text: str
    level: Level = ""
    reason: str | None = None


def _image_of(status: TemplateStatus, image: Image) -> Node:
    text, level, reason = _verdict(status, image)
    created = aws_date(image.creation_date)
    what = f"{image.image_id} of {created}: {text}"
    return _node(
        "image", what, level, image_id=image.image_id, image_created=created, reason=reason
    )


def _verdict(status: TemplateStatus, image: Image) -> _Verdict:
    """What speaks for one image, or against it, for one template."""
    current = status.image
    if image.image_id == status.image_id:
        return _Verdict("current image", "ok")
    if (skip := status.skipped.get(image.image_id)) is not None:
        stamp = image.tags.get(QUARANTINE_TAG)
        by = f": {read_stamp(stamp)}" if stamp is not None else ""
        return _Verdict(f"{skip}{by}", "warn", skip.skip)
    if image not in status.candidates:
        return _Verdict("not selected by the tags")
    if current and not image.is_newer_than(current):
        return _Verdict("not newer than the current image")
    if image != status.candidates[0]:
        return _Verdict("newer than the current image, but not the newest")
    if status.next.to_image == image.image_id:
        return _Verdict("the newest, and it would be taken", "ok")
    reason = status.next.reason
    return _Verdict(f"the newest, but it would not be taken: {reason}", "warn", reason)


def _image(image: Image, fleet: Fleet, running: int | None) -> Node:
    """What an image is, and what it means to each template that it concerns."""
    created, state = aws_date(image.creation_date), printable(image.state)
    nodes = [_node("made", f"made on {created}, state {state}", at=created, state=image.state)]
    if image.source_instances:
        instances = sorted(map(printable, image.source_instances))
        made_from = f"made from {', '.join(instances)}"
        nodes.append(_node("source", made_from, source_instances=instances))
    if (value := image.tags.get(QUARANTINE_TAG)) is not None:
        stamp = read_stamp(value)
        nodes.append(_node("quarantined", f"quarantined: {stamp}", "warn", stamp=stamp))
    if running is not None:
        nodes.append(_node("running", f"instances that run it: {running}", count=running))
    concerned = [status for status in fleet.statuses if _concerns(image, status)]
    nodes += [_to_template(status, image) for status in concerned]
    if not concerned:
        nodes.append(_node("no-template", "no followed template selects it"))
    what = printable(f"{image.image_id} {image.name}")
    return _node("image", what, below=nodes, image_id=image.image_id, image_name=image.name)


def _to_template(status: TemplateStatus, image: Image) -> Node:
    text, level, reason = _verdict(status, image)
    names = _names(status.template)
    what = f"{printable(names['launch_template_name'])}: {text}"
    return _node("template", what, level, reason=reason, **names)


def _concerns(image: Image, status: TemplateStatus) -> bool:
    is_current = image.image_id == status.image_id
    return is_current or image.image_id in status.skipped or image in status.candidates


def _instance(
    instance: dict[str, Any], tags: dict[str, str], status: TemplateStatus | None
) -> Node:
    """What an instance runs, and what would be launched in its place."""
    instance_id, image_id = instance["InstanceId"], instance["ImageId"]
    at = aws_date(instance["LaunchTime"])
    nodes = [_node("launched", f"launched on {at}", at=at)]
    if (number := tags.get(VERSION_TAG)) is not None:
        what = f"from version {printable(number)} of {printable(tags[TEMPLATE_TAG])}"
        version = int(number) if number.isdecimal() else None
        template_id = tags[TEMPLATE_TAG]
        nodes.append(_node("from-version", what, version=version, launch_template_id=template_id))
    if (group := tags.get(GROUP_TAG)) is not None:
        nodes.append(_node("by-group", f"by the group {printable(group)}", group=group))
    nodes.append(_instead(image_id, status))
    what = f"{instance_id} runs {image_id}"
    return _node("instance", what, below=nodes, instance_id=instance_id, image_id=image_id)


def _instead(image_id: str, status: TemplateStatus | None) -> Node:
    if status is None:
        return _node("no-template", "no followed template launched it")
    if image_id == status.image_id:
        same = "a new instance would launch the same image"
        return _node("instead", same, "ok", image_id=image_id)
    would = printable(status.image_id or "no image")
    other = f"a new instance would launch {would} instead"
    return _node("instead", other, "warn", image_id=status.image_id)
