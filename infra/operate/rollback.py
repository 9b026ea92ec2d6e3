"""Going back, so that it stays: to a copy of an older version, with the bad image shut out.

Latest stays default, so that Terraform and groups on `$Latest` agree. Whatever is cut off between
two writes is safe: first the hold, then the quarantine, and only then does anything move. Until the
hold is there the reactor may move the template on: so it is looked at again, and a default that
was not in the plan is neither quarantined nor left.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handlers.ec2 import Ec2
from infra.operate import writes
from infra.operate.paging import PAGE_OF_VERSIONS, each
from models.base import Place, printable
from models.errors import AwsRefused
from models.image import Image
from models.launch_template import Template, Version, parameters
from models.selectors import Selectors, read_selectors
from models.tags import HIGH_WATER_MARK_TAG, HOLD_TAG, QUARANTINE_TAG, HighWaterMark, read_stamp

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client


@dataclass(frozen=True)
class Rollback:
    """What a rollback of one template would do.

    Attributes:
        template: With its default version.
        bad: The image in force; None where there is none, or none that can be seen.
        target: The older version, of which a copy becomes the default.
        image: The older version's.
    """

    template: Template
    bad: Image | None
    target: Version
    image: Image

    @property
    def other_changes(self) -> list[str]:
        """What the older version has otherwise, but for its image."""
        now, then = parameters(self.template.default.data), parameters(self.target.data)
        keys = (now.keys() | then.keys()) - {"ImageId"}
        return sorted(key for key in keys if now.get(key) != then.get(key))

    @property
    def description(self) -> str:
        default = self.template.default_version_number
        return f"ami-reactor: rollback of version {default} to {self.target.version_number}"


class NoTarget(AwsRefused):
    """There is no version to go back to; the message says why."""


def plan_rollback(
    client: "EC2Client", place: Place, template: Template, to: str | None
) -> Rollback:
    """What a rollback would do: to that version, or image, or else to the next older good one.

    Raises:
        NoTarget: There is no such version, or its image cannot be launched.
    """
    ec2 = Ec2(client, place)
    template = template.model_copy(update={"versions": ec2.versions(template)})
    bad_id = template.default.image_id or ""
    bad = next(iter(ec2.images([bad_id])), None) if bad_id.startswith("ami-") else None
    target, image = (
        _next_older(ec2, client, template, bad) if to is None else _named(ec2, client, template, to)
    )
    return Rollback(template, bad, target, image)


def _next_older(
    ec2: Ec2, client: "EC2Client", template: Template, bad: Image | None
) -> tuple[Version, Image]:
    """The highest version below the default whose image is older, launchable, not quarantined."""
    for window in _below_default(client, template):
        images = {image.image_id: image for image in ec2.images(_image_ids(window))}
        for version in window:
            image = images.get(version.image_id or "")
            is_older = image and (bad is None or bad.is_newer_than(image))
            if image and is_older and _why_not(image) is None:
                return version, image
    number = template.default_version_number
    raise NoTarget(
        f"{template.launch_template_name}: no version below {number} has an older image that could"
        " be launched and is not quarantined"
    )


def _named(ec2: Ec2, client: "EC2Client", template: Template, to: str) -> tuple[Version, Image]:
    version = _version(client, template, to)
    name = f"{template.launch_template_name} version {version.version_number}"
    if version.version_number == template.default_version_number:
        raise NoTarget(f"{name} is the default already")
    if version.image_id == template.default.image_id:
        raise NoTarget(f"{name} has the image in force, {version.image_id}, which is quarantined")
    found = ec2.images(_image_ids([version]))
    why = _why_not(found[0]) if found else f"{version.image_id} is not there any more"
    if why:
        raise NoTarget(f"{name}: {why}")
    return version, found[0]


def _version(client: "EC2Client", template: Template, to: str) -> Version:
    if to.startswith("ami-"):
        for window in _below_default(client, template):
            for version in window:
                if version.image_id == to:
                    return version
        raise NoTarget(
            f"{template.launch_template_name}: no version below"
            f" {template.default_version_number} has {printable(to)}"
        )
    if not to.isdecimal():
        raise NoTarget(f"{printable(to)}: must be a version's number or an image's id")
    found = each(
        client,
        "describe_launch_template_versions",
        "LaunchTemplateVersions",
        LaunchTemplateId=template.launch_template_id,
        Versions=[to],
    )
    return Version.model_validate(next(found))


def _why_not(image: Image) -> str | None:
    if image.state != "available":
        return f"{image.image_id} is {printable(image.state)} and cannot be launched"
    if QUARANTINE_TAG in image.tags:
        return f"{image.image_id} is quarantined: {read_stamp(image.tags[QUARANTINE_TAG])}"
    return None


def _below_default(client: "EC2Client", template: Template) -> Iterator[list[Version]]:
    """All versions below the default, highest first, a page at a time."""
    for upper in range(template.default_version_number - 1, 0, -PAGE_OF_VERSIONS):
        found = each(
            client,
            "describe_launch_template_versions",
            "LaunchTemplateVersions",
            LaunchTemplateId=template.launch_template_id,
            # "after which", says the API: ask for one more
            MinVersion=str(max(1, upper - PAGE_OF_VERSIONS)),
            MaxVersion=str(upper),
        )
        versions = (Version.model_validate(described) for described in found)
        wanted = [
            version for version in versions if version.version_number > upper - PAGE_OF_VERSIONS
        ]
        yield sorted(wanted, key=lambda version: version.version_number, reverse=True)


def _image_ids(versions: Iterable[Version]) -> set[str]:
    return {v.image_id for v in versions if v.image_id and v.image_id.startswith("ami-")}


# ---- who else has that image ---------------------------------------------------------------------


@dataclass(frozen=True)
class Others:
    """The other followed templates that the bad image concerns.

    Attributes:
        on_it: Those whose default names it.
        would_follow: Those whose selectors match it.
    """

    on_it: tuple[Template, ...]
    would_follow: tuple[Template, ...]


def others(ec2: Ec2, rollback: Rollback) -> Others:
    if rollback.bad is None:
        return Others((), ())
    on_it = ec2.templates_on(rollback.bad.image_id)
    rest = [
        template
        for template in ec2.opted_in_templates()
        if template.launch_template_id != rollback.template.launch_template_id
    ]
    return Others(
        tuple(t for t in rest if t.launch_template_id in on_it),
        tuple(
            t
            for t in rest
            if t.launch_template_id not in on_it and _matches(t, rollback.bad, ec2.place)
        ),
    )


def _matches(template: Template, image: Image, place: Place) -> bool:
    selectors = read_selectors(template.tags, place)
    return isinstance(selectors, Selectors) and selectors.match(image)


# ---- writing -------------------------------------------------------------------------------------


def carry_out(
    client: "EC2Client",
    place: Place,
    rollbacks: Iterable[Rollback],
    said: str,
    *,
    follow_newer: bool,
) -> Iterator[tuple[Rollback, int]]:
    """Do it; yield each template, as soon as it is moved, with its new default version.

    Args:
        client: An EC2 client.
        place: Where that is.
        rollbacks: Of one template, or of several that are on the same image.
        said: Who does it and why, for the tags of the hold and the quarantine.
        follow_newer: Do not hold: the next newer image is taken.

    Raises:
        AwsRefused: EC2 refused one of the writes, or the default moved meanwhile. What was written
            before is safe as it is, and the same rollback can be asked for again.
    """
    wanted = list(rollbacks)
    if not follow_newer:
        for rollback in wanted:
            writes.tag(client, rollback.template.launch_template_id, {HOLD_TAG: said})
    ec2 = Ec2(client, place)
    written = "nothing was written" if follow_newer else "it is held, and nothing else was written"
    seen = [_as_planned(ec2, rollback, written) for rollback in wanted]
    for rollback, template in zip(wanted, seen, strict=True):
        _remember(client, template, rollback.bad)
    for image_id in {rollback.bad.image_id for rollback in wanted if rollback.bad}:
        writes.tag(client, image_id, {QUARANTINE_TAG: said})
    for rollback in wanted:
        version = _copy(ec2, client, rollback)
        number = version.version_number
        _as_planned(ec2, rollback, f"version {number}, the copy, was not made the default")
        ec2.set_default(rollback.template, version)
        yield rollback, number


def _as_planned(ec2: Ec2, rollback: Rollback, written: str) -> Template:
    """The template as it is now, if its default is still the one that was planned to be left.

    Raises:
        AwsRefused: It is another; the message says what was written till then.
    """
    template = ec2.template(rollback.template.launch_template_id)
    number = template.default_version_number
    if number != rollback.template.default_version_number:
        default = next(iter(ec2.versions(template)))
        name = printable(template.launch_template_name)
        raise AwsRefused(
            f"{name}: version {number} with {printable(default.image_id or 'no image')} has become"
            f" the default since the plan was made; {written}: look at it, and roll back again"
        )
    return template


def _remember(client: "EC2Client", template: Template, bad: Image | None) -> None:
    """Write the mark, which keeps the bad image out even when its quarantine is lifted."""
    mark = template.high_water_mark
    if bad and template.is_opted_in and (mark is None or bad.creation_date > mark.creation_date):
        writes.tag(
            client, template.launch_template_id, {HIGH_WATER_MARK_TAG: str(HighWaterMark.of(bad))}
        )


def _copy(ec2: Ec2, client: "EC2Client", rollback: Rollback) -> Version:
    """A copy of the target: the latest version, where a rollback that was cut off made it."""
    template = ec2.template(rollback.template.launch_template_id)
    latest = max(ec2.versions(template), key=lambda version: version.version_number)
    if latest.equals(rollback.target):  # and not the default's: its image is another
        return latest
    return writes.copy_version(client, template, rollback.target, rollback.description)
