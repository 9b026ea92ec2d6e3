"""The one question: what should become of this launch template, given the world?"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from models import fit
from models.base import Value, aws_date
from models.image import UEFI_PREFERRED, Image, newest
from models.launch_template import Template, Version
from models.selectors import Misconfigured, Selectors
from models.tags import QUARANTINE_TAG, WINDOW_TAG


class Reason(StrEnum):
    """Why a template was promoted, kept, refused or failed. Part of the public interface."""

    HELD = "held"
    SSM_PARAMETER_IMAGE = "ssm-parameter-image"
    MISCONFIGURED = "misconfigured"
    CURRENT_IMAGE_GONE = "current-image-gone"
    NOTHING_LAUNCHABLE = "nothing-launchable"
    NO_CANDIDATE = "no-candidate"
    ALREADY_CURRENT = "already-current"
    NOT_NEWER = "not-newer"
    DEFAULT_MOVED_BACK = "default-moved-back"
    SNAPSHOT_WOULD_BE_LOST = "snapshot-would-be-lost"
    VOLUME_TOO_SMALL = "volume-too-small"
    VOLUME_WITHOUT_SIZE = "volume-without-size"
    ROOT_DEVICE_CHANGED = "root-device-changed"
    INSTANCE_TYPE_UNSUPPORTED = "instance-type-unsupported"
    WINDOW_CLOSED = "window-closed"
    OBSERVED = "observed"
    NEWER_IMAGE = "newer-image"
    AWS_REFUSED = "aws-refused"
    AWS_UNAVAILABLE = "aws-unavailable"


_VETOES = (
    (Reason.SNAPSHOT_WOULD_BE_LOST, fit.lost_snapshots),
    (Reason.VOLUME_TOO_SMALL, fit.small_volume),
    (Reason.VOLUME_WITHOUT_SIZE, fit.volume_without_size),
    (Reason.ROOT_DEVICE_CHANGED, fit.other_root_device),
    (Reason.INSTANCE_TYPE_UNSUPPORTED, fit.unsupported_type),
)
"""The ways in which an image does not fit a version, in the order in which they are asked."""

REFUSALS = frozenset(
    {Reason.MISCONFIGURED, Reason.NOTHING_LAUNCHABLE, *(reason for reason, _ in _VETOES)}
)
"""The reasons that want an engineer: the template cannot follow until its owner fixes it."""


class Skip(StrEnum):
    """Why an image that the selectors match is no candidate."""

    NOT_AVAILABLE = "not-available"
    QUARANTINED = "quarantined"
    COPIED_IMAGE = "copied-image"
    OTHER_ARCHITECTURE = "other-architecture"
    OTHER_BOOT_MODE = "other-boot-mode"
    OTHER_PLATFORM = "other-platform"
    DEPRECATED = "deprecated"
    AWAITING_GATE = "awaiting-gate"
    NOT_PROVEN = "not-proven"
    SOAKING = "soaking"


UNRIPE = frozenset({Skip.AWAITING_GATE, Skip.NOT_PROVEN, Skip.SOAKING})
"""The skips of images that may be taken later (models/ripening.py)."""


class Skipped(NamedTuple):
    """An image that is no candidate, and why.

    Attributes:
        detail: What belongs to the reason, as the end of a sentence.
        until: When the image is ripe, if that is known; whole seconds, in UTC.
    """

    image: Image
    skip: Skip
    detail: str = ""
    until: datetime | None = None

    def __str__(self) -> str:
        return f"{self.skip}{self.detail}"


Proofs = Mapping[str, Mapping[str, datetime]]
"""By the name of a launch template that another waits for: since when it has proved which image."""


class Promote(Value):
    """Give the template a version with this image and make it the default.

    Attributes:
        is_return: The high-water mark is that image, or a later one: the reactor had to leave it.
        postponed_image: The newer image that is ripe next, if that moment is known.
        postponed_until: That moment.
    """

    reason: Reason
    image: Image
    message: str
    is_return: bool = False
    skipped: dict[str, Skip] = {}
    postponed_image: str | None = None
    postponed_until: datetime | None = None


class Keep(Value):
    """Leave the template as it is. Attributes: as of `Promote`."""

    reason: Reason
    message: str
    skipped: dict[str, Skip] = {}
    postponed_image: str | None = None
    postponed_until: datetime | None = None


Decision = Promote | Keep


def decide(  # noqa: PLR0913, PLR0917 all that it depends on, and nothing hidden
    template: Template,
    selectors: Selectors,
    current: Image | None,
    images: Iterable[Image],
    now: datetime,
    proofs: Proofs | None = None,
) -> Decision:
    """Compare the template's image with the newest image that it may be moved to.

    The event is no argument on purpose: asked twice about the same world, the answer is the same,
    so a repeated, late or reordered event does no harm.

    Args:
        template: With its default version; `settle` has left it to be decided.
        selectors: What its tags say.
        current: The image of the default version; None if that image is proved to be gone,
            or if the version names none.
        images: All that might match, in any order; others may be among them.
        now: The moment by which an image may have become deprecated, or ripe.
        proofs: What the templates that this one waits for have proved.
    """
    seen = {image.image_id: image for image in images}
    # an image that was disabled can be seen still, and tells what may take its place
    compared = current or seen.get(template.default.image_id or "")
    candidates, skipped = sift(selectors, compared, seen.values(), now, proofs)
    others = list(skipped.values())
    if current is None and template.default.image_id is not None:
        decision = _heal(template.default, compared, candidates, others)
    else:
        decision = _compare(template, current, candidates, others)
        decision = _veto(template.default, current, decision)
    on = current
    if isinstance(decision, Promote):
        skipped.pop(decision.image.image_id, None)
        on = decision.image
    decision = _observe(selectors, _in_window(template, decision))
    skips = {id_: one.skip for id_, one in skipped.items()}
    return decision.model_copy(update={"skipped": skips} | _next(decision, on, others))


def settle(template: Template) -> Keep | None:
    """The answers that need neither selectors nor an image; None: `decide` has to be asked.

    The default version is looked at if it was read.
    """
    if template.hold is not None:
        return Keep(reason=Reason.HELD, message=str(template.hold))
    if template.versions and (template.default.image_id or "").startswith("resolve:"):
        message = "the image comes from a Systems Manager parameter, which the reactor does not set"
        return Keep(reason=Reason.SSM_PARAMETER_IMAGE, message=message)
    if template.versions and not _IMAGE_ID.fullmatch(template.default.image_id or _NO_IMAGE):
        number = template.default_version_number
        message = f"version {number}: ImageId must be ami-... or resolve:ssm:..."
        return Keep(reason=Reason.MISCONFIGURED, message=message)
    return None


def settle_misconfigured(template: Template, fault: Misconfigured) -> Keep:
    """The answer for a template whose tags do not say what it follows."""
    return settle(template) or Keep(reason=Reason.MISCONFIGURED, message=fault.message)


def sift(
    selectors: Selectors,
    current: Image | None,
    images: Iterable[Image],
    now: datetime,
    proofs: Proofs | None = None,
) -> tuple[list[Image], dict[str, Skipped]]:
    """The candidates among the images that the selectors match, and why the others are none.

    Args:
        selectors: What the template's tags say.
        current: The image of the default version, if it can be seen, dead or alive.
        images: All that might match; others may be among them.
        now: The moment by which an image may have become deprecated, or ripe.
        proofs: What the templates that this one waits for have proved.
    """
    candidates: list[Image] = []
    skipped: dict[str, Skipped] = {}
    for image in images:
        if selectors.match(image):
            skip = _skip(image, selectors, current, now)
            why = Skipped(image, skip) if skip else None
            # the current image is never left out: a template would not know that it is on it
            if why is None and selectors.ripens and not _is_same(image, current):
                from models.ripening import unripe

                why = unripe(image, selectors, now, proofs or {})
            if why is None:
                candidates.append(image)
            else:
                skipped[image.image_id] = why
    return candidates, skipped


def behind_since(
    selectors: Selectors, current: Image, images: Iterable[Image], now: datetime
) -> datetime | None:
    """When the oldest image was made that is newer and may be taken, now or once it is ripe.

    A hold, a closed window or a refusal does not count: a metric is to show how long it lasts.
    """
    dates = (
        image.creation_date
        for image in images
        if image.is_newer_than(current)
        and selectors.match(image)
        and _skip(image, selectors, current, now) is None
    )
    return min(dates, default=None)


def _is_same(image: Image, current: Image | None) -> bool:
    return current is not None and current.image_id == image.image_id


def _skip(image: Image, selectors: Selectors, current: Image | None, now: datetime) -> Skip | None:
    reasons = [
        (Skip.NOT_AVAILABLE, image.state != "available"),
        (Skip.QUARANTINED, QUARANTINE_TAG in image.tags),
        (Skip.COPIED_IMAGE, not selectors.copied_images and image.is_copy(selectors.place.region)),
    ]
    if current is not None:
        reasons += [
            (Skip.OTHER_ARCHITECTURE, image.architecture != current.architecture),
            (Skip.OTHER_BOOT_MODE, not image.starts_where(current)),
            (Skip.OTHER_PLATFORM, image.platform != current.platform),
        ]
    # the last one: what is deprecated and nothing else is taken if nothing else is left
    reasons.append((Skip.DEPRECATED, image.is_deprecated_at(now)))
    return next((skip for skip, applies in reasons if applies), None)


def _heal(
    version: Version, gone: Image | None, candidates: list[Image], others: list[Skipped]
) -> Decision:
    """The image of the version cannot be launched any more: the newest that fits replaces it.

    A group that cannot launch is worse than an image that is not ripe. A deprecated image can be
    launched by its owner: it is taken last of all.

    Args:
        version: The default version.
        gone: Its image, if that can be seen still.
        candidates: What may take its place.
        others: What the selectors match beside them.
    """
    unripe = [one.image for one in others if one.skip in UNRIPE]
    deprecated = [one.image for one in others if one.skip is Skip.DEPRECATED]
    for images in (candidates, unripe, deprecated):
        if not _are_alike(images):
            return _nothing_launchable(version, _UNLIKE)
        best = newest(image for image in images if _misfit(version, image, gone) is None)
        if best is not None:
            remark = _though(best, others)
            message = f"{version.image_id} is gone; {_dated(best)} replaces it{remark}"
            return Promote(reason=Reason.CURRENT_IMAGE_GONE, image=best, message=message)
    nearest = newest(candidates or unripe or deprecated)
    why = nearest and _misfit(version, nearest, gone)
    if not why:
        return _nothing_launchable(version, _why_none(others))
    if why.reason is Reason.SNAPSHOT_WOULD_BE_LOST:  # it could be launched, without the data
        return why
    return _nothing_launchable(version, f"no image fits the version: {why.reason}: {why.message}")


def _though(taken: Image, others: list[Skipped]) -> str:
    """What speaks against the image that is taken because there is no better one."""
    why = next((one for one in others if one.image is taken), None)
    if why is None:
        return ""
    if why.skip is Skip.DEPRECATED:
        return ", though it is deprecated: there is no other image"
    return f", though it is not ripe ({why}): there is no ripe image"


def _nothing_launchable(version: Version, why: str) -> Keep:
    message = f"{version.image_id} is gone and {why}"
    return Keep(reason=Reason.NOTHING_LAUNCHABLE, message=message)


def _compare(
    template: Template,
    current: Image | None,
    candidates: list[Image],
    others: list[Skipped],
) -> Decision:
    """The ladder, from the candidates on; each rung returns."""
    best = newest(candidates)
    if best is None:
        return Keep(reason=Reason.NO_CANDIDATE, message=_why_none(others))
    if current is None and not _are_alike(candidates):
        return Keep(reason=Reason.NO_CANDIDATE, message=_UNLIKE)
    if current is not None and not best.is_newer_than(current):
        return _stays(current, best, others)
    replaced = _dated(current) if current else "no image"
    message = f"{_dated(best)} replaces {replaced}"
    mark = template.high_water_mark
    is_return = mark is not None and best.creation_date <= mark.creation_date
    if is_return and mark is not None and not mark.was_left_for(template.default):
        by = "a person, a tool or the guard"
        message = f"the template was on {mark.image} before and was moved back by {by}"
        return Keep(reason=Reason.DEFAULT_MOVED_BACK, message=message)
    if is_return:
        message += ", to which the reactor moved because a newer one was gone"
    return Promote(reason=Reason.NEWER_IMAGE, image=best, message=message, is_return=is_return)


def _stays(current: Image, best: Image, others: list[Skipped]) -> Keep:
    """The current image is the newest; the message names newer ones that may not be taken."""
    newer = [one for one in others if one.image.is_newer_than(current)]
    newer.sort(key=lambda skipped: skipped.image.order, reverse=True)
    beside = "".join(f"; {_dated(o.image)} is newer, and skipped: {o}" for o in newer[:1])
    more = _as_are(len(newer) - 1)
    if best.image_id == current.image_id:
        message = f"{_dated(best)} is the current image{beside}{more}"
        return Keep(reason=Reason.ALREADY_CURRENT, message=message)
    message = f"{_dated(best)} is no later than the current image, {_dated(current)}{beside}{more}"
    return Keep(reason=Reason.NOT_NEWER, message=message)


def _as_are(count: int) -> str:
    if count < 1:
        return ""
    return ", as is 1 other" if count == 1 else f", as are {count} others"


def _veto(version: Version, current: Image | None, decision: Decision) -> Decision:
    """A promotion that EC2 could not launch, or not with all its data, is refused."""
    if isinstance(decision, Keep):
        return decision
    return _misfit(version, decision.image, current) or decision


def _misfit(version: Version, image: Image, current: Image | None) -> Keep | None:
    """The first of the reasons why the image does not fit the version; None: it does."""
    for reason, why_not in _VETOES:
        if (message := why_not(version, image, current)) is not None:
            return Keep(reason=reason, message=message)
    return None


def _in_window(template: Template, decision: Decision) -> Decision:
    """While the window is closed, a newer image waits; healing does not."""
    if isinstance(decision, Keep) or decision.reason is not Reason.NEWER_IMAGE:
        return decision
    if WINDOW_TAG not in template.tags:
        return decision
    message = f"the window is closed; when it opens, {decision.message}"
    return Keep(reason=Reason.WINDOW_CLOSED, message=message)


def _next(decision: Decision, on: Image | None, others: list[Skipped]) -> dict[str, Any]:
    """The next moment at which an image newer than that one is ripe, as fields of the decision."""
    waiting = [
        (one.until, one.image.image_id)
        for one in others
        if one.until and (on is None or one.image.is_newer_than(on))
    ]
    if not waiting or decision.reason in REFUSALS:
        return {}
    until, image_id = min(waiting)
    fields: dict[str, Any] = {"postponed_image": image_id, "postponed_until": until}
    if isinstance(decision, Keep) and (when := f"{until:{SECONDS}}") not in decision.message:
        fields["message"] = f"{decision.message}; {image_id} is ripe at {when}"
    return fields


def _observe(selectors: Selectors, decision: Decision) -> Decision:
    """In mode `observe`, a promotion is only told."""
    if isinstance(decision, Keep) or selectors.mode != "observe":
        return decision
    message = f"would be promoted ({decision.reason}): {decision.message}"
    return Keep(reason=Reason.OBSERVED, message=message)


def _are_alike(images: list[Image]) -> bool:
    """Whether it does not matter which one is taken if there is none to compare with."""
    modes = {image.boots for image in images} - {UEFI_PREFERRED}
    return len({(image.architecture, image.platform) for image in images}) <= 1 and len(modes) <= 1


def _why_none(others: list[Skipped]) -> str:
    if not others:
        return "no image that the tags select can be launched"
    counts = Counter(one.skip for one in others)
    counted = ", ".join(f"{counts[skip]} {skip}" for skip in Skip if counts[skip])
    return f"none of the images that the tags select may be taken: {counted}"


_UNLIKE = "the images that the tags select differ in architecture, boot mode or platform"


def _dated(image: Image) -> str:
    return f"{image.image_id} of {aws_date(image.creation_date)}"


SECONDS = "%Y-%m-%dT%H:%M:%SZ"
"""A moment in UTC to the second, as messages have it."""

_IMAGE_ID = re.compile(r"ami-[0-9a-f]{8,17}")
_NO_IMAGE = "ami-00000000"  # a version may name no image at all
