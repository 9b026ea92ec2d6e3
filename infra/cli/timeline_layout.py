"""Where things go in a timeline: the axis and its ticks, how wide a text is, labels side by side.

Nothing here draws. Lengths are SVG's user units: pixels, as long as the picture is not scaled.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86400, 604800  # seconds
_MONTH, _YEAR = 2629746, 31556952  # on average
_MONDAY = 3 * _DAY  # 1970 began on a Thursday
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_STEPS = (
    *((_MINUTE, count) for count in (1, 2, 5, 10, 15, 30)),
    *((_HOUR, count) for count in (1, 2, 3, 6, 12)),
    *((_DAY, count) for count in (1, 2)),
    *((_WEEK, count) for count in (1, 2)),
    *((_MONTH, count) for count in (1, 2, 3, 6)),
    *((_YEAR, count) for count in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)),
)
"""Unit and count: what may lie between two ticks."""

_TICK_WIDTH, _FEWEST_TICKS = 76, 3
_SHORTEST = timedelta(minutes=8)

_NARROW = frozenset("iIjlftr.,:;|!'()[] /-")
_LATIN = "\u024f"
_WIDE = frozenset("mwMWQOGCD@%&#+<=>^~→←↓↑…—")


# -- the axis --------------------------------------------------------------------------------------


class Axis(NamedTuple):
    """Time from left to right."""

    begins: datetime
    ends: datetime
    left: float
    right: float

    def x(self, moment: datetime) -> float:
        """Where a moment is; at the border if it is beyond."""
        share = (moment - self.begins) / (self.ends - self.begins)
        return self.left + (self.right - self.left) * min(1.0, max(0.0, share))


def axis_over(moments: Iterable[datetime], now: datetime, left: float, right: float) -> Axis:
    """The axis from the first of these moments until now."""
    ends = now.astimezone(UTC)
    begins = min((moment.astimezone(UTC) for moment in moments), default=ends)
    return Axis(min(begins, ends - _SHORTEST), ends, left, right)


class Tick(NamedTuple):
    """A round moment.

    Attributes:
        text: Such as `22:45`, `Nov 22`, `Nov` or `2026`.
        below: The day or the year, if it is another one than the last tick's.
    """

    x: float
    text: str
    below: str


def ticks_of(axis: Axis) -> list[Tick]:
    """Round moments (UTC) that are far enough from each other for their texts."""
    most = max(_FEWEST_TICKS, int((axis.right - axis.left) // _TICK_WIDTH))
    seconds = (axis.ends - axis.begins).total_seconds()
    unit, count = next(
        (step for step in _STEPS if seconds / (step[0] * step[1]) < most), _STEPS[-1]
    )
    ticks: list[Tick] = []
    last = ""
    for moment in _round_moments(axis, unit, count):
        text, below = _words(moment, unit)
        ticks.append(Tick(axis.x(moment), text, "" if below == last else below))
        last = below
    return ticks


def _round_moments(axis: Axis, unit: int, count: int) -> Iterator[datetime]:
    if unit < _MONTH:
        step = unit * count
        offset = _MONDAY if unit == _WEEK else 0
        first = -((-int(axis.begins.timestamp()) - offset) // step) * step - offset
        for seconds in range(first, int(axis.ends.timestamp()) + 1, step):
            if seconds >= axis.begins.timestamp():
                yield datetime.fromtimestamp(seconds, UTC)
        return
    months = count * (12 if unit == _YEAR else 1)
    first = -(-(axis.begins.year * 12 + axis.begins.month - 1) // months) * months
    last = axis.ends.year * 12 + axis.ends.month - 1
    for number in range(first, last + 1, months):
        moment = datetime(max(1, number // 12), number % 12 + 1, 1, tzinfo=UTC)
        if axis.begins <= moment <= axis.ends:
            yield moment


def _words(moment: datetime, unit: int) -> tuple[str, str]:
    if unit <= _HOUR:
        return f"{moment:%H:%M}", f"{moment:%Y-%m-%d}"
    month = _MONTHS[moment.month - 1]
    if unit < _YEAR:
        day = f" {moment.day}" if unit < _MONTH else ""
        return f"{month}{day}", f"{moment.year:04d}"
    return f"{moment.year:04d}", ""


# -- texts -----------------------------------------------------------------------------------------


def width_of(text: str, size: float) -> float:
    """How wide a text is at most, in the common fonts without serifs."""
    return size * sum(map(_share, text))


def _share(char: str) -> float:
    """Of the font's size. DejaVu Sans and Verdana are the widest of those that viewers use."""
    if unicodedata.east_asian_width(char) in "WF":
        return 1.05
    if char in _WIDE:
        return 1.0
    if char in _NARROW:
        return 0.42
    return 0.79 if char.isupper() or char > _LATIN else 0.65


def fitted(text: str, size: float, width: float) -> str:
    """The text, or as much of its beginning as there is room for."""
    if width_of(text, size) <= width:
        return text
    room = width - width_of("…", size)
    kept = ""
    for char in text:
        room -= width_of(char, size)
        if room < 0:
            break
        kept += char
    return kept.rstrip() + "…"


def folded(text: str, size: float, width: float, most: int) -> list[str]:
    """The text in lines, so many at most."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".lstrip()
        if len(lines) < most and lines[-1] and width_of(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [fitted(line, size, width) for line in lines]


# -- labels in a lane ------------------------------------------------------------------------------


class Span(NamedTuple):
    """From where to where, on the axis."""

    left: float
    right: float

    def touches(self, other: "Span") -> bool:
        return self.left < other.right and other.left < self.right


class Label(NamedTuple):
    """What is to be written at a bar.

    Attributes:
        bar: With its mark.
        inside: What of the bar is free for a text.
        texts: The first that there is room for is taken; the shortest is the last.
        begins: The left end of what belongs to the bar.
    """

    bar: Span
    inside: Span
    texts: Sequence[str]
    begins: float


class Placed(NamedTuple):
    """A text, from where to where it is, and on which side of its bar."""

    text: str
    x: float
    right: float
    is_inside: bool
    is_before: bool


_GAP = 6
_MOST_LABELS = 40  # of a lane: no more have room, and all are compared with each other


def place(
    labels: Sequence[Label], others: Iterable[Span], edge: Span, size: float
) -> list[Placed | None]:
    """Each label's text; None if there is no room for any.

    Args:
        labels: Of one lane. The last come first: what is so now matters most.
        others: What else is in the lane and must stay visible.
        edge: No text goes beyond.
        size: The font's.
    """
    taken = [*others, *(label.bar for label in labels)]
    placed: list[Placed | None] = []
    for label in labels[: -_MOST_LABELS - 1 : -1]:
        found = _fit(label, [span for span in taken if span is not label.bar], edge, size)
        placed.append(found)
        if found:
            taken.append(Span(found.x - 3, found.x + width_of(found.text, size) + 3))
    return [None] * (len(labels) - len(placed)) + placed[::-1]


def _fit(label: Label, taken: Sequence[Span], edge: Span, size: float) -> Placed | None:
    for text in label.texts:
        width = width_of(text, size)
        for wanted, limits in _choices(label, width, edge):
            is_within = limits.left <= wanted.left and wanted.right <= limits.right
            if is_within and not any(map(wanted.touches, taken)):
                is_before = wanted.right < label.bar.left
                return Placed(text, *wanted, limits is label.inside, is_before)
    return None


def _choices(label: Label, width: float, edge: Span) -> Iterator[tuple[Span, Span]]:
    """Where a text of that width may be, and within which limits."""
    for x, limits in (
        (label.inside.left, label.inside),
        (label.bar.right + _GAP, edge),
        (label.bar.left - _GAP - width, edge),
        (label.begins - _GAP - width, edge),
    ):
        yield Span(x, x + width), limits


def without_collisions(ticks: Sequence[Tick], size: float, edge: float) -> list[Tick]:
    """The ticks, with no text that reaches into the next one's or beyond the edge."""
    kept = [tick for tick in ticks if tick.x + width_of(tick.text, size) / 2 <= edge]
    for index, (one, other) in enumerate(pairwise(kept)):
        if one.below and other.below and one.x + width_of(one.below, size) > other.x:
            kept[index] = one._replace(below="")
    return kept
