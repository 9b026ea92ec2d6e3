"""A rollback: a copy of an older version becomes the default, so that it stays.

Operators run it (`ami-reactor rollback`), and the guard. The latest version stays the default, so
that Terraform and groups on `$Latest` agree. It is safe wherever it is cut off: first the hold is
written, then the quarantine, and only then does anything move. Until the hold is there, the reactor
may move the template on: so the template is read again, and a default that was not in the plan is
neither quarantined nor left.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from handlers.ec2 import Ec2
from handlers.writes import copy_version, tag
from models.aws_limits import VERSIONS_AT_ONCE
from models.base import printable
from models.errors import AwsRefused
from models.image import Image, amis
from models.launch_template import Template, Version, parameters
from models.tags import HIGH_WATER_MARK_TAG, HOLD_TAG, QUARANTINE_TAG, HighWaterMark, read_stamp
from models.version_description import RollbackOf


@dataclass(frozen=True)
class Rollback:
    """What a rollback of one template would do.

    Attributes:
        template: With its default version.
        bad: The current image; None if there is none, or none that can be seen.
        target: The older version, of which a copy becomes the default.
        image: The older version's.
    """

    template: Template
    bad: Image | None
    target: Version
    image: Image

    @property
    def other_changes(self) -> list[str]:
        """The parameters that differ in the older version, besides its image."""
        now, then = parameters(self.template.default.data), parameters(self.target.data)
        keys = (now.keys() | then.keys()) - {"ImageId"}
        return sorted(key for key in keys if now.get(key) != then.get(key))

    @property
    def description(self) -> str:
        default = self.template.default_version_number
        return str(RollbackOf(default, self.target.version_number))


class NoTarget(AwsRefused):
    """There is no version to go back to; the message says why."""


# ---- reading -------------------------------------------------------------------------------------


def plan_rollback(ec2: Ec2, template: Template, to: str | None) -> Rollback:
    """What a rollback would do: to that version, or image, or else to the next older good one.

    Raises:
        NoTarget: There is no such version, or its image cannot be launched.
    """
    template = template.model_copy(update={"versions": ec2.versions(template)})
    bad = bad_image(ec2, template)
    target, image = next_older(ec2, template, bad) if to is None else _named(ec2, template, to)
    return Rollback(template, bad, target, image)


def bad_image(ec2: Ec2, template: Template) -> Image | None:
    """The image of the default version, which was read; None if it cannot be seen."""
    bad_id = template.default.image_id or ""
    return next(iter(ec2.images([bad_id])), None) if bad_id.startswith("ami-") else None


def next_older(
    ec2: Ec2,
    template: Template,
    bad: Image | None,
    fits: Callable[[Version], bool] = lambda _: True,
) -> tuple[Version, Image]:
    """The highest version below the default whose image is older, launchable, not quarantined.

    Args:
        ec2: Where the template is.
        template: With its default version.
        bad: The image to leave; None if it cannot be seen.
        fits: Whether a version may be gone back to, whatever its image.

    Raises:
        NoTarget: There is none.
    """
    for window in _below_default(ec2, template):
        versions = [version for version in window if fits(version)]
        images = {i.image_id: i for i in ec2.images(amis(v.image_id for v in versions))}
        for version in versions:
            image = images.get(version.image_id or "")
            is_older = image and (bad is None or bad.is_newer_than(image))
            if image and is_older and _why_not(image) is None:
                return version, image
    number = template.default_version_number
    raise NoTarget(
        f"{template.launch_template_name}: no version below {number} has an older image that could"
        " be launched and is not quarantined"
    )


def _named(ec2: Ec2, template: Template, to: str) -> tuple[Version, Image]:
    version = _version(ec2, template, to)
    name = f"{template.launch_template_name} version {version.version_number}"
    if version.version_number == template.default_version_number:
        raise NoTarget(f"{name} is the default already")
    if version.image_id == template.default.image_id:
        raise NoTarget(
            f"{name} has the current image, {version.image_id}, which a rollback quarantines"
        )
    found = ec2.images(amis([version.image_id]))
    why = _why_not(found[0]) if found else f"{version.image_id} does not exist any more"
    if why:
        raise NoTarget(f"{name}: {why}")
    return version, found[0]


def _version(ec2: Ec2, template: Template, to: str) -> Version:
    if to.startswith("ami-"):
        for window in _below_default(ec2, template):
            for version in window:
                if version.image_id == to:
                    return version
        raise NoTarget(
            f"{template.launch_template_name}: no version below"
            f" {template.default_version_number} has {printable(to)}"
        )
    if not to.isdecimal():
        raise NoTarget(f"{printable(to)}: must be a version's number or an image's id")
    return next(_described(ec2, template, Versions=[to]))


def _why_not(image: Image) -> str | None:
    if image.state != "available":
        return f"{image.image_id} is {printable(image.state)} and cannot be launched"
    if QUARANTINE_TAG in image.tags:
        return f"{image.image_id} is quarantined: {read_stamp(image.tags[QUARANTINE_TAG])}"
    return None


def _below_default(ec2: Ec2, template: Template) -> Iterator[list[Version]]:
    """All versions below the default, highest first, a page at a time."""
    for upper in range(template.default_version_number - 1, 0, -VERSIONS_AT_ONCE):
        # "after which", says the API: ask for one more
        lowest = str(max(1, upper - VERSIONS_AT_ONCE))
        found = _described(ec2, template, MinVersion=lowest, MaxVersion=str(upper))
        wanted = [v for v in found if v.version_number > upper - VERSIONS_AT_ONCE]
        yield sorted(wanted, key=lambda version: version.version_number, reverse=True)


def _described(ec2: Ec2, template: Template, **which: object) -> Iterator[Version]:
    for described in ec2.pages(
        ec2.client,
        "describe_launch_template_versions",
        "LaunchTemplateVersions",
        LaunchTemplateId=template.launch_template_id,
        **which,
    ):
        yield Version.model_validate(described)


# ---- writing: each step can be done again, and says nothing of the others ------------------------


def hold_template(ec2: Ec2, template: Template, value: str) -> str:
    """Hold the template; a hold that exists already stays as it is.

    Returns:
        The value of the hold's tag now: the given one, or the first one's.
    """
    first = ec2.template(template.launch_template_id).tags.get(HOLD_TAG)
    if first is None:
        tag(ec2, template.launch_template_id, {HOLD_TAG: value})
    return value if first is None else first


def as_planned(ec2: Ec2, rollback: Rollback, written: str) -> Template:
    """The template as it is now, if its default is still the one that was planned to be left.

    Raises:
        AwsRefused: It is another; the message says what was written so far.
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


def quarantine(ec2: Ec2, bad: Image, value: str) -> None:
    """Quarantine the image; a quarantine that was read with it keeps who, when and why.

    Written in any case: the first quarantine may have been lifted since the image was read.
    """
    tag(ec2, bad.image_id, {QUARANTINE_TAG: bad.tags.get(QUARANTINE_TAG, value)})


def copy_of_target(ec2: Ec2, rollback: Rollback, token: str | None = None) -> Version:
    """A copy of the target: the latest version, if a rollback that was cut off made it."""
    template = ec2.template(rollback.template.launch_template_id)
    latest = max(ec2.versions(template), key=lambda version: version.version_number)
    if latest.equals(rollback.target):  # and not the default's: its image is another
        return latest
    return copy_version(ec2, template, rollback.target, rollback.description, token)


def make_default(ec2: Ec2, rollback: Rollback, version: Version) -> None:
    """Make the copy the default.

    Raises:
        AwsRefused: The default was moved since the plan was made.
    """
    number = version.version_number
    as_planned(ec2, rollback, f"version {number}, the copy, was not made the default")
    ec2.set_default(rollback.template, version)


def remember(ec2: Ec2, template: Template, bad: Image | None) -> None:
    """Write the high-water mark, which keeps the bad image out when its quarantine is lifted."""
    mark = template.high_water_mark
    if bad and template.is_opted_in and (mark is None or bad.creation_date > mark.creation_date):
        tag(ec2, template.launch_template_id, {HIGH_WATER_MARK_TAG: str(HighWaterMark.of(bad))})
