"""Why a template is on what it is on, and why the next image will, or will not, be taken."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from infra.operate.fleet import TemplateStatus
from infra.operate.groups import Follows, Group, findings, verdict
from infra.operate.history import Log, made_default, unlogged
from infra.operate.instances import GROUP_TAG, TEMPLATE_TAG
from infra.operate.versions import VersionInfo
from models.base import aws_date, printable
from models.image import Image
from models.selectors import Misconfigured, Selectors
from models.tags import HIGH_WATER_MARK_TAG, HOLD_TAG, QUARANTINE_TAG, read_stamp

IMAGES_SHOWN = 20
VERSION_TAG = "aws:ec2launchtemplate:version"

_WOULD = {
    "promoted": ("so the reactor would promote it", "good"),
    "kept": ("so the reactor would keep it", ""),
    "refused": ("so the reactor would refuse", "bad"),
    "failed": ("so the reactor would fail", "bad"),
    "unknown": ("what the reactor would do is unknown", "warn"),
}


@dataclass
class Line:
    """One statement, and below it what it rests on.

    Attributes:
        mood: `good`, `bad` or `warn`; empty for plain facts.
    """

    what: str
    mood: str = ""
    below: list["Line"] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {"what": self.what, "mood": self.mood, "below": [b.as_json() for b in self.below]}


def explain_template(
    status: TemplateStatus,
    selectors: Selectors | Misconfigured,
    version: VersionInfo | None,
    log: Log,
) -> Line:
    """The whole reasoning about one template.

    Args:
        status: As `status` has it.
        selectors: What its tags say.
        version: Its default version.
        log: What the function's log tells of the template since that version was made.
    """
    template = status.template
    following = status.next
    would, mood = _WOULD[following.outcome]
    name = f"{template.launch_template_name} ({template.launch_template_id})"
    return Line(
        printable(name),
        below=[
            Line(_followed(selectors), "bad" if isinstance(selectors, Misconfigured) else ""),
            *_held(status),
            Line(_in_force(status), below=list(_since(status, version, log))),
            *_mark(status),
            *_images(status),
            *(explain_group(group, status) for group in status.groups),
            Line(
                f"{would}: {following.reason}: {printable(following.message)}",
                mood,
            ),
        ],
    )


def _followed(selectors: Selectors | Misconfigured) -> str:
    if isinstance(selectors, Misconfigured):
        return selectors.message
    asked = []
    if selectors.source_instances:
        asked.append(f"made from {' or '.join(sorted(selectors.source_instances))}")
    asked += [f"tagged {printable(f'{k}={v}')}" for k, v in sorted(selectors.image_tags.items())]
    if selectors.image_name is not None:
        asked.append(f"named {printable(selectors.image_name)}")
    copies = "" if selectors.copied_images else ", no copies"
    watches = " (observe: it never writes)" if selectors.mode == "observe" else ""
    return f"follows images {' and '.join(asked)}{copies}{watches}"


def _held(status: TemplateStatus) -> Iterator[Line]:
    value = status.template.tags.get(HOLD_TAG)
    if value is not None:
        yield Line(f"held: {read_stamp(value)}", "warn")


def _in_force(status: TemplateStatus) -> str:
    number = status.template.default_version_number
    image = status.image
    made = f" of {aws_date(image.creation_date)}" if image else ", which cannot be seen"
    return (
        f"new instances launch {printable(status.image_id or 'no image')}{made}: version {number}"
    )


def _since(status: TemplateStatus, version: VersionInfo | None, log: Log) -> Iterator[Line]:
    if version is None:
        return
    yield Line(f"that version was made on {aws_date(version.create_time)} by {version.who}")
    if moves := log.moves_to(version):
        yield Line(f"made the default on {aws_date(moves[-1].at)} by the event {moves[-1].event}")
    elif version.is_promotion:
        yield Line(unlogged(version, log))
    elif version.rolled_back:
        yield Line(f"made the default by a rollback of version {version.rolled_back[0]}")
    yield from map(Line, made_default(version, status.template, log))


def _mark(status: TemplateStatus) -> Iterator[Line]:
    if mark := status.template.tags.get(HIGH_WATER_MARK_TAG):
        yield Line(f"the newest image it was ever on: {printable(mark)}")


def _images(status: TemplateStatus) -> Iterator[Line]:
    """Each image that the tags select, newest first, and what speaks for it or against it."""
    candidates = {image.image_id for image in status.candidates}
    selected = [
        image for id_, image in status.images.items() if id_ in candidates or id_ in status.skipped
    ]
    selected.sort(key=lambda image: (image.creation_date, image.image_id), reverse=True)
    lines = [explain_image_for(status, image) for image in selected[:IMAGES_SHOWN]]
    if len(selected) > IMAGES_SHOWN:
        lines.append(Line(f"and {len(selected) - IMAGES_SHOWN} older ones"))
    what = f"images that its tags select: {len(selected)}, of which may be taken: {len(candidates)}"
    yield Line(what, below=lines)


def explain_image_for(status: TemplateStatus, image: Image) -> Line:
    """What speaks for one image, or against it, for one template."""
    dated = f"{image.image_id} of {aws_date(image.creation_date)}"
    current = status.image
    if image.image_id == status.image_id:
        return Line(f"{dated}: in force", "good")
    if (skip := status.skipped.get(image.image_id)) is not None:
        why = image.tags.get(QUARANTINE_TAG)
        by = f": {read_stamp(why)}" if why is not None else ""
        return Line(f"{dated}: {skip}{by}", "warn")
    if image not in status.candidates:
        return Line(f"{dated}: not selected by the tags")
    if current and not image.is_newer_than(current):
        return Line(f"{dated}: not newer than the one in force")
    if image != status.candidates[0]:
        return Line(f"{dated}: newer than the one in force, but not the newest")
    if status.next.to_image == image.image_id:
        return Line(f"{dated}: the newest, and it would be taken", "good")
    return Line(f"{dated}: the newest, and it is kept from it: {status.next.reason}", "warn")


def explain_group(group: Group, status: TemplateStatus) -> Line:
    """Whether the group launches what the template's default names."""
    found = findings(group, status.template)
    follows = verdict(found)
    mood = {Follows.YES: "good", Follows.PARTLY: "warn", Follows.NO: "bad"}[follows]
    return Line(
        f"the group {printable(group.name)} {follows}; its instances: {group.size}",
        mood,
        [Line(finding.what, below=[Line(f"fix: {finding.fix}")]) for finding in found],
    )


def explain_image(image: Image, statuses: Iterable[TemplateStatus], running: int | None) -> Line:
    """What an image is, and what it means to each template that it concerns."""
    lines = [Line(f"made on {aws_date(image.creation_date)}, state {printable(image.state)}")]
    if image.source_instances:
        lines.append(Line(f"made from {', '.join(sorted(map(printable, image.source_instances)))}"))
    if (why := image.tags.get(QUARANTINE_TAG)) is not None:
        lines.append(Line(f"quarantined: {read_stamp(why)}", "warn"))
    if running is not None:
        lines.append(Line(f"instances that run it: {running}"))
    concerned = [
        status
        for status in statuses
        if image.image_id == status.image_id
        or image.image_id in status.skipped
        or image in status.candidates
    ]
    for status in concerned:
        line = explain_image_for(status, image)
        name = printable(status.template.launch_template_name)
        lines.append(Line(f"{name}: {line.what.partition(': ')[2]}", line.mood))
    if not concerned:
        lines.append(Line("no followed template selects it"))
    return Line(printable(f"{image.image_id} {image.name}"), below=lines)


def explain_instance(instance: dict[str, Any], status: TemplateStatus | None) -> Line:
    """What an instance runs, and what would be launched in its place."""
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
    image_id = instance["ImageId"]
    lines = [Line(f"launched on {aws_date(instance['LaunchTime'])}")]
    if (number := tags.get(VERSION_TAG)) is not None:
        lines.append(Line(f"from version {printable(number)} of {printable(tags[TEMPLATE_TAG])}"))
    if (group := tags.get(GROUP_TAG)) is not None:
        lines.append(Line(f"by the group {printable(group)}"))
    if status is None:
        lines.append(Line("no followed template launched it"))
    elif image_id == status.image_id:
        lines.append(Line("a new instance would launch the same image", "good"))
    else:
        would = printable(status.image_id or "no image")
        lines.append(Line(f"a new instance would launch {would} instead", "warn"))
    return Line(f"{instance['InstanceId']} runs {image_id}", below=lines)
