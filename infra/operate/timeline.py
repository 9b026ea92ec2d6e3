"""When each version of a template was the default, and when it was held: what a timeline shows.

EC2 keeps neither. Both are put together from the versions, the function's log and the tags.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Annotated, NamedTuple, TypeVar

from pydantic import PlainSerializer

from infra.operate.history import HistoryEntry, Log, LoggedOutcome
from infra.operate.versions import VersionInfo
from models.base import Timestamp, Value, aws_date, date_or_none
from models.guard import GUARD
from models.launch_template import Template
from models.tags import QUARANTINE_TAG, Stamp, read_stamp

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

Moment = Annotated[Timestamp, PlainSerializer(aws_date, when_used="json")]


class How(StrEnum):
    """How a version became the default. Part of the public interface."""

    CREATED = "created"
    PROMOTED = "promoted"
    MOVED_BACK = "moved-back"
    ROLLED_BACK = "rolled-back"
    NOT_BY_THE_REACTOR = "not-by-the-reactor"


class Stay(Value):
    """A time in which a version was the default.

    Attributes:
        version: Its number.
        since: If it is not known: the likely moment, between `not_before` and `not_after`.
        until: None: it is the default now.
        how: How it became the default.
        by: The event, or who did it; None if it is not known.
        why: The guard's evidence.
        not_before: None if `since` is known, as is the next one.
        not_after: When it was the default at the latest.
    """

    version: int
    image_id: str | None
    since: Moment
    until: Moment | None = None
    how: How
    by: str | None = None
    why: str | None = None
    not_before: Moment | None = None
    not_after: Moment | None = None


class HoldSpan(Value):
    """A hold of now, or one that the function's log tells of.

    Attributes:
        who: None if the tag was written by hand, in other words than ours.
        since: None if it is not known.
        until: When a schedule was to end it.
        ended: The first moment at which it was seen to be over; None if that is not known.
        last_seen: When the log last tells of it; None if it never does.
        is_current: The template is held now.
    """

    who: str | None
    since: Moment | None
    until: Moment | None = None
    why: str
    ended: Moment | None = None
    last_seen: Moment | None = None
    is_current: bool = False

    def overlaps(self, since: datetime, until: datetime | None) -> bool:
        """Whether it was there at some moment of that time."""
        begins = self.since or self.last_seen
        ends = None if self.is_current else self.ended or self.last_seen
        return (ends is None or ends > since) and (until is None or not begins or begins < until)


class Lane(Value):
    """An image, and when it was what new instances launched.

    Attributes:
        image_id: As the version names it; None if it names none.
        created: None if the image cannot be read any more.
        stays: Oldest first.
        waiting: The versions with it that are not known to have been the default: number and when
            each was made.
    """

    image_id: str | None
    created: Moment | None = None
    quarantine: Stamp | None = None
    stays: tuple[Stay, ...] = ()
    waiting: tuple[tuple[int, Moment], ...] = ()
    is_current: bool = False

    @property
    def begins(self) -> datetime:
        """When it is first heard of."""
        known = [stay.since for stay in self.stays] + [made for _, made in self.waiting]
        return self.created or min(known)


class Timeline(Value):
    """What became of a template.

    Attributes:
        default_version: The default now.
        lanes: The newest image first.
        holds: Oldest first.
        now: When it was read.
    """

    template_id: str
    template_name: str
    default_version: int
    lanes: tuple[Lane, ...]
    holds: tuple[HoldSpan, ...]
    now: Moment

    @cached_property
    def stays(self) -> list[Stay]:
        """Oldest first."""
        stays = [stay for lane in self.lanes for stay in lane.stays]
        return sorted(stays, key=lambda stay: (stay.since, stay.version))

    @cached_property
    def stays_of_versions(self) -> dict[int, list[Stay]]:
        """By the version's number, oldest first."""
        return _grouped(self.stays, lambda stay: stay.version)


class HistoryLine(Value):
    """A version of a launch template, as `history --json` prints it; a public interface.

    Attributes:
        version: Its number.
        made: When it was made.
        created_by: The ARN of the caller that made it, as EC2 says; empty if EC2 names none.
        description: The version's description.
        image_id: The image that it names; null if it names none.
        image_created: That image's CreationDate; null if it cannot be seen any more.
        in_force: It is the default: new instances launch it.
        how: How it came, and what moved the template to it; in words, oldest first.
        quarantine: Who quarantined the image, since when and why; null if it is not quarantined.
        stays: When it was the default, oldest first.
        holds: The holds that were there meanwhile, oldest first.
    """

    version: int
    made: str
    created_by: str
    description: str
    image_id: str | None
    image_created: str | None
    in_force: bool
    how: tuple[str, ...]
    quarantine: Stamp | None
    stays: tuple[Stay, ...]
    holds: tuple[HoldSpan, ...]


def history_line(entry: HistoryEntry, timeline: Timeline) -> HistoryLine:
    version, image = entry.version, entry.image
    stays = timeline.stays_of_versions.get(version.version_number, [])
    holds = [
        hold
        for hold in timeline.holds
        if any(hold.overlaps(stay.since, stay.until) for stay in stays)
    ]
    return HistoryLine(
        version=version.version_number,
        made=aws_date(version.create_time),
        created_by=version.created_by,
        description=version.version_description,
        image_id=version.image_id,
        image_created=aws_date(image.creation_date) if image else None,
        in_force=entry.is_default,
        how=entry.how,
        quarantine=quarantine_of(entry),
        stays=tuple(stays),
        holds=tuple(holds),
    )


def timeline_of(
    template: Template, entries: Iterable[HistoryEntry], log: Log, now: datetime
) -> Timeline:
    """What became of a template since the oldest of these entries was made."""
    entries = list(entries)
    begins = min((entry.version.create_time for entry in entries), default=now)
    stays = [
        stay
        for stay in stays_of(template, entries, log, now)
        if stay.until is None or stay.until > begins
    ]
    return Timeline(
        template_id=template.launch_template_id,
        template_name=template.launch_template_name,
        default_version=template.default_version_number,
        lanes=tuple(_lanes(entries, stays)),
        holds=tuple(hold for hold in holds_of(template, log) if hold.overlaps(begins, None)),
        now=now,
    )


def quarantine_of(entry: HistoryEntry) -> Stamp | None:
    """The quarantine of the entry's image."""
    value = entry.image.tags.get(QUARANTINE_TAG) if entry.image else None
    return None if value is None else read_stamp(value)


def _lanes(entries: Iterable[HistoryEntry], stays: Iterable[Stay]) -> list[Lane]:
    stays = list(stays)
    launched = {stay.version for stay in stays}
    with_image = _grouped(entries, lambda entry: entry.version.image_id)
    of_image = _grouped(stays, lambda stay: stay.image_id)
    lanes = [
        _lane(image_id, with_image.get(image_id, []), of_image.get(image_id, []), launched)
        for image_id in with_image.keys() | of_image.keys()
    ]
    return sorted(lanes, key=lambda lane: (lane.begins, lane.image_id or ""), reverse=True)


def _lane(
    image_id: str | None, entries: list[HistoryEntry], stays: list[Stay], launched: set[int]
) -> Lane:
    image = entries[-1].image if entries else None
    versions = [entry.version for entry in reversed(entries)]
    return Lane(
        image_id=image_id,
        created=image.creation_date if image else None,
        quarantine=quarantine_of(entries[-1]) if entries else None,
        stays=tuple(stays),
        waiting=tuple(
            (version.version_number, version.create_time)
            for version in versions
            if version.version_number not in launched
        ),
        is_current=any(stay.until is None for stay in stays),
    )


def _grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


# -- when each version was the default -------------------------------------------------------------


class _Move(NamedTuple):
    """A version became the default.

    Attributes:
        left: The version that was the default before; None if it is not known.
        left_image: That version's image; None if it is not known, or there was none.
        stay: Without its end.
    """

    left: int | None
    left_image: str | None
    stay: Stay


def stays_of(
    template: Template, entries: Iterable[HistoryEntry], log: Log, now: datetime
) -> list[Stay]:
    """When each version was the default, oldest first, as far as it is known."""
    versions = {entry.version.version_number: entry.version for entry in entries}
    in_log = {move.outcome.to_version for move in log.moves}
    moves = [_logged(move) for move in log.moves]
    for number, version in versions.items():
        if number not in in_log:
            moves += _told_by_itself(version, log)
    moves.sort(key=lambda move: (move.stay.since, move.stay.version))
    stays = list(_with_moves_by_others(moves, versions, template, now))
    ends = [later.since for _, later in pairwise(stays)]
    return [
        stay.model_copy(update={"until": until})
        for stay, until in zip(stays, [*ends, None], strict=False)
    ]


def _logged(move: LoggedOutcome) -> _Move:
    outcome = move.outcome
    stay = Stay(
        version=outcome.to_version,
        image_id=outcome.to_image,
        since=move.at,
        how=How.MOVED_BACK if move.is_guards else How.PROMOTED,
        by=move.event,
        why=outcome.message if move.is_guards else None,
    )
    return _Move(outcome.from_version, outcome.from_image, stay)


def _told_by_itself(version: VersionInfo, log: Log) -> Iterator[_Move]:
    """The move to a version that the log has none to, if the version itself tells of one.

    The function and a rollback make a version the default within seconds after they made it.
    """
    left, left_image = None, None
    if version.rollback:
        how, by, left = How.ROLLED_BACK, version.who, version.rollback.version
    elif version.is_promotion and not log.reaches(version):
        how, by, left_image = How.PROMOTED, None, version.left_image
    elif version.version_number == 1:
        how, by = How.CREATED, version.who
    else:
        return
    stay = Stay(
        version=version.version_number,
        image_id=version.image_id,
        since=version.create_time,
        how=how,
        by=by,
    )
    yield _Move(left, left_image, stay)


def _with_moves_by_others(
    moves: Iterable[_Move], versions: dict[int, VersionInfo], template: Template, now: datetime
) -> Iterator[Stay]:
    """Between two moves the default may have been moved by others: then the later one left it."""
    last: Stay | None = None
    for move in moves:
        left = _left(move, last, versions)
        found = _moved_by_others(last, left, move.left_image, versions, move.stay.since)
        if found:
            yield found
            last = found
        if last is None or last.version != move.stay.version:
            yield move.stay
            last = move.stay
    found = _moved_by_others(last, template.default_version_number, None, versions, now)
    if found:
        yield found


def _left(move: _Move, last: Stay | None, versions: dict[int, VersionInfo]) -> int | None:
    """The version that a move left; if only its image is known, the newest one with that image."""
    image_id = move.left_image
    if move.left is not None or image_id is None or (last and last.image_id == image_id):
        return move.left
    with_it = (number for number, one in versions.items() if one.image_id == image_id)
    return max((number for number in with_it if number < move.stay.version), default=None)


def _moved_by_others(
    last: Stay | None,
    number: int | None,
    image_id: str | None,
    versions: dict[int, VersionInfo],
    found: datetime,
) -> Stay | None:
    """The version that was the default at that moment, if that is not the last one known."""
    version = versions.get(number or 0)
    made = version.create_time if version else None
    if number is None or (last and last.version == number) or not (last or made):
        return None
    bounds = [moment for moment in (made, last and last.since) if moment]
    is_new = made is not None and made == max(bounds)
    return Stay(
        version=number,
        image_id=version.image_id if version else image_id,
        since=max(bounds) if is_new else found,
        how=How.NOT_BY_THE_REACTOR,
        not_before=max(bounds),
        not_after=found,
    )


# -- when it was held ------------------------------------------------------------------------------

_STAMP = re.compile(
    r"(\S+) since (\d{4}-\d\d-\d\d) (\d\d:\d\d)Z(?: until (\d{4}-\d\d-\d\d) (\d\d:\d\d)Z)?: (.*)",
    re.DOTALL,
)
"""A hold as the message of an outcome has it."""

_MINUTE = timedelta(minutes=1)
_SAME = 2 * _MINUTE  # a stamp has minutes


def holds_of(template: Template, log: Log) -> list[HoldSpan]:
    """The hold of now and those that the log tells of, oldest first."""
    holds: list[HoldSpan] = []
    free: datetime | None = None  # when the function last found no hold
    for told in log.outcomes:
        seen = _hold_in(told)
        if seen:
            _add(holds, _since(seen, free))
        elif _proves_the_end(told):
            free = told.at
            if holds and holds[-1].ended is None:
                holds[-1] = holds[-1].model_copy(update={"ended": free})
    now = template.hold
    if now:
        seen = HoldSpan(who=now.who, since=now.since, until=now.until, why=now.why)
        _add(holds, _since(seen, free))
        holds[-1] = holds[-1].model_copy(update={"is_current": True, "ended": None})
    return holds


def _since(seen: HoldSpan, free: datetime | None) -> HoldSpan:
    """The hold, with the second if that is known: a stamp has the minute in which it was made."""
    if seen.since is None or free is None or not timedelta() < free - seen.since < _MINUTE:
        return seen
    return seen.model_copy(update={"since": free})


def _hold_in(told: LoggedOutcome) -> HoldSpan | None:
    """The hold that an outcome tells of."""
    outcome = told.outcome
    if outcome.outcome in ("held", "moved-back"):  # the guard's, who holds it from now on
        return HoldSpan(who=GUARD, since=told.at, why=outcome.message, last_seen=told.at)
    if outcome.reason != "held":
        return None
    found = _STAMP.fullmatch(outcome.message)
    if found:
        since, until = (date_or_none(f"{found[n]}T{found[n + 1]}:00Z") for n in (2, 4))
        seen = {"since": since, "until": until, "last_seen": told.at}
        return HoldSpan(who=found[1], why=found[6], **seen)
    if told.is_guards:  # it tells of a hold that came or went meanwhile
        return None
    return HoldSpan(who=None, since=None, why=outcome.message, last_seen=told.at)


def _add(holds: list[HoldSpan], seen: HoldSpan) -> None:
    """Add a hold, or what more is known of the last one."""
    last = holds[-1] if holds else None
    if last is not None and _is_same(last, seen):
        holds[-1] = seen.model_copy(update={"last_seen": seen.last_seen or last.last_seen})
        return
    if last is not None and last.ended is None:
        holds[-1] = last.model_copy(update={"ended": seen.since or seen.last_seen})
    holds.append(seen)


def _is_same(one: HoldSpan, other: HoldSpan) -> bool:
    if one.who != other.who:
        return False
    if one.since is None or other.since is None:
        return one.why == other.why and one.ended is None
    return one.since == other.since or (one.ended is None and abs(one.since - other.since) < _SAME)


def _proves_the_end(told: LoggedOutcome) -> bool:
    """The function looks for a hold first. The guard does not, and a failure tells nothing."""
    return not told.is_guards and told.outcome.outcome != "failed"
