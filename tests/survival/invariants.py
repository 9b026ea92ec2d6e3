"""What must hold at every step and at every rest, and the holes that are known.

A hole is known where `promotion.md` names it, or where it is the same in kind: somebody else wrote
between a run's last look and its write, which EC2's missing compare-and-set cannot prevent. Each
is recognised by what happened on the way, never by its effect alone.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from models.tags import AFTER, SOAK
from tests.survival.tiny_ec2 import (
    HOLD,
    MARK,
    QUARANTINE,
    Template,
    Version,
    World,
    is_read,
)

DEAD_STATES = frozenset({"deregistered", "disabled", "failed", "invalid", "error"})


class Invariant(StrEnum):
    ENDS_AT_NEWEST = "the final default is the newest candidate unless a person said otherwise"
    NEVER_BACKWARDS = "no step but healing makes the default older"
    ONE_VERSION = "at most one version per image and source"
    MOVE_BACK_STANDS = "a person's move back is not undone by an event for the same image"
    NOT_A_PERSONS = "no version of a person's own making becomes the default"
    LAUNCHABLE = "no image that is gone or quarantined becomes the default"
    MARK_RISES = "the high-water mark never moves down"
    IS_HEALED = "a default whose image is gone is replaced where anything can replace it"
    HOLD_STANDS = "a template that is held, or no longer on, is not written"
    SETTLED = "a second reconcile finds nothing to do"
    RIPE = "no image that is unripe or not proven becomes the default, but to heal"
    NOTHING_RAISED = "a reaction ends with an outcome"
    NOTHING_LOST = "without a fault no event is dead-lettered"


class Hole(StrEnum):
    LATE_WRITE = "a write in flight when the function died lands late"
    NO_MARK_YET = "moved back by hand before the high-water mark was written: overridden once"
    SAME_SECOND = "a person's change between a run's last look and its write is overtaken"
    OVERLAP_DEATH = "two runs at once: the one that made it older dies before it looks again"
    STALE_IMAGE = "an image that an event or another run's version names cannot be seen yet"
    OVERLAP = "two runs at once: older for a moment, until the run that did it looks again"
    MARK_LATE = "two runs at once: a high-water mark is written late over a newer one"
    IMAGE_SAME_SECOND = "an image lost or quarantined between a run's look and its write"
    STALE_LIST = "a list of images lags behind the event: the next event finds the image"
    CANARY_SAME_SECOND = (
        "a template is held or moved back while a wave that waits for it is decided"
    )
    HEALED_FORWARD = "moved back by hand, then the older image is lost: healed to the newer one"


OVERLAPPING = frozenset({Hole.OVERLAP, Hole.OVERLAP_DEATH, Hole.STALE_IMAGE, Hole.MARK_LATE})
"""No excuse if one run at a time is at work."""


class Behind:
    """What others changed since a run last looked: bits, because a search counts each step."""

    PERSON = 1
    OTHER_RUN = 2
    IMAGES = 4
    ALL = PERSON | OTHER_RUN | IMAGES
    LATE = 8  # its run is dead, and it is only the write that lands
    CANARY = 16  # a template that another waits for
    TEMPLATES = PERSON | OTHER_RUN | CANARY


class MoveBack(NamedTuple):
    """A person made an older image the default.

    Attributes:
        is_marked: The mark tells of it, or some run had every chance to write one.
        is_to_healing: To a version that a run had just made because the image was gone: whether
            that run or the person made it the default, nobody can tell.
    """

    number: int
    from_date: str
    is_marked: bool
    is_to_healing: bool = False


class Ghost(NamedTuple):
    """What the world itself does not remember.

    Attributes:
        settings: Those that a person made the default last.
        enabled: The images that were disabled and are enabled again.
    """

    settings: str
    moved_back: MoveBack | None = None
    holes: frozenset[Hole] = frozenset()
    enabled: frozenset[str] = frozenset()


class Seen(NamedTuple):
    """In what circumstances a write was made."""

    ghost: Ghost
    behind: int
    dates: "Dates"

    def of(self, world: World, template: Template) -> "Seen":
        """Of one template: it is the first one that a person moves back."""
        is_first = template == world.templates[0]
        return self if is_first else self._replace(ghost=self.ghost._replace(moved_back=None))

    def hole(self, by: int, hole: Hole) -> Hole | None:
        if self.behind & Behind.LATE:
            return Hole.LATE_WRITE
        return hole if self.behind & by else None


class Finding(NamedTuple):
    invariant: Invariant
    hole: Hole | None = None
    detail: str = ""


class Dates(dict[str, str]):
    """When each image was made; also of those that are gone."""

    def __missing__(self, image_id: str) -> str:
        return ""


def is_gone(world: World, image_id: str) -> bool:
    image = world.image(image_id)
    return image is None or image["State"] in DEAD_STATES


def is_candidate(world: World, image_id: str) -> bool:
    image = world.image(image_id)
    tags = {tag["Key"] for tag in image.get("Tags", [])} if image else set()
    return image is not None and image["State"] == "available" and QUARANTINE not in tags


def newest_candidate(world: World, dates: Dates) -> str:
    """The date of the newest image that may be launched: all images of these worlds match."""
    template = world.templates[0]
    ids = (i for i in dates if is_candidate(world, i) and is_ripe(world, template, i, dates))
    return max((dates[image_id] for image_id in ids), default="")


def is_ripe(world: World, template: Template, image_id: str, dates: Dates) -> bool:
    """Whether the image has soaked and was proved, as the world has it now."""
    since, soak = dates[image_id], template.tag(SOAK)
    if (after := template.tag(AFTER)) is not None:
        canary = next(t for t in world.templates if t.name == after)
        made = [
            version.created
            for version in canary.versions
            if (version.maker, version.image) == ("reactor", image_id)
            and version.number <= canary.default
        ]
        if not made or canary.tag(HOLD) or dates[canary.in_force.image] < dates[image_id]:
            return False
        since = max(made)
    if soak is None:
        return True
    now, begin = map(datetime.fromisoformat, (world.now, since))
    return begin + timedelta(hours=int(soak.removesuffix("h"))) <= now


def mark_date(template: Template) -> str:
    return _mark(template)[0]


def _mark(template: Template) -> tuple[str, int]:
    """The mark's date, and the number of the version by which the template came back to it."""
    _, date, number, *_ = [*(template.tag(MARK) or "").split(" "), "", ""]
    return date, int(number or 0)


# -- a step of the reactor -------------------------------------------------------------------------


def after_write(before: World, after: World, seen: Seen) -> Iterator[Finding]:
    """What one write of the reactor broke."""
    for old, new in zip(before.templates, after.templates, strict=True):
        if old.default != new.default:
            yield from _after_move(before, old, new, seen.of(before, old))
        if _mark(new) < _mark(old):
            yield Finding(Invariant.MARK_RISES, seen.hole(Behind.OTHER_RUN, Hole.MARK_LATE))
        if len(new.versions) > len(old.versions) and _is_repeated(old, new.versions[-1]):
            yield Finding(Invariant.ONE_VERSION)


def _after_move(world: World, old: Template, new: Template, seen: Seen) -> Iterator[Finding]:
    left, taken, dates = old.in_force, new.in_force, seen.dates
    is_healing = is_gone(world, left.image)
    same_second = seen.hole(Behind.PERSON, Hole.SAME_SECOND)
    if dates[taken.image] < dates[left.image] and not is_healing:
        overlap = seen.hole(Behind.OTHER_RUN, Hole.OVERLAP)
        images = Behind.IMAGES if left.image in seen.ghost.enabled else 0
        back_again = seen.hole(images, Hole.IMAGE_SAME_SECOND)
        yield Finding(Invariant.NEVER_BACKWARDS, overlap or same_second or back_again)
    back = seen.ghost.moved_back
    if back and back.number == left.number and dates[taken.image] <= back.from_date:
        if not is_healing:
            yield Finding(Invariant.MOVE_BACK_STANDS, same_second or _no_mark(back, seen.ghost))
        elif dates[taken.image] > dates[left.image]:
            yield Finding(Invariant.MOVE_BACK_STANDS, Hole.HEALED_FORWARD)
    if taken.settings not in (left.settings, seen.ghost.settings):
        yield Finding(Invariant.NOT_A_PERSONS, same_second)
    if not is_healing and not is_ripe(world, new, taken.image, dates):
        yield Finding(Invariant.RIPE, seen.hole(Behind.CANARY, Hole.CANARY_SAME_SECOND))
    if not is_candidate(world, taken.image):
        yield Finding(Invariant.LAUNCHABLE, seen.hole(Behind.IMAGES, Hole.IMAGE_SAME_SECOND))


def _no_mark(back: MoveBack, ghost: Ghost) -> Hole | None:
    if Hole.MARK_LATE in ghost.holes:
        return Hole.MARK_LATE
    return None if back.is_marked and not back.is_to_healing else Hole.NO_MARK_YET


def _is_repeated(before: Template, made: Version) -> bool:
    return any(
        (v.maker, v.source, v.image) == (made.maker, made.source, made.image)
        for v in before.versions
    )


def after_refusal(operation: str, behind: int) -> Iterator[Finding]:
    """IAM stopped a write: that is no harm, if the run could not know of the hold."""
    if not is_read(operation) and not behind & (Behind.PERSON | Behind.LATE):
        yield Finding(Invariant.HOLD_STANDS)


# -- a step of somebody else -----------------------------------------------------------------------


def remembered(before: World, after: World, ghost: Ghost, dates: Dates, *, person: bool) -> Ghost:
    """What is to be remembered of a step."""
    if before.images != after.images:
        there = {id_ for id_ in dates if before.image(id_) and is_gone(before, id_)}
        enabled = {id_ for id_ in there if not is_gone(after, id_)}
        ghost = ghost._replace(enabled=ghost.enabled | enabled)
    old, new = before.templates[0], after.templates[0]
    if old.default == new.default:
        return ghost
    left, taken = old.in_force, new.in_force
    if person:
        ghost = ghost._replace(settings=taken.settings)
    if person and dates[taken.image] < dates[left.image]:
        is_marked = _tells_of(old, left, taken, dates)
        is_to_healing = taken.maker == "reactor" and taken.number > left.number
        back = MoveBack(taken.number, dates[left.image], is_marked, is_to_healing)
        return ghost._replace(moved_back=back)
    return ghost._replace(moved_back=None)


def _tells_of(template: Template, left: Version, taken: Version, dates: Dates) -> bool:
    """Whether the high-water mark named the image that a person leaves.

    If the image was gone: since it came back. A version that the reactor made when it was gone is
    no person's doing, until the high-water mark says that the template was brought back after that.
    """
    date, number = _mark(template)
    was_gone = taken.maker == "reactor" and dates[taken.image] < date
    return date >= dates[left.image] and (not was_gone or number > taken.number)


# -- at rest ---------------------------------------------------------------------------------------


def at_rest(world: World, ghost: Ghost, dates: Dates) -> Iterator[Finding]:
    """What is wrong with a world in which nothing is going to happen any more."""
    template = world.templates[0]
    if template.tag("ami-reactor-state:hold") is not None or template.tag("ami-reactor") != "on":
        return
    newest, in_force = newest_candidate(world, dates), dates[template.in_force.image]
    back = ghost.moved_back
    if is_gone(world, template.in_force.image):
        if newest:
            hole = Hole.IMAGE_SAME_SECOND
            yield Finding(Invariant.IS_HEALED, hole if hole in ghost.holes else None)
    elif back and back.number == template.default:
        if newest > back.from_date:
            detail = f"moved back from {back.from_date}, though {newest} is there"
            yield Finding(Invariant.ENDS_AT_NEWEST, _why_older(ghost), detail)
    elif in_force < newest:
        detail = f"{in_force} is current, not {newest}"
        yield Finding(Invariant.ENDS_AT_NEWEST, _why_older(ghost), detail)


def _why_older(ghost: Ghost) -> Hole | None:
    lasting = (
        Hole.LATE_WRITE,
        Hole.OVERLAP_DEATH,
        Hole.SAME_SECOND,
        Hole.STALE_LIST,
        Hole.STALE_IMAGE,
        Hole.IMAGE_SAME_SECOND,
    )
    return next((hole for hole in lasting if hole in ghost.holes), None)


def after_reconcile(ghost: Ghost) -> Ghost:
    """The holes that a reconcile fixes are no excuse any more."""
    mended = {Hole.IMAGE_SAME_SECOND, Hole.STALE_LIST}
    if Hole.OVERLAP not in ghost.holes:
        mended.add(Hole.STALE_IMAGE)
    return ghost._replace(holes=ghost.holes - mended)
