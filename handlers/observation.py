"""What is read of an account for one launch template, and the evidence that an image is gone."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from handlers.clock import Clock
from handlers.ec2 import Ec2
from models.decision import (
    Decision,
    Keep,
    Proofs,
    behind_since,
    decide,
    settle,
    settle_misconfigured,
)
from models.errors import AwsUnavailable
from models.image import Image, amis
from models.launch_template import Template, Version
from models.selectors import Selectors, read_selectors
from models.tags import HIGH_WATER_MARK_TAG

ABSENCE_IS_BELIEVED_AFTER = timedelta(hours=1)
"""EC2's reads are eventually consistent: an image younger than this may just not be visible yet."""

_WAITS = (0, 0.1, 0.2, 0.4, 0.8, 1.6)  # seconds before each read until a version is visible


@dataclass(frozen=True)
class LostImage:
    """An image of which the event itself reports that it was deregistered or disabled.

    Attributes:
        is_recent: So short a time ago that a read may not show it yet.
    """

    image_id: str
    is_recent: bool


@dataclass(frozen=True)
class Evidence:
    """What an event tells that a list of images may not tell yet.

    Attributes:
        image: The event's image, as it was read to know who follows it.
        templates: All that opted in, if they were read, and as they are by now.
    """

    image: Image | None = None
    lost: LostImage | None = None
    templates: tuple[Template, ...] = ()


NO_EVIDENCE = Evidence()


@dataclass(frozen=True)
class Observation:
    """One template, its versions from the default on, and every image that matters to it.

    Attributes:
        selectors: What its tags say; if they were broken since, what they said before.
        settled: The answer that no image can change: what the tags say now, if they were changed
            since the template was read first; or that it waits for a template that it cannot.
        proofs: What the templates that it waits for have proved.
    """

    template: Template
    selectors: Selectors
    clock: Clock
    images: dict[str, Image]
    lost: LostImage | None
    settled: Keep | None = None
    proofs: Proofs = field(default_factory=dict)

    def decide(self, *, after_own_move: bool = False) -> Decision:
        """Ask the one question.

        Args:
            after_own_move: The default is what this run has just made it. A newer high-water mark
                is then another run's, whose default was overtaken, and no sign of a person.

        Raises:
            AwsUnavailable: The current image cannot be seen, and that is no proof that it is gone.
        """
        current = self.current()
        if self.settled:
            return self.settled
        template = self.template
        if after_own_move:
            tags = {key: v for key, v in template.tags.items() if key != HIGH_WATER_MARK_TAG}
            template = template.model_copy(update={"tags": tags})
        images = self.images.values()
        return decide(template, self.selectors, current, images, self.clock.now, self.proofs)

    def current(self) -> Image | None:
        """The image of the default version; None if it is gone, or the version names none.

        Raises:
            AwsUnavailable: It cannot be told yet.
        """
        default = self.template.default
        if default.image_id is None or not amis([default.image_id]):
            return None
        image = self.images.get(default.image_id)
        is_lost = self.lost is not None and self.lost.image_id == default.image_id
        if image is None:
            # abs: a world may have been recorded after the event that is replayed in it
            age = abs(self.clock.now - default.create_time)
            if not is_lost and age < ABSENCE_IS_BELIEVED_AFTER:
                raise AwsUnavailable(
                    f"{default.image_id}, the image of version {default.version_number}, cannot be"
                    " seen; the version is younger than an hour, so this may be a stale read"
                )
            return None
        if self.lost is not None and is_lost and self.lost.is_recent and not image.is_dead:
            raise AwsUnavailable(f"{default.image_id}: EC2 does not show yet that it is gone")
        return None if image.is_dead else image

    def dates(self, image_id: str | None) -> dict[str, datetime | None]:
        """When that image was made, and the oldest one that is newer: fields of an outcome.

        Nothing if the image cannot be seen.
        """
        on = self.images.get(image_id or "")
        if on is None:
            return {}
        since = behind_since(self.selectors, on, self.images.values(), self.clock.now)
        return {"image_created": on.creation_date, "behind_since": since}

    def plus(self, version: Version) -> "Observation":
        """The same with a version that an answer of EC2 has just described.

        If numbers are missing before it, others made versions meanwhile: then it is left out, so
        that all of them are read.
        """
        if version.version_number > self.template.latest_seen + 1:
            return self
        known = {v.version_number: v for v in (*self.template.versions, version)}
        versions = tuple(known[number] for number in sorted(known))
        return replace(self, template=self.template.model_copy(update={"versions": versions}))

    def version_with(self, image: Image) -> Version | None:
        """A version that already has that image and differs from the default in nothing else.

        A version with other settings is a person's work in progress, and is never taken.
        """
        default = self.template.default
        eligible = (
            version
            for version in self.template.versions
            if version.image_id == image.image_id and version.differs_in_image_alone(default)
        )
        return next(eligible, None)


def observe(
    ec2: Ec2,
    template: Template,
    selectors: Selectors,
    clock: Clock,
    evidence: Evidence = NO_EVIDENCE,
) -> Observation:
    """Read what deciding needs. The template must have its versions."""
    known = [evidence.image] if evidence.image else []
    images = {image.image_id: image for image in [*known, *ec2.matching_images(selectors)]}
    images |= _images(ec2, _named(template.versions) - images.keys())
    seen = Observation(template, selectors, clock, images, evidence.lost)
    if not selectors.after:
        return seen
    from handlers.waves import with_proofs

    return with_proofs(ec2, seen, evidence.templates)


def observe_again(
    ec2: Ec2, seen: Observation, at_least: int, own_default: int | None
) -> Observation:
    """Read tags and default anew, and any versions made since.

    Args:
        at_least: Read until a version with this number is visible. Numbers are given in order,
            so all older ones are visible then too.
        own_default: The version that we made the default ourselves; a read may not know it yet.

    Raises:
        AwsUnavailable: Still not visible after some seconds.
    """
    for wait in _WAITS:
        if wait:
            seen.clock.sleep(wait)
        template = ec2.template(seen.template.launch_template_id)
        if template.latest_version_number >= at_least:
            if own_default is not None:
                template = template.model_copy(update={"default_version_number": own_default})
            template = _with_versions(ec2, template, seen.template.versions)
            if template.latest_seen >= at_least:
                # read even if seen before: who made the version saw its image more recently
                added = [v for v in template.versions if v not in seen.template.versions]
                images = seen.images | _images(ec2, _named(added))
                return _with_its_tags(ec2, replace(seen, template=template, images=images))
    raise AwsUnavailable(f"{template.launch_template_id}: version {at_least} is not visible yet")


def _with_its_tags(ec2: Ec2, seen: Observation) -> Observation:
    match read_selectors(seen.template.tags, ec2.place):
        case Selectors() as selectors:
            # another template may be named by now, of which nothing is proved
            proofs = seen.proofs if selectors.after == seen.selectors.after else {}
            settled = settle(seen.template)
            return replace(seen, selectors=selectors, settled=settled, proofs=proofs)
        case fault:
            return replace(seen, settled=settle_misconfigured(seen.template, fault))


def _with_versions(ec2: Ec2, template: Template, read: tuple[Version, ...]) -> Template:
    """The template with its versions, read again only if the ones that were read miss any."""
    numbers = [version.version_number for version in read]
    default = template.default_version_number
    if default in numbers and template.latest_version_number <= max(numbers):
        versions = tuple(version for version in read if version.version_number >= default)
    else:
        versions = ec2.versions(template)
    return template.model_copy(update={"versions": versions})


def _named(versions: Iterable[Version]) -> set[str]:
    """The images that those versions name."""
    return amis(version.image_id for version in versions)


def _images(ec2: Ec2, image_ids: set[str]) -> dict[str, Image]:
    return {image.image_id: image for image in ec2.images(image_ids)} if image_ids else {}
