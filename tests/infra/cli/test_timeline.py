"""The picture of `history --svg`: where things are on it, what it says, and what it never holds."""

import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest

from infra.cli.timeline import TIMELINE_STYLE, timeline_svg
from infra.cli.timeline_layout import Axis, axis_over, fitted, folded, ticks_of, width_of
from infra.operate.timeline import HoldSpan, How, Lane, Stay, Timeline
from models.tags import Stamp
from tests.support.paths import ROOT

PICTURE = ROOT / "infra" / "operate" / "timeline.svg"
NOW = datetime(2026, 11, 27, 13, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"


def ago(**how: float) -> datetime:
    return NOW - timedelta(**how)


def image(number: int) -> str:
    return f"ami-{number:017x}"


def a_stay(version, since, until=None, *, of=None, how=How.PROMOTED, **more):
    image_id = image(version if of is None else of)
    return Stay(version=version, image_id=image_id, since=since, until=until, how=how, **more)


def a_lane(*stays, created=None, **more):
    is_current = any(stay.until is None for stay in stays)
    image_id = stays[0].image_id if stays else None
    more = {"image_id": image_id, "is_current": is_current} | more
    return Lane(created=created, stays=stays, **more)


def a_timeline(*lanes, holds=(), name="web", now=NOW):
    """Of these lanes, the newest image first."""
    current = [stay.version for lane in lanes for stay in lane.stays if stay.until is None]
    return Timeline(
        template_id="lt-0123456789abcdef0",
        template_name=name,
        default_version=(current or [1])[0],
        lanes=lanes,
        holds=holds,
        now=now,
    )


def chain(count, step, *, before=0):
    """So many promotions, one after the other."""
    moments = [ago(seconds=before) - (count - n) * step for n in range(count)]
    ends = [*moments[1:], None]
    lanes = [
        a_lane(a_stay(n + 1, since, until), created=since - step / 4)
        for n, (since, until) in enumerate(zip(moments, ends, strict=True))
    ]
    return a_timeline(*reversed(lanes))


MOVED_BACK = a_timeline(
    a_lane(
        a_stay(2, ago(days=4), ago(days=3)),
        created=ago(days=5),
        quarantine=Stamp(who="ami-reactor-guard", since=ago(days=3), why="web-5xx is in ALARM"),
    ),
    a_lane(
        a_stay(1, ago(days=8), ago(days=4), how=How.CREATED, by="root"),
        a_stay(3, ago(days=3), of=1, how=How.MOVED_BACK, by="Instance Refresh Failed", why="5xx"),
        created=ago(days=9),
    ),
    holds=(
        HoldSpan(who="jane", since=ago(days=7), ended=ago(days=5), why="load test"),
        HoldSpan(who="ami-reactor-guard", since=ago(days=3), why="5xx", is_current=True),
    ),
)


EVENT = "Backup Job State Change dafac799-9b88-0134-26b7-fef4d54a134f"
ALARM = "Instance refresh failed because the alarm web-5xx is in ALARM state."
EXAMPLE = a_timeline(
    a_lane(
        a_stay(6, ago(days=5.8), by=EVENT),
        image_id="ami-0f2c3d4e5f6071829",
        created=ago(days=6.7),
    ),
    a_lane(
        a_stay(4, ago(days=13), ago(days=12.5), by=EVENT),
        image_id="ami-0a1b2c3d4e5f60718",
        created=ago(days=13.7),
        quarantine=Stamp(who="ami-reactor-guard", since=ago(days=12.5), why=ALARM),
    ),
    a_lane(
        a_stay(3, ago(days=20), ago(days=13), by=EVENT),
        a_stay(5, ago(days=12.5), ago(days=5.8), how=How.MOVED_BACK, by=EVENT, why=ALARM),
        image_id="ami-0c9d8e7f6a5b4c3d2",
        created=ago(days=20.7),
    ),
    a_lane(
        a_stay(2, ago(days=27), ago(days=20), by=EVENT),
        image_id="ami-06b7a8c9d0e1f2a3b",
        created=ago(days=27.7),
    ),
    a_lane(
        a_stay(1, ago(days=34), ago(days=27), how=How.CREATED, by="user/jane"),
        image_id="ami-04555b9b3720fcb7f",
        created=ago(days=34.7),
    ),
    holds=(
        HoldSpan(who="ami-reactor-guard", since=ago(days=12.5), ended=ago(days=5.9), why=ALARM),
        HoldSpan(who="jane", since=ago(days=2), why="load test", is_current=True),
    ),
)


def drawn(timeline, **how):
    return ElementTree.fromstring(timeline_svg(timeline, **how))


def shapes(root, name):
    """The elements of that class."""
    return [one for one in root.iter() if f"ami-timeline-{name}" in one.get("class", "").split()]


def told(root):
    """What each group says that one points at, and its shapes."""
    groups = root.iter(f"{SVG}g")
    return {group.findtext(f"{SVG}title") or "": group for group in groups}


def left(shape):
    """Where a shape begins."""
    if "d" in shape.attrib:
        return min(float(x) for x in re.findall(r"([\d.]+),", shape.get("d")))
    return float(shape.get("x") or shape.get("x1") or shape.get("cx"))


def the_bar(root, version):
    [group] = [
        group for title, group in told(root).items() if title.startswith(f"Version {version} ")
    ]
    [bar] = shapes(group, "bar") or shapes(group, "current")
    return bar


def bar_of(root, version):
    """From where to where a version's bar is."""
    bar = the_bar(root, version)
    begin = left(bar)
    return begin, begin + float(bar.get("width", 0))


def height_of(root, version):
    """How far below the top a version's bar is."""
    bar = the_bar(root, version)
    return float(bar.get("y") or re.findall(r",([\d.]+)", bar.get("d"))[0])


def words(root):
    return [text.text for text in root.iter(f"{SVG}text")]


def boxes(root):
    """From where to where each text is, and which lines it fills."""
    for text in root.iter(f"{SVG}text"):
        size, x, y = (float(text.get(key)) for key in ("font-size", "x", "y"))
        width = width_of(text.text, size) * (1.12 if text.get("font-weight") == "600" else 1)
        x -= {"middle": width / 2, "end": width}.get(text.get("text-anchor"), 0)
        yield text.text, x, x + width, y - size * 0.8, y + size * 0.2


CASES = {
    "one": chain(1, timedelta(days=2)),
    "just now": chain(1, timedelta(seconds=1)),
    "a hundred nights": chain(100, timedelta(days=1)),
    "two within a minute, a year ago": a_timeline(
        a_lane(a_stay(3, ago(minutes=1)), created=ago(minutes=9)),
        a_lane(a_stay(2, ago(days=365), ago(minutes=1)), created=ago(days=366)),
        a_lane(a_stay(1, ago(days=365, seconds=40), ago(days=365)), created=ago(days=367)),
    ),
    "moved back": MOVED_BACK,
    "all in one lane": a_timeline(
        a_lane(
            *(a_stay(n, ago(hours=50 - n), ago(hours=49 - n), of=1) for n in range(1, 40)),
            a_stay(40, ago(hours=10), of=1),
            created=ago(hours=60),
        ),
    ),
    "of others, with what waits": a_timeline(
        a_lane(a_stay(4, NOW, how=How.NOT_BY_THE_REACTOR, not_before=ago(days=5), not_after=NOW)),
        a_lane(
            a_stay(1, ago(days=9), ago(days=5)),
            a_stay(3, ago(days=5), NOW, of=1),
            created=ago(days=4000),
            waiting=((2, ago(days=6)),),
        ),
        a_lane(image_id=None, waiting=((5, ago(days=1)),)),
        holds=(HoldSpan(who=None, since=None, why="x" * 300, is_current=True),),
        name="n" * 128,
    ),
    "nothing": a_timeline(),
}
SIZES = [480, 960, 1600]
each_case = pytest.mark.parametrize("case", CASES)


# -- time ------------------------------------------------------------------------------------------


def test_a_place_is_in_proportion_to_time():
    root = drawn(chain(5, timedelta(days=7)))

    bars = [bar_of(root, version) for version in (1, 2, 3, 4)]
    starts = [begin for begin, _ in bars]

    assert starts == sorted(starts)
    widths = [end - begin for begin, end in bars]
    assert max(widths) - min(widths) < 0.3
    assert all(end == pytest.approx(begin, abs=0.2) for (_, end), (begin, _) in pairwise(bars))


def test_an_earlier_moment_is_further_left_and_one_beyond_is_at_the_border():
    axis = Axis(ago(days=10), NOW, 100.0, 300.0)

    moments = [ago(days=99), ago(days=10), ago(days=5), NOW, NOW + timedelta(days=1)]

    assert [axis.x(moment) for moment in moments] == [100, 100, 200, 300, 300]


def test_the_same_moment_in_another_timezone_is_at_the_same_place():
    seoul = timezone(timedelta(hours=9))
    local = chain(3, timedelta(days=1)).model_dump()

    def moved(value):
        if isinstance(value, datetime):
            return value.astimezone(seoul)
        if isinstance(value, dict):
            return {key: moved(one) for key, one in value.items()}
        return tuple(map(moved, value)) if isinstance(value, tuple | list) else value

    assert timeline_svg(Timeline.model_validate(moved(local))) == timeline_svg(
        chain(3, timedelta(days=1))
    )


@pytest.mark.parametrize(
    ("span", "first", "last"),
    [
        ({"minutes": 8}, ("12:52", "2026-11-27"), ("13:00", "")),
        ({"hours": 3}, ("10:00", "2026-11-27"), ("13:00", "")),
        ({"hours": 30}, ("12:00", "2026-11-26"), ("12:00", "")),
        ({"days": 6}, ("Nov 22", "2026"), ("Nov 27", "")),
        ({"days": 33}, ("Oct 26", "2026"), ("Nov 23", "")),
        ({"days": 300}, ("Mar", "2026"), ("Nov", "")),
        ({"days": 900}, ("Jul", "2024"), ("Jul", "")),
        ({"days": 9000}, ("2005", ""), ("2025", "")),
        ({"days": 500000}, ("0800", ""), ("2000", "")),
    ],
    ids=str,
)
def test_ticks_are_at_round_times_of_utc(span, first, last):
    ticks = ticks_of(axis_over([ago(**span)], NOW, 236, 926))

    assert (ticks[0].text, ticks[0].below) == first
    assert (ticks[-1].text, ticks[-1].below) == last
    assert 2 <= len(ticks) <= 9
    assert all(other.x - one.x > 60 for one, other in pairwise(ticks))


def test_weeks_begin_on_monday_and_a_new_year_is_written():
    begin, end = datetime(2025, 12, 10, tzinfo=UTC), datetime(2026, 1, 20, tzinfo=UTC)
    ticks = ticks_of(axis_over([begin], end, 236, 926))

    shown = [f"{tick.text} {tick.below}".strip() for tick in ticks]
    assert shown == ["Dec 15 2025", "Dec 22", "Dec 29", "Jan 5 2026", "Jan 12", "Jan 19"]


def test_an_image_that_was_made_years_before_does_not_take_the_room():
    lanes = [
        a_lane(a_stay(2, ago(days=5)), created=ago(days=6)),
        a_lane(a_stay(1, ago(days=10), ago(days=5)), created=ago(days=4000)),
    ]
    root = drawn(a_timeline(*lanes))

    begin, end = bar_of(root, 1)
    assert end - begin > 300
    assert "«" in words(root)


# -- lanes and spans -------------------------------------------------------------------------------


def test_the_newest_image_is_on_top_and_each_bar_is_in_its_images_lane():
    root = drawn(MOVED_BACK)

    names = [text for text in words(root) if text.startswith("ami-")]
    assert names == [image(2), image(1)]
    heights = [height_of(root, version) for version in (1, 2, 3)]
    assert heights[0] == heights[2] > heights[1]


def test_a_hold_that_ended_is_a_span_and_one_of_now_lasts_until_now():
    root = drawn(MOVED_BACK)

    [(_, ended), (_, current)] = [
        (title, shapes(group, "hold")[0]) for title, group in told(root).items() if "Held" in title
    ]
    day = (float(current.get("width"))) / 3
    assert float(ended.get("width")) == pytest.approx(2 * day, abs=0.3)
    assert left(current) - left(ended) == pytest.approx(4 * day, abs=0.3)
    begin, _ = bar_of(root, 3)
    assert left(current) == pytest.approx(begin, abs=0.2)


def test_a_hold_says_who_since_when_until_when_and_why():
    titles = list(told(drawn(MOVED_BACK)))

    assert (
        "Held by jane since 2026-11-20 13:00Z, ended at 2026-11-22 13:00Z or shortly before:"
        " load test"
    ) in titles
    assert "Held by ami-reactor-guard since 2026-11-24 13:00Z, still held: 5xx" in titles


def test_what_happened_is_told_in_words_too():
    described = drawn(MOVED_BACK).findtext(f"{SVG}desc")

    assert described.replace("\\n", "\n").splitlines() == [
        f"Version 1 with {image(1)}, created with the template (root) 2026-11-19 13:00Z,"
        " until 2026-11-23 13:00Z",
        f"Version 2 with {image(2)}, promoted by the reactor 2026-11-23 13:00Z,"
        " until 2026-11-24 13:00Z",
        f"Version 3 with {image(1)}, moved back by the guard (Instance Refresh Failed)"
        " 2026-11-24 13:00Z, and is the default now: 5xx",
        "Held by jane since 2026-11-20 13:00Z, ended at 2026-11-22 13:00Z or shortly before:"
        " load test",
        "Held by ami-reactor-guard since 2026-11-24 13:00Z, still held: 5xx",
        f"{image(2)} is quarantined: ami-reactor-guard since 2026-11-24 13:00Z:"
        " web-5xx is in ALARM",
    ]


def test_the_current_image_and_a_quarantine_are_marked_by_words_and_shapes():
    root = drawn(MOVED_BACK)

    shown = words(root)
    assert "current image, made 2026-11-18" in shown
    assert "quarantined, made 2026-11-22" in shown
    assert {"the default now", "image made, quarantined now", "held"} <= set(shown)
    assert len(shapes(root, "current")) == 2  # the bar's, and the legend's
    assert len(shapes(root, "bad-line")) == 4


def test_each_way_to_become_the_default_has_a_shape_of_its_own():
    hows = [a_stay(n + 1, ago(days=9 - n), ago(days=8 - n), how=how) for n, how in enumerate(How)]
    root = drawn(a_timeline(*map(a_lane, hows)))

    legend = [one.get("d") for one in shapes(root, "move")][len(hows) :]
    relative = set()
    for path in legend:
        points = [tuple(map(float, point.split(","))) for point in path.strip("MZ").split("L")]
        middle = [sum(axis) / len(points) for axis in zip(*points, strict=True)]
        relative.add(tuple((round(x - middle[0]), round(y - middle[1])) for x, y in points))
    assert len(relative) == len(hows) == 5


def test_a_line_leads_from_each_image_to_the_next_one():
    root = drawn(MOVED_BACK)

    steps = [one for one in root if one in shapes(root, "line") and one.get("x1") == one.get("x2")]
    half = 9  # of a bar's height
    assert [(float(one.get("y1")), float(one.get("y2"))) for one in steps] == [
        (height_of(root, 1) + half, height_of(root, 2) + half),
        (height_of(root, 2) + half, height_of(root, 3) + half),
    ]


def test_a_legend_explains_what_is_there_alone():
    shown = words(drawn(CASES["one"]))

    assert "promoted by the reactor" in shown
    assert not {"moved back by the guard", "rolled back by a person", "held"} & set(shown)


def test_the_oldest_of_many_images_share_a_lane_and_that_is_said():
    root = drawn(CASES["a hundred nights"])

    shown = words(root)
    assert [text for text in shown if text.startswith("ami-")] == [
        image(number) for number in range(100, 85, -1)
    ]
    assert "85 older images" in shown
    assert "85 older images share the last lane, without their names." in shown
    assert len(shapes(root, "bar")) == 99


def test_the_current_and_a_quarantined_image_have_a_lane_of_their_own_however_old():
    lanes = list(CASES["a hundred nights"].lanes)
    bad = Stamp(who="jane", since=NOW, why="bad")
    lanes[60] = lanes[60].model_copy(update={"quarantine": bad})
    shown = words(drawn(a_timeline(*lanes), most_lanes=3))

    assert [text for text in shown if text.startswith("ami-")] == [image(100), image(40)]


# -- texts -----------------------------------------------------------------------------------------


@each_case
@pytest.mark.parametrize("width", SIZES)
def test_no_text_reaches_into_another_or_out_of_the_picture(case, width):
    root = drawn(CASES[case], width=width)

    found = list(boxes(root))
    for one, other in combinations(found, 2):
        is_beside = one[2] <= other[1] or other[2] <= one[1]
        is_below = one[4] <= other[3] or other[4] <= one[3]
        assert is_beside or is_below, (one, other)
    for text, begin, end, top, bottom in found:
        assert begin >= 0, text
        assert end <= width, text
        assert top >= 0
        assert bottom <= float(root.get("height")), text


def test_notes_say_what_is_not_known_and_are_folded():
    wide, narrow = (
        words(drawn(CASES["of others, with what waits"], width=width)) for width in (960, 480)
    )

    note = "A dashed line below a bar: when exactly it became the default is not known."
    assert note in wide
    assert note in " ".join(narrow)
    assert not any("…" in text for text in narrow if text.startswith("A dashed"))


def test_labels_without_room_are_counted():
    shown = words(drawn(CASES["all in one lane"]))

    [note] = [text for text in shown if "no room" in text]
    labels = [text for text in shown if re.fullmatch(r"(version )?\d+(,.*)?", text)]
    assert int(note.split()[0]) + len(labels) == 40


@pytest.mark.parametrize("text", ["plain", "WIDE @@ %%", "日本語のテンプレート", "→…", ""])
def test_a_shortened_text_fits(text):
    for width in (20, 60, 200):
        assert width_of(fitted(text * 9, 12, width), 12) <= width
        assert all(width_of(one, 12) <= width for one in folded(text * 9, 12, width, 3))


def test_a_folded_text_keeps_its_words():
    assert folded("one two three four", 10, 60, 9) == ["one two", "three four"]


# -- what comes from outside -----------------------------------------------------------------------


@each_case
def test_it_is_well_formed_asks_no_other_host_and_can_stand_in_a_page_many_times(case):
    svg = timeline_svg(CASES[case])
    root = ElementTree.fromstring(svg)

    assert root.tag == f"{SVG}svg"
    assert svg.count("http") == 1  # the name of the format
    assert "url(" not in svg
    assert not [one for one in root.iter() if "id" in one.attrib or "href" in one.attrib]
    classes = {name for one in root.iter() for name in one.get("class", "").split()}
    assert all(name.startswith("ami-timeline") for name in classes)
    assert {one.tag.removeprefix(SVG) for one in root.iter()} <= {
        *("svg", "title", "desc", "style", "rect", "text", "line", "g", "path", "circle")
    }


def test_it_is_one_image_with_a_name_for_those_who_hear_it():
    root = drawn(MOVED_BACK)

    assert root.get("role") == "img"
    assert [one.tag for one in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert root.findtext(f"{SVG}title") == "Timeline of the launch template web"


def test_markup_and_control_characters_from_outside_are_text():
    odd = "</title><script>alert('&amp;')</script>\x1b[31m\u202e\x00\udc80]]>"
    timeline = a_timeline(
        a_lane(
            a_stay(2, ago(days=1), by=odd, why=odd),
            created=ago(days=2),
            quarantine=Stamp(who=None, since=None, why=odd),
        ),
        a_lane(a_stay(1, ago(days=3), ago(days=1)), image_id=odd),
        holds=(HoldSpan(who=odd, since=ago(days=1), why=odd, is_current=True),),
        name=odd,
    )

    svg = timeline_svg(timeline)

    root = ElementTree.fromstring(svg)
    assert "<script" not in svg
    assert svg.isprintable()
    assert not list(root.iter(f"{SVG}script"))
    safe = r"</title><script>alert('&amp;')</script>\x1b[31m\u202e\x00\udc80]]>"
    assert root.findtext(f"{SVG}title") == f"Timeline of the launch template {safe}"


def test_a_page_with_many_needs_the_style_once():
    assert TIMELINE_STYLE in timeline_svg(MOVED_BACK)
    assert "<style" not in timeline_svg(MOVED_BACK, with_style=False)
    assert "prefers-color-scheme:dark" in TIMELINE_STYLE
    assert not set("<>&") & set(TIMELINE_STYLE)


def test_the_picture_in_the_manual_is_how_it_is_drawn():
    svg = timeline_svg(EXAMPLE) + "\n"

    # to renew it, write that into the file
    assert PICTURE.read_text(encoding="utf-8") == svg
