"""Rollback: go back to a copy of an older version, so that it stays: the bad image is quarantined.

The latest version stays the default, so that Terraform and groups on `$Latest` agree. A rollback
that is cut off between two writes is safe: first the hold is written, then the quarantine, and only
then does anything move. Until the hold is there, the reactor may move the template on: so the
template is read again, and a default that was not in the plan is neither quarantined nor left.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from handlers.paging import each
from infra.operate import writes
from infra.operate.account import Account
from infra.operate.find import find_template
from infra.operate.groups import Group
from infra.operate.hold import hold_template
from infra.operate.instances import count_running, read_groups
from infra.operate.paging import Gaps, Progress
from infra.operate.quarantine import Concerned, concerned
from models.aws_limits import VERSIONS_AT_ONCE
from models.base import printable
from models.errors import AwsRefused
from models.image import Image, amis
from models.launch_template import Template, Version, parameters
from models.tags import HIGH_WATER_MARK_TAG, QUARANTINE_TAG, HighWaterMark, read_stamp
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


@dataclass(frozen=True)
class Plan:
    """What a rollback of one template, or of all that are on its image, would do and leave.

    Attributes:
        others: The other templates that the first one's bad image concerns.
        groups: All that use the templates, with any instance refresh in flight.
        running: How many instances run each bad image, by its id, as far as that may be read.
        gaps: What could not be read, one line each.
    """

    rollbacks: list[Rollback]
    others: Concerned
    groups: list[Group]
    running: dict[str, int]
    gaps: Gaps


def plan_rollbacks(
    account: Account, name: str, to: str | None, progress: Progress, *, everywhere: bool
) -> Plan:
    """Plan to roll back the template with that name or id.

    Args:
        account: Where the template is.
        name: The template's name or id.
        to: As for `plan_rollback`. A version's number goes for this template alone.
        progress: Told what is being read.
        everywhere: Also the other templates whose current image it is.

    Raises:
        NoTarget: One of them has no version to go back to.
    """
    first = plan_rollback(account, find_template(account, name), to)
    others = concerned(account, first.bad, but=first.template) if first.bad else Concerned()
    image = to if to and to.startswith("ami-") else None
    rest = others.current_of if everywhere else ()
    rollbacks = [first, *(plan_rollback(account, one, image) for one in rest)]
    gaps = Gaps()
    templates = [one.template for one in rollbacks]
    found = read_groups(account, templates, gaps, progress)
    groups = {group.name: group for listed in found.values() for group in listed}
    bad = {one.bad.image_id for one in rollbacks if one.bad}
    running: dict[str, int] = gaps.read(
        lambda: {image_id: count_running(account, image_id) for image_id in bad}, {}
    )
    return Plan(rollbacks, others, list(groups.values()), running, gaps)


def plan_rollback(account: Account, template: Template, to: str | None) -> Rollback:
    """What a rollback would do: to that version, or image, or else to the next older good one.

    Raises:
        NoTarget: There is no such version, or its image cannot be launched.
    """
    ec2 = account.ec2
    template = template.model_copy(update={"versions": ec2.versions(template)})
    bad_id = template.default.image_id or ""
    bad = next(iter(ec2.images([bad_id])), None) if bad_id.startswith("ami-") else None
    target, image = (
        _next_older(account, template, bad) if to is None else _named(account, template, to)
    )
    return Rollback(template, bad, target, image)


def _next_older(account: Account, template: Template, bad: Image | None) -> tuple[Version, Image]:
    """The highest version below the default whose image is older, launchable, not quarantined."""
    for window in _below_default(account, template):
        named = amis(version.image_id for version in window)
        images = {image.image_id: image for image in account.ec2.images(named)}
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


def _named(account: Account, template: Template, to: str) -> tuple[Version, Image]:
    version = _version(account, template, to)
    name = f"{template.launch_template_name} version {version.version_number}"
    if version.version_number == template.default_version_number:
        raise NoTarget(f"{name} is the default already")
    if version.image_id == template.default.image_id:
        raise NoTarget(
            f"{name} has the current image, {version.image_id}, which a rollback quarantines"
        )
    found = account.ec2.images(amis([version.image_id]))
    why = _why_not(found[0]) if found else f"{version.image_id} does not exist any more"
    if why:
        raise NoTarget(f"{name}: {why}")
    return version, found[0]


def _version(account: Account, template: Template, to: str) -> Version:
    if to.startswith("ami-"):
        for window in _below_default(account, template):
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
        account.client("ec2"),
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


def _below_default(account: Account, template: Template) -> Iterator[list[Version]]:
    """All versions below the default, highest first, a page at a time."""
    for upper in range(template.default_version_number - 1, 0, -VERSIONS_AT_ONCE):
        found = each(
            account.client("ec2"),
            "describe_launch_template_versions",
            "LaunchTemplateVersions",
            LaunchTemplateId=template.launch_template_id,
            # "after which", says the API: ask for one more
            MinVersion=str(max(1, upper - VERSIONS_AT_ONCE)),
            MaxVersion=str(upper),
        )
        versions = (Version.model_validate(described) for described in found)
        wanted = [
            version for version in versions if version.version_number > upper - VERSIONS_AT_ONCE
        ]
        yield sorted(wanted, key=lambda version: version.version_number, reverse=True)


# ---- writing -------------------------------------------------------------------------------------


def run_rollbacks(
    account: Account, rollbacks: Iterable[Rollback], value: str, *, follow_newer: bool
) -> Iterator[tuple[Rollback, int]]:
    """Do it; yield each template, as soon as it is moved, with its new default version.

    A hold or a quarantine that exists already keeps who, when and why.

    Args:
        account: Where the templates are.
        rollbacks: Of one template, or of several that are on the same image.
        value: For the tags of the hold and the quarantine: who does it, when and why.
        follow_newer: Do not hold: the next newer image is taken.

    Raises:
        AwsRefused: EC2 refused one of the writes, or the default moved meanwhile. What was written
            before is safe as it is, and the same rollback can be asked for again.
    """
    wanted = list(rollbacks)
    if not follow_newer:
        for rollback in wanted:
            hold_template(account, rollback.template, value)
    written = "nothing was written" if follow_newer else "it is held, and nothing else was written"
    seen = [_as_planned(account, rollback, written) for rollback in wanted]
    for rollback, template in zip(wanted, seen, strict=True):
        _remember(account, template, rollback.bad)
    for bad in {
        rollback.bad.image_id: rollback.bad for rollback in wanted if rollback.bad
    }.values():
        # written in any case: the first quarantine may have been lifted since the plan was made
        tags = {QUARANTINE_TAG: bad.tags.get(QUARANTINE_TAG, value)}
        writes.tag(account, bad.image_id, tags)
    for rollback in wanted:
        version = _copy(account, rollback)
        number = version.version_number
        _as_planned(account, rollback, f"version {number}, the copy, was not made the default")
        account.ec2.set_default(rollback.template, version)
        yield rollback, number


def _as_planned(account: Account, rollback: Rollback, written: str) -> Template:
    """The template as it is now, if its default is still the one that was planned to be left.

    Raises:
        AwsRefused: It is another; the message says what was written so far.
    """
    template = account.ec2.template(rollback.template.launch_template_id)
    number = template.default_version_number
    if number != rollback.template.default_version_number:
        default = next(iter(account.ec2.versions(template)))
        name = printable(template.launch_template_name)
        raise AwsRefused(
            f"{name}: version {number} with {printable(default.image_id or 'no image')} has become"
            f" the default since the plan was made; {written}: look at it, and roll back again"
        )
    return template


def _remember(account: Account, template: Template, bad: Image | None) -> None:
    """Write the high-water mark, which keeps the bad image out when its quarantine is lifted."""
    mark = template.high_water_mark
    if bad and template.is_opted_in and (mark is None or bad.creation_date > mark.creation_date):
        value = str(HighWaterMark.of(bad))
        writes.tag(account, template.launch_template_id, {HIGH_WATER_MARK_TAG: value})


def _copy(account: Account, rollback: Rollback) -> Version:
    """A copy of the target: the latest version, if a rollback that was cut off made it."""
    template = account.ec2.template(rollback.template.launch_template_id)
    latest = max(account.ec2.versions(template), key=lambda version: version.version_number)
    if latest.equals(rollback.target):  # and not the default's: its image is another
        return latest
    return writes.copy_version(account, template, rollback.target, rollback.description)
