"""The guard's part of the stack: there with Guard=true alone, and what its role may do."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from moto.events.models import EventPattern

from handlers import guard
from handlers.auto_scaling import OPERATIONS as GUARDS
from handlers.clients import OPERATIONS
from infra.embedded.stack import transformed
from infra.embedded.stage import stage
from infra.embedded.world.seed import read_world
from tests.stack.roles import (
    a_case,
    as_doctor_reads,
    damaged,
    damages,
    linted,
    listed,
    statements_of,
)
from tests.support.builders import (
    ACCOUNT,
    FOLLOWS_INSTANCE,
    NEW,
    REGION,
    TEMPLATE,
    a_world,
    ami_state,
    backup_completed,
    image_arn,
    template_arn,
)
from tests.support.cloudformation import resources_of
from tests.support.guarding import (
    GO_BACK,
    HOLD,
    MARK,
    ON_TROUBLE,
    QUARANTINE,
    end_refresh,
    fail_launch,
    guarded_world,
    launch_failed,
    refresh_failed,
    threats_found,
)
from tests.support.paths import ROOT

PARTS = {
    "GuardFunction",
    "GuardEventInvokeConfig",
    "GuardRole",
    "TroubleSeen",
    "TroubleSeenPermission",
    "GuardCapturedEventsPolicy",
    "GuardActed",
    "GuardFailed",
    "GuardEventsWaitLong",
}


def without_references(resource):
    return json.dumps(resource, sort_keys=True)


# -- on and off ------------------------------------------------------------------------------------


def test_without_guard_nothing_of_it_exists():
    off, on = resources_of(transformed()), resources_of(transformed(), Guard="true")

    assert on.keys() - off.keys() == PARTS
    assert "uard" not in without_references(off["DeadLettersPolicy"])
    assert "Trouble" not in without_references(off)
    assert [o for o in transformed()["Outputs"].values() if o.get("Condition")] == [
        transformed()["Outputs"]["GuardFunctionName"]
    ]


def test_what_the_reactor_has_is_the_same_with_the_guard_and_without():
    off, on = resources_of(transformed()), resources_of(transformed(), Guard="true")

    differs = {name for name in off if off[name] != on[name]}
    # the one lets the guard's dead letters in, the other is the dashboard
    assert differs == {"DeadLettersPolicy", "Overview"}


def test_the_reactor_imports_nothing_of_the_guards():
    program = (
        "import sys; import handlers.reactor;"
        "print([m for m in sys.modules if 'guard' in m or 'rollback' in m or 'auto_scaling' in m"
        " or m == 'handlers.writes'])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert printed.stdout == "[]\n"


def test_a_world_whose_templates_ask_for_no_guard_has_none(stage_with):
    staged = stage_with(a_world())

    receipt = staged.delivery.deliver(refresh_failed())

    assert not receipt.is_matched
    assert len(staged.session.client("lambda").list_functions()["Functions"]) == 1


# -- its rule, its dead letters --------------------------------------------------------------------


@pytest.fixture(scope="module")
def deployed():
    """The rules with their targets, the function, and the role's policy, as AWS shows them."""
    with stage(read_world(json.dumps(guarded_world()), "world")) as staged:
        events, functions, iam = map(staged.session.client, ("events", "lambda", "iam"))
        rules = {
            rule["Name"]: events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
            for rule in events.list_rules()["Rules"]
        }
        named = {"FunctionName": "ami-reactor-guard"}
        function = functions.get_function_configuration(**named)
        invocation = functions.get_function_event_invoke_config(**named)
        alone = functions.get_function_concurrency(**named)
        [role] = [r["RoleName"] for r in iam.list_roles()["Roles"] if "GuardRole" in r["RoleName"]]
        [name] = iam.list_role_policies(RoleName=role)["PolicyNames"]
        assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
        policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        return SimpleNamespace(
            rules=rules, function=function, invocation=invocation, alone=alone, policy=policy
        )


@pytest.mark.parametrize(
    ("event", "is_selected"),
    [
        pytest.param(refresh_failed(), True, id="a refresh failed"),
        pytest.param(
            refresh_failed("EC2 Auto Scaling Instance Refresh Rollback Succeeded"),
            True,
            id="rolled back",
        ),
        pytest.param(launch_failed(), True, id="a launch failed"),
        pytest.param(threats_found(), True, id="threats found"),
        pytest.param(threats_found(status="NO_THREATS_FOUND"), False, id="no threats"),
        pytest.param(
            refresh_failed("EC2 Auto Scaling Instance Refresh Succeeded"), False, id="succeeded"
        ),
        pytest.param(refresh_failed() | {"source": "me"}, False, id="another source"),
        pytest.param(refresh_failed() | {"account": "999988887777"}, False, id="another account"),
        pytest.param(backup_completed(), False, id="a backup"),
        pytest.param(ami_state(), False, id="an image"),
    ],
)
def test_its_rule_selects_its_events_and_no_other(event, is_selected):
    pattern = resources_of(transformed(), Guard="true")["TroubleSeen"]["Properties"]["EventPattern"]

    assert EventPattern.load(json.dumps(pattern)).matches_event(event) is is_selected


def test_its_rule_loses_nothing_and_wakes_nobody_else(deployed):
    arn, rules = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:ami-reactor-guard", deployed.rules

    function, log = rules["ami-reactor-trouble-seen"]

    assert function == {
        "Id": "guard",
        "Arn": arn,
        "DeadLetterConfig": {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:ami-reactor-dead-letters"},
        "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400},
    }
    assert log["Arn"].endswith(":log-group:/aws/events/ami-reactor")
    assert [name for name, targets in rules.items() if arn in [t["Arn"] for t in targets]] == [
        "ami-reactor-trouble-seen"
    ]


def test_the_deployed_guard_is_the_archives_other_entry_and_hands_failures_on(deployed):
    module, _, name = deployed.function["Handler"].rpartition(".")

    assert getattr(sys.modules[module], name) is guard.lambda_handler
    assert deployed.alone["ReservedConcurrentExecutions"] == 1
    assert deployed.invocation["MaximumRetryAttempts"] == 2
    destination = deployed.invocation["DestinationConfig"]["OnFailure"]["Destination"]
    assert destination.endswith(":ami-reactor-dead-letters")


def test_what_it_cannot_settle_is_dead_lettered_on_both_paths(stage_with):
    staged = stage_with(guarded_world())
    end_refresh("InProgress")

    failed = staged.delivery.deliver(refresh_failed())
    staged.session.client("lambda").remove_permission(
        FunctionName="ami-reactor-guard",
        StatementId=_statement_of(staged),
    )
    undelivered = staged.delivery.deliver(launch_failed())

    assert (failed.attempts, failed.is_dead_lettered) == (3, True)
    assert (undelivered.attempts, undelivered.is_dead_lettered) == (0, True)
    bodies = [json.loads(message["Body"]) for message in staged.dead_letters()]
    assert {body.get("detail-type") for body in bodies} == {None, launch_failed()["detail-type"]}


def _statement_of(staged):
    policy = staged.session.client("lambda").get_policy(FunctionName="ami-reactor-guard")
    return json.loads(policy["Policy"])["Statement"][0]["Sid"]


def test_its_events_are_captured_and_its_outcomes_logged_beside_the_reactors(stage_with):
    staged = stage_with(guarded_world())
    end_refresh()

    staged.delivery.deliver(refresh_failed())

    logs = staged.session.client("logs")
    captured = logs.filter_log_events(logGroupName="/aws/events/ami-reactor")["events"]
    # the hold wakes the reactor by its tag
    assert refresh_failed()["id"] in {json.loads(e["message"])["id"] for e in captured}
    logged = logs.filter_log_events(logGroupName="/aws/lambda/ami-reactor")["events"]
    lines = [json.loads(event["message"]) for event in logged]
    assert "moved-back" in {line.get("outcome") for line in lines if "_aws" in line}


def watched(alarm):
    """The metrics of an alarm, each with the value of its dimension."""
    metrics = [m["MetricStat"]["Metric"] for m in alarm.get("Metrics", []) if "MetricStat" in m]
    return {(m["MetricName"], d["Value"]) for m in metrics or [alarm] for d in m["Dimensions"]}


def watched_by(alarms):
    return {m for name in alarms for m in watched(resources_with_guard()[name]["Properties"])}


def resources_with_guard():
    return resources_of(transformed(), Guard="true")


def test_an_alarm_rings_when_it_acts():
    assert watched_by(["GuardActed"]) == {
        ("Templates", "moved-back"),
        ("Templates", "held"),
        ("Templates", "quarantined"),
    }


def test_whatever_rings_for_the_reactors_function_or_rules_rings_for_the_guards():
    resources = resources_with_guard()
    alarms = {name for name, r in resources.items() if r["Type"] == "AWS::CloudWatch::Alarm"}
    guards = watched_by(alarms & PARTS)
    reactors = watched_by(alarms - PARTS)

    def of(metrics, kind, *, is_guards):
        names = {
            f"${{{name}}}"
            for name, r in resources.items()
            if r["Type"].endswith(kind) and (name in PARTS) is is_guards
        }
        return {metric for metric, value in metrics if value in names}

    for kind in ("Lambda::Function", "Events::Rule"):
        assert of(guards, kind, is_guards=True) == of(reactors, kind, is_guards=False) != set()


def test_the_readme_says_how_many_metrics_the_guards_alarms_watch():
    count = sum(
        len(watched(resource["Properties"]))
        for name, resource in resources_with_guard().items()
        if name in PARTS and resource["Type"] == "AWS::CloudWatch::Alarm"
    )

    assert f"The guard adds {count} metrics to the alarms" in (ROOT / "infra/README.md").read_text()


def test_its_events_wait_no_longer_than_the_reactors():
    reactors, guards = (
        resources_with_guard()[name]["Properties"]
        for name in ("EventsWaitLong", "GuardEventsWaitLong")
    )

    differs = {key for key in reactors if reactors[key] != guards[key]}
    assert differs == {"AlarmName", "AlarmDescription", "Dimensions"}


# -- its role: none missing, none unused -----------------------------------------------------------

LAMBDAS_OWN = {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"}


def test_the_role_has_what_the_code_calls_and_nothing_beside(stage_with):
    staged = stage_with(guarded_world())
    end_refresh()
    fail_launch()
    calls = set()

    def record(model, **_):
        calls.add(f"{model.service_model.service_name}:{model.name}")

    clients = [
        guard.client(service, REGION).meta.events for service in ("ec2", "autoscaling", "events")
    ]
    for client in clients:
        client.register("before-call", record)
    for event in (refresh_failed(), launch_failed(), threats_found()):
        staged.delivery.deliver(event)
    for client in clients:
        client.unregister("before-call", record)

    allowed = {action for one in statements_of("GuardRole") for action in listed(one["Action"])}
    assert allowed == calls | LAMBDAS_OWN
    listed_calls = {f"{s}:{n}" for s, names in (OPERATIONS | GUARDS).items() for n in names}
    assert calls <= listed_calls
    assert {call for call in calls if call.startswith("autoscaling:")} == {
        f"autoscaling:{name}" for name in GUARDS["autoscaling"]
    }


# -- before an IAM engine --------------------------------------------------------------------------

WEB, BAD = template_arn(TEMPLATE), image_arn(NEW)
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:ami-reactor-dead-letters"
LOG = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/ami-reactor"
GROUP = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:1:autoScalingGroupName/web"
INSTANCE = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-0123456789abcdef0"
OWN = {"ec2:Owner": ACCOUNT}
BY_GUARD, BY_JANE = "ami-reactor-guard 2026-06-15T12:00Z: it failed", "jane: load test"


def tags(values):
    return {f"aws:ResourceTag/{key}": value for key, value in values.items()}


def writing(*keys):
    return {"aws:TagKeys": list(keys)} | {f"aws:RequestTag/{key}": "x" for key in keys}


FREE = tags(GO_BACK)
FENCED = tags(GO_BACK | {HOLD: BY_GUARD})
MOVES = [
    ("ec2:CreateLaunchTemplateVersion", {}),
    ("ec2:ModifyLaunchTemplate", {}),
    ("ec2:CreateTags", writing(MARK)),
]
NOT_BEHIND_ITS_FENCE = {
    "not held": FREE,
    "held by a person": tags(GO_BACK | {HOLD: BY_JANE}),
    "held by a person of a like name": tags(GO_BACK | {HOLD: "ami-reactor-guardian x"}),
    "held by another in whose reason it is": tags(GO_BACK | {HOLD: f"jane: {BY_GUARD}"}),
    "held for no reason": tags(GO_BACK | {HOLD: ""}),
    "the tag says hold": tags(FOLLOWS_INSTANCE | {ON_TROUBLE: "hold", HOLD: BY_GUARD}),
    "no tag": tags(FOLLOWS_INSTANCE | {HOLD: BY_GUARD}),
    "untagged": {},
}
ALLOWED = [
    *((action, "*", {}) for action in listed(statements_of("GuardRole")[0]["Action"])),
    ("ec2:CreateTags", WEB, FREE | writing(HOLD)),
    ("ec2:CreateTags", WEB, tags(FOLLOWS_INSTANCE | {ON_TROUBLE: "hold"}) | writing(HOLD)),
    ("ec2:CreateTags", BAD, OWN | writing(QUARANTINE)),
    *((action, WEB, FENCED | context) for action, context in MOVES),
    ("events:PutEvents", f"{BUS}/default", {"events:source": ["ami-reactor"]}),
    ("sqs:SendMessage", QUEUE, {}),
    ("logs:CreateLogStream", f"{LOG}:log-stream:s", {}),
    ("logs:PutLogEvents", f"{LOG}:log-stream:s", {}),
]
ELSEWHERE = [WEB.replace(ACCOUNT, "999988887777"), WEB.replace(REGION, "us-east-1")]
DENIED = [
    *(
        (action, WEB, context | held)
        for action, context in MOVES
        for held in NOT_BEHIND_ITS_FENCE.values()
    ),
    *((action, arn, FENCED | context) for action, context in MOVES for arn in ELSEWHERE),
    # a hold: only where none is, on what asks for it, and no other tag beside it
    ("ec2:CreateTags", WEB, tags(GO_BACK | {HOLD: BY_JANE}) | writing(HOLD)),
    ("ec2:CreateTags", WEB, FENCED | writing(HOLD)),
    ("ec2:CreateTags", WEB, tags(FOLLOWS_INSTANCE) | writing(HOLD)),
    ("ec2:CreateTags", WEB, tags(GO_BACK | {"ami-reactor": "observe"}) | writing(HOLD)),
    ("ec2:CreateTags", WEB, tags({ON_TROUBLE: "go-back"}) | writing(HOLD)),
    ("ec2:CreateTags", WEB, FREE | writing(HOLD, "Name")),
    ("ec2:CreateTags", WEB, FREE | writing("ami-reactor")),
    ("ec2:CreateTags", WEB, FREE | writing(ON_TROUBLE)),
    ("ec2:CreateTags", WEB, FREE | writing(QUARANTINE)),
    ("ec2:CreateTags", WEB, FREE),
    *(("ec2:CreateTags", arn, FREE | writing(HOLD)) for arn in ELSEWHERE),
    ("ec2:CreateTags", INSTANCE, FREE | writing(HOLD)),
    # a mark: behind its own hold, and no other tag beside it
    ("ec2:CreateTags", WEB, FENCED | writing(MARK, HOLD)),
    ("ec2:CreateTags", WEB, FENCED),
    ("ec2:CreateTags", BAD, FENCED | writing(MARK)),
    # a quarantine: this account's images, and no other tag
    ("ec2:CreateTags", BAD, {"ec2:Owner": "999988887777"} | writing(QUARANTINE)),
    ("ec2:CreateTags", BAD, {"ec2:Owner": "amazon"} | writing(QUARANTINE)),
    ("ec2:CreateTags", BAD, writing(QUARANTINE)),
    ("ec2:CreateTags", BAD, OWN | writing(QUARANTINE, "Name")),
    ("ec2:CreateTags", BAD, OWN | writing("Name")),
    ("ec2:CreateTags", BAD, OWN),
    ("ec2:CreateTags", BAD.replace(REGION, "us-east-1"), OWN | writing(QUARANTINE)),
    ("ec2:CreateTags", INSTANCE, OWN | writing(QUARANTINE)),
    # nothing is ever taken away, started or written elsewhere
    ("ec2:DeleteTags", WEB, FENCED | writing(HOLD)),
    ("ec2:DeleteTags", WEB, FREE | writing(HOLD)),
    ("ec2:DeleteTags", WEB, FENCED | writing(MARK)),
    ("ec2:DeleteTags", BAD, OWN | writing(QUARANTINE)),
    ("ec2:DeleteLaunchTemplateVersions", WEB, FENCED),
    ("ec2:DeleteLaunchTemplate", WEB, FENCED),
    ("ec2:CreateLaunchTemplate", WEB, FENCED),
    ("ec2:DeregisterImage", BAD, OWN),
    ("ec2:RunInstances", INSTANCE, {}),
    ("ec2:DescribeInstances", "*", {}),
    ("autoscaling:StartInstanceRefresh", GROUP, {}),
    ("autoscaling:CancelInstanceRefresh", GROUP, {}),
    ("autoscaling:UpdateAutoScalingGroup", GROUP, {}),
    ("autoscaling:DescribePolicies", "*", {}),
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin", {}),
    ("events:PutEvents", f"{BUS}/default", {"events:source": ["another"]}),
    ("events:PutEvents", f"{BUS}/default", {"events:source": ["ami-reactor", "another"]}),
    ("events:PutEvents", f"{BUS}/default", {}),
    ("events:PutEvents", f"{BUS}/another", {"events:source": ["ami-reactor"]}),
    ("events:PutRule", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r", {}),
    ("sqs:SendMessage", f"{QUEUE}-of-another", {}),
    ("sqs:ReceiveMessage", QUEUE, {}),
    ("logs:PutLogEvents", f"{LOG}-of-another:log-stream:s", {}),
    ("logs:DeleteLogStream", f"{LOG}:log-stream:s", {}),
    ("s3:GetObject", "arn:aws:s3:::bucket/key", {}),
]
CASES = [a_case(*case) for case in ALLOWED + DENIED]
SHOULD = [True] * len(ALLOWED) + [False] * len(DENIED)


@pytest.fixture
def policy(deployed):
    return deployed.policy


def asked(policy):
    return {"identity": policy, "resource": None, "cases": CASES}


def test_the_role_may_hold_quarantine_and_go_back_behind_its_own_hold_and_no_more(judge, policy):
    [may] = judge(asked(policy))

    wrong = [c for c, is_, should in zip(CASES, may, SHOULD, strict=True) if is_ is not should]
    assert wrong == []


HARMLESS = {"SayWhatWasDone: any action", "SayWhatWasDone: any of events"}
"""No other action on a bus knows the key `events:source`, so that its condition holds them off."""


def noticed_by_us(policy):
    """Each damage to the role with the requests that it makes go wrong."""
    params = list(damages(policy["Statement"]))
    for param in params:
        broken = damaged(policy, *param.values)
        [may] = as_doctor_reads(asked(broken))
        wrong = [(c, is_) for c, is_, ok in zip(CASES, may, SHOULD, strict=True) if is_ is not ok]
        yield param.id, broken, wrong


def test_each_statement_removed_or_widened_is_noticed(policy):
    found = list(noticed_by_us(policy))

    assert len(found) > 30
    assert {title for title, _, wrong in found if not wrong} == HARMLESS


def test_the_iam_engine_sees_each_of_these_damages_too(engine, policy):
    found = [(title, broken, wrong[:4]) for title, broken, wrong in noticed_by_us(policy) if wrong]

    answers = engine(
        *(
            {"identity": broken, "resource": None, "cases": [case for case, _ in wrong]}
            for _, broken, wrong in found
        )
    )

    assert [
        title
        for (title, _, wrong), may in zip(found, answers, strict=True)
        if not any(one is is_ for one, (_, is_) in zip(may, wrong, strict=True))
    ] == []


def test_lambda_alone_may_take_the_role():
    trust = transformed()["Resources"]["GuardRole"]["Properties"]["AssumeRolePolicyDocument"]

    [statement] = trust["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}


@pytest.mark.parametrize("linter", ["parliament", "cloudsplaining"])
def test_the_linters_find_nothing_in_the_role(tools, policy, linter, tmp_path):
    done = linted(tools, linter, policy, tmp_path)

    assert done.returncode == 0
    assert done.stdout.strip() in ("", "There were no results found.")
