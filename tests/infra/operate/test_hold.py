"""`ami-reactor hold` and `resume`, on the embedded AWS."""

from datetime import UTC, datetime

import pytest

from models.tags import read_stamp
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    HELD,
    NEW,
    OLD,
    a_template,
    a_world,
    an_image,
    backup_completed,
)
from tests.support.fleets import default_image, requests, run, tags_of

HOLD = "ami-reactor-state:hold"


def held_world():
    return a_world(templates=[a_template(tags=FOLLOWS_INSTANCE | HELD)])


def test_a_held_template_is_not_moved_by_a_backup(stage_with):
    staged = stage_with(a_world())

    ran = run("hold", "web", "--reason", "load test", "--yes")
    receipt = staged.delivery.deliver(backup_completed())

    assert ran.status == 0
    assert receipt.outcome["templates"][0]["reason"] == "held"
    assert default_image() == OLD


def test_a_hold_says_who_why_and_since(account_with):
    account_with(a_world())

    ran = run("hold", "web", "--reason", "load test", "--yes")

    held = read_stamp(tags_of()[HOLD])
    assert (held.who, held.why) == ("moto", "load test")
    assert (datetime.now(UTC) - held.since).total_seconds() < 120
    assert ran.stdout.startswith("web is held: moto since ")
    assert "account 111122223333 · Region ap-northeast-2" in ran.stderr


def test_a_template_that_is_held_already_keeps_its_reason(account_with, monkeypatch):
    account_with(held_world())
    asked = requests(monkeypatch)

    ran = run("hold", "web", "--reason", "mine", "--yes")

    assert ran.stdout == "web is held: jane: load test\n"
    assert "it was held already" in ran.stderr
    assert tags_of()[HOLD] == "jane: load test"
    assert "CreateTags" not in asked


def test_a_hold_needs_a_reason(account_with):
    account_with(a_world())

    ran = run("hold", "web", "--reason", " ", "--yes")

    assert (ran.status, HOLD in tags_of()) == (2, False)
    assert "--reason must say why" in ran.stderr


@pytest.mark.parametrize("reason", ["a\nb", "\x1b[2J", "x\x00", "\u202ex", "\ud800"])
@pytest.mark.parametrize("verb", ["hold", "rollback"])
def test_a_reason_with_control_characters_is_refused(account_with, verb, reason):
    account_with(a_world())

    ran = run(verb, "web", "--reason", reason, "--yes")

    assert (ran.status, HOLD in tags_of()) == (2, False)
    assert ran.stderr == (
        f"ami-reactor: {verb}: --reason must be one line without control characters\n"
    )


def test_a_reason_in_any_language_is_taken(account_with):
    account_with(a_world())

    assert run("hold", "web", "--reason", "부하 테스트: até sexta-feira!", "--yes").status == 0


@pytest.mark.parametrize("verb", [("hold", "--reason", "x"), ("resume",)])
def test_without_yes_and_without_a_terminal_nothing_is_written(account_with, verb):
    account_with(a_world() if verb[0] == "hold" else held_world())
    before = tags_of()

    ran = run(verb[0], "web", *verb[1:])

    assert ran.status == 2
    assert "nothing was written" in ran.stderr
    assert tags_of() == before


def test_resume_ends_the_hold_and_reconciles_at_once(stage_with):
    stage_with(held_world())

    ran = run("resume", "web", "--yes")

    assert ran.status == 0
    assert HOLD not in tags_of()
    assert default_image() == NEW
    assert ran.stderr == "account 111122223333 · Region ap-northeast-2\nreconciling 1 template\n"
    assert "web is held: jane: load test would be promoted web version 1 → 2" in ran.words
    assert "promoted web version 1 → 2" in ran.words


def test_resume_answers_with_one_object_for_pipes(stage_with):
    stage_with(held_world())

    [line] = run("resume", "web", "--yes", "--json").lines

    assert (line["outcome"], line["to_image"]) == ("promoted", NEW)


def test_resume_says_what_was_done_though_nothing_is_to_be_moved(stage_with):
    stage_with(a_world(an_image(OLD), templates=[a_template(tags=FOLLOWS_INSTANCE | HELD)]))

    [line] = run("resume", "web", "--yes", "--json").lines

    assert (line["outcome"], line["reason"]) == ("kept", "already-current")
    assert "planned" not in line
    assert HOLD not in tags_of()


def test_resume_that_is_not_agreed_to_prints_no_object(stage_with):
    stage_with(a_world(an_image(OLD), templates=[a_template(tags=FOLLOWS_INSTANCE | HELD)]))

    ran = run("resume", "web", "--json")

    assert (ran.status, ran.stdout) == (2, "")


def test_resume_of_a_template_that_is_refused_then_is_a_failure(stage_with):
    stage_with(a_world(templates=[a_template(tags={"ami-reactor": "on"} | HELD)]))

    assert run("resume", "web", "--yes").status == 1


def test_resume_leaves_a_template_alone_that_is_not_held(stage_with):
    stage_with(a_world())

    ran = run("resume", "web", "--yes")

    assert (ran.status, ran.stdout) == (0, "web is not held\n")
    assert default_image() == OLD


def test_a_hold_for_pipes(account_with):
    account_with(a_world())

    [line] = run("hold", "web", "--reason", "x", "--yes", "--json").lines

    assert (line["launch_template_name"], line["hold"]["who"]) == ("web", "moto")


def test_a_template_that_does_not_exist_is_one_line(account_with):
    account_with(a_world())

    ran = run("hold", "nope", "--reason", "x", "--yes")

    assert ran.status == 1
    assert ran.stderr == "ami-reactor: nope: there is no such launch template\n"


def test_without_permission_to_tag_it_is_said_in_one_line(stage_with):
    staged = stage_with(a_world())
    staged.faults.inject("CreateTags", "UnauthorizedOperation", times=9)

    ran = run("hold", "web", "--reason", "x", "--yes")

    assert ran.status == 1
    yours = "(your credentials: arn:aws:sts::111122223333:user/moto)"
    assert f"missing permission: ec2:CreateTags {yours}" in ran.stderr
    assert "role" not in ran.stderr
