"""What follows a promotion: the stacks of infra/chains, fenced in and run."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from botocore.client import BaseClient
from moto import mock_aws
from moto.events.models import EventPattern
from moto.stepfunctions.models import StateMachine, stepfunctions_backends
from typer.testing import CliRunner

from infra.cli import app
from infra.embedded.clock import StageClock
from infra.embedded.replayer import clock_for, replayed
from infra.embedded.stage import stage
from infra.embedded.state_machines import StateMachines
from infra.embedded.world.file import read_world
from infra.embedded.world.stacks import chain_template
from infra.replay.event_reader import read_events
from infra.replay.expectations import differences, named, read_expectations
from models.base import Place
from tests.stack.roles import Role, damaged, damages, questions
from tests.support.builders import (
    ACCOUNT,
    HELD,
    NEW,
    NOON,
    OLD,
    OTHER_TEMPLATE,
    REGION,
    TEMPLATE,
    a_chain,
    a_template,
    a_version,
    a_world,
    an_event,
    template_arn,
)
from tests.support.cloudformation import read_template, resources_of
from tests.support.fleets import a_group
from tests.support.interpreter import execute, interpreting
from tests.support.paths import ROOT

CHAINS = sorted((ROOT / "infra" / "chains").glob("*.yaml"))
ROLE = f"arn:aws:iam::{ACCOUNT}:role"
GROUP = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:0f1e2d3c:autoScalingGroupName"
NODE_GROUP = f"arn:aws:eks:{REGION}:{ACCOUNT}:nodegroup/prod/web/1ac0"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:chain"
PARAMETER = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/golden/web"
INSTANCE = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/*"
GIVEN = {
    "refresh": {
        "LaunchTemplateId": TEMPLATE,
        "AutoScalingGroupNames": "web,api",
        "InstanceRoleArn": f"{ROLE}/web",
        "AlarmNames": "web-5xx",
    },
    "node-group": {
        "LaunchTemplateId": TEMPLATE,
        "ClusterName": "prod",
        "NodegroupName": "web",
        "NodeRoleArn": f"{ROLE}/web",
    },
    "parameter": {"LaunchTemplateId": TEMPLATE, "ParameterName": "/golden/web"},
    "notify": {"Email": "ops@example.com"},
}


def chain(name: str, **more: str) -> dict[str, dict[str, Any]]:
    """The resources of a chain's stack."""
    text = (ROOT / "infra" / "chains" / f"{name}.yaml").read_text()
    return resources_of(read_template(text), "chain", **GIVEN[name] | more)


def test_each_chain_is_tested():
    assert {path.stem for path in CHAINS} == set(GIVEN)


@pytest.mark.parametrize("path", CHAINS, ids=lambda path: path.stem)
def test_a_chain_is_printed_wherever_the_program_is_installed(path):
    printed = CliRunner().invoke(app, ["template", path.stem])

    assert (printed.exit_code, printed.stdout) == (0, path.read_text())


def test_a_chain_that_is_not_there_is_refused_with_those_that_are():
    printed = CliRunner().invoke(app, ["template", "drain"])

    assert printed.exit_code == 2
    names = "node-group, notify, parameter, refresh"
    assert " ".join(printed.stderr.split()) == (
        f"ami-reactor: template: CHAIN must be {names}, or left out for the stack itself"
    )


# -- the rules -------------------------------------------------------------------------------------


def selects(name, **event):
    pattern = chain(name)["Moved"]["Properties"]["EventPattern"]
    whole = {
        "source": "ami-reactor",
        "account": ACCOUNT,
        "detail-type": "Launch Template Promoted",
        "detail": {"launch_template_id": TEMPLATE},
    } | event
    return EventPattern.load(json.dumps(pattern)).matches_event(whole)


@pytest.mark.parametrize("name", ["refresh", "node-group", "parameter"])
def test_a_chain_follows_its_template_forward_and_back(name):
    assert selects(name)
    assert selects(name, **{"detail-type": "Launch Template Moved Back"})
    assert not selects(name, **{"detail-type": "Launch Template Held"})
    assert not selects(name, detail={"launch_template_id": OTHER_TEMPLATE})
    assert not selects(name, source="aws.autoscaling")
    assert not selects(name, account="444455556666")


def test_a_notice_is_given_of_what_an_engineer_wants_to_know():
    for told in (
        "Launch Template Promoted",
        "Promotion Failed",
        "Launch Template Moved Back",
        "Launch Template Held",
    ):
        assert selects("notify", **{"detail-type": told})
    assert not selects("notify", **{"detail-type": "Promotion Postponed"})


# -- the notice ------------------------------------------------------------------------------------


def told(target):
    """What the topic gets of a promotion, as EventBridge puts it together."""
    event = {
        "detail-type": "Launch Template Promoted",
        "region": REGION,
        "detail": {
            "launch_template_id": TEMPLATE,
            "launch_template_name": "web",
            "message": f"{NEW} replaces an older one",
        },
    }
    [target] = [t for t in chain("notify")["Moved"]["Properties"]["Targets"] if t["Id"] == target]
    transformer = target["InputTransformer"]
    text = transformer["InputTemplate"]
    for name, path in transformer["InputPathsMap"].items():
        value: Any = event
        for step in path.removeprefix("$.").split("."):
            value = value[step]
        text = text.replace(f"<{name}>", value)
    assert "<" not in text
    return text


def test_a_mail_is_plain_text():
    lines = [json.loads(line) for line in told("mail").splitlines()]

    assert lines == [
        f"Launch Template Promoted: web ({TEMPLATE}, {REGION})",
        f"{NEW} replaces an older one",
        f"More: ami-reactor explain {TEMPLATE} --region {REGION}",
    ]


def test_a_chat_gets_the_form_that_awss_chat_integration_shows():
    """https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html"""
    sent = json.loads(told("chat"))

    assert (sent["version"], sent["source"]) == ("1.0", "custom")
    assert sent["content"]["title"] == "Launch Template Promoted: web"
    assert sent["content"]["description"] == f"{NEW} replaces an older one"


# -- the roles -------------------------------------------------------------------------------------

FROM_WEB = {"ec2:LaunchTemplate": template_arn(TEMPLATE)}
TO_EC2 = {"iam:PassedToService": "ec2.amazonaws.com"}
LAUNCHED = {"ec2:CreateAction": "RunInstances"}
HERE = {"aws:RequestedRegion": REGION}
LAUNCHES = (
    [
        ("ec2:RunInstances", INSTANCE, FROM_WEB),
        ("ec2:CreateTags", INSTANCE, LAUNCHED),
        ("iam:PassRole", f"{ROLE}/web", TO_EC2),
    ],
    [
        ("ec2:RunInstances", INSTANCE, {"ec2:LaunchTemplate": template_arn(OTHER_TEMPLATE)}),
        ("ec2:RunInstances", INSTANCE, {}),
        ("ec2:CreateTags", INSTANCE, {}),
        ("ec2:CreateTags", INSTANCE.replace(REGION, "us-east-1"), LAUNCHED),
        ("ec2:CreateTags", template_arn(TEMPLATE), {"aws:TagKeys": ["ami-reactor-state:hold"]}),
        ("ec2:TerminateInstances", INSTANCE, FROM_WEB | LAUNCHED),
        ("ec2:ModifyLaunchTemplate", template_arn(TEMPLATE), FROM_WEB | LAUNCHED),
        ("iam:PassRole", f"{ROLE}/admin", TO_EC2),
        ("iam:PassRole", f"{ROLE}/web", {"iam:PassedToService": "lambda.amazonaws.com"}),
        ("iam:DeleteRole", f"{ROLE}/web", TO_EC2),
    ],
)
STARTS = Role(
    "events.amazonaws.com",
    [("states:StartExecution", MACHINE, {})],
    [
        ("states:StartExecution", f"{MACHINE}-of-others", {}),
        ("states:DeleteStateMachine", MACHINE, {}),
        ("iam:PassRole", f"{ROLE}/web", TO_EC2),
    ],
)
ROLES = {
    ("refresh", "StartRole"): STARTS,
    ("node-group", "StartRole"): STARTS,
    ("parameter", "StartRole"): STARTS,
    ("refresh", "RefreshRole"): Role(
        "states.amazonaws.com",
        [
            ("autoscaling:StartInstanceRefresh", f"{GROUP}/web", HERE),
            ("autoscaling:StartInstanceRefresh", f"{GROUP}/api", HERE),
            ("cloudwatch:DescribeAlarms", "*", {}),
            *LAUNCHES[0],
        ],
        [
            ("autoscaling:StartInstanceRefresh", f"{GROUP}/db", HERE),
            (
                "autoscaling:StartInstanceRefresh",
                f"{GROUP}/web".replace(REGION, "us-east-1"),
                {"aws:RequestedRegion": "us-east-1"},
            ),
            ("autoscaling:UpdateAutoScalingGroup", f"{GROUP}/web", HERE),
            ("cloudwatch:DeleteAlarms", f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:a", {}),
            *LAUNCHES[1],
        ],
    ),
    ("node-group", "UpdateRole"): Role(
        "states.amazonaws.com",
        [
            ("eks:UpdateNodegroupVersion", NODE_GROUP, {}),
            ("ec2:DescribeLaunchTemplateVersions", "*", {}),
            *LAUNCHES[0],
        ],
        [
            ("eks:UpdateNodegroupVersion", NODE_GROUP.replace("/web/", "/db/"), {}),
            ("eks:DeleteNodegroup", NODE_GROUP, {}),
            *LAUNCHES[1],
        ],
    ),
    ("parameter", "UpdateRole"): Role(
        "states.amazonaws.com",
        [
            ("ssm:PutParameter", PARAMETER, {}),
            ("ec2:DescribeLaunchTemplateVersions", "*", {}),
            ("ec2:DescribeImages", "*", {}),
        ],
        [
            ("ssm:PutParameter", f"{PARAMETER}2", {}),
            ("ssm:DeleteParameter", PARAMETER, {}),
            ("ec2:RunInstances", INSTANCE, FROM_WEB),
            ("iam:PassRole", f"{ROLE}/web", TO_EC2),
        ],
    ),
}


HARMLESS = {
    "GiveTheInstancesTheirRole: any action",
    "GiveTheInstancesTheirRole: any of iam",
    "GiveTheNodesTheirRole: any action",
    "GiveTheNodesTheirRole: any of iam",
    "TagWhatIsLaunched: any action",
    "TagWhatIsLaunched: any of ec2",
}
"""Widenings that a statement's condition holds off: no other action has its key."""


def policy_of(name, role):
    [policy] = chain(name)[role]["Properties"]["Policies"]
    text = json.dumps(policy["PolicyDocument"])
    return json.loads(re.sub(r"\$\{(Refresh|Update)\}", MACHINE, text))


@pytest.mark.parametrize(("name", "role"), ROLES, ids=str)
def test_a_chains_role_may_do_its_one_thing_and_nothing_beside(judge, name, role):
    cases, should = questions(ROLES[name, role])

    [may] = judge({"identity": policy_of(name, role), "resource": None, "cases": cases})

    wrong = [case for case, is_, ok in zip(cases, may, should, strict=True) if is_ is not ok]
    assert wrong == []


@pytest.mark.parametrize(("name", "role"), ROLES, ids=str)
def test_a_chains_role_with_a_statement_removed_or_widened_is_noticed(judge, name, role):
    cases, should = questions(ROLES[name, role])
    policy = policy_of(name, role)
    params = list(damages(policy["Statement"]))

    answers = judge(
        *(
            {"identity": damaged(policy, *param.values), "resource": None, "cases": cases}
            for param in params
        )
    )

    unnoticed = {p.id for p, may in zip(params, answers, strict=True) if may == should}
    assert unnoticed <= HARMLESS


def test_each_role_of_a_chain_is_put_to_the_engine():
    found = {
        (path.stem, name)
        for path in CHAINS
        for name, resource in chain(path.stem).items()
        if resource["Type"] == "AWS::IAM::Role"
    }

    assert found == set(ROLES)


def test_without_a_role_or_alarms_the_refresh_has_no_permission_for_them():
    text = json.dumps(chain("refresh", InstanceRoleArn="", AlarmNames="")["RefreshRole"])

    assert "iam:PassRole" not in text
    assert "cloudwatch" not in text


# -- the state machines, in moto's interpreter -----------------------------------------------------

HTTP = {"HTTPStatusCode": 400, "RequestId": "r"}
PREFERENCES = {"SkipMatching": True, "MinHealthyPercentage": 90, "BakeTime": 0}


@pytest.fixture
def asked(monkeypatch):
    """The requests that moto does not know, in order; what it answers them comes out of a list."""
    requests: list[tuple[str, dict[str, Any]]] = []
    answers: list[str] = []
    call = BaseClient._make_api_call

    def record(client, operation, parameters):
        if operation not in {"StartInstanceRefresh", "UpdateNodegroupVersion"}:
            return call(client, operation, parameters)
        requests.append((operation, parameters))
        if answers:
            refusal = {"Error": {"Code": answers.pop(0), "Message": ""}, "ResponseMetadata": HTTP}
            raise client.exceptions.from_code(refusal["Error"]["Code"])(refusal, operation)
        return {}

    monkeypatch.setattr(BaseClient, "_make_api_call", record)
    return requests, answers


@pytest.fixture
def run(monkeypatch):
    """Run a definition beside a launch template; how it ended, and the value of /golden/web."""

    def runs(definition, image=NEW):
        with interpreting(monkeypatch) as session:
            ec2 = session.client("ec2")
            template = ec2.create_launch_template(
                LaunchTemplateName="web", LaunchTemplateData={"ImageId": "ami-00000000000000000"}
            )["LaunchTemplate"]["LaunchTemplateId"]
            ec2.create_launch_template_version(
                LaunchTemplateId=template, LaunchTemplateData={"ImageId": image}
            )
            ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="2")
            forged = {"launch_template_id": template, "to_image": "ami-0bad", "to_version": 1}
            status = execute(session, definition.replace(TEMPLATE, template), {"detail": forged})
            read = session.client("ssm").get_parameters(Names=["/golden/web"])["Parameters"]
        return status, [parameter["Value"] for parameter in read]

    return runs


def walk(definition):
    """Run it as the stage does; how long it took there."""
    clock = StageClock(stands=True)
    clock.move_to(NOON)
    with mock_aws():
        backend = stepfunctions_backends[ACCOUNT][REGION]
        machine = StateMachine(MACHINE, "chain", definition, "", backend)
        machines = StateMachines(Place(account=ACCOUNT, region=REGION), clock)
        machines.start(machine, {"detail": {}})
        while clock.run_next():
            pass
    return clock.now() - NOON


def definition_of(name, machine, **more):
    return chain(name, **more)[machine]["Properties"]["DefinitionString"]


def test_a_refresh_of_each_group_is_started_and_on_the_stage_too(asked, run):
    requests, _ = asked
    definition = definition_of("refresh", "Refresh", AlarmNames="")
    should = [
        ("StartInstanceRefresh", {"AutoScalingGroupName": name, "Preferences": PREFERENCES})
        for name in ("web", "api")
    ]

    status, _ = run(definition)
    assert status == "SUCCEEDED"
    assert sorted(requests, key=str, reverse=True) == should

    requests.clear()
    walk(definition)
    assert requests == should


def test_a_refresh_is_asked_for_with_what_the_stack_is_given(asked, run):
    requests, _ = asked
    given = {"CheckpointPercentages": "10,100", "AutoScalingGroupNames": "web"}

    run(definition_of("refresh", "Refresh", **given))

    [(_, parameters)] = requests
    assert parameters["Preferences"] == PREFERENCES | {
        "CheckpointPercentages": [10, 100],
        "CheckpointDelay": 3600,
        "AlarmSpecification": {"Alarms": ["web-5xx"]},
    }


def test_a_refresh_waits_for_one_that_is_in_progress_for_a_day(asked, run):
    requests, answers = asked
    answers[:] = ["InstanceRefreshInProgress"] * 2
    definition = definition_of("refresh", "Refresh", AutoScalingGroupNames="web")
    [state] = json.loads(definition)["States"]["EachGroup"]["ItemProcessor"]["States"].values()
    wait = state["Retry"][0]
    assert wait["IntervalSeconds"] * wait["MaxAttempts"] == 24 * 60 * 60
    assert walk(definition) == timedelta(minutes=10)
    assert len(requests) == 3

    requests.clear()
    answers[:] = ["InstanceRefreshInProgress"] * 2
    # moto names an error as botocore does, and would wait for the five minutes
    quick = definition.replace('"IntervalSeconds": 300', '"IntervalSeconds": 1').replace(
        "AutoScaling.InstanceRefreshInProgressException",
        "autoscaling.InstanceRefreshInProgressFaultException",
    )

    status, _ = run(quick)

    assert status == "SUCCEEDED"
    assert len(requests) == 3


def test_a_node_group_is_moved_to_the_default_version_whatever_the_event_says(asked, run):
    requests, _ = asked

    status, _ = run(definition_of("node-group", "Update"))

    assert status == "SUCCEEDED"
    [(operation, parameters)] = requests
    assert operation == "UpdateNodegroupVersion"
    # moto leaves the names as they are written, and puts a number in brackets; Step Functions
    # spells them as EKS does, and formats the number
    assert (parameters["ClusterName"], parameters["NodegroupName"]) == ("prod", "web")
    assert parameters["LaunchTemplate"]["Version"].strip("[]") == "2"


def test_a_parameter_gets_the_image_of_the_default_version_whatever_the_event_says(run):
    status, values = run(definition_of("parameter", "Update"))

    assert (status, values) == ("SUCCEEDED", [NEW])


# -- on the stage ----------------------------------------------------------------------------------

STORY = ROOT / "infra" / "stories" / "guard"


def changed(before, after):
    """The chain that refreshes groups, with something else in its template."""
    text = json.dumps(chain_template("refresh"))
    assert before in text
    return lambda _name: json.loads(text.replace(before, after))


def differing(chain):
    """What is not as expected if the guard's story is replayed with that chain."""
    captured = read_events([STORY / "events"])
    world = read_world((STORY / "world.json").read_bytes(), "world.json")
    with stage(world, clock=clock_for(captured), chain=chain) as staged:
        got = named((result.source, result.as_json()) for result in replayed(staged, captured))
    expected = read_expectations(STORY / "outcomes.jsonl")
    return [f"{one.event} · {one}" for one in differences(expected, got)]


BAD, GOOD = "ami-0a1b2c3d4e5f60718", "ami-04555b9b3720fcb7f"


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        pytest.param(
            '"Launch Template Moved Back"',
            '"Launch Template Held"',
            "then, at 2026-06-15T17:34:17Z · event: expected one, got none",
            id="it does not follow what is moved back",
        ),
        pytest.param(
            '"Launch Template Promoted"',
            '"Promotion Failed"',
            "then, at 2026-06-15T17:24:17Z · event: expected one, got none",
            id="it does not follow a promotion",
        ),
        pytest.param(
            "AlarmSpecification",
            "AlarmSpecifications",
            "then, at 2026-06-15T17:24:17Z · event: expected one, got none",
            id="AWS refuses what it asks for",
        ),
        pytest.param(
            "${Names}",
            "no-${Names}",
            f'instances: expected {{"web": {{"{GOOD}": 1, "{BAD}": 1}}}}, '
            f'got {{"web": {{"{BAD}": 2}}}}',
            id="it looks at another alarm",
        ),
        pytest.param(
            '"detail": {"launch_template_id"',
            '"detail": {"launch_template"',
            "then, at 2026-06-17T01:17:30Z · event: expected one, got none",
            id="it follows no template",
        ),
    ],
)
def test_the_story_of_the_guard_tells_a_damaged_chain(before, after, difference):
    found = differing(changed(before, after))

    assert [line for line in found if difference in line]


def rolled(chain):
    """Two promotions within a minute.

    How many refreshes end well, how many instances are started, how the chain's runs end.
    """
    group = a_group(instances={"i-0000000000000000a": "1", "i-0000000000000000b": "1"})
    world = a_world(
        templates=[a_template(default=2, tags=HELD)],
        versions=[a_version(), a_version(NEW, 2)],
        AutoScalingGroups=[group],
        Stacks=[a_chain()],
    )
    with stage(read_world(json.dumps(world), "world"), chain=chain) as staged:
        for image in (OLD, NEW):
            told = {"launch_template_id": TEMPLATE, "to_image": image}
            staged.delivery.deliver(
                an_event("ami-reactor", "Launch Template Promoted", None, **told)
            )
            staged.advance(timedelta(minutes=1))
        staged.advance(timedelta(hours=1))
        scaling = staged.session.client("autoscaling")
        refreshes = scaling.describe_instance_refreshes(AutoScalingGroupName="web")
        activities = scaling.describe_scaling_activities(AutoScalingGroupName="web")
        runs = runs_of(staged)
    ended = [one["Status"] for one in refreshes["InstanceRefreshes"]]
    return ended.count("Successful"), len(activities["Activities"]), runs


def runs_of(staged):
    """How the runs of the chain ended, as `doctor` reads them."""
    client = staged.session.client("stepfunctions")
    [arn] = [
        one["stateMachineArn"]
        for one in client.list_state_machines()["stateMachines"]
        if "-Refresh-" in one["name"]
    ]
    listed = client.list_executions(stateMachineArn=arn)["executions"]
    return sorted(one["status"] for one in listed)


def test_a_promotion_during_a_refresh_is_not_missed_and_replaces_nothing_twice():
    assert rolled(chain_template) == (2, 2, ["SUCCEEDED"] * 2)


def test_without_its_retries_it_would_be_missed():
    assert rolled(changed('\\"MaxAttempts\\": 288', '\\"MaxAttempts\\": 0')) == (
        1,
        2,
        ["FAILED", "SUCCEEDED"],
    )


def test_without_skip_matching_all_instances_would_be_replaced_twice():
    chain = changed('\\"SkipMatching\\": true', '\\"SkipMatching\\": false')

    assert rolled(chain) == (2, 4, ["SUCCEEDED"] * 2)


# -- the alarms ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "machine"), [("refresh", "Refresh"), ("node-group", "Update"), ("parameter", "Update")]
)
def test_what_a_chain_did_not_do_rings(name, machine):
    resources = chain(name)
    [alarm] = [r["Properties"] for r in resources.values() if r["Type"].endswith("Alarm")]
    watched = {
        (m["MetricStat"]["Metric"]["Namespace"], m["MetricStat"]["Metric"]["MetricName"]): m[
            "MetricStat"
        ]["Metric"]["Dimensions"][0]["Value"]
        for m in alarm["Metrics"]
        if "MetricStat" in m
    }

    assert watched == {
        ("AWS/States", "ExecutionsFailed"): f"${{{machine}}}",
        ("AWS/States", "ExecutionsTimedOut"): f"${{{machine}}}",
        ("AWS/Events", "FailedInvocations"): "${Moved}",
    }
