"""Somebody who wants his own image to run in our fleet, or our eyes to see what is not there."""

import json

import pytest

from handlers.bus import Bus
from handlers.clock import Clock
from handlers.ec2 import Ec2
from handlers.reaction import react
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    HELD,
    INSTANCE,
    NEW,
    OLD,
    a_template,
    a_world,
    ami_state,
    an_image,
    backup_completed,
    image_arn,
    reconcile,
    tags_changed,
)
from tests.survival.adversary import (
    BACKUP_TAG,
    OTHER_INSTANCE,
    STRANGER,
    the_current_image,
    wrong_images,
)
from tests.survival.bad_input import handle
from tests.survival.replayed import PLACE
from tests.survival.scheduler import NOW
from tests.survival.tiny_ec2 import Client, perform, world_of

ESCAPES = "\x1b[2J\x1b]0;pwned\x07\r\nINFO promoted \u202egnp.exe"


def _follows(**tags):
    return [a_template(tags={"ami-reactor": "on", **tags})]


def test_a_look_alike_image_of_a_stranger_is_never_found_by_its_name(account_with):
    """The whoAMI attack: a newer public image of the same name."""
    lookalike = an_image(NEW, 1, OwnerId=STRANGER, Public=True, Name="golden-2")
    templates = _follows(**{"ami-reactor:image-name": "golden-*"})
    account = account_with(a_world(an_image(OLD, Name="golden-1"), lookalike, templates=templates))

    for event in (ami_state(NEW), backup_completed(NEW), reconcile()):
        account.react(event)

        assert account.image_in_force() == OLD
        assert account.writes() in ([], ["CreateTags"])


def test_a_forged_name_tag_proves_no_source(account_with):
    forged = an_image(
        NEW,
        1,
        SourceInstanceId=OTHER_INSTANCE,
        Name=f"AwsBackup_{INSTANCE}_41D1B139",
        tags={"Name": INSTANCE, "source-resource": f"instance/{INSTANCE}"},
    )
    account = account_with(a_world(an_image(OLD), forged))

    assert account.react(ami_state(NEW)).reason == "no-follower"
    assert account.image_in_force() == OLD


def test_an_image_that_was_shared_from_outside_is_not_ours(account_with):
    shared = an_image(NEW, 1, OwnerId=STRANGER, tags={BACKUP_TAG: f"instance/{INSTANCE}"})
    account = account_with(a_world(an_image(OLD), shared))

    assert account.react(ami_state(NEW)).reason == "image-not-found"
    assert account.image_in_force() == OLD


@pytest.mark.parametrize(
    ("elsewhere", "reason"),
    [({"account": STRANGER}, "other-account"), ({"region": "us-east-1"}, "other-region")],
)
def test_an_event_with_somebody_elses_account_or_region_is_not_believed(
    account_with, elsewhere, reason
):
    account = account_with(a_world())

    outcome = account.react(backup_completed() | elsewhere)

    assert outcome.reason == reason
    assert account.calls == []


def test_an_arn_of_somebody_else_in_the_event_only_wakes(account_with):
    """The world decides: the image of that id must be in this account."""
    account = account_with(a_world(an_image(OLD), an_image(NEW, 1, OwnerId=STRANGER)))
    arn = image_arn(NEW).replace("::", f":{STRANGER}:")

    assert account.react(tags_changed(arn, "Name")).reason == "image-not-found"
    assert account.image_in_force() == OLD


@pytest.mark.parametrize("where", ["hold", "image-name", "key", "mark"])
def test_escapes_for_logs_and_terminals_are_shown_and_do_nothing(where):
    tags = {
        "hold": {"ami-reactor-state:hold": ESCAPES},
        "image-name": {"ami-reactor:image-name": ESCAPES},
        "key": {f"ami-reactor:{ESCAPES}": "x"},
        "mark": {"ami-reactor-state:newest-image": ESCAPES},
    }[where]
    templates = [a_template(name=f"web{ESCAPES}", tags=FOLLOWS_INSTANCE | tags)]

    outcome = _reacted(world_of(a_world(templates=templates)), reconcile())

    [template] = outcome.templates
    assert template.message.isprintable()
    assert "\n" not in outcome.model_dump_json()
    assert outcome.error is None or outcome.error.isprintable()


def test_escapes_in_an_event_do_not_reach_the_log():
    for field in ("id", "detail-type", "source", "account"):
        handled = handle(backup_completed() | {field: ESCAPES})

        assert handled.rejection is None or handled.rejection.isprintable()
        for line in handled.lines:
            assert line.isascii()
            assert "pwned" not in json.dumps(json.loads(line).get("message"))


@pytest.mark.parametrize("glob", ["*", "**", "?*", "*?*", " * ", "", "* ?"])
def test_a_glob_over_everything_is_refused_by_name(account_with, glob):
    account = account_with(a_world(templates=_follows(**{"ami-reactor:image-name": glob})))

    outcome = account.outcome(reconcile())

    assert (outcome.outcome, outcome.reason) == ("refused", "misconfigured")
    assert "ami-reactor:image-name" in outcome.message
    assert account.image_in_force() == OLD


@pytest.mark.parametrize("value", ["*", "gold*", "gold??", "\\*", "[g]olden"])
def test_a_wildcard_in_a_tag_value_matches_nothing_but_itself(account_with, value):
    templates = _follows(**{"ami-reactor:image-tag:role": value})
    others = an_image(NEW, 1, tags={"role": "golden"})
    account = account_with(a_world(an_image(OLD), others, templates=templates))

    account.react(reconcile())

    assert account.image_in_force() == OLD
    account.tag(NEW, role=value)
    account.react(reconcile())
    assert account.image_in_force() == NEW


def test_brackets_in_a_glob_are_no_class_of_characters(account_with):
    templates = _follows(**{"ami-reactor:image-name": "web[12]"})
    account = account_with(
        a_world(an_image(OLD, Name="x"), an_image(NEW, 1, Name="web1"), templates=templates)
    )

    account.react(reconcile())

    assert account.image_in_force() == OLD


def test_an_over_long_description_and_name_of_an_image_reach_no_request(account_with):
    image = an_image(NEW, 1, Description="d" * 255, Name="n" * 128)
    account = account_with(a_world(an_image(OLD), image))

    account.react(backup_completed())

    [request] = account.requests("CreateLaunchTemplateVersion")
    assert len(request["VersionDescription"]) <= 255
    assert "ddd" not in json.dumps(request)
    assert "nnn" not in json.dumps(request)


def test_whoever_may_only_tag_images_cannot_lift_a_hold(account_with):
    tags = FOLLOWS_INSTANCE | HELD
    image = an_image(NEW, 1, tags={"ami-reactor": "on", "ami-reactor-state:hold": ""})
    account = account_with(a_world(an_image(OLD), image, templates=[a_template(tags=tags)]))

    assert account.outcome(reconcile()).reason == "held"


def test_of_10_000_wrong_images_none_is_promoted():
    world = world_of(a_world(the_current_image(), *wrong_images(10_000)))

    outcome = _reacted(world, reconcile())

    [template] = outcome.templates
    assert (template.outcome, template.to_image) == ("kept", OLD)


def test_no_wrong_image_is_promoted_by_its_own_event():
    for image in wrong_images(300):
        world = world_of(a_world(the_current_image(), image))

        outcome = _reacted(world, ami_state(image["ImageId"]))

        assert all(t.to_image == OLD for t in outcome.templates), image


def test_the_one_right_image_among_10_000_wrong_ones_is_found():
    """Or the tests above would prove nothing."""
    right = an_image(NEW, 0.05, Architecture="x86_64")
    world = world_of(a_world(the_current_image(), right, *wrong_images(10_000)))

    [template] = _reacted(world, reconcile()).templates

    assert (template.outcome, template.to_image) == ("promoted", NEW)


def _reacted(world, event):
    here = [world]

    def ask(operation, asked):
        here[0], answer = perform(here[0], operation, asked)
        return answer

    clock = Clock(NOW, lambda: 120, lambda _seconds: None)
    return react(event, Ec2(Client(ask), PLACE), Bus(None), clock)
