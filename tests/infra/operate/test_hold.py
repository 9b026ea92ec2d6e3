"""`ami-reactor hold` and `resume`, on the embedded AWS."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from models.tags import read_stamp
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    HELD,
    NEW,
    OLD,
    TEMPLATE,
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


# -- a hold that ends by itself --------------------------------------------------------------------

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)


def schedules(staged):
    return staged.session.client("scheduler").list_schedules()["Schedules"]


def hold_until(moment=SOON):
    return run("hold", "web", "--reason", "x", "--until", moment.isoformat(), "--yes")


def test_a_hold_with_an_end_makes_a_schedule_that_deletes_this_hold_and_then_itself(stage_with):
    staged = stage_with(a_world())

    ran = hold_until(SOON.astimezone(timezone(timedelta(hours=9))))

    assert f" until {SOON:%Y-%m-%d %H:%M}Z: x" in ran.words
    [listed] = schedules(staged)
    made = staged.session.client("scheduler").get_schedule(Name=listed["Name"])
    assert made["ScheduleExpression"] == f"at({SOON:%Y-%m-%dT%H:%M}:00)"
    assert (made["ScheduleExpressionTimezone"], made["ActionAfterCompletion"]) == ("UTC", "DELETE")
    target = made["Target"]
    assert target["Arn"] == "arn:aws:scheduler:::aws-sdk:ec2:deleteTags"
    assert "-EndHoldRole-" in target["RoleArn"]
    tag = {"Key": HOLD, "Value": tags_of()[HOLD]}
    assert json.loads(target["Input"]) == {"Resources": [TEMPLATE], "Tags": [tag]}
    assert len(listed["Name"]) <= 64


def test_what_the_schedule_does_leaves_a_newer_hold(stage_with):
    staged = stage_with(a_world())
    hold_until()
    [listed] = schedules(staged)
    made = staged.session.client("scheduler").get_schedule(Name=listed["Name"])
    ends = json.loads(made["Target"]["Input"])
    ec2 = staged.session.client("ec2")
    newer = {"Key": HOLD, "Value": "jane: newer"}
    ec2.create_tags(Resources=[TEMPLATE], Tags=[newer])

    ec2.delete_tags(**ends)
    assert tags_of()[HOLD] == "jane: newer"

    ec2.create_tags(Resources=[TEMPLATE], Tags=ends["Tags"])
    ec2.delete_tags(**ends)
    assert HOLD not in tags_of()


def test_resume_deletes_the_schedule_of_its_hold_and_no_other(stage_with):
    staged = stage_with(a_world())
    hold_until()
    client = staged.session.client("scheduler")
    [listed] = schedules(staged)
    other = client.get_schedule(Name=listed["Name"])
    kept = ("ScheduleExpression", "FlexibleTimeWindow", "Target")
    client.create_schedule(Name="of-another-hold", **{key: other[key] for key in kept})

    assert run("resume", "web", "--yes").status == 0

    assert [one["Name"] for one in schedules(staged)] == ["of-another-hold"]


def test_each_hold_has_a_schedule_of_its_own(stage_with):
    staged = stage_with(a_world())
    hold_until()
    staged.session.client("ec2").delete_tags(Resources=[TEMPLATE], Tags=[{"Key": HOLD}])

    assert hold_until(SOON + timedelta(days=1)).status == 0
    assert len(schedules(staged)) == 2


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_a_schedule_that_resume_cannot_delete_does_no_harm(stage_with, code):
    staged = stage_with(a_world())
    hold_until()
    staged.faults.inject("DeleteSchedule", code, times=9)

    ran = run("resume", "web", "--yes")

    assert (ran.status, HOLD in tags_of()) == (0, False)
    assert "the schedule stays and does no harm" in ran.stderr
    assert default_image() == NEW


def test_resume_of_a_hold_without_an_end_asks_scheduler_nothing(stage_with, monkeypatch):
    stage_with(held_world())
    asked = requests(monkeypatch)

    assert run("resume", "web", "--yes").status == 0
    assert "DeleteSchedule" not in asked


def test_a_hold_whose_end_cannot_be_scheduled_is_not_made(stage_with):
    staged = stage_with(a_world())
    staged.faults.inject("CreateSchedule", "AccessDeniedException", times=9)

    ran = hold_until()

    assert (ran.status, HOLD in tags_of()) == (1, False)
    assert "missing permission: scheduler:CreateSchedule" in ran.stderr
    assert "iam:PassRole on arn:aws:iam::111122223333:role/" in ran.stderr


def test_a_hold_with_an_end_needs_the_stack_whose_role_ends_it(account_with):
    account_with(a_world())

    ran = hold_until()

    assert (ran.status, HOLD in tags_of()) == (1, False)
    assert "looking for the stack ami-reactor" in ran.stderr


@pytest.mark.parametrize(
    ("until", "fault"),
    [
        ("2026-12-04T18:00", "must be a time with its zone, such as 2026-12-04T18:00+09:00"),
        ("2099-12-04", "must be a time with its zone"),
        ("friday", "must be a time with its zone"),
        ("", "must be a time with its zone"),
        ("9999-12-31T23:59-14:00", "must be a time with its zone"),
        ("2020-02-30T00:00Z", "must be a time with its zone"),
        ("2020-12-04T18:00+09:00", "must be in the future: 2020-12-04 18:00+0900 is over"),
        ("0001-01-01T00:00+14:00", "--until must be"),
    ],
)
def test_an_end_that_is_no_coming_time_is_one_line(account_with, until, fault):
    account_with(a_world())

    ran = run("hold", "web", "--reason", "x", "--until", until, "--yes")

    assert (ran.status, HOLD in tags_of()) == (2, False)
    assert ran.stderr.startswith("ami-reactor: hold: --until ")
    assert fault in ran.stderr
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("jane 2026-01-02T03:04Z: load test", "web: held for "),
        ("jane 2026-01-02T03:04Z until 2026-01-03T03:04Z: x", "web: its hold should have ended"),
        (f"jane {datetime.now(UTC):%Y-%m-%dT%H:%M}Z: load test", None),
        ("jane: load test", None),  # nobody knows since when
    ],
)
def test_status_marks_a_hold_that_looks_forgotten(account_with, value, said):
    account_with(a_world(templates=[a_template(tags=FOLLOWS_INSTANCE | {HOLD: value})]))

    ran = run("status")

    assert ("fix: ami-reactor resume web" in ran.words) is bool(said)
    assert said is None or said in ran.words
    [line] = run("status", "--json").lines
    assert bool(line["hold_trouble"]) is bool(said)
