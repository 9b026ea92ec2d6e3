"""When an image is ripe: it has soaked, other templates have proved it, its gates are open.

All of these are filters before the ladder: they make a promotion later or rarer, and never one to
an older image. Imported only if a launch template has one of the tags.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from models.base import printable
from models.decision import SECONDS, Proofs, Skip, Skipped
from models.durations import read_duration
from models.image import Image
from models.launch_template import Template, Version
from models.selectors import Misconfigured, Selectors
from models.tags import AFTER, GATE, SOAK
from models.version_description import read_promotion

MOST_NAMED = 10
"""Each template that is waited for takes a call to EC2 at each event."""

LONGEST_SOAK = timedelta(days=30)

_NAMES = re.compile(r"[A-Za-z0-9().\-/_]{3,128}( +[A-Za-z0-9().\-/_]{3,128})*")
"""Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html"""


# -- the tags --------------------------------------------------------------------------------------


def fault(key: str, value: str) -> str | None:
    """What such a tag must be, if it is something else."""
    if key == SOAK and read_soak(value) is None:
        return f"{SOAK}: must be a time from 1m to 30d, such as 45m, 36h or 3d"
    if key == AFTER and not (_NAMES.fullmatch(value) and len(set(value.split())) <= MOST_NAMED):
        return (
            f"{AFTER}: must be names or ids of launch templates, {MOST_NAMED} at most, separated by"
            " a space"
        )
    return f"{GATE}KEY: KEY is missing" if key == GATE else None


def read_soak(value: str) -> timedelta | None:
    """The time in the tag's value; None if it is none that is allowed."""
    soak = read_duration(value)
    return soak if soak is not None and soak <= LONGEST_SOAK else None


def canaries(
    template: Template, after: Iterable[str], opted_in: Iterable[Template]
) -> list[Template] | Misconfigured:
    """The launch templates that this one waits for.

    Args:
        template: The one that waits.
        after: Their names or ids, as its tag has them.
        opted_in: All that opted in: no other is ever moved, so none can prove an image.
    """
    known = {one.launch_template_id: one for one in (*opted_in, template)}
    known |= {one.launch_template_name: one for one in known.values()}
    if unknown := [name for name in after if name not in known]:
        return Misconfigured(
            message=f"{AFTER}: must name launch templates of this account and Region that have the"
            f" tag ami-reactor: there is no {printable(unknown[0])}"
        )
    way = _way_back(template, after, known)
    if way == [template.launch_template_name]:
        return Misconfigured(message=f"{AFTER}: must not name the template itself")
    if way:
        names = " → ".join([template.launch_template_name, *way])
        return Misconfigured(
            message=f"{AFTER}: must not lead back to the template itself: {printable(names)}"
        )
    return list({known[name].launch_template_id: known[name] for name in after}.values())


def _way_back(template: Template, after: Iterable[str], known: Mapping[str, Template]) -> list[str]:
    """By which templates it waits for itself: their names, ending with its own; none if not."""
    ways = [[known[name]] for name in after]
    seen: set[str] = set()
    for way in ways:  # it grows
        last = way[-1]
        if last.launch_template_id == template.launch_template_id:
            return [one.launch_template_name for one in way]
        if last.launch_template_id not in seen:
            seen.add(last.launch_template_id)
            named = last.tags.get(AFTER, "").split()
            ways += [[*way, known[name]] for name in named if name in known]
    return []


# -- an image --------------------------------------------------------------------------------------


def unripe(image: Image, selectors: Selectors, now: datetime, proofs: Proofs) -> Skipped | None:
    """Why the image may not be taken yet; None: it is ripe."""
    for key, value in selectors.gates.items():
        if image.tags.get(key) != value:
            detail = f": its tag {printable(key)} must be {printable(value)}"
            return Skipped(image, Skip.AWAITING_GATE, detail)
    missing = [name for name, proved in proofs.items() if image.image_id not in proved]
    if selectors.after and (missing or not proofs):
        by = ", ".join(map(printable, missing or selectors.after))
        return Skipped(image, Skip.NOT_PROVEN, f" by {by}")
    if selectors.soak is None:  # even if it was proved since the event: later than `now`
        return None
    since = max((proved[image.image_id] for proved in proofs.values()), default=None)
    until = _second_after((since or image.creation_date) + selectors.soak)
    if until <= now:
        return None
    return Skipped(image, Skip.SOAKING, f" until {until:{SECONDS}}", until)


def _second_after(moment: datetime) -> datetime:
    """The moment in UTC, rounded up to a second: what waits for it must not come too early."""
    whole = moment.astimezone(UTC).replace(microsecond=0)
    return whole if whole == moment else whole + timedelta(seconds=1)


def proved_by(
    canary: Template, versions: Iterable[Version], images: Mapping[str, Image]
) -> dict[str, datetime]:
    """Since when the template has proved which images: the world alone tells, and no table.

    The reactor gave it a version with the image, no later than its default version; its default
    version's image is no older than that image; and it is not held. So a template that was held or
    moved back proves nothing newer.

    Args:
        canary: The template.
        versions: Those with the images in question, and its default version.
        images: Those images, and that of its default version, by id.
    """
    numbered = {version.version_number: version for version in versions}
    default = numbered.get(canary.default_version_number)
    on = images.get(default.image_id or "") if default else None
    if canary.hold is not None or on is None:
        return {}
    return {
        image.image_id: version.create_time
        for number, version in sorted(numbered.items())
        if number <= canary.default_version_number
        and (image := _promoted(version, images)) is not None
        and not image.is_newer_than(on)
    }


def _promoted(version: Version, images: Mapping[str, Image]) -> Image | None:
    """The image that the reactor made the version for; None if it did not make it."""
    promotion = read_promotion(version.version_description)
    is_ours = promotion is not None and promotion.taken == version.image_id
    return images.get(version.image_id or "") if is_ours else None
