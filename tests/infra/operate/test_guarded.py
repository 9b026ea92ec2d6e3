"""What operators see of the guard, and what they type next: one story told through the verbs."""

import json
from datetime import timedelta

import boto3
import pytest
from moto.ec2.models import ec2_backends

from infra.embedded.stack import transformed
from infra.embedded.stage import stage
from infra.embedded.world.seed import read_world
from infra.operate.account import account_in
from infra.operate.doctor import examine_stack
from tests.support.builders import (
    ACCOUNT,
    NEW,
    NEWER,
    OLD,
    REGION,
    a_chain,
    a_template,
    a_world,
    an_image,
    backup_completed,
)
from tests.support.fleets import a_group, default_image, run, tags_of, template_of
from tests.support.guarding import (
    CAPACITY,
    GO_BACK,
    HOLD,
    ON_TROUBLE,
    QUARANTINE,
    RANG,
    end_refresh,
    guarded_world,
    refresh_failed,
    threats_found,
)
from tests.support.messages import Queue, throttled

GUARDED = "the guard moved it back from " + NEW


@pytest.fixture
def moved_back(stage_with):
    staged = stage_with(guarded_world())
    end_refresh()
    staged.delivery.deliver(refresh_failed())
    assert default_image() == OLD
    return staged


def words(*arguments):
    """What a verb prints, however it is folded, and without a tree's lines."""
    ran = run(*arguments)
    return " ".join((ran.stdout + ran.stderr).translate(dict.fromkeys(map(ord, "│├└─"))).split())


@pytest.mark.usefixtures("moved_back")
@pytest.mark.parametrize("verb", [("status",), ("explain", "web"), ("doctor",)], ids=" ".join)
def test_status_explain_and_doctor_say_what_it_did_why_and_what_to_type(verb):
    said = words(*verb)

    assert GUARDED in said
    assert RANG in said
    assert f"ami-reactor unquarantine {NEW}; then ami-reactor resume web" in said


@pytest.mark.usefixtures("moved_back")
def test_a_narrow_history_folds_and_crops_nothing(monkeypatch):
    [first, *_] = run("history", "web", "--json").lines

    for columns in range(60, 72):
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = run("history", "web").stdout.splitlines()
        told = "".join(line[40:] for line in lines).replace(" ", "")
        assert first["how"][0].replace(" ", "") in told


def test_of_a_template_that_stays_they_say_so(stage_with):
    staged = stage_with(guarded_world())
    end_refresh(reason=CAPACITY)
    staged.delivery.deliver(refresh_failed())

    said = words("explain", "web")

    assert f"the guard holds it on {NEW}: instance refresh" in said
    assert "fix: ami-reactor resume web" in said


@pytest.mark.usefixtures("moved_back")
def test_history_says_who_moved_it_back_and_on_which_evidence():
    newest, *_ = run("history", "web", "--json").lines

    assert newest["version"] == 3
    [how] = newest["how"]
    assert how.startswith("moved back by the guard 20")
    assert "EC2 Auto Scaling Instance Refresh Failed" in how
    assert RANG in how


def test_what_it_says_to_type_brings_the_template_forward(moved_back):
    """The next event is kept; then a person trusts the image again and resumes."""
    moved_back.delivery.deliver(backup_completed(NEW))
    assert default_image() == OLD

    assert run("unquarantine", NEW, "--yes").status == 0
    assert run("resume", "web", "--yes", "--wait", "0").status in (0, 1)

    assert QUARANTINE not in tags_of(NEW)
    assert HOLD not in tags_of()
    assert default_image() == NEW


def test_a_failed_refresh_of_which_no_event_came_is_shown(stage_with):
    group = a_group(instances={"i-0aaaaaaaaaaaaaaa1": "1"})
    stage_with(guarded_world(AutoScalingGroups=[group]))
    end_refresh(reason=CAPACITY, began="2099-01-01T00:00:00Z")

    for verb in (("status",), ("explain", "web"), ("doctor",)):
        said = words(*verb)
        assert "the last instance refresh of web failed: We currently do not" in said
        assert "start-instance-refresh --auto-scaling-group-name web" in said


def test_a_refresh_that_failed_before_the_promotion_is_old_news(stage_with):
    group = a_group(instances={"i-0aaaaaaaaaaaaaaa1": "1"})
    stage_with(guarded_world(AutoScalingGroups=[group]))
    end_refresh(began="2026-06-15T13:00:00Z")

    assert "the last instance refresh" not in words("status")


def test_doctor_says_that_what_templates_ask_for_is_not_deployed():
    template = json.loads(json.dumps(transformed()))
    del template["Parameters"]["Guard"]
    template["Conditions"]["HasGuard"] = {"Fn::Equals": ["no", "yes"]}
    with stage(read_world(json.dumps(guarded_world()), "world"), template=template):
        said = words("doctor")

    assert f"tagged {ON_TROUBLE}, and the stack has no guard: web" in said
    assert "fix: deploy the stack with Guard=true" in said


def test_doctor_knows_the_guard_that_is_there(stage_with):
    stage_with(guarded_world())

    lines = {line["name"]: line for line in run("doctor", "--json").lines}

    assert (lines["guard"]["state"], lines["guard"]["what"]) == ("ok", "the guard looks after web")
    for name in ("rules", "function", "failures", "permissions"):
        assert lines[name]["state"] == "ok", lines[name]


def _rule_disabled(session):
    session.client("events").disable_rule(Name="ami-reactor-trouble-seen")


def _target_removed(session):
    session.client("events").remove_targets(Rule="ami-reactor-trouble-seen", Ids=["guard"])


def _paused(session):
    session.client("lambda").put_function_concurrency(
        FunctionName="ami-reactor-guard", ReservedConcurrentExecutions=0
    )


def _failures_lost(session):
    session.client("lambda").delete_function_event_invoke_config(FunctionName="ami-reactor-guard")


@pytest.mark.parametrize(
    ("break_it", "name", "what"),
    [
        (_rule_disabled, "rules", "the rule ami-reactor-trouble-seen is disabled"),
        (_target_removed, "rules", "the rule ami-reactor-trouble-seen does not wake the guard"),
        (_paused, "guard", "the function ami-reactor-guard is paused"),
        (_failures_lost, "guard", "the guard has no on-failure destination"),
    ],
)
def test_doctor_says_what_keeps_the_guard_from_its_events(stage_with, break_it, name, what):
    staged = stage_with(guarded_world())
    account = account_in(boto3.Session(), REGION)
    before = {check.state for check in examine_stack(account, "ami-reactor")}
    break_it(staged.session)

    failed = [one for one in examine_stack(account, "ami-reactor") if one.state == "fail"]

    assert "fail" not in before
    assert [(one.name, one.what.startswith(what)) for one in failed] == [(name, True)]


def test_status_says_that_the_guards_rule_is_disabled(stage_with):
    staged = stage_with(guarded_world())
    _rule_disabled(staged.session)

    assert "the rule ami-reactor-trouble-seen is disabled fix: aws events" in words("status")


# -- follow ----------------------------------------------------------------------------------------


def test_follow_writes_what_the_guard_is_to_do(account_with):
    account_with(a_world())

    ran = run(
        "follow",
        "web",
        "--image-name",
        "AwsBackup_*",
        "--on-trouble",
        "go-back",
        "--yes",
        "--wait",
        "0",
    )

    assert ran.status in (0, 1)  # there is no stack that reconciles it
    assert tags_of()[ON_TROUBLE] == "go-back"


def test_follow_takes_no_other_word(account_with):
    account_with(a_world())

    ran = run("follow", "web", "--image-name", "x*", "--on-trouble", "rollback", "--yes")

    assert ran.status == 2
    assert "follow: --on-trouble: must be one of: hold, go-back" in ran.stderr
    assert ON_TROUBLE not in tags_of()


# -- the dead-letter queue -------------------------------------------------------------------------


def test_dlq_judges_the_guards_events_and_sends_them_to_the_guard(stage_with):
    staged = stage_with(guarded_world())
    end_refresh()
    Queue(staged).put(throttled(refresh_failed()))

    listed = words("dlq", "list")
    redriven = run("dlq", "redrive", "--all", "--yes", "--wait", "0", "--poll", "0")

    assert f"web would be moved back to {OLD} by the guard (refresh-alarm)" in listed
    assert redriven.status == 0
    assert staged.dead_letters() == []
    assert default_image() == OLD
    assert template_of()["LatestVersionNumber"] == 3


def test_dlq_says_that_what_the_guard_did_already_is_obsolete(moved_back):
    Queue(moved_back).put(throttled(refresh_failed()))

    [line] = run("dlq", "list", "--json").lines

    assert line["verdict"] == "obsolete"
    assert "held" in line["why"]


def test_dlq_knows_an_image_that_the_guard_would_keep_out(stage_with):
    staged = stage_with(guarded_world())
    Queue(staged).put(throttled(threats_found(OLD)))

    listed = words("dlq", "list")
    redriven = run("dlq", "redrive", "--all", "--yes", "--wait", "0")

    assert "an image that web may take would be quarantined by the guard (threats-found)" in listed
    assert redriven.status == 0
    assert (QUARANTINE in tags_of(OLD), default_image()) == (True, NEW)


# -- the story on the stage ------------------------------------------------------------------------

FIVE_MINUTES = timedelta(minutes=5)
"""What a refresh takes there."""


def run_by_web(staged):
    """The images that the instances of web run."""
    groups = staged.session.client("autoscaling").describe_auto_scaling_groups()
    ids = [one["InstanceId"] for one in groups["AutoScalingGroups"][0]["Instances"]]
    found = staged.session.client("ec2").describe_instances(InstanceIds=ids)["Reservations"]
    return sorted(one["ImageId"] for each in found for one in each["Instances"])


def test_a_bad_image_is_left_and_the_next_good_one_is_taken_once_a_person_resumes(stage_with):
    """On the stage from the promotion on: what the issue wants to see, in one test."""
    group = a_group(instances={"i-0aaaaaaaaaaaaaaa1": "1", "i-0aaaaaaaaaaaaaaa2": "1"})
    staged = stage_with(
        guarded_world(
            an_image(OLD),
            an_image(NEW, 1),
            an_image(NEWER, 2, State="pending"),
            templates=[a_template(tags=GO_BACK)],
            versions=[guarded_world()["LaunchTemplateVersions"][0]],
            AutoScalingGroups=[group],
            Stacks=[a_chain(AlarmNames="web-5xx")],
        )
    )
    staged.faults.inject("InstanceRefresh", "Alarm")
    staged.delivery.deliver(backup_completed(NEW))
    assert (default_image(), run_by_web(staged)) == (NEW, [OLD, OLD])

    failed, *_ = staged.advance(FIVE_MINUTES)
    assert failed.event["detail-type"] == "EC2 Auto Scaling Instance Refresh Failed"
    assert (default_image(), QUARANTINE in tags_of(NEW), HOLD in tags_of()) == (OLD, True, True)
    assert run_by_web(staged) == sorted([OLD, NEW])
    staged.advance(FIVE_MINUTES)
    assert run_by_web(staged) == [OLD, OLD]

    staged.delivery.deliver(failed.event)
    assert template_of()["LatestVersionNumber"] == 3
    ec2_backends[ACCOUNT][REGION].amis[NEWER].state = "available"
    held = staged.delivery.deliver(backup_completed(NEWER)).outcome["templates"]
    assert [(one["outcome"], one["reason"]) for one in held] == [("kept", "held")]

    run("unquarantine", NEW, "--yes")
    run("resume", "web", "--yes", "--wait", "0")
    assert default_image() == NEWER
    staged.advance(FIVE_MINUTES)
    assert run_by_web(staged) == [NEWER, NEWER]
