"""A template's timeline as an SVG picture: which image new instances launched, and since when.

A lane for each image, the newest on top, and time from left to right: a promotion goes up, a move
back goes down. It asks no other host, has no script and no ids, and its classes have a prefix: many
of them can stand in one HTML page. Nothing is told by colour alone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from xml.etree.ElementTree import Element, SubElement, tostring

from infra.cli.render import ago
from infra.cli.timeline_layout import (
    Axis,
    Label,
    Span,
    axis_over,
    fitted,
    folded,
    place,
    ticks_of,
    width_of,
    without_collisions,
)
from infra.operate.timeline import HoldSpan, How, Lane, Stay, Timeline
from models.base import printable

_PREFIX = "ami-timeline"

_MARGIN, _LEFT, _RIGHT = 20.0, 236.0, 34.0  # of the picture; of the axis, from the picture's border
_NARROWEST = 480
_LANE, _BAR, _MARK = 40.0, 18.0, 5.5  # heights; half of a mark's
_TITLE, _TEXT, _SMALL = 18.0, 12.5, 11.0  # sizes of the font
_BOLD = 1.12  # so much wider

_RULES = (
    ("page", "fill", "#ffffff", "#0d1117"),
    ("ink", "fill", "#1f2328", "#e6edf3"),
    ("dim", "fill", "#59636e", "#9ba4ae"),
    ("grid", "stroke", "#d8dee4", "#2b323b"),
    ("line", "stroke", "#6e7781", "#8b949e"),
    ("now", "stroke", "#1f2328", "#e6edf3"),
    ("bar", "fill", "#d3e4fb", "#1c3557"),
    ("bar", "stroke", "#3d74b5", "#6ea8fe"),
    ("current", "fill", "#b5e3c1", "#17482a"),
    ("current", "stroke", "#1a7f37", "#3fb950"),
    ("move", "fill", "#1f2328", "#e6edf3"),
    ("image", "fill", "#ffffff", "#0d1117"),
    ("image", "stroke", "#1f2328", "#e6edf3"),
    ("bad", "fill", "#a40e26", "#ff8b83"),
    ("bad-line", "stroke", "#a40e26", "#ff8b83"),
    ("hold", "fill", "#fdeaa8", "#4a3700"),
    ("hold", "stroke", "#8a5a00", "#e3b341"),
    ("shade", "fill", "#fdeaa8", "#4a3700"),
)
"""Class, property, and its colour in the light and in the dark."""

_HALO = f".{_PREFIX}-over{{paint-order:stroke;stroke-width:3px;stroke-linejoin:round;"


def _style() -> str:
    light = "".join(f".{_PREFIX}-{name}{{{what}:{day}}}" for name, what, day, _ in _RULES)
    dark = "".join(f".{_PREFIX}-{name}{{{what}:{night}}}" for name, what, _, night in _RULES)
    light += f"{_HALO}stroke:#ffffff}}.{_PREFIX}{{background:#ffffff}}"
    dark += f"{_HALO}stroke:#0d1117}}.{_PREFIX}{{background:#0d1117}}"
    return f"{light}@media screen and (prefers-color-scheme:dark){{{dark}}}"


TIMELINE_STYLE = _style()
"""The style sheet of all timelines. A page with many needs it once."""

_NO_IMAGE = "no image, or not known"
_WORDS = {
    How.CREATED: "created with the template",
    How.PROMOTED: "promoted by the reactor",
    How.MOVED_BACK: "moved back by the guard",
    How.ROLLED_BACK: "rolled back by a person",
    How.NOT_BY_THE_REACTOR: "made the default, not by the reactor",
}


_SHORT = {
    How.CREATED: "created",
    How.PROMOTED: "promoted",
    How.MOVED_BACK: "moved back",
    How.ROLLED_BACK: "rolled back",
    How.NOT_BY_THE_REACTOR: "not by the reactor",
}


def timeline_svg(
    timeline: Timeline, *, width: int = 960, most_lanes: int = 16, with_style: bool = True
) -> str:
    """The picture, as an `<svg>` element that can be a file, or stand in an HTML page.

    Args:
        timeline: What to draw.
        width: In pixels; at least 480.
        most_lanes: So many lanes at most: the oldest images share the last one.
        with_style: False if the page has TIMELINE_STYLE already.
    """
    drawing = _Drawing(timeline, float(max(width, _NARROWEST)), most_lanes)
    return tostring(drawing.drawn(with_style=with_style), encoding="unicode")


# -- words -----------------------------------------------------------------------------------------


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}Z"


def _how(stay: Stay) -> str:
    """What moved the template to it, in short."""
    if stay.how is How.ROLLED_BACK and stay.by:
        return f"rolled back by {stay.by}"
    return _WORDS[stay.how]


def _when(stay: Stay) -> str:
    if stay.not_before and stay.not_after:
        return f"at some time from {_at(stay.not_before)} until {_at(stay.not_after)}"
    return _at(stay.since)


def _stay_in_words(stay: Stay) -> str:
    by = f" ({stay.by})" if stay.by and stay.how is not How.ROLLED_BACK else ""
    why = f": {stay.why}" if stay.why else ""
    end = f"until {_at(stay.until)}" if stay.until else "and is the default now"
    image = stay.image_id or _NO_IMAGE
    return f"Version {stay.version} with {image}, {_how(stay)}{by} {_when(stay)}, {end}{why}"


def _hold_in_words(hold: HoldSpan) -> str:
    who = f" by {hold.who}" if hold.who else ""
    since = f" since {_at(hold.since)}" if hold.since else ", since when is not known"
    return f"Held{who}{since}, {_end_in_words(hold)}: {hold.why}"


def _end_in_words(hold: HoldSpan) -> str:
    planned = f", to end at {_at(hold.until)}" if hold.until else ""
    if hold.is_current:
        return f"still held{planned}"
    if hold.ended:
        return f"ended at {_at(hold.ended)} or shortly before"
    return "ended, when is not known"


def _state_in_words(timeline: Timeline) -> Iterator[str]:
    current = next((lane for lane in timeline.lanes if lane.is_current), None)
    if current is None:
        yield f"Version {timeline.default_version} is the default."
    else:
        stay = current.stays[-1]
        created = current.created
        image = current.image_id or _NO_IMAGE
        age = ", which cannot be read" if current.image_id else ""
        if created:
            age = f", {ago(created, timeline.now)} old"
        how = f"version {stay.version}, {_how(stay)} {_when(stay)}"
        yield f"New instances launch {image}{age}: {how}."
        if current.quarantine:
            yield f"That image is quarantined: {current.quarantine}"
    for hold in timeline.holds:
        if hold.is_current:
            yield f"{_hold_in_words(hold)}"


def _description(timeline: Timeline) -> str:
    """The whole story, for those who hear it."""
    images = (
        f"{lane.image_id} is quarantined: {lane.quarantine}"
        for lane in timeline.lanes
        if lane.quarantine
    )
    told = [*map(_stay_in_words, timeline.stays), *map(_hold_in_words, timeline.holds), *images]
    return "\n".join(told)


# -- shapes ----------------------------------------------------------------------------------------


def _add(parent: Element, tag: str, name: str = "", **attributes: object) -> Element:
    """A new element; `name` is its class without the prefix."""
    classes = " ".join(f"{_PREFIX}-{one}" for one in name.split())
    shown = {key.replace("_", "-"): _number(value) for key, value in attributes.items()}
    return SubElement(parent, tag, {"class": classes} | shown if classes else shown)


def _number(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def _text(parent: Element, x: float, y: float, text: str, name: str, **attributes: object) -> None:
    size = attributes.pop("size", _SMALL)
    element = _add(parent, "text", name, x=x, y=y, font_size=size, **attributes)
    element.text = printable(text)


def _group(parent: Element, told: str) -> Element:
    """A group that says what it is when one points at it."""
    group = _add(parent, "g")
    _add(group, "title").text = printable(told)
    return group


def _path(parent: Element, name: str, *points: tuple[float, float]) -> None:
    shape = "M" + "L".join(f"{_number(x)},{_number(y)}" for x, y in points) + "Z"
    _add(parent, "path", name, d=shape)


def _up(parent: Element, x: float, y: float) -> None:
    _path(parent, "move", (x - _MARK, y + _MARK), (x, y - _MARK), (x + _MARK, y + _MARK))


def _down(parent: Element, x: float, y: float) -> None:
    _path(parent, "move", (x - _MARK, y - _MARK), (x, y + _MARK), (x + _MARK, y - _MARK))


def _left(parent: Element, x: float, y: float) -> None:
    _path(parent, "move", (x + _MARK, y - _MARK), (x - _MARK, y), (x + _MARK, y + _MARK))


def _diamond(parent: Element, x: float, y: float) -> None:
    r = _MARK + 1
    _path(parent, "move", (x - r, y), (x, y - r), (x + r, y), (x, y + r))


def _square(parent: Element, x: float, y: float) -> None:
    r = _MARK - 1
    _path(parent, "move", (x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r))


def _circle(parent: Element, x: float, y: float) -> None:
    _add(parent, "circle", "image", cx=x, cy=y, r=_MARK - 0.5, stroke_width=1.5)


def _crossed(parent: Element, x: float, y: float) -> None:
    r = _MARK + 1
    for one in (-r, r):
        ends = {"x1": x - r, "y1": y - one, "x2": x + r, "y2": y + one}
        _add(parent, "line", "bad-line", stroke_width=2.0, **ends)


def _version(parent: Element, x: float, y: float) -> None:
    r = _MARK - 1.5
    size = {"width": 2 * r, "height": 2 * r}
    _add(parent, "rect", "image", x=x - r, y=y - r, stroke_width=1.5, **size)


def _hold_box(parent: Element, x: float, y: float, width: float) -> None:
    box = {"x": x, "y": y - _BAR / 2, "width": width, "height": _BAR}
    _add(parent, "rect", "hold", stroke_width=1.5, stroke_dasharray="4 2", **box)


_MARKS: dict[How, Callable[[Element, float, float], None]] = {
    How.CREATED: _square,
    How.PROMOTED: _up,
    How.MOVED_BACK: _down,
    How.ROLLED_BACK: _left,
    How.NOT_BY_THE_REACTOR: _diamond,
}


# -- the drawing -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    """A lane of the picture: an image's, or that of all the older ones.

    Attributes:
        y: Its middle.
    """

    lanes: Sequence[Lane]
    y: float

    @property
    def is_shared(self) -> bool:
        return len(self.lanes) > 1


def _chosen(timeline: Timeline, most: int) -> list[list[Lane]]:
    """Lanes that stand alone, newest first; then those that share one."""
    lanes = timeline.lanes
    if len(lanes) <= most:
        return [[lane] for lane in lanes]
    by_weight = sorted(lanes, key=lambda lane: (not lane.is_current, lane.quarantine is None))
    alone = by_weight[: max(1, most - 1)]
    rest = [lane for lane in lanes if lane not in alone]
    return [*([lane] for lane in lanes if lane in alone), rest]


class _Drawing:
    """One picture, from top to bottom."""

    def __init__(self, timeline: Timeline, width: float, most_lanes: int) -> None:
        self.timeline = timeline
        self.width = width
        self.left_out = 0
        self.root = Element("svg", {"xmlns": "http://www.w3.org/2000/svg"})
        self.state = [
            line
            for told in _state_in_words(timeline)
            for line in folded(printable(told), _TEXT, width - 2 * _MARGIN, 3)
        ]
        self.top = 62 + 18.0 * len(self.state)
        chosen = _chosen(timeline, most_lanes)
        self.rows = [
            _Row(lanes, self.top + _LANE * (index + 0.5)) for index, lanes in enumerate(chosen)
        ]
        self.held_y = self.top + _LANE * (len(chosen) + 0.5)
        self.bottom = self.top + _LANE * (len(chosen) + bool(timeline.holds))
        self.axis = self._axis()

    def _axis(self) -> Axis:
        """From the first version on. An image that was made long before would take all the room."""
        moments = [stay.since for stay in self.timeline.stays]
        moments += [made for lane in self.timeline.lanes for _, made in lane.waiting]
        first = min(moments, default=self.timeline.now)
        earliest = first - (self.timeline.now - first)
        others = [lane.created for lane in self.timeline.lanes if lane.created]
        others += [hold.since for hold in self.timeline.holds if hold.since]
        near = [moment for moment in others if moment >= earliest]
        return axis_over([first, *near], self.timeline.now, _LEFT, self.width - _RIGHT)

    def drawn(self, *, with_style: bool) -> Element:
        self._head(with_style=with_style)
        self._grid()
        self._shades()
        for row in self.rows:
            self._names(row)
        self._steps()
        for row in self.rows:
            self._row(row)
        self._holds()
        height = self._legend(self.bottom + 62)
        self.root.attrib |= {
            "class": _PREFIX,
            "viewBox": f"0 0 {_number(self.width)} {_number(height)}",
            "width": _number(self.width),
            "height": _number(height),
            "role": "img",
            "font-family": "system-ui, sans-serif",
        }
        return self.root

    def _head(self, *, with_style: bool) -> None:
        name = self.timeline.template_name
        _add(self.root, "title").text = printable(f"Timeline of the launch template {name}")
        _add(self.root, "desc").text = printable(_description(self.timeline))
        if with_style:
            _add(self.root, "style").text = TIMELINE_STYLE
        _add(self.root, "rect", "page", width="100%", height="100%")
        room = (self.width - 2 * _MARGIN) / _BOLD
        title = fitted(printable(f"{name}: what new instances launched"), _TITLE, room)
        _text(self.root, _MARGIN, 32.0, title, "ink", size=_TITLE, font_weight=600)
        for index, line in enumerate(self.state):
            _text(self.root, _MARGIN, 54 + 18.0 * index, line, "ink", size=_TEXT)

    def _grid(self) -> None:
        for tick in without_collisions(ticks_of(self.axis), _SMALL, self.width):
            ends = {"x1": tick.x, "x2": tick.x, "y1": self.top, "y2": self.bottom + 5}
            _add(self.root, "line", "grid", **ends)
            _text(self.root, tick.x, self.bottom + 19, tick.text, "dim", text_anchor="middle")
            if tick.below:
                _text(self.root, tick.x, self.bottom + 33, tick.below, "dim", text_anchor="middle")
        for index in range(len(self.rows) + 1 + bool(self.timeline.holds)):
            y = self.top + _LANE * index
            _add(self.root, "line", "grid", x1=_MARGIN, x2=self.width - _MARGIN, y1=y, y2=y)
        x = self.axis.right
        _add(self.root, "line", "now", x1=x, x2=x, y1=self.top - 4, y2=self.bottom)
        _text(self.root, x, self.top - 8, "now", "ink", text_anchor="middle")

    # -- lanes -------------------------------------------------------------------------------------

    def _names(self, row: _Row) -> None:
        name, below, kind = _name_of(row)
        weight = 600 if any(lane.is_current for lane in row.lanes) else 400
        room = _LEFT - _MARGIN - 14
        shown = fitted(printable(name), _TEXT, room / _BOLD)
        group = _group(self.root, _row_in_words(row))
        _text(group, _MARGIN, row.y - 3, shown, "ink", size=_TEXT, font_weight=weight)
        if below:
            _text(group, _MARGIN, row.y + 12, fitted(printable(below), _SMALL, room), kind)

    def _row(self, row: _Row) -> None:
        for lane in row.lanes:
            if not row.is_shared:
                self._image(lane, row.y)
            for stay in lane.stays:
                self._bar(stay, row)
            for number, made in lane.waiting:
                told = f"Version {number} was made {_at(made)}; it is not the default"
                _version(_group(self.root, told), self.axis.x(made), row.y)
        if not row.is_shared:
            self._labels(row)

    def _image(self, lane: Lane, y: float) -> None:
        """The mark of its creation, and a line until it was first launched."""
        if lane.created is None:
            return
        x = self.axis.x(lane.created)
        group = _group(self.root, _row_in_words(_Row([lane], y)))
        launched = self.axis.x(lane.stays[0].since) if lane.stays else x
        if launched - x > 2 * _MARK + 2:
            _add(group, "line", "line", x1=x, x2=launched, y1=y, y2=y, stroke_dasharray="1 3")
        elif lane.stays:
            y -= _BAR / 2 + _MARK  # above the mark of the promotion, which would cover it
        if lane.created < self.axis.begins:
            _text(group, x - 20, y + 4, "«", "ink")
        _circle(group, x, y)
        if lane.quarantine:
            _crossed(group, x, y)

    def _bar(self, stay: Stay, row: _Row) -> None:
        group = _group(self.root, _stay_in_words(stay))
        bar = self._span(stay)
        name = "bar" if stay.until else "current"
        y, width = row.y - _BAR / 2, max(2.0, bar.right - bar.left)
        if stay.until:
            _add(group, "rect", name, x=bar.left, y=y, width=width, height=_BAR)
        else:
            tip = (bar.left + width + 9, row.y)
            right = bar.left + width
            corners = (bar.left, y), (right, y), tip, (right, y + _BAR), (bar.left, y + _BAR)
            _path(group, name, *corners)
        if stay.not_before and stay.not_after:
            ends = {"x1": self.axis.x(stay.not_before), "x2": self.axis.x(stay.not_after)}
            below = row.y + _BAR / 2 + 5
            _add(group, "line", "now", y1=below, y2=below, stroke_dasharray="5 3", **ends)
        if not row.is_shared or bar.right - bar.left > 3 * _MARK:
            _MARKS[stay.how](group, bar.left, row.y)

    def _span(self, stay: Stay) -> Span:
        return Span(self.axis.x(stay.since), self.axis.x(stay.until or self.timeline.now))

    def _labels(self, row: _Row) -> None:
        [lane] = row.lanes
        begins = [self.axis.x(lane.created) - _MARK] if lane.created else []
        labels = [
            self._label_of(stay, begins[:1] if stay is lane.stays[0] else []) for stay in lane.stays
        ]
        labels += [
            _beside(self.axis.x(made), [f"version {number}, not the default", f"{number}"])
            for number, made in lane.waiting
        ]
        self._write(labels, [Span(x, x + 2 * _MARK) for x in begins], row.y)

    def _label_of(self, stay: Stay, begins: Sequence[float]) -> Label:
        span, how = self._span(stay), _how(stay)
        tip = 0 if stay.until else 9
        bar = Span(span.left - _MARK - 2, max(span.right, span.left + _MARK) + 2 + tip)
        texts = [
            f"version {stay.version}, {how} {_when(stay)}",
            f"version {stay.version}, {how} {stay.since:%Y-%m-%d}",
            f"version {stay.version}, {how}",
            f"version {stay.version}, {_SHORT[stay.how]}",
            f"{stay.version}, {_SHORT[stay.how]}",
            f"version {stay.version}",
            f"{stay.version}",
        ]
        inside = Span(span.left + _MARK + 4, span.right - 4)
        return Label(bar, inside, list(map(printable, texts)), min([bar.left, *begins]))

    def _write(self, labels: Sequence[Label], others: Iterable[Span], y: float) -> None:
        edge = Span(_LEFT - 8, self.axis.right - 3)
        for found in place(labels, others, edge, _SMALL):
            if found is None:
                self.left_out += 1
                continue
            name = "ink" if found.is_inside else "ink over"
            if found.is_before:  # ends at its bar, however wide the viewer's font is
                _text(self.root, found.right, y + 4, found.text, name, text_anchor="end")
            else:
                _text(self.root, found.x, y + 4, found.text, name)

    def _steps(self) -> None:
        """From each image to the next one."""
        rows = {stay: row.y for row in self.rows for lane in row.lanes for stay in lane.stays}
        for one, other in pairwise(self.timeline.stays):
            x, y = self.axis.x(other.since), (rows[one], rows[other])
            if y[0] != y[1]:
                _add(self.root, "line", "line", x1=x, x2=x, y1=y[0], y2=y[1])

    # -- holds -------------------------------------------------------------------------------------

    def _hold_span(self, hold: HoldSpan) -> Span:
        now = self.timeline.now
        end = now if hold.is_current else hold.ended or hold.last_seen or now
        begin = hold.since or hold.last_seen or end
        left, right = self.axis.x(begin), self.axis.x(end)
        return Span(left, max(right, left + 3))

    def _shades(self) -> None:
        """Behind all lanes: nothing was moved then."""
        for hold in self.timeline.holds:
            span = self._hold_span(hold)
            box = {"x": span.left, "width": span.right - span.left}
            height = self.bottom - self.top
            _add(self.root, "rect", "shade", y=self.top, height=height, opacity=0.35, **box)

    def _holds(self) -> None:
        if not self.timeline.holds:
            return
        y = self.held_y
        _text(self.root, _MARGIN, y - 3, "Held", "ink", size=_TEXT)
        _text(self.root, _MARGIN, y + 12, "the reactor moves nothing", "dim")
        labels = []
        for hold in self.timeline.holds:
            span = self._hold_span(hold)
            _hold_box(_group(self.root, _hold_in_words(hold)), span.left, y, span.right - span.left)
            labels.append(_hold_label(hold, span))
        self._write(labels, [], y)

    # -- below -------------------------------------------------------------------------------------

    def _legend(self, y: float) -> float:
        """What the shapes mean, of those that are there; the height of the picture."""
        x = _MARGIN
        for draw, words in _legend_of(self.timeline):
            width = 20 + width_of(words, _SMALL) + 18
            if x + width > self.width - _MARGIN and x > _MARGIN:
                x, y = _MARGIN, y + 20
            draw(self.root, x + 7, y - 4)
            _text(self.root, x + 20, y, words, "ink")
            x += width
        room = self.width - 2 * _MARGIN
        for line in (line for note in self._notes() for line in folded(note, _SMALL, room, 2)):
            y += 20
            _text(self.root, _MARGIN, y, line, "dim")
        return y + 16

    def _notes(self) -> Iterator[str]:
        yield f"Times are UTC. As of {_at(self.timeline.now)}. Point at a shape to read more."
        shared = sum(len(row.lanes) for row in self.rows if row.is_shared)
        if shared:
            yield f"{shared} older images share the last lane, without their names."
        if any(stay.not_before for stay in self.timeline.stays):
            yield "A dashed line below a bar: when exactly it became the default is not known."
        if any(lane.created and lane.created < self.axis.begins for lane in self.timeline.lanes):
            yield "«: the image was made before the time that is shown."
        if self.left_out:
            are = "label has" if self.left_out == 1 else "labels have"
            yield f"{self.left_out} {are} no room: point at the shape."


def _beside(x: float, texts: Sequence[str]) -> Label:
    return Label(Span(x - _MARK, x + _MARK), Span(x, x), texts, x - _MARK)


def _hold_label(hold: HoldSpan, span: Span) -> Label:
    told = f"by {hold.who}: {hold.why}" if hold.who else hold.why
    told = printable(told)
    texts = [fitted(told, _SMALL, room) for room in (560.0, 420.0, 300.0, 200.0, 120.0)]
    if hold.who:
        texts.append(printable(f"by {hold.who}"))
    bar = Span(span.left - 2, span.right + 2)
    return Label(bar, Span(span.left + 5, span.right - 5), [*texts, "held"], bar.left)


def _name_of(row: _Row) -> tuple[str, str, str]:
    """The name of a lane, what is below it, and the class of that."""
    if row.is_shared:
        made = [lane.created for lane in row.lanes if lane.created]
        below = f"made {min(made):%Y-%m-%d} to {max(made):%Y-%m-%d}" if made else ""
        return f"{len(row.lanes)} older images", below, "dim"
    [lane] = row.lanes
    if lane.image_id is None:
        return _NO_IMAGE, "current" if lane.is_current else "", "ink"
    made_at = f"made {lane.created:%Y-%m-%d}" if lane.created else "cannot be read"
    name = lane.image_id
    if lane.quarantine:
        return name, f"quarantined, {made_at}", "bad"
    if lane.is_current:
        return name, f"current image, {made_at}", "ink"
    return name, made_at, "dim"


def _row_in_words(row: _Row) -> str:
    if row.is_shared:
        return f"{len(row.lanes)} older images"
    [lane] = row.lanes
    image = lane.image_id
    if image is None:
        return _NO_IMAGE
    told = f"{image}, made {_at(lane.created)}" if lane.created else f"{image} cannot be read"
    return f"{told}; quarantined: {lane.quarantine}" if lane.quarantine else told


def _legend_of(
    timeline: Timeline,
) -> Iterator[tuple[Callable[[Element, float, float], object], str]]:
    if any(lane.created for lane in timeline.lanes):
        yield _circle, "image made"
    if any(lane.quarantine for lane in timeline.lanes):
        yield _quarantined, "image made, quarantined now"
    hows = {stay.how for stay in timeline.stays}
    yield from ((_MARKS[how], _WORDS[how]) for how in How if how in hows)
    if any(lane.waiting for lane in timeline.lanes):
        yield _version, "version made, not the default"
    yield _current, "the default now"
    if timeline.holds:
        yield _held, "held"


def _quarantined(parent: Element, x: float, y: float) -> None:
    _circle(parent, x, y)
    _crossed(parent, x, y)


def _current(parent: Element, x: float, y: float) -> None:
    left, right, half = x - 7, x + 2, 6.0
    tip = (right + 6, y)
    _path(
        parent,
        "current",
        (left, y - half),
        (right, y - half),
        tip,
        (right, y + half),
        (left, y + half),
    )


def _held(parent: Element, x: float, y: float) -> None:
    box = {"x": x - 7, "y": y - 6, "width": 15.0, "height": 12.0}
    _add(parent, "rect", "hold", stroke_width=1.5, stroke_dasharray="4 2", **box)
