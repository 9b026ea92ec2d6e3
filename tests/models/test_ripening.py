"""Soak, waves, gates and windows: each is a filter, and what it makes wait says until when."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decision import Keep, Promote, Reason, Skip
from models.launch_template import Template, Version
from models.ripening import LONGEST_SOAK, canaries, proved_by, read_soak
from models.selectors import Misconfigured, Selectors, read_selectors
from models.version_description import Promotion
from tests.models.test_decision import CURRENT, PLACE, answered, image
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    HELD,
    NEW,
    NEWER,
    NOON,
    OLD,
    OTHER_TEMPLATE,
    a_template,
    a_version,
    at,
)
from tests.support.ids import reason_first

SOAK = "ami-reactor:soak"
AFTER = "ami-reactor:after"
GATE = "ami-reactor:gate:approved"
WINDOW = {"ami-reactor-state:window": "closed"}
TWO = (image(NEW, 1), image(NEWER, 2))


def asked(*images, hours, tags, current=CURRENT, proofs=None):
    """Decide, so many hours after noon, about a template on OLD, which is of noon."""
    template = Template.model_validate(
        a_template(tags=FOLLOWS_INSTANCE | tags)
        | {"LatestVersionNumber": 1, "versions": [Version.model_validate(a_version())]}
    )
    return answered(template, current, images, NOON + timedelta(hours=hours), proofs)


# -- soak ------------------------------------------------------------------------------------------


def test_an_image_soaks_until_it_is_old_enough():
    early = asked(image(NEW, 1), CURRENT, hours=24.99, tags={SOAK: "1d"})
    ripe = asked(image(NEW, 1), CURRENT, hours=25, tags={SOAK: "1d"})

    assert (early.reason, early.skipped) == (Reason.ALREADY_CURRENT, {NEW: Skip.SOAKING})
    assert "skipped: soaking until 2026-06-16T13:00:00Z" in early.message
    assert (early.postponed_image, early.postponed_until) == (NEW, NOON + timedelta(hours=25))
    assert isinstance(ripe, Promote)
    assert (ripe.image.image_id, ripe.postponed_until) == (NEW, None)


def test_the_newest_ripe_image_is_taken_and_the_next_moment_told():
    decision = asked(*TWO, CURRENT, hours=25.5, tags={SOAK: "1d"})

    assert decision.image.image_id == NEW
    assert decision.skipped == {NEWER: Skip.SOAKING}
    assert decision.postponed_image == NEWER


def test_of_several_that_soak_the_next_moment_is_the_earliest():
    decision = asked(*TWO, hours=3, tags={SOAK: "1d"})

    assert decision.reason is Reason.NO_CANDIDATE
    assert decision.postponed_image == NEW
    assert decision.message.endswith(f"2 soaking; {NEW} is ripe at 2026-06-16T13:00:00Z")


def test_an_image_that_is_older_than_the_current_one_is_not_waited_for():
    newer = image(NEWER, 2)
    decision = asked(image(NEW, 1), newer, hours=3, tags={SOAK: "30d"}, current=newer)

    assert (decision.reason, decision.postponed_image) == (Reason.ALREADY_CURRENT, None)


def test_the_current_image_is_never_left_out():
    decision = asked(CURRENT, hours=1, tags={SOAK: "30d", AFTER: "canary", GATE: "yes"})

    assert (decision.reason, decision.skipped) == (Reason.ALREADY_CURRENT, {})


def test_a_moment_between_two_seconds_is_the_later_one():
    """What waits for it must not come too early: it would wait again."""
    made = image(NEW, 1).model_copy(
        update={"creation_date": NOON + timedelta(hours=1, milliseconds=1)}
    )
    at_the_second = asked(made, CURRENT, hours=2, tags={SOAK: "1h"})

    assert at_the_second.postponed_until == NOON + timedelta(hours=2, seconds=1)
    assert isinstance(asked(made, CURRENT, hours=2.001, tags={SOAK: "1h"}), Promote)


@pytest.mark.parametrize(
    ("value", "minutes"), [("1m", 1), ("45m", 45), ("36h", 2160), ("30d", 43200), ("43200m", 43200)]
)
def test_a_soak_is_minutes_hours_or_days(value, minutes):
    assert read_soak(value) == timedelta(minutes=minutes)


@given(st.text(max_size=8) | st.from_regex(r"\A\d{1,6}[mhdws ]\Z"))
def test_any_text_is_a_soak_within_its_limits_or_is_refused_by_name(text):
    tags = FOLLOWS_INSTANCE | {SOAK: text}
    read, soak = read_selectors(tags, PLACE), read_soak(text)

    if soak is None:
        assert isinstance(read, Misconfigured)
        assert read.message == f"{SOAK}: must be a time from 1m to 30d, such as 45m, 36h or 3d"
    else:
        assert isinstance(read, Selectors)
        assert timedelta(minutes=1) <= soak <= LONGEST_SOAK


# -- gates -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tags", [{}, {"approved": "Yes"}, {"approved": ""}])
def test_an_image_without_exactly_the_gates_value_awaits_it(tags):
    decision = asked(image(NEW, 1, tags=tags), CURRENT, hours=99, tags={GATE: "yes"})

    assert decision.skipped == {NEW: Skip.AWAITING_GATE}
    assert "awaiting-gate: its tag approved must be yes" in decision.message
    assert decision.postponed_until is None


def test_all_gates_must_be_open():
    both = {GATE: "yes", "ami-reactor:gate:scan": "passed"}
    half = asked(image(NEW, 1, tags={"approved": "yes"}), hours=99, tags=both)
    whole = asked(image(NEW, 1, tags={"approved": "yes", "scan": "passed"}), hours=99, tags=both)

    assert half.skipped == {NEW: Skip.AWAITING_GATE}
    assert isinstance(whole, Promote)


# -- waves -----------------------------------------------------------------------------------------


def test_an_image_waits_until_each_template_has_proved_it():
    tags = {AFTER: "canary edge"}
    proved = {NEW: NOON + timedelta(hours=2)}
    one = asked(image(NEW, 1), hours=9, tags=tags, proofs={"canary": proved, "edge": {}})
    both = asked(image(NEW, 1), hours=9, tags=tags, proofs={"canary": proved, "edge": proved})
    unread = asked(image(NEW, 1), hours=9, tags=tags)

    assert one.skipped == unread.skipped == {NEW: Skip.NOT_PROVEN}
    assert isinstance(both, Promote)


def test_it_says_by_which_template_an_image_is_not_proven():
    proofs = {"canary": {NEW: NOON}, "edge": {}}
    decision = asked(image(NEW, 1), CURRENT, hours=9, tags={AFTER: "canary edge"}, proofs=proofs)

    assert "skipped: not-proven by edge" in decision.message


def test_with_both_an_image_soaks_from_its_latest_proof_on():
    proofs = {"canary": {NEW: NOON + timedelta(hours=2)}, "edge": {NEW: NOON + timedelta(hours=5)}}
    tags = {AFTER: "canary edge", SOAK: "1d"}
    early = asked(image(NEW, 1), hours=28.9, tags=tags, proofs=proofs)

    assert early.skipped == {NEW: Skip.SOAKING}
    assert early.postponed_until == NOON + timedelta(hours=29)
    assert isinstance(asked(image(NEW, 1), hours=29, tags=tags, proofs=proofs), Promote)


@pytest.mark.parametrize(
    ("skip", "image_tags", "proofs"),
    reason_first(
        ("awaiting-gate", {}, {"canary": {}}),
        ("not-proven", {"approved": "yes"}, {"canary": {}}),
        ("soaking", {"approved": "yes"}, {"canary": {NEW: NOON}}),
    ),
)
def test_what_no_clock_can_open_is_named_first(skip, image_tags, proofs):
    tags = {SOAK: "1d", AFTER: "canary", GATE: "yes"}
    decision = asked(image(NEW, 1, tags=image_tags), hours=2, tags=tags, proofs=proofs)

    assert decision.skipped == {NEW: skip}


def a_canary(*versions, default=2, tags=None):
    template = a_template(OTHER_TEMPLATE, "canary", default=default, tags=tags or FOLLOWS_INSTANCE)
    return Template.model_validate(template | {"LatestVersionNumber": 9}), [
        Version.model_validate(version) for version in versions
    ]


def by_the_reactor(image_id, number, hours=0.0, left=OLD):
    version = a_version(image_id, number, template_id=OTHER_TEMPLATE, hours=hours)
    return version | {"VersionDescription": str(Promotion(left, image_id))}


IMAGES = {one.image_id: one for one in (CURRENT, *TWO)}
FIRST = a_version(OLD, 1, template_id=OTHER_TEMPLATE)


def proofs_of(*versions, **how):
    return proved_by(*a_canary(*versions, **how), IMAGES)


def test_a_template_proves_an_image_from_the_version_on_that_the_reactor_made():
    assert proofs_of(FIRST, by_the_reactor(NEW, 2, 3)) == {NEW: NOON + timedelta(hours=3)}


def test_a_template_that_went_on_to_a_newer_image_has_proved_the_older_one():
    proofs = proofs_of(by_the_reactor(NEW, 2, 3), by_the_reactor(NEWER, 3, 5, NEW), default=3)

    assert proofs.keys() == {NEW, NEWER}


@pytest.mark.parametrize(
    "proofs",
    [
        pytest.param(
            proofs_of(FIRST, by_the_reactor(NEW, 2), tags=FOLLOWS_INSTANCE | HELD), id="held"
        ),
        pytest.param(proofs_of(FIRST, by_the_reactor(NEW, 2), default=1), id="moved back"),
        pytest.param(
            proofs_of(FIRST, by_the_reactor(NEW, 2), a_version(OLD, 3), default=3),
            id="moved back by a version with the older image",
        ),
        pytest.param(proofs_of(FIRST, a_version(NEW, 2)), id="a person's version"),
        pytest.param(
            proofs_of(
                FIRST, a_version(NEW, 2) | {"VersionDescription": str(Promotion(OLD, NEWER))}
            ),
            id="a version that was made for another image",
        ),
        pytest.param(
            proofs_of(by_the_reactor(NEW, 2), by_the_reactor(NEWER, 3), default=9),
            id="its default version cannot be seen",
        ),
    ],
)
def test_such_a_template_proves_nothing(proofs):
    assert proofs == {}


def test_a_version_above_the_default_proves_nothing_yet():
    assert proofs_of(by_the_reactor(NEW, 2), by_the_reactor(NEWER, 3)).keys() == {NEW}


# -- which templates it waits for ------------------------------------------------------------------


def a_fleet(**after):
    """Templates by name, and what each waits for."""
    return [
        Template.model_validate(
            a_template(
                f"lt-{number:017x}", name, tags=FOLLOWS_INSTANCE | ({AFTER: named} if named else {})
            )
            | {"LatestVersionNumber": 1}
        )
        for number, (name, named) in enumerate(after.items(), 1)
    ]


def waited_for(fleet, name="web"):
    template = next(one for one in fleet if one.launch_template_name == name)
    found = canaries(template, template.tags.get(AFTER, "").split(), fleet)
    return (
        found.message
        if isinstance(found, Misconfigured)
        else [one.launch_template_name for one in found]
    )


def test_templates_are_named_by_name_or_id_and_each_counts_once():
    assert waited_for(a_fleet(canary="", edge="", web=f"edge canary lt-{1:017x}")) == [
        "edge",
        "canary",
    ]


def test_a_wave_may_wait_for_a_wave():
    assert waited_for(a_fleet(canary="", edge="canary", web="edge canary")) == ["edge", "canary"]


@pytest.mark.parametrize(
    ("fleet", "message"),
    [
        (a_fleet(web="canary"), "there is no canary"),
        (a_fleet(web="canary edge"), "there is no canary"),
        (a_fleet(web="lt-0123456789abcdef9"), "there is no lt-0123456789abcdef9"),
        (a_fleet(web="web"), "must not name the template itself"),
        (a_fleet(web=f"lt-{1:017x}"), "must not name the template itself"),
        (
            a_fleet(web="edge", edge="web"),
            "must not lead back to the template itself: web → edge → web",
        ),
        (
            a_fleet(web="x86", x86="web"),
            "must not lead back to the template itself: web → x86 → web",
        ),
        (
            a_fleet(web="a", a="b c", b="", c="web"),
            "must not lead back to the template itself: web → a → c → web",
        ),
    ],
)
def test_a_template_that_cannot_be_waited_for_is_named(fleet, message):
    said = waited_for(fleet)

    assert said.startswith(f"{AFTER}: must ")
    assert said.endswith(message)


def test_who_waits_for_a_circle_is_in_none():
    assert waited_for(a_fleet(web="a", a="b", b="a")) == ["a"]


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({AFTER: ""}, f"{AFTER}: must be names or ids of launch templates, 10 at most"),
        ({AFTER: " canary"}, f"{AFTER}: must be names"),
        ({AFTER: "canary,edge"}, f"{AFTER}: must be names"),
        ({AFTER: "\x1b[31mred"}, f"{AFTER}: must be names"),
        ({AFTER: " ".join(f"c{n:02}" for n in range(20))}, f"{AFTER}: must be names"),
        ({AFTER: " ".join(f"c{n:02}" for n in range(11))}, f"{AFTER}: must be names"),
        ({"ami-reactor:gate:": "yes"}, "ami-reactor:gate:KEY: KEY is missing"),
        ({"ami-reactor:gate": "yes"}, "ami-reactor:gate: no such tag"),
        ({SOAK: "0"}, f"{SOAK}: must be a time from 1m to 30d"),
        ({SOAK: "-1h"}, f"{SOAK}: must be"),
        ({SOAK: "31d"}, f"{SOAK}: must be"),
        ({SOAK: "43201m"}, f"{SOAK}: must be"),
        ({SOAK: "1.5h"}, f"{SOAK}: must be"),
        ({SOAK: "1 h"}, f"{SOAK}: must be"),
        ({SOAK: "0h"}, f"{SOAK}: must be"),
        ({SOAK: "1h\n"}, f"{SOAK}: must be"),
        ({SOAK: "٣h"}, f"{SOAK}: must be"),
        ({"ami-reactor-state:window": "open"}, "ami-reactor-state:window: must be closed"),
    ],
)
def test_a_tag_that_is_none_of_these_is_refused_and_named(tags, message):
    decision = asked(image(NEW, 1), CURRENT, hours=9999, tags=tags)

    assert (decision.reason, decision.postponed_until) == (Reason.MISCONFIGURED, None)
    assert decision.message.startswith(message)
    assert decision.message.isprintable()


@given(st.text(max_size=256))
def test_any_text_names_templates_or_is_refused(text):
    read = read_selectors(FOLLOWS_INSTANCE | {AFTER: text}, PLACE)

    if isinstance(read, Selectors):
        assert read.after
        assert isinstance(canaries(a_fleet(web="")[0], read.after, []), Misconfigured)


def test_none_of_them_is_a_selector():
    tags = {"ami-reactor": "on", SOAK: "1h", AFTER: "canary", GATE: "yes"}

    assert "no selector" in read_selectors(tags, PLACE).message


# -- healing ---------------------------------------------------------------------------------------


def test_healing_prefers_a_ripe_image_even_if_it_is_older():
    decision = asked(*TWO, current=None, hours=25.5, tags={SOAK: "1d"})

    assert (decision.reason, decision.image.image_id) == (Reason.CURRENT_IMAGE_GONE, NEW)
    assert "ripe" not in decision.message


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ({SOAK: "30d"}, "soaking until 2026-07-15T14:00:00Z"),
        ({AFTER: "canary"}, "not-proven by canary"),
        ({GATE: "yes"}, "awaiting-gate: its tag approved must be yes"),
    ],
)
def test_healing_takes_an_unripe_image_if_there_is_no_ripe_one_and_says_so(tags, why):
    decision = asked(*TWO, current=None, hours=3, tags=tags)

    assert (decision.reason, decision.image.image_id) == (Reason.CURRENT_IMAGE_GONE, NEWER)
    assert decision.message.endswith(f", though it is not ripe ({why}): there is no ripe image")
    assert NEWER not in decision.skipped


def test_healing_with_an_unripe_image_that_does_not_fit_says_what_is_in_the_way():
    unripe = image(NEW, 1, Architecture="arm64")
    decision = asked(unripe, current=None, hours=3, tags={SOAK: "30d"})

    assert decision.reason is Reason.NOTHING_LAUNCHABLE
    assert "t3.micro has x86_64" in decision.message


def test_healing_takes_a_deprecated_image_last_of_all():
    deprecated = image(NEWER, 2, DeprecationTime=at(2.5))
    decision = asked(image(NEW, 1), deprecated, current=None, hours=3, tags={SOAK: "30d"})

    assert decision.image.image_id == NEW


# -- windows ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "what", "how"),
    reason_first(
        ("window-closed", "a newer image", {}),
        ("window-closed", "mode observe", {"tags": WINDOW | {"ami-reactor": "observe"}}),
        ("current-image-gone", "healing waits for no window", {"current": None}),
        (
            "instance-type-unsupported",
            "an engineer can fix it while the window is closed",
            {"current": CURRENT.model_copy(update={"ena_support": True})},
        ),
    ),
)
def test_while_the_window_is_closed(reason, what, how):
    decision = asked(image(NEW, 1), **({"hours": 9, "tags": WINDOW} | how))

    assert decision.reason == reason, what


def test_a_closed_window_says_what_it_keeps_out():
    decision = asked(image(NEW, 1), hours=9, tags=WINDOW)

    assert isinstance(decision, Keep)
    assert decision.message.startswith(f"the window is closed; when it opens, {NEW} of")


# -- random worlds ---------------------------------------------------------------------------------


NIGHTS = 12


@given(
    soak=st.integers(1, 7 * 24),
    minutes=st.lists(st.integers(0, 59), min_size=NIGHTS, max_size=NIGHTS),
    proved=st.lists(st.booleans(), min_size=NIGHTS, max_size=NIGHTS),
    waits=st.booleans(),
)
def test_never_unripe_never_backwards_never_starved(soak, minutes, proved, waits):
    """Nightly images, and an event at each, some hours of soak, maybe a canary before.

    Each night the newest image that is ripe by then is taken, and no other.
    """
    tags = {SOAK: f"{soak}h"} | ({AFTER: "canary"} if waits else {})
    nights = [image(f"ami-{n:017x}", 24 * n + m / 60) for n, m in enumerate(minutes, 1)]
    passed = {
        one.image_id: one.creation_date + timedelta(hours=1)
        for one, is_proved in zip(nights, proved, strict=True)
        if is_proved
    }
    current, was_on = CURRENT, [CURRENT]
    for night in range(NIGHTS):
        now = nights[night].creation_date + timedelta(minutes=5)
        known = {image_id: since for image_id, since in passed.items() if since <= now}
        proofs = {"canary": known} if waits else None
        decision = asked(
            *nights[: night + 1],
            current,
            current=current,
            hours=hours_of(now),
            tags=tags,
            proofs=proofs,
        )
        ripe = [
            one
            for one in nights[: night + 1]
            if (since := known.get(one.image_id) if waits else one.creation_date)
            and since + timedelta(hours=soak) <= now
        ]
        if isinstance(decision, Promote):
            current = decision.image
            was_on.append(current)
        assert current == max([CURRENT, *ripe], key=lambda one: one.order)
    assert all(later.is_newer_than(earlier) for earlier, later in pairwise(was_on))


def hours_of(moment):
    return (moment - NOON) / timedelta(hours=1)
