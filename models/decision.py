"""The one question: what should become of this launch template, given the world?"""

import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from models.base import Value, aws_date, printable
from models.image import QUARANTINE_TAG, Image, newest
from models.selectors import Mark, Misconfigured, Selectors
from models.template import HOLD_TAG, Template


class Reason(StrEnum):
    """Why a template was promoted, kept, refused or failed. Part of the public interface."""

    HELD = "held"
    IMAGE_BY_PARAMETER = "image-by-parameter"
    MISCONFIGURED = "misconfigured"
    CURRENT_IMAGE_GONE = "current-image-gone"
    NOTHING_LAUNCHABLE = "nothing-launchable"
    NO_CANDIDATE = "no-candidate"
    ALREADY_CURRENT = "already-current"
    NOT_NEWER = "not-newer"
    DEFAULT_MOVED_BACK = "default-moved-back"
    SNAPSHOT_WOULD_BE_LOST = "snapshot-would-be-lost"
    OBSERVED = "observed"
    NEWER_IMAGE = "newer-image"
    AWS_REFUSED = "aws-refused"
    AWS_UNAVAILABLE = "aws-unavailable"


REFUSALS = frozenset(
    {Reason.MISCONFIGURED, Reason.NOTHING_LAUNCHABLE, Reason.SNAPSHOT_WOULD_BE_LOST}
)
"""The reasons that want an engineer: the template cannot follow until somebody mends it."""


class Skip(StrEnum):
    """Why an image that the selectors match is no candidate."""

    NOT_AVAILABLE = "not-available"
    QUARANTINED = "quarantined"
    DEPRECATED = "deprecated"
    COPIED_IMAGE = "copied-image"
    OTHER_ARCHITECTURE = "other-architecture"
    OTHER_BOOT_MODE = "other-boot-mode"
    OTHER_PLATFORM = "other-platform"


class Promote(Value):
    """Give the template a version with this image and make it the default."""

    reason: Reason
    image: Image
    message: str
    skipped: dict[str, Skip] = {}


class Keep(Value):
    """Leave the template as it is."""

    reason: Reason
    message: str
    skipped: dict[str, Skip] = {}


Decision = Promote | Keep


def decide(
    template: Template,
    selectors: Selectors | Misconfigured,
    current: Image | None,
    images: Iterable[Image],
    now: datetime,
) -> Decision:
    """Compare the template's image with the newest image that it may be moved to.

    The event that woke us is no argument on purpose: asked twice about the same world, the answer
    is the same, so a repeated, late or reordered event does no harm.

    Args:
        template: With its default version.
        selectors: What its tags say.
        current: The image of the default version; None where that image is proved to be gone,
            and where the version names none.
        images: All that might match, in any order; others may be among them.
        now: The moment by which an image may have become deprecated.
    """
    match settle(template, selectors):
        case Keep() as keep:
            return keep
        case Selectors() as agreed:
            selectors = agreed
    candidates, skipped = sift(selectors, current, images, now)
    decision = _compare(template, selectors.mark, current, candidates)
    return _veto(template, selectors, decision).model_copy(update={"skipped": skipped})


def settle(template: Template, selectors: Selectors | Misconfigured) -> Keep | Selectors:
    """The answers that need no image; else the selectors to go on with.

    The default version is looked at where it was read.
    """
    if template.is_held:
        why = printable(template.tags[HOLD_TAG]) or "no reason given"
        return Keep(reason=Reason.HELD, message=why)
    if template.versions and (template.default.image_id or "").startswith("resolve:"):
        message = "the image comes from a Systems Manager parameter, which somebody else moves"
        return Keep(reason=Reason.IMAGE_BY_PARAMETER, message=message)
    if isinstance(selectors, Misconfigured):
        return Keep(reason=Reason.MISCONFIGURED, message=selectors.message)
    if template.versions and not _IMAGE_ID.fullmatch(template.default.image_id or _NO_IMAGE):
        number = template.default_version_number
        message = f"version {number}: ImageId may be ami-... or resolve:ssm:..."
        return Keep(reason=Reason.MISCONFIGURED, message=message)
    return selectors


def sift(
    selectors: Selectors, current: Image | None, images: Iterable[Image], now: datetime
) -> tuple[list[Image], dict[str, Skip]]:
    """The candidates among the images that the selectors match, and why the others are none."""
    matching = {image.image_id: image for image in images if selectors.match(image)}
    skips = {id_: _skip(image, selectors, current, now) for id_, image in matching.items()}
    candidates = [image for id_, image in matching.items() if skips[id_] is None]
    return candidates, {id_: skip for id_, skip in skips.items() if skip is not None}


def _skip(image: Image, selectors: Selectors, current: Image | None, now: datetime) -> Skip | None:
    reasons = [
        (Skip.NOT_AVAILABLE, image.state != "available"),
        (Skip.QUARANTINED, QUARANTINE_TAG in image.tags),
        (Skip.DEPRECATED, image.deprecation_time is not None and image.deprecation_time <= now),
        (Skip.COPIED_IMAGE, not selectors.copied_images and image.is_copy(selectors.place.region)),
    ]
    if current is not None:
        reasons += [
            (Skip.OTHER_ARCHITECTURE, image.architecture != current.architecture),
            (Skip.OTHER_BOOT_MODE, image.boot_mode != current.boot_mode),
            (Skip.OTHER_PLATFORM, image.platform != current.platform),
        ]
    return next((skip for skip, applies in reasons if applies), None)


def _compare(
    template: Template, mark: Mark | None, current: Image | None, candidates: list[Image]
) -> Decision:
    """The ladder, from the candidates on; each rung returns."""
    best = newest(candidates)
    is_gone = current is None and template.default.image_id is not None
    if is_gone and (best is None or not _are_alike(candidates)):
        message = f"{template.default.image_id} is gone and {_why_none(best)}"
        return Keep(reason=Reason.NOTHING_LAUNCHABLE, message=message)
    if best is None or (current is None and not _are_alike(candidates)):
        return Keep(reason=Reason.NO_CANDIDATE, message=_why_none(best))
    if is_gone:
        message = f"{template.default.image_id} is gone; {_dated(best)} replaces it"
        return Promote(reason=Reason.CURRENT_IMAGE_GONE, image=best, message=message)
    if current is not None and best.image_id == current.image_id:
        return Keep(reason=Reason.ALREADY_CURRENT, message=f"{_dated(best)} is in force")
    if current is not None and not best.is_newer_than(current):
        message = f"{_dated(best)} is no later than {_dated(current)}, which is in force"
        return Keep(reason=Reason.NOT_NEWER, message=message)
    if mark is not None and best.creation_date <= mark.creation_date:
        message = f"the template was on {mark} before and was moved back by somebody"
        return Keep(reason=Reason.DEFAULT_MOVED_BACK, message=message)
    in_force = _dated(current) if current else "no image"
    message = f"{_dated(best)} replaces {in_force}"
    return Promote(reason=Reason.NEWER_IMAGE, image=best, message=message)


def _veto(template: Template, selectors: Selectors, decision: Decision) -> Decision:
    """What a promotion still has to pass: it loses no data, and more than watching is wanted."""
    if isinstance(decision, Keep):
        return decision
    if lost := template.default.snapshots_lost_with(decision.image):
        message = (
            f"instances would start without the data of {', '.join(map(printable, lost))}:"
            f" {decision.image.image_id} has no snapshot for it, and EC2 drops inherited snapshots"
        )
        return Keep(reason=Reason.SNAPSHOT_WOULD_BE_LOST, message=message)
    if selectors.mode == "observe":
        message = f"would be promoted ({decision.reason}): {decision.message}"
        return Keep(reason=Reason.OBSERVED, message=message)
    return decision


def _are_alike(images: list[Image]) -> bool:
    """Whether it does not matter which one is taken where there is none to compare with."""
    return len({(image.architecture, image.boot_mode, image.platform) for image in images}) <= 1


def _why_none(best: Image | None) -> str:
    if best is None:
        return "no image that the tags select can be launched"
    return "the images that the tags select differ in architecture, boot mode or platform"


def _dated(image: Image) -> str:
    return f"{image.image_id} of {aws_date(image.creation_date)}"


_IMAGE_ID = re.compile(r"ami-[0-9a-f]{8,17}")
_NO_IMAGE = "ami-00000000"  # a version may name no image at all
