"""What operators see of the chains that follow a promotion, and what `doctor` says of them."""

import json
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import boto3
import pytest
from moto.cloudformation.models import Stack as MotoStack
from moto.cloudformation.models import cloudformation_backends
from moto.cloudformation.parsing import get_model_map
from moto.stepfunctions.models import stepfunctions_backends

from infra.operate.account import account_in
from infra.operate.chain_checks import ChainExaminer
from infra.operate.check import Check, examined
from infra.operate.fleet import read_fleet
from tests.support.builders import (
    ACCOUNT,
    FOLLOWS_INSTANCE,
    OTHER_TEMPLATE,
    REGION,
    TEMPLATE,
    a_template,
    a_version,
    a_world,
)
from tests.support.cloudformation import read_template
from tests.support.fleets import a_group, requests, run
from tests.support.guarding import guarded_world
from tests.support.paths import ROOT

THEN = "then: refreshes web, api (stack web-refresh)"
TOPIC = {"Topic": {"Type": "AWS::SNS::Topic"}}


def create(stack: str, template: dict[str, Any], **parameters: str) -> None:
    """moto parses YAML, which takes longer than all the rest; this is JSON."""
    with mock.patch.object(MotoStack, "parse_template", staticmethod(json.loads)):
        boto3.client("cloudformation").create_stack(
            StackName=stack,
            TemplateBody=json.dumps(template),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        )


def a_chain(stack: str = "web-refresh", said: str = f"refresh {TEMPLATE} web,api") -> None:
    """A stack of which there is no more than what it says."""
    create(stack, {"Resources": TOPIC, "Outputs": {"AmiReactorChain": {"Value": said}}})


def a_deployed(kind: str = "refresh", stack: str = "web-refresh", **given: str) -> None:
    """A chain's own template, but for the alarm, which moto cannot create."""
    template = read_template((ROOT / "infra" / "chains" / f"{kind}.yaml").read_text())
    template["Resources"] = {
        name: resource
        for name, resource in template["Resources"].items()
        if resource["Type"] in get_model_map() and resource["Type"] != "AWS::CloudWatch::Alarm"
    }
    follows = {"LaunchTemplateId": TEMPLATE, "AutoScalingGroupNames": "web"}
    create(stack, template, **(given or follows))


def set_status(stack: str, status: str, **fields: Any) -> None:
    """What no request can do here: a stack fails."""
    found = cloudformation_backends[ACCOUNT][REGION].get_stack(stack)
    vars(found).update({"status": status, **fields})


def a_fleet(**more: Any) -> dict[str, Any]:
    world = {"AutoScalingGroups": [a_group(), a_group("api")], **more}
    return a_world(templates=[a_template(tags=FOLLOWS_INSTANCE)], **world)


def checks() -> list[Check]:
    """What `doctor` examines of chains, without the rest."""
    account = account_in(boto3.Session(), REGION)
    examiner = ChainExaminer(account, read_fleet(account, lambda _: None))
    return list(examined(examiner.examine, "chains", "the chains"))


def the_check() -> tuple[str, str, str]:
    [check] = checks()
    return check.state, check.what, check.fix


# -- what follows a promotion ----------------------------------------------------------------------


@pytest.mark.parametrize("columns", ["80", "120"])
def test_status_of_a_template_says_what_follows_a_promotion(account_with, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    account_with(a_fleet())
    a_chain()
    a_chain("notices", "notify")
    a_chain("of-another", f"refresh {OTHER_TEMPLATE} db")

    shown = run("status", "web")

    assert THEN in shown.words
    assert "then: sends notices (stack notices)" in shown.words
    assert "of-another" not in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= int(columns)


def test_the_table_of_the_fleet_has_no_line_more(account_with, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    account_with(a_fleet())
    before = run("status").stdout
    a_chain()

    assert run("status").stdout == before


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"node-group {TEMPLATE} prod/web", "updates the node group prod/web"),
        (f"parameter {TEMPLATE} /golden/web", "writes the parameter /golden/web"),
        (f"reboot {TEMPLATE}", "reboot"),
    ],
)
def test_explain_says_it_in_one_line(account_with, said, shown):
    account_with(a_fleet())
    a_chain("s", said)

    assert f"then: {shown} (stack s)" in run("explain", "web").words


def test_json_has_the_chains(account_with):
    account_with(a_fleet())
    a_chain()

    [line] = run("status", "--json").lines

    assert line["chains"] == [
        {
            "stack": "web-refresh",
            "kind": "refresh",
            "targets": ["web", "api"],
            "status": "CREATE_COMPLETE",
        }
    ]


def test_the_stacks_are_listed_once_whatever_there_is_and_page_by_page(account_with, monkeypatch):
    """moto's pages have 50 stacks."""
    second = a_template(OTHER_TEMPLATE, "api", tags=FOLLOWS_INSTANCE)
    account_with(
        a_world(
            templates=[a_template(tags=FOLLOWS_INSTANCE), second],
            versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
        )
    )
    for number in range(50):
        create(f"other-{number}", {"Resources": TOPIC})
    a_chain()
    asked = requests(monkeypatch)

    [web] = run("status", "web", "--json").lines
    assert [chain["stack"] for chain in web["chains"]] == ["web-refresh"]
    assert asked.count("DescribeStacks") == 3  # the stack of the reactor, then two pages


def test_without_a_template_no_stack_is_listed(account_with, monkeypatch):
    account_with(a_world(templates=[], versions=[]))
    asked = requests(monkeypatch)

    assert run("status").status == 0
    assert asked.count("DescribeStacks") == 1


@pytest.mark.parametrize("verb", [("status",), ("explain", "web")], ids=" ".join)
def test_a_missing_permission_is_a_gap_that_names_it(stage_with, verb):
    staged = stage_with(a_fleet())
    staged.faults.inject("DescribeStacks", "AccessDenied", times=99)

    shown = run(*verb)

    assert shown.status == 1
    assert "not read: listing stacks for what follows a promotion: " in shown.stderr
    assert "missing permission: cloudformation:DescribeStacks" in shown.stderr
    assert "web" in shown.stdout


# -- a stack that failed ---------------------------------------------------------------------------


def test_a_failed_stack_is_told_with_what_shows_why(account_with):
    account_with(a_fleet())
    a_chain()
    why = "aws cloudformation describe-stack-events --stack-name web-refresh"
    for status in ("UPDATE_ROLLBACK_FAILED", "DELETE_FAILED", "ROLLBACK_COMPLETE"):
        set_status("web-refresh", status)
        what = f"the stack web-refresh, which refreshes web, api, is {status}"
        assert the_check() == ("fail", what, why)

    shown = run("status")

    assert shown.status == 1
    assert f"{what}\n  fix: {why}" in shown.stdout
    [node] = [one for one in run("explain", "web", "--json").lines[0]["below"] if "stack" in one]
    assert (node["what"], node["mood"]) == (f"then: {what}", "fail")
    assert [below["fix"] for below in node["below"]] == [why]


@pytest.mark.parametrize(
    ("parameters", "does"),
    [
        ({"LaunchTemplateId": TEMPLATE, "AutoScalingGroupNames": "web,api"}, "refreshes web, api"),
        (
            {"LaunchTemplateId": TEMPLATE, "ClusterName": "prod", "NodegroupName": "web"},
            "updates the node group prod/web",
        ),
        (
            {"LaunchTemplateId": TEMPLATE, "ParameterName": "/golden"},
            "writes the parameter /golden",
        ),
        ({"Email": "ops@example.com"}, "sends notices"),
    ],
    ids=["refresh", "node-group", "parameter", "notify"],
)
def test_a_stack_that_could_not_be_created_has_no_output_and_is_told(
    account_with, parameters, does
):
    account_with(a_fleet())
    template = {
        "Description": "ami-reactor, chain: does something.",
        "Parameters": {name: {"Type": "String"} for name in parameters},
        "Resources": TOPIC,
    }
    create("s", template, **parameters)
    set_status("s", "ROLLBACK_COMPLETE")

    state, what, _ = the_check()

    assert (state, what) == ("fail", f"the stack s, which {does}, is ROLLBACK_COMPLETE")


def test_a_stack_that_is_as_it_was_before_is_no_failure(account_with):
    account_with(a_fleet())
    a_deployed()
    for status in ("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"):
        set_status("web-refresh", status)
        assert the_check()[:2] == ("ok", "chains OK: web-refresh")

    assert run("status").status == 0


# -- doctor ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("refresh", {}),
        ("parameter", {"LaunchTemplateId": TEMPLATE, "ParameterName": "/golden/web"}),
        ("notify", {"Email": "ops@example.com"}),
        (
            "node-group",
            {
                "LaunchTemplateId": TEMPLATE,
                "ClusterName": "prod",
                "NodegroupName": "web",
                "NodeRoleArn": f"arn:aws:iam::{ACCOUNT}:role/web",
            },
        ),
    ],
)
def test_a_chain_as_it_is_deployed_is_ok(account_with, kind, given):
    account_with(a_fleet())
    a_deployed(kind, "s", **given)

    assert the_check()[:2] == ("ok", "chains OK: s")


def rule() -> str:
    names = [one["Name"] for one in boto3.client("events").list_rules()["Rules"]]
    [name] = [one for one in names if one.startswith("web-refresh")]
    return name


def disable() -> None:
    boto3.client("events").disable_rule(Name=rule())


def take_the_target() -> None:
    events = boto3.client("events")
    events.remove_targets(Rule=rule(), Ids=["refresh"])


def aim_elsewhere() -> None:
    take_the_target()
    target = {"Id": "x", "Arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:x"}
    boto3.client("events").put_targets(Rule=rule(), Targets=[target])


def delete() -> None:
    take_the_target()
    boto3.client("events").delete_rule(Name=rule())


AGAIN = "aws cloudformation delete-stack --stack-name web-refresh, then deploy it again"


@pytest.mark.parametrize(
    ("break_it", "what", "fix"),
    [
        (disable, "is disabled", "aws events enable-rule --name web-refresh-Moved-"),
        (take_the_target, "starts nothing of the stack", AGAIN),
        (aim_elsewhere, "starts nothing of the stack", AGAIN),
        (delete, "is missing", AGAIN),
    ],
)
def test_a_rule_that_starts_nothing_is_told(account_with, break_it, what, fix):
    account_with(a_fleet())
    a_deployed()
    name = rule()
    break_it()

    state, told, how = the_check()

    assert (state, told) == ("fail", f"the chain web-refresh: its rule {name} {what}")
    assert how.startswith(fix)


def test_notices_that_go_nowhere_are_told(account_with):
    """This chain runs no state machine."""
    account_with(a_fleet())
    a_deployed("notify", Email="ops@example.com")
    boto3.client("events").remove_targets(Rule=rule(), Ids=["mail", "chat"])

    state, what, _ = the_check()

    assert (state, what.endswith("starts nothing of the stack")) == ("fail", True)


def test_a_chain_without_a_rule_is_told(account_with):
    account_with(a_fleet())
    a_chain()

    assert the_check()[:2] == ("fail", "the chain web-refresh has no rule")


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS"])
def test_a_chain_that_is_being_made_or_removed_is_not_to_be_deleted_for_it(account_with, status):
    account_with(a_fleet())
    a_chain()
    set_status("web-refresh", status)

    what = f"the stack web-refresh, which refreshes web, api, is {status}"
    assert the_check() == ("warn", what, "")


def run_it(*statuses: str) -> None:
    """Runs of the chain's state machine, the last one first; the stage would run them."""
    [machine] = [
        one
        for one in stepfunctions_backends[ACCOUNT][REGION].state_machines
        if one.name.startswith("web-refresh")
    ]
    machine.executions.clear()
    for number, status in enumerate(statuses):
        found = machine.start_execution(REGION, ACCOUNT, f"r{number}", "{}")
        found.status = status
        found.start_date = datetime(2026, 11, 27, 12 - number, tzinfo=UTC)
        found.stop_date = None if status == "RUNNING" else found.start_date


RUNS = [
    ((), False),
    (("FAILED",), True),
    (("TIMED_OUT", "SUCCEEDED"), True),
    (("RUNNING", "FAILED"), True),
    (("SUCCEEDED", "FAILED"), False),
    (("ABORTED", "FAILED"), False),
    (("RUNNING",), False),
]


def test_the_last_run_that_is_over_is_told_if_it_failed(account_with):
    account_with(a_fleet())
    a_deployed()
    for statuses, is_told in RUNS:
        run_it(*statuses)

        state, what, why = the_check()

        assert state == ("fail" if is_told else "ok"), statuses
        if is_told:
            assert what.startswith("the chain web-refresh: its last run failed on 2026-11-27T1")
            assert why.startswith("aws stepfunctions describe-execution --execution-arn arn:aws:")


def test_runs_that_may_not_be_seen_are_one_warning_and_no_failure(stage_with):
    staged = stage_with(a_fleet())
    a_deployed()
    a_deployed(stack="api-refresh", LaunchTemplateId=TEMPLATE, AutoScalingGroupNames="api")
    staged.faults.inject("ListExecutions", "AccessDeniedException", times=99)

    state, what, _ = the_check()

    assert state == "warn"
    assert "missing permission: states:ListExecutions (your credentials)" in what


def test_a_state_machine_that_is_gone_is_told(account_with):
    account_with(a_fleet())
    a_deployed()
    stepfunctions_backends[ACCOUNT][REGION].state_machines.clear()

    state, what, fix = the_check()

    assert state == "fail"
    assert what.startswith("the chain web-refresh: listing executions: ")
    assert fix.startswith(AGAIN)


@pytest.mark.parametrize("operation", ["DescribeStacks", "ListStackResources", "ListRules"])
def test_what_may_not_be_read_of_chains_is_named(stage_with, operation):
    staged = stage_with(a_fleet())
    a_deployed()
    staged.faults.inject(operation, "AccessDenied", times=99)

    state, what, _ = the_check()

    assert state == "unknown"
    assert what.startswith("the chains: ")
    assert f":{operation} (your credentials)" in what


def test_a_group_that_launches_a_number_is_refreshed_for_nothing(account_with):
    account_with(a_fleet(AutoScalingGroups=[a_group(version="1")]))
    a_deployed()

    state, what, fix = the_check()

    assert state == "fail"
    assert what.startswith("the chain web-refresh refreshes web for nothing: it launches version 1")
    assert fix.startswith("aws autoscaling update-auto-scaling-group")


@pytest.mark.parametrize("groups", [[], [a_group(template_id=OTHER_TEMPLATE)]], ids=["no", "other"])
def test_a_group_that_does_not_launch_from_the_template_is_told(account_with, groups):
    account_with(
        a_world(
            templates=[
                a_template(tags=FOLLOWS_INSTANCE),
                a_template(OTHER_TEMPLATE, "api", tags={}),
            ],
            versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
            AutoScalingGroups=groups,
        )
    )
    a_deployed()

    assert the_check() == (
        "fail",
        "the chain web-refresh: no group web launches from web",
        "aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names web",
    )


def test_if_groups_may_not_be_read_none_is_called_missing(stage_with):
    staged = stage_with(a_fleet())
    a_deployed()
    staged.faults.inject("DescribeAutoScalingGroups", "AccessDenied", times=99)

    assert the_check()[:2] == ("ok", "chains OK: web-refresh")


def test_a_chain_of_a_template_that_follows_nothing_waits_for_ever(account_with):
    account_with(a_fleet())
    a_deployed("parameter", "s", LaunchTemplateId=OTHER_TEMPLATE, ParameterName="/golden")

    assert the_check() == (
        "warn",
        f"the chain s waits for {OTHER_TEMPLATE}, which follows no images",
        f"ami-reactor follow {OTHER_TEMPLATE}",
    )


def test_doctor_prints_it_under_its_name(stage_with):
    stage_with(a_fleet(AutoScalingGroups=[a_group(version="1")]))
    a_deployed()

    lines = [line for line in run("doctor", "--json").lines if line["name"] == "chains"]

    assert [line["state"] for line in lines] == ["fail"]


def test_without_chains_and_guard_nothing_is_said(account_with):
    account_with(a_fleet())

    assert checks() == []


# -- moved back, and the instances stay ------------------------------------------------------------

STAYS = "web: if the guard moves it back, instances stay on the bad image: no chain refreshes"


def test_a_template_that_goes_back_alone_is_a_warning_with_what_to_type(account_with):
    account_with(guarded_world(AutoScalingGroups=[a_group(), a_group("the api")]))

    state, what, fix = the_check()

    assert (state, what) == ("warn", f"{STAYS} web, the api")
    assert fix == (
        "ami-reactor template refresh > refresh.yaml && aws cloudformation deploy --stack-name"
        " refresh-web --capabilities CAPABILITY_IAM --template-file refresh.yaml"
        f" --parameter-overrides LaunchTemplateId={TEMPLATE} 'AutoScalingGroupNames=web,the api'"
    )


def test_groups_that_a_chain_refreshes_are_left_out_of_it(account_with):
    account_with(guarded_world(AutoScalingGroups=[a_group(), a_group("the api")]))
    a_deployed()

    assert the_check()[1] == f"{STAYS} the api"

    a_deployed(stack="api-refresh", LaunchTemplateId=TEMPLATE, AutoScalingGroupNames="the api")
    assert the_check()[:2] == ("ok", "chains OK: api-refresh, web-refresh")

    set_status("api-refresh", "ROLLBACK_COMPLETE")
    assert [check.state for check in checks()] == ["fail", "warn"]
