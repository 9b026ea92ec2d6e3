"""What AWS's services may do for the stack and for windows: least privilege, role by role."""

import json
import subprocess

import pytest

from infra.embedded.stack import transformed
from infra.operate.window import as_cloudformation, read_window
from models.base import Place
from models.launch_template import Template
from tests.stack.roles import Role, damaged, damages, questions
from tests.support.builders import (
    ACCOUNT,
    NEW,
    OTHER_TEMPLATE,
    REGION,
    TEMPLATE,
    image_arn,
    template_arn,
)
from tests.support.cloudformation import as_text, read_yaml, resources_of

HOLD = "ami-reactor-state:hold"
WINDOW_TAG = "ami-reactor-state:window"
MARK = "ami-reactor-state:newest-image"
EVENTS = f"arn:aws:events:{REGION}:{ACCOUNT}"
DEFAULT_BUS, CENTRAL_BUS = f"{EVENTS}:event-bus/default", f"{EVENTS}:event-bus/outcomes"
TIMER = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:ami-reactor-timer"
ANOTHER_TIMER = f"{TIMER}-of-another-stack"
WEB = template_arn(TEMPLATE)
IN_OUR_NAME = {"events:source": ["ami-reactor"]}
RECONCILE = {"events:detail-type": ["Reconcile Requested"]}
PROMOTED = {"events:detail-type": ["Launch Template Promoted"]}


ASKS_TO_RECONCILE = (
    [("events:PutEvents", DEFAULT_BUS, IN_OUR_NAME | RECONCILE)],
    [
        ("events:PutEvents", DEFAULT_BUS, IN_OUR_NAME | PROMOTED),
        ("events:PutEvents", DEFAULT_BUS, {"events:source": ["another"]} | RECONCILE),
        (
            "events:PutEvents",
            DEFAULT_BUS,
            IN_OUR_NAME | {"events:detail-type": ["Reconcile Requested", "Promotion Failed"]},
        ),
        ("events:PutEvents", DEFAULT_BUS, IN_OUR_NAME),
        ("events:PutEvents", DEFAULT_BUS, RECONCILE),
        ("events:PutEvents", DEFAULT_BUS, {}),
        ("events:PutEvents", CENTRAL_BUS, IN_OUR_NAME | RECONCILE),
        ("events:PutRule", f"{EVENTS}:rule/r", {}),
        ("ec2:ModifyLaunchTemplate", WEB, {"aws:ResourceTag/ami-reactor": "on"}),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin", {}),
        ("states:StartExecution", TIMER, {}),
    ],
)
ROLES = {
    "TimerRole": Role("states.amazonaws.com", *ASKS_TO_RECONCILE),
    "ScheduledReconcileRole": Role("scheduler.amazonaws.com", *ASKS_TO_RECONCILE),
    "StartTimerRole": Role(
        "events.amazonaws.com",
        [("states:StartExecution", TIMER, {})],
        [
            ("states:StartExecution", ANOTHER_TIMER, {}),
            ("states:StopExecution", TIMER.replace("stateMachine", "execution") + ":one", {}),
            ("states:UpdateStateMachine", TIMER, {}),
            ("states:DeleteStateMachine", TIMER, {}),
            ("events:PutEvents", DEFAULT_BUS, IN_OUR_NAME | RECONCILE),
            ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin", {}),
        ],
    ),
    "EndHoldRole": Role(
        "scheduler.amazonaws.com",
        [
            ("ec2:DeleteTags", WEB, {"aws:TagKeys": [HOLD]}),
            ("ec2:DeleteTags", WEB, {"aws:TagKeys": [HOLD], f"aws:RequestTag/{HOLD}": "jane"}),
        ],
        [
            ("ec2:DeleteTags", WEB, {"aws:TagKeys": [MARK]}),
            ("ec2:DeleteTags", WEB, {"aws:TagKeys": [HOLD, "ami-reactor"]}),
            ("ec2:DeleteTags", WEB, {}),  # all of them
            ("ec2:DeleteTags", image_arn(NEW), {"aws:TagKeys": [HOLD]}),
            ("ec2:DeleteTags", WEB.replace(REGION, "us-east-1"), {"aws:TagKeys": [HOLD]}),
            ("ec2:CreateTags", WEB, {"aws:TagKeys": [HOLD]}),
            ("ec2:DeleteLaunchTemplate", WEB, {"aws:TagKeys": [HOLD]}),
            ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin", {}),
        ],
    ),
    "ForwardRole": Role(
        "events.amazonaws.com",
        [("events:PutEvents", CENTRAL_BUS, {})],
        [
            ("events:PutEvents", DEFAULT_BUS, IN_OUR_NAME | RECONCILE),
            ("events:DeleteEventBus", CENTRAL_BUS, {}),
            ("events:PutRule", f"{EVENTS}:rule/r", {}),
            ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin", {}),
        ],
    ),
}
WINDOW_TAGGED = {"aws:TagKeys": [WINDOW_TAG], f"aws:RequestTag/{WINDOW_TAG}": "closed"}
OF_A_WINDOW = Role(
    "scheduler.amazonaws.com",
    [
        ("ec2:CreateTags", WEB, WINDOW_TAGGED),
        ("ec2:DeleteTags", WEB, {"aws:TagKeys": [WINDOW_TAG]}),
    ],
    [
        ("ec2:CreateTags", WEB, WINDOW_TAGGED | {f"aws:RequestTag/{WINDOW_TAG}": "open"}),
        ("ec2:CreateTags", WEB, WINDOW_TAGGED | {"aws:TagKeys": [WINDOW_TAG, HOLD]}),
        ("ec2:CreateTags", WEB, {"aws:TagKeys": [HOLD], f"aws:RequestTag/{HOLD}": "closed"}),
        ("ec2:CreateTags", template_arn(OTHER_TEMPLATE), WINDOW_TAGGED),
        ("ec2:DeleteTags", WEB, {"aws:TagKeys": [HOLD]}),
        ("ec2:DeleteTags", WEB, {"aws:TagKeys": [WINDOW_TAG, HOLD]}),
        ("ec2:DeleteTags", WEB, {}),  # all of them
        ("ec2:DeleteTags", template_arn(OTHER_TEMPLATE), {"aws:TagKeys": [WINDOW_TAG]}),
        ("ec2:CreateLaunchTemplateVersion", WEB, WINDOW_TAGGED),
        ("ec2:DeleteLaunchTemplate", WEB, {"aws:TagKeys": [WINDOW_TAG]}),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin", {}),
    ],
)
ALL = {**ROLES, "WindowRole": OF_A_WINDOW}
HARMLESS = {"any action", "any of events"}
"""Widenings of a PutEvents statement that its conditions hold off: no other action has the keys."""


def window_printed():
    """What `ami-reactor window` prints for CloudFormation."""
    web = Template.model_validate(
        {
            "LaunchTemplateId": TEMPLATE,
            "LaunchTemplateName": "web",
            "DefaultVersionNumber": 1,
            "LatestVersionNumber": 1,
        }
    )
    window = read_window("cron(0 2 ? * TUE-THU *)", 3, "Asia/Seoul")
    return as_cloudformation(window, web, Place(account=ACCOUNT, region=REGION))


def policy_of(name):
    """The role's one policy, as IAM has it once its stack is deployed."""
    if name == "WindowRole":
        [policy] = read_yaml(window_printed())["Resources"][name]["Properties"]["Policies"]
        return json.loads(as_text({"Fn::Sub": json.dumps(policy["PolicyDocument"])}))
    parameters = {"ReconcileSchedule": "rate(1 day)", "CentralBusArn": CENTRAL_BUS}
    role = resources_of(transformed(), **parameters)[name]
    [policy] = role["Properties"]["Policies"]
    assert "ManagedPolicyArns" not in role["Properties"]
    return json.loads(json.dumps(policy["PolicyDocument"]).replace("${Timer}", TIMER))


@pytest.mark.parametrize("name", ALL)
def test_a_role_may_do_its_one_thing_and_nothing_beside(judge, name):
    cases, should = questions(ALL[name])

    [may] = judge({"identity": policy_of(name), "resource": None, "cases": cases})

    wrong = [case for case, is_, ok in zip(cases, may, should, strict=True) if is_ is not ok]
    assert wrong == []


@pytest.mark.parametrize("name", ALL)
def test_a_role_with_a_statement_removed_or_widened_is_noticed(judge, name):
    cases, should = questions(ALL[name])
    policy = policy_of(name)
    params = list(damages(policy["Statement"]))

    answers = judge(
        *(
            {"identity": damaged(policy, *param.values), "resource": None, "cases": cases}
            for param in params
        )
    )

    unnoticed = {
        param.id.partition(": ")[2]
        for param, may in zip(params, answers, strict=True)
        if may == should
    }
    assert unnoticed == (HARMLESS if ALL[name].may_not is ASKS_TO_RECONCILE[1] else set())


@pytest.mark.parametrize("name", ROLES)
def test_one_service_of_this_account_alone_may_take_a_role(name):
    [trust] = transformed()["Resources"][name]["Properties"]["AssumeRolePolicyDocument"][
        "Statement"
    ]

    assert trust["Action"] == "sts:AssumeRole"
    assert trust["Principal"] == {"Service": ROLES[name].service}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
    }


def test_lambda_alone_may_take_the_functions_role():
    trust = transformed()["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]

    [statement] = trust["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_no_other_role_is_made():
    roles = {n for n, r in transformed()["Resources"].items() if r["Type"] == "AWS::IAM::Role"}

    assert roles == {"Role", "GuardRole", *ROLES}


def test_the_linter_finds_nothing_in_a_window(tools, tmp_path):
    file = tmp_path / "window.yaml"
    file.write_text(window_printed())

    done = subprocess.run(
        [tools / "venv" / "bin" / "cfn-lint", "--include-checks", "I", "--", file],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "")
