"""When each version was the default, and when it was held: put together from what AWS keeps."""

import json
from datetime import datetime, timedelta
from xml.etree import ElementTree

import pytest

from infra.embedded.world.seed import read_world, seed
from infra.operate.history import HistoryEntry, Log, LoggedOutcome
from infra.operate.timeline import How, holds_of, stays_of, timeline_of
from infra.operate.versions import VersionInfo
from models.guard import GuardedTemplate
from models.image import Image
from models.launch_template import Template
from models.outcome import TemplateOutcome
from models.tags import HOLD_TAG
from models.version_description import Promotion, RollbackOf
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    NEW,
    NEWER,
    NOON,
    OLD,
    QUARANTINED,
    TEMPLATE,
    a_template,
    a_version,
    a_world,
    an_image,
    backup_completed,
)
from tests.support.fleets import run
from tests.support.guarding import RANG, end_refresh, guarded_world, refresh_failed

NOW = NOON + timedelta(hours=100)
PROMOTED = str(Promotion(OLD, NEW))
BY_OTHERS = How.NOT_BY_THE_REACTOR


def after(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def an_entry(number, image_id, hours, description="", **image):
    """A version, made so many hours after noon, and its image, made an hour before."""
    version = VersionInfo(
        version_number=number,
        create_time=after(hours),
        created_by="arn:aws:iam::111122223333:user/jane",
        version_description=description,
        image_id=image_id,
    )
    found = Image.model_validate(an_image(image_id, hours - 1, **image)) if image_id else None
    return HistoryEntry(version=version, image=found, is_default=False, how=())


def the_template(default=1, hold=None):
    tags = FOLLOWS_INSTANCE | ({HOLD_TAG: hold} if hold else {})
    return Template.model_validate(
        a_template(default=default, tags=tags) | {"LatestVersionNumber": 9}
    )


def logged(hours, outcome="kept", reason="already-current", *, versions=(1, 1), message="", by="x"):
    """What the function, or the guard, logged so many hours after noon."""
    kind = GuardedTemplate if by == "guard" else TemplateOutcome
    images = {1: OLD, 2: NEW, 3: NEWER}
    told = kind(
        launch_template_id=TEMPLATE,
        launch_template_name="web",
        outcome=outcome,
        reason=reason,
        message=message,
        from_image=images.get(versions[0], OLD),
        to_image=images.get(versions[1], OLD),
        from_version=versions[0],
        to_version=versions[1],
    )
    return LoggedOutcome(at=after(hours), event=f"event {hours}", outcome=told)


def promotion(hours, left, taken, **how):
    return logged(hours, "promoted", "newer-image", versions=(left, taken), **how)


def a_log(*outcomes, begins=-999.0):
    return Log(outcomes, after(begins))


ONE, TWO = an_entry(1, OLD, 0), an_entry(2, NEW, 5, PROMOTED)
THREE = an_entry(3, NEWER, 9, str(Promotion(NEW, NEWER)))


def told(stays):
    """Version, how, since and until when, in hours after noon."""

    def hours(moment):
        return moment and (moment - NOON) / timedelta(hours=1)

    return [(stay.version, stay.how, hours(stay.since), hours(stay.until)) for stay in stays]


# -- when each version was the default -------------------------------------------------------------


def test_a_promotion_ends_what_was_before():
    log = a_log(promotion(6, 1, 2), promotion(10, 2, 3))

    stays = stays_of(the_template(3), [THREE, TWO, ONE], log, NOW)

    assert told(stays) == [(1, "created", 0, 6), (2, "promoted", 6, 10), (3, "promoted", 10, None)]
    assert [stay.by for stay in stays] == ["user/jane", "event 6", "event 10"]
    assert [stay.image_id for stay in stays] == [OLD, NEW, NEWER]
    assert all(stay.not_before is stay.not_after is None for stay in stays)


def test_a_promotion_that_was_done_again_is_one():
    log = a_log(promotion(6, 1, 2), promotion(7, 2, 2))

    stays = stays_of(the_template(2), [TWO, ONE], log, NOW)

    assert told(stays) == [(1, "created", 0, 6), (2, "promoted", 6, None)]


def test_a_promotion_before_the_log_begins_is_of_when_its_version_was_made():
    log = a_log(begins=7)

    stays = stays_of(the_template(2), [TWO, ONE], log, NOW)

    assert told(stays) == [(1, "created", 0, 5), (2, "promoted", 5, None)]


def test_a_version_that_the_log_has_no_promotion_to_was_not_the_default():
    log = a_log(promotion(10, 1, 3))

    stays = stays_of(the_template(3), [THREE, TWO, ONE], log, NOW)

    assert told(stays) == [(1, "created", 0, 10), (3, "promoted", 10, None)]
    [waiting] = [
        lane.waiting
        for lane in timeline_of(the_template(3), [THREE, TWO, ONE], log, NOW).lanes
        if lane.image_id == NEW
    ]
    assert waiting == ((2, after(5)),)


def test_a_persons_rollback_and_the_guards_move_back():
    back = an_entry(3, OLD, 7, str(RollbackOf(2, 1)))

    by_person = stays_of(the_template(3), [back, TWO, ONE], a_log(promotion(6, 1, 2)), NOW)
    guards = logged(8, "moved-back", "refresh-alarm", versions=(2, 3), message="5xx", by="guard")
    by_guard = stays_of(the_template(3), [back, TWO, ONE], a_log(promotion(6, 1, 2), guards), NOW)

    assert told(by_person)[-1] == (3, "rolled-back", 7, None)
    assert by_person[-1].by == "user/jane"
    assert told(by_guard)[-1] == (3, "moved-back", 8, None)
    assert by_guard[-1].why == "5xx"


def test_a_move_back_of_which_only_the_mark_failed_is_still_the_guards():
    failed = logged(8, "failed", "aws-refused", versions=(2, 1), message="but", by="guard")

    stays = stays_of(the_template(1), [TWO, ONE], a_log(promotion(6, 1, 2), failed), NOW)

    assert told(stays)[-1] == (1, "moved-back", 8, None)


def test_a_default_that_others_moved_back_to_is_of_some_time_between_two_moves():
    log = a_log(promotion(6, 1, 2), promotion(10, 1, 3))

    stays = stays_of(the_template(3), [THREE, TWO, ONE], log, NOW)

    assert told(stays) == [
        (1, "created", 0, 6),
        (2, "promoted", 6, 10),
        (1, BY_OTHERS, 10, 10),
        (3, "promoted", 10, None),
    ]
    assert (stays[2].not_before, stays[2].not_after) == (after(6), after(10))


def test_a_newer_version_of_others_was_likely_the_default_since_it_was_made():
    theirs = an_entry(2, OLD, 7)

    before = stays_of(the_template(3), [THREE, theirs, ONE], a_log(promotion(10, 2, 3)), NOW)
    now = stays_of(the_template(2), [theirs, ONE], a_log(), NOW)

    assert told(before) == [(1, "created", 0, 7), (2, BY_OTHERS, 7, 10), (3, "promoted", 10, None)]
    assert told(now) == [(1, "created", 0, 7), (2, BY_OTHERS, 7, None)]
    assert (now[-1].not_before, now[-1].not_after) == (after(7), NOW)


def test_a_promotion_before_the_log_begins_tells_which_image_it_left():
    theirs = an_entry(2, NEW, 5)
    ours = an_entry(3, NEWER, 9, str(Promotion(NEW, NEWER)))

    stays = stays_of(the_template(3), [ours, theirs, ONE], Log(), NOW)

    assert told(stays) == [(1, "created", 0, 5), (2, BY_OTHERS, 5, 9), (3, "promoted", 9, None)]


def test_a_default_that_others_moved_back_to_is_the_current_one():
    stays = stays_of(the_template(1), [TWO, ONE], a_log(promotion(6, 1, 2)), NOW)

    assert told(stays)[-1] == (1, BY_OTHERS, 100, None)
    assert (stays[-1].not_before, stays[-1].not_after) == (after(6), NOW)


def test_a_version_that_was_deleted_is_known_from_the_log():
    log = a_log(promotion(6, 1, 2), promotion(10, 2, 3))

    stays = stays_of(the_template(3), [THREE, ONE], log, NOW)

    assert told(stays)[1] == (2, "promoted", 6, 10)
    assert stays[1].image_id == NEW


def test_what_ended_before_the_oldest_version_that_was_asked_for_is_left_out():
    log = a_log(promotion(6, 1, 2), promotion(8, 2, 1), promotion(10, 1, 3))

    timeline = timeline_of(the_template(3), [THREE], log, NOW)

    assert told(timeline.stays) == [(1, "promoted", 8, 10), (3, "promoted", 10, None)]


@pytest.mark.parametrize("entries", [[], [ONE]])
def test_little_is_known(entries):
    timeline = timeline_of(the_template(5), entries, Log(), NOW)

    assert len(timeline.stays) == 2 * len(entries)


def test_lanes_are_of_images_the_newest_first_with_their_quarantine():
    newer = "ami-00000001"
    bad = an_entry(2, newer, 5, PROMOTED.replace(NEW, newer), tags=QUARANTINED)
    back = an_entry(3, OLD, 7, str(RollbackOf(2, 1)))

    timeline = timeline_of(the_template(3), [back, bad, ONE], a_log(begins=6), NOW)

    assert [lane.image_id for lane in timeline.lanes] == [newer, OLD]
    assert [len(lane.stays) for lane in timeline.lanes] == [1, 2]
    assert [lane.is_current for lane in timeline.lanes] == [False, True]
    assert timeline.lanes[0].quarantine.why == "kernel panic"


# -- when it was held ------------------------------------------------------------------------------

HELD = "jane since 2026-06-15 14:00Z: load test"  # two hours after noon
GUARDS_HOLD = "ami-reactor-guard 2026-06-15T15:00Z: stays on ami-1"


def kept_held(hours, message=HELD):
    return logged(hours, reason="held", message=message)


def holds(*outcomes, hold=None):
    return holds_of(the_template(hold=hold), a_log(*outcomes))


def test_a_hold_of_now_is_read_from_its_tag():
    [hold] = holds(hold="jane 2026-06-15T14:00Z until 2026-06-16T14:00Z: load test")

    assert (hold.who, hold.since, hold.until, hold.why) == (
        "jane",
        after(2),
        after(26),
        "load test",
    )
    assert hold.is_current
    assert hold.ended is None


def test_a_hold_of_the_past_is_read_from_the_log_and_ended_when_the_function_found_none():
    [hold] = holds(kept_held(3), kept_held(5), logged(7), logged(8))

    assert (hold.who, hold.since, hold.why) == ("jane", after(2), "load test")
    assert (hold.last_seen, hold.ended, hold.is_current) == (after(5), after(7), False)


def test_a_hold_that_is_seen_in_the_log_and_in_the_tag_is_one():
    [hold] = holds(logged(1), kept_held(3), hold="jane 2026-06-15T14:00Z: load test")

    assert hold.is_current
    assert hold.last_seen == after(3)


def test_a_hold_whose_end_nothing_tells_of():
    of_the_guard = logged(5, reason="not-guarded", by="guard")  # which looks at the wish first

    [hold] = holds(kept_held(3), logged(4, "failed", "aws-unavailable"), of_the_guard)

    assert (hold.ended, hold.last_seen, hold.is_current) == (None, after(3), False)


def test_one_hold_after_another():
    first, second = holds(kept_held(3), kept_held(6, HELD.replace("14:00", "17:00")))

    assert (first.since, first.ended) == (after(2), after(5))
    assert (second.since, second.ended) == (after(5), None)


def test_the_guards_hold_and_what_the_function_says_of_it_are_one():
    guards = logged(3.005, "held", "refresh-failed", message="capacity", by="guard")
    seen = kept_held(5, "ami-reactor-guard since 2026-06-15 15:00Z: stays on ami-1")

    [hold] = holds(guards, seen, hold=GUARDS_HOLD)

    assert (hold.who, hold.is_current) == ("ami-reactor-guard", True)
    assert holds(guards)[0].since == after(3.005)


def test_a_hold_begins_no_earlier_than_the_function_found_none_in_the_same_minute():
    [hold] = holds(logged(2.01), kept_held(2.5))

    assert hold.since == after(2.01)


def test_a_hold_in_words_of_a_person():
    [hold] = holds(hold="until friday")

    assert (hold.who, hold.since, hold.why) == (None, None, "until friday")


def test_a_hold_that_came_while_the_guard_worked_is_not_taken_for_one_in_a_persons_words():
    meanwhile = "a person lifted the guard's hold meanwhile"

    assert holds(logged(3, reason="held", message=meanwhile, by="guard")) == []


# -- the command -----------------------------------------------------------------------------------


def test_the_picture_and_json_tell_of_the_guards_move_back_its_hold_and_the_quarantine(
    stage_with, tmp_path
):
    staged = stage_with(guarded_world())
    end_refresh()
    staged.delivery.deliver(refresh_failed())

    drawn = run("history", "web", "--svg", str(tmp_path / "web.svg"), "--json")

    assert drawn.status == 0
    newest, bad, _ = drawn.lines
    assert [stay["how"] for stay in newest["stays"]] == ["moved-back"]
    assert newest["stays"][0]["until"] is None
    assert [hold["who"] for hold in newest["holds"]] == ["ami-reactor-guard"]
    assert bad["quarantine"]["who"] == "ami-reactor-guard"
    picture = ElementTree.parse(tmp_path / "web.svg").getroot()
    described = picture.findtext("{http://www.w3.org/2000/svg}desc")
    assert f"Version 3 with {OLD}, moved back by the guard" in described
    assert RANG in described
    assert "Held by ami-reactor-guard since" in described
    assert f"{NEW} is quarantined: ami-reactor-guard" in described


def test_a_hold_that_was_ended_is_still_told_of(stage_with):
    staged = stage_with(a_world(versions=[a_version()]))
    run("hold", "web", "--reason", "load test", "--yes")
    staged.delivery.deliver(backup_completed())
    run("resume", "web", "--yes", "--wait", "0")
    seed(read_world(json.dumps(a_world(an_image(NEWER, 2), templates=[], versions=[])), "more"))
    staged.delivery.deliver(backup_completed(NEWER))

    *_, first = run("history", "web", "--json").lines

    [hold] = first["holds"]
    assert (hold["why"], hold["is_current"]) == ("load test", False)
    assert hold["ended"].endswith("Z")
