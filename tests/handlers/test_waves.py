"""Soak, waves, gates and windows from an event to a template, on the embedded AWS."""

from datetime import timedelta

import pytest

from models.outcome import Result
from models.version_description import Promotion
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    HELD,
    NEW,
    NEWER,
    NOON,
    OLD,
    OTHER_TEMPLATE,
    QUARANTINED,
    TEMPLATE,
    a_template,
    a_version,
    a_world,
    an_event,
    an_image,
    at,
    backup_completed,
    image_arn,
    reconcile,
    tags_changed,
    template_arn,
)
from tests.support.ids import reason_first

AFTER = {"ami-reactor:after": "canary"}
SOAK = {"ami-reactor:soak": "1d"}
OBSERVES = {"ami-reactor": "observe"}
GATE = {"ami-reactor:gate:approved": "yes"}
MARK = {"ami-reactor-state:newest-image": f"{NEW} {at(1)}"}


PROMOTED_BESIDE_A_CURRENT_ONE = 13
"""EC2 calls: 2 of the event, 7 that promote a template, 4 for one that gets its high-water mark."""


def hours(number):
    return {"now": NOON + timedelta(hours=number)}


def a_wave(*, canary=None, web=AFTER, on_new=True, images=(), new=None, **of_canary):
    """web waits for canary, which the reactor moved to NEW two hours after noon."""
    moved = a_version(NEW, 2, template_id=OTHER_TEMPLATE, hours=2)
    moved["VersionDescription"] = str(Promotion(OLD, NEW))
    return a_world(
        an_image(OLD),
        an_image(NEW, 1, tags=new),
        *images,
        templates=[
            a_template(tags=FOLLOWS_INSTANCE | web),
            a_template(
                OTHER_TEMPLATE,
                "canary",
                tags=FOLLOWS_INSTANCE | (canary or {}),
                **({"default": 2} if on_new else {}) | of_canary,
            ),
        ],
        versions=[
            a_version(),
            a_version(template_id=OTHER_TEMPLATE),
            *([moved] if on_new else []),
        ],
    )


def of_web(outcome):
    return next(one for one in outcome.templates if one.launch_template_name == "web")


def promoted(template_id=OTHER_TEMPLATE, name="canary"):
    detail = {"launch_template_id": template_id, "launch_template_name": name}
    return an_event("ami-reactor", "Launch Template Promoted", None, **detail)


# -- until when ------------------------------------------------------------------------------------


def test_a_soaking_image_is_taken_at_its_moment_and_not_a_second_before(account_with):
    account = account_with(a_world(templates=[a_template(tags=FOLLOWS_INSTANCE | SOAK)]))

    early = account.outcome(backup_completed(), **hours(24.999))
    ripe = account.outcome(reconcile(TEMPLATE), **hours(25))

    assert (early.outcome, early.skipped_images) == ("kept", {NEW: "soaking"})
    assert early.model_dump(mode="json")["postponed_until"] == "2026-06-16T13:00:00Z"
    assert (ripe.outcome, ripe.to_image) == ("promoted", NEW)
    assert "postponed_until" not in ripe.model_dump(mode="json")


def test_a_timer_that_could_not_be_started_is_redriven_as_a_look_at_its_template(account_with):
    account = account_with(a_world(templates=[a_template(tags=FOLLOWS_INSTANCE | SOAK)]))
    detail = {"launch_template_id": TEMPLATE, "until": at(25), "reason": "soaking"}
    postponed = an_event("ami-reactor", "Promotion Postponed", None, **detail)

    assert account.outcome(postponed, **hours(24)).postponed_until is not None
    assert account.outcome(postponed, **hours(25)).outcome == "promoted"


def test_an_image_is_taken_once_its_gate_is_open(account_with):
    account = account_with(a_world(templates=[a_template(tags=FOLLOWS_INSTANCE | GATE)]))

    waiting = account.outcome(backup_completed())
    account.tag(NEW, approved="yes")
    opened = account.outcome(tags_changed(image_arn(NEW), "approved"))

    assert waiting.skipped_images == {NEW: "awaiting-gate"}
    assert (opened.outcome, opened.to_image) == ("promoted", NEW)


def test_a_template_waits_while_its_window_is_closed(account_with):
    closed = {"ami-reactor-state:window": "closed"}
    account = account_with(a_world(templates=[a_template(tags=FOLLOWS_INSTANCE | closed)]))

    waiting = account.outcome(backup_completed())
    account.ec2.delete_tags(Resources=[TEMPLATE], Tags=[{"Key": key} for key in closed])
    opened = account.outcome(tags_changed(template_arn(TEMPLATE), *closed))

    assert (waiting.outcome, waiting.reason) == ("kept", "window-closed")
    assert opened.outcome == "promoted"


def test_a_window_that_closes_between_the_look_and_the_write_keeps_the_template(account_with):
    account = account_with(a_world())
    closed = [{"Key": "ami-reactor-state:window", "Value": "closed"}]
    account.before(
        "CreateLaunchTemplateVersion",
        lambda **_: account.ec2.create_tags(Resources=[TEMPLATE], Tags=closed),
    )

    assert account.outcome(backup_completed()).reason == "window-closed"
    assert account.image_in_force() == OLD


# -- waves -----------------------------------------------------------------------------------------


def test_what_the_canary_has_proved_is_taken(account_with):
    account = account_with(a_wave())

    assert of_web(account.react(backup_completed())).to_image == NEW


@pytest.mark.parametrize(
    ("skip", "what", "world"),
    reason_first(
        ("not-proven", "the canary is not on it", a_wave(on_new=False, canary=OBSERVES)),
        ("not-proven", "the canary is held", a_wave(canary=HELD)),
        ("not-proven", "the canary was moved back", a_wave(canary=MARK, default=1)),
        ("quarantined", "the image is in quarantine", a_wave(new=QUARANTINED)),
    ),
)
def test_a_canary_that_was_stopped_stops_the_wave(account_with, skip, what, world):
    account = account_with(world)

    outcome = of_web(account.react(backup_completed()))

    assert (outcome.outcome, outcome.skipped_images) == ("kept", {NEW: skip}), what
    assert account.image_in_force() == OLD


def test_in_one_event_the_canary_goes_first_and_proves_at_once(account_with):
    account = account_with(a_wave(on_new=False))

    canary, web = account.react(backup_completed()).templates

    assert (canary.launch_template_name, canary.outcome) == ("canary", "promoted")
    assert (web.launch_template_name, web.outcome, web.to_image) == ("web", "promoted", NEW)


def test_the_soak_of_a_wave_begins_with_its_proof(account_with):
    account = account_with(a_wave(web=AFTER | SOAK))

    early = account.react(promoted(), **hours(25.99))
    ripe = account.react(promoted(), **hours(26))

    assert [(one.launch_template_name, one.outcome) for one in early.templates] == [("web", "kept")]
    assert of_web(early).postponed_until == NOON + timedelta(hours=26)
    assert of_web(ripe).outcome == "promoted"


def test_a_promotion_wakes_those_that_wait_for_it_by_name_or_by_id(account_with):
    account = account_with(a_wave(web={"ami-reactor:after": OTHER_TEMPLATE}))

    assert of_web(account.react(promoted())).outcome == "promoted"


def test_a_promotion_that_no_template_waits_for_wakes_none_and_costs_one_call(account_with):
    account = account_with(a_wave())

    outcome = account.react(promoted(TEMPLATE, "web"))

    assert (outcome.result, outcome.reason) == (Result.IGNORED, "no-follower")
    assert account.operations() == ["DescribeLaunchTemplates"]


def test_a_canary_on_an_image_that_the_waiting_template_does_not_select_has_proved_older_ones(
    account_with,
):
    other = an_image(NEWER, 2, SourceInstanceId="i-0bbbbbbbbbbbbbbb1")
    world = a_wave(images=[other], default=3)
    world["LaunchTemplateVersions"].append(a_version(NEWER, 3, template_id=OTHER_TEMPLATE))
    account = account_with(world)

    assert of_web(account.react(backup_completed())).to_image == NEW


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ("nothing", "there is no nothing"),
        ("lt-0999999999999999a", "there is no lt-0999999999999999a"),
        ("web", "must not name the template itself"),
    ],
)
def test_a_template_that_waits_for_what_is_not_there_is_refused(account_with, after, said):
    account = account_with(a_wave(web={"ami-reactor:after": after}))

    for event in (backup_completed(), reconcile(TEMPLATE), reconcile()):
        outcome = of_web(account.react(event))
        assert (outcome.outcome, outcome.reason) == ("refused", "misconfigured")
        assert outcome.message.endswith(said)
    assert account.image_in_force() == OLD


def test_a_canary_named_between_the_look_and_the_write_is_waited_for(account_with):
    account = account_with(a_wave(web={}, on_new=False, canary=OBSERVES))
    named = [{"Key": "ami-reactor:after", "Value": "canary"}]
    account.before(
        "CreateLaunchTemplateVersion",
        lambda **_: account.ec2.create_tags(Resources=[TEMPLATE], Tags=named),
    )

    assert of_web(account.react(backup_completed())).skipped_images == {NEW: "not-proven"}
    assert account.image_in_force() == OLD


@pytest.mark.parametrize(("web", "more"), [({}, 0), (SOAK | GATE, 0), (AFTER, 1)])
def test_only_waiting_for_another_template_costs_a_call_more(account_with, web, more):
    account = account_with(a_wave(web=web, new={"approved": "yes"}))

    outcome = account.react(backup_completed())

    assert of_web(outcome).outcome == "promoted"
    assert len(account.calls) - more == PROMOTED_BESIDE_A_CURRENT_ONE, account.operations()
    assert sum("Filters" in r for r in account.requests("DescribeLaunchTemplateVersions")) == more
