"""`ami-reactor quarantine` and `unquarantine`, on the embedded AWS."""

from datetime import UTC, datetime
from typing import Any

import pytest

from models.tags import read_stamp
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    NEW,
    NEWER,
    OLD,
    OTHER_TEMPLATE,
    QUARANTINED,
    a_template,
    a_version,
    a_world,
    an_image,
    at,
    backup_completed,
)
from tests.support.fleets import calls, default_image, requests, run, tags_of, writes

MARK = "ami-reactor-state:newest-image"
QUARANTINE = "ami-reactor-state:quarantine"
WRITES = {"CreateTags", "DeleteTags"}


def promoted_world(**more: Any) -> dict[str, Any]:
    """The template was promoted from OLD to NEW, which turned out to be bad."""
    mark = {MARK: f"{NEW} {at(1)}"}
    return a_world(
        an_image(OLD),
        an_image(NEW, 1),
        **{
            "templates": [a_template(default=2, tags=FOLLOWS_INSTANCE | mark)],
            "versions": [a_version(), a_version(NEW, 2, hours=2)],
            **more,
        },
    )


# -- quarantine ------------------------------------------------------------------------------------


def test_no_template_is_moved_to_a_quarantined_image(stage_with):
    staged = stage_with(a_world())

    ran = run("quarantine", NEW, "--reason", "kernel panic", "--yes")
    receipt = staged.delivery.deliver(backup_completed())

    assert ran.status == 0
    assert receipt.outcome["templates"][0]["outcome"] == "kept"
    assert default_image() == OLD


def test_a_quarantine_says_who_why_and_since(account_with):
    account_with(promoted_world())

    ran = run("quarantine", NEW, "--reason", "kernel panic", "--yes")

    stamp = read_stamp(tags_of(NEW)[QUARANTINE])
    assert (stamp.who, stamp.why) == ("moto", "kernel panic")
    assert (datetime.now(UTC) - stamp.since).total_seconds() < 120
    assert ran.stdout.startswith(f"{NEW} is quarantined: moto since ")
    assert "account 111122223333 · Region ap-northeast-2\n" in ran.stderr


def test_a_quarantine_writes_one_tag_and_nothing_else(account_with, monkeypatch):
    account_with(promoted_world())
    made = calls(monkeypatch)

    run("quarantine", NEW, "--reason", "kernel panic", "--yes")

    assert writes(made) == [("CreateTags", NEW, QUARANTINE)]


def test_a_quarantine_names_the_templates_on_that_image_and_the_way_back(account_with):
    account_with(promoted_world())

    ran = run("quarantine", NEW, "--reason", "x", "--yes")

    line = f"{NEW} is the current image of web; to go back: ami-reactor rollback web"
    assert ran.stderr.startswith(f"{line}\n")
    assert run("rollback", "web", "--yes").status == 0
    assert default_image() == OLD
    assert read_stamp(tags_of(NEW)[QUARANTINE]).why == "x"


def test_a_quarantine_names_the_templates_that_would_have_taken_the_image(account_with):
    account_with(a_world())

    ran = run("quarantine", NEW, "--reason", "x", "--yes")

    assert ran.stderr.startswith("selects this image: web\n")
    assert "current image" not in ran.stderr


def test_an_image_that_is_quarantined_already_keeps_its_reason(account_with, monkeypatch):
    account_with(a_world(an_image(OLD), an_image(NEW, 1, tags=QUARANTINED)))
    asked = requests(monkeypatch)

    ran = run("quarantine", NEW, "--reason", "mine")  # nothing to confirm

    assert (ran.status, ran.stdout) == (0, f"{NEW} is quarantined: kernel panic\n")
    assert "it was quarantined already" in ran.stderr
    assert tags_of(NEW) == QUARANTINED
    assert not WRITES & set(asked)


def test_a_quarantine_for_pipes(account_with):
    account_with(promoted_world())

    [line] = run("quarantine", NEW, "--reason", "x", "--yes", "--json").lines

    assert (line["image_id"], line["current_image_of"]) == (NEW, ["web"])
    assert (line["quarantine"]["who"], line["quarantine"]["why"]) == ("moto", "x")


def test_quarantine_without_yes_writes_nothing(account_with):
    account_with(promoted_world())

    ran = run("quarantine", NEW, "--reason", "x")

    assert (ran.status, ran.stdout) == (2, "")
    assert "not a terminal: pass --yes to confirm" in ran.stderr
    assert QUARANTINE not in tags_of(NEW)


@pytest.mark.parametrize("reason", [" ", "a\nb", "\x1b[2J"])
def test_a_quarantine_needs_a_reason_of_one_line(account_with, reason):
    account_with(promoted_world())

    ran = run("quarantine", NEW, "--reason", reason, "--yes")

    assert (ran.status, QUARANTINE in tags_of(NEW)) == (2, False)
    assert ran.stderr.startswith("ami-reactor: quarantine: --reason must ")


@pytest.mark.parametrize(
    "image",
    [
        pytest.param("web", id="a template's name"),
        pytest.param("ami-*", id="a pattern"),
        pytest.param(NEWER, id="another account's"),
        pytest.param("ami-0e0e0e0e0e0e0e0e0", id="not there"),
    ],
)
@pytest.mark.parametrize("verb", [("quarantine", "--reason", "x"), ("unquarantine",)])
def test_an_image_that_this_account_has_not_is_one_line(account_with, monkeypatch, verb, image):
    account_with(a_world(an_image(OLD), an_image(NEWER, 2, OwnerId="999988887777")))
    asked = requests(monkeypatch)

    ran = run(*verb, image, "--yes")

    assert (ran.status, ran.stdout) == (1, "")
    assert ran.stderr == f"ami-reactor: {image}: this account has no such image\n"
    assert not WRITES & set(asked)


def test_without_permission_to_tag_an_image_it_is_said_in_one_line(stage_with):
    staged = stage_with(a_world())
    staged.faults.inject("CreateTags", "UnauthorizedOperation", times=9)

    ran = run("quarantine", NEW, "--reason", "x", "--yes")

    assert (ran.status, ran.stdout) == (1, "")
    assert "missing permission: ec2:CreateTags (your credentials: " in ran.stderr


# -- unquarantine ----------------------------------------------------------------------------------


def test_unquarantine_lifts_the_quarantine_and_lets_the_template_go_there_again(stage_with):
    stage_with(promoted_world())
    run("rollback", "web", "--yes", "--follow-newer")

    ran = run("unquarantine", NEW, "--yes")
    assert default_image() == OLD
    run("reconcile", "--yes")

    assert ran.status == 0
    assert f"{NEW} is no longer quarantined" in ran.stdout
    assert "ami-reactor reconcile web" in ran.stdout
    assert QUARANTINE not in tags_of(NEW)
    assert default_image() == NEW


def test_unquarantine_leaves_the_mark_of_a_template_that_is_still_on_the_image(stage_with):
    """Without it, an older image that comes late would take the template back."""
    world = promoted_world()
    mark = {"ami-reactor-state:newest-image": f"{NEW} 2026-06-15T13:00:00.000Z"}
    world["LaunchTemplates"].append(a_template(OTHER_TEMPLATE, "api", tags=FOLLOWS_INSTANCE | mark))
    world["LaunchTemplateVersions"].append(a_version(NEW, template_id=OTHER_TEMPLATE))
    stage_with(world)
    run("rollback", "web", "--yes", "--follow-newer")

    [line] = run("unquarantine", NEW, "--yes", "--json").lines

    assert line["cleared"] == ["web"]
    assert tags_of(OTHER_TEMPLATE).items() >= mark.items()


def test_unquarantine_does_not_end_a_hold(stage_with):
    stage_with(promoted_world())
    run("rollback", "web", "--yes")

    run("unquarantine", NEW, "--yes")
    run("reconcile", "--yes")

    assert default_image() == OLD


def test_unquarantine_without_yes_writes_nothing(account_with):
    account_with(promoted_world())
    run("rollback", "web", "--yes")

    assert run("unquarantine", NEW).status == 2
    assert QUARANTINE in tags_of(NEW)


def test_unquarantine_of_an_image_that_is_not_quarantined(account_with):
    account_with(promoted_world())

    [line] = run("unquarantine", OLD, "--yes", "--json").lines

    assert line == {"image_id": OLD, "was_quarantined": False, "cleared": []}


def test_unquarantine_of_an_image_that_does_not_exist(account_with):
    account_with(promoted_world())

    ran = run("unquarantine", NEWER, "--yes")

    assert (ran.status, ran.stderr) == (
        1,
        f"ami-reactor: {NEWER}: this account has no such image\n",
    )
