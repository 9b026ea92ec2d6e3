"""What the function's role may do: what the code really asks for, and nothing beside."""

import json
import re
from copy import deepcopy

import pytest
from botocore import xform_name

from handlers import reactor
from infra.embedded.stage import stage
from infra.embedded.world.seed import read_world
from tests.stack.roles import a_case, damaged, damages, linted, listed, statements_of
from tests.support.builders import (
    ACCOUNT,
    HELD,
    NEW,
    OLD,
    REGION,
    a_world,
    ami_state,
    backup_completed,
    reconcile,
    tags_changed,
    template_arn,
)
from tests.support.builders import TEMPLATE as TEMPLATE_ID
from tests.support.paths import ROOT

README = (ROOT / "infra" / "README.md").read_text()
MARK = "ami-reactor-state:newest-image"
TEMPLATES = f"arn:aws:ec2:{REGION}:{ACCOUNT}:launch-template"
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:ami-reactor-dead-letters"
LOG = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/ami-reactor"

LAMBDAS_OWN = {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"}
"""What Lambda itself does with the role: it logs, and it hands on what the handler failed on."""


@pytest.fixture(scope="module")
def staged():
    with stage(read_world(json.dumps(a_world()), "world")) as raised:
        yield raised


@pytest.fixture(scope="module")
def policy(staged):
    """The role's policy, as IAM has it."""
    iam, functions = staged.session.client("iam"), staged.session.client("lambda")
    arn = functions.get_function_configuration(FunctionName="ami-reactor")["Role"]
    role = iam.get_role(RoleName=arn.rpartition("/")[2])["Role"]
    [name] = iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
    document = iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"]
    assert iam.list_attached_role_policies(RoleName=role["RoleName"])["AttachedPolicies"] == []
    return document


# -- none missing, none unused ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def called(staged):
    """The actions that the handler really calls, recorded from botocore."""
    calls = set()

    def record(model, **_):
        calls.add(f"{model.service_model.service_name}:{model.name}")

    clients = [reactor.client(service, REGION).meta.events for service in ("ec2", "events")]
    for client in clients:
        client.register("before-call", record)
    for event in (
        backup_completed(),
        ami_state(OLD, "deregistered"),
        tags_changed(template_arn(TEMPLATE_ID), "ami-reactor"),
        reconcile(),
    ):
        staged.delivery.deliver(event)
    for client in clients:
        client.unregister("before-call", record)
    return calls


def test_the_recording_has_every_call_that_the_code_can_make(called):
    guards = {"auto_scaling.py", "guard.py", "guarding.py", "rollback.py", "writes.py"}
    files = [path for path in (ROOT / "handlers").glob("*.py") if path.name not in guards]
    source = "".join(path.read_text() for path in files)
    written = set(re.findall(r'(?:\b_?client(?:\(\))?\.|_each\(")([a-z_]+)\b(?=["(])', source))

    assert {xform_name(call.split(":")[1]) for call in called} == written - {"get_paginator"}


def faults(policy, called):
    """What is wrong with the role, each in a few words; nothing if it is sound."""
    statements = policy["Statement"]
    allowed = {action for statement in statements for action in listed(statement["Action"])}
    yield from (f"may not {call}" for call in sorted(called | LAMBDAS_OWN) if call not in allowed)
    yield from (f"needs no {action}" for action in sorted(allowed - called - LAMBDAS_OWN))
    for statement in statements:
        for action in listed(statement["Action"]):
            yield from _beyond(action, statement)


def _beyond(action, statement):
    service, _, operation = action.partition(":")
    if action in LAMBDAS_OWN:
        wanted = {"logs": f"{LOG}:*", "sqs": QUEUE}[service]
    elif service == "events":
        wanted = f"{BUS}/default"
    elif operation.startswith("Describe"):
        wanted = "*"
    else:
        wanted = f"{TEMPLATES}/*"
        condition = statement.get("Condition", {})
        if condition.get("StringEquals") != {"aws:ResourceTag/ami-reactor": "on"}:
            yield f"{action}: templates that do not follow"
        if condition.get("Null", {}).get("aws:ResourceTag/ami-reactor-state:hold") != "true":
            yield f"{action}: templates that are held"
    if statement["Resource"] != wanted:
        yield f"{action}: more than {wanted}"
    yield from _beyond_its_words(action, statement.get("Condition", {}))


def _beyond_its_words(action, condition):
    if action == "ec2:CreateTags":
        if condition.get("ForAllValues:StringEquals") != {"aws:TagKeys": [MARK]}:
            yield f"{action}: other tags than the mark"
        if condition.get("Null", {}).get("aws:TagKeys") != "false":
            yield f"{action}: no tag named at all"
    if action == "events:PutEvents":
        if condition.get("ForAllValues:StringEquals") != {"events:source": ["ami-reactor"]}:
            yield f"{action}: in the name of others"
        if condition.get("Null") != {"events:source": "false"}:
            yield f"{action}: in nobody's name"


def test_the_role_has_what_the_code_calls_and_nothing_beside(policy, called):
    assert list(faults(policy, called)) == []


# -- each statement removed, each widened ----------------------------------------------------------


@pytest.mark.parametrize(("number", "change"), list(damages(statements_of("Role"))))
def test_a_role_with_a_statement_removed_or_widened_is_noticed(policy, called, number, change):
    assert list(faults(damaged(policy, number, change), called))


# -- as an IAM engine of another project decides ---------------------------------------------

FOLLOWS = {"aws:ResourceTag/ami-reactor": "on"}
HOLD = {f"aws:ResourceTag/{key}": value for key, value in HELD.items()}
TAGS_THE_MARK = {"aws:TagKeys": [MARK], f"aws:RequestTag/{MARK}": "ami-1 2026"}
OURS = f"{TEMPLATES}/{TEMPLATE_ID}"
ANOTHER_ACCOUNTS = OURS.replace(ACCOUNT, "999988887777")
IMAGE = f"arn:aws:ec2:{REGION}::image/{NEW}"
INSTANCE = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-0123456789abcdef0"

WRITES = [
    ("ec2:CreateLaunchTemplateVersion", {}),
    ("ec2:ModifyLaunchTemplate", {}),
    ("ec2:CreateTags", TAGS_THE_MARK),
]
ALLOWED = [
    *((action, OURS, FOLLOWS | context) for action, context in WRITES),
    *((action, "*", {}) for action in statements_of("Role")[0]["Action"]),
    ("events:PutEvents", f"{BUS}/default", {"events:source": ["ami-reactor"]}),
    ("sqs:SendMessage", QUEUE, {}),
    ("logs:CreateLogStream", f"{LOG}:log-stream:s", {}),
    ("logs:PutLogEvents", f"{LOG}:log-stream:s", {}),
]
TEMPLATES_THAT_STAY = {
    "observed": (OURS, {"aws:ResourceTag/ami-reactor": "observe"}),
    "held": (OURS, FOLLOWS | HOLD),
    "held for no reason": (OURS, FOLLOWS | dict.fromkeys(HOLD, "")),
    "untagged": (OURS, {}),
    "tagged On": (OURS, {"aws:ResourceTag/ami-reactor": "On"}),
    "another account's": (ANOTHER_ACCOUNTS, FOLLOWS),
    "another Region's": (OURS.replace(REGION, "us-east-1"), FOLLOWS),
}
DENIED = [
    *(
        (action, arn, tags | context)
        for action, context in WRITES
        for arn, tags in TEMPLATES_THAT_STAY.values()
    ),
    ("ec2:CreateTags", OURS, FOLLOWS | {"aws:TagKeys": ["ami-reactor"]}),
    ("ec2:CreateTags", OURS, FOLLOWS | {"aws:TagKeys": ["ami-reactor-state:hold"]}),
    ("ec2:CreateTags", OURS, FOLLOWS | {"aws:TagKeys": [MARK, "Name"]}),
    ("ec2:CreateTags", OURS, FOLLOWS),
    ("ec2:CreateTags", IMAGE, FOLLOWS | TAGS_THE_MARK),
    ("ec2:CreateTags", INSTANCE, FOLLOWS | TAGS_THE_MARK),
    ("ec2:DeleteTags", OURS, FOLLOWS | TAGS_THE_MARK),
    ("ec2:DeleteLaunchTemplate", OURS, FOLLOWS),
    ("ec2:DeleteLaunchTemplateVersions", OURS, FOLLOWS),
    ("ec2:CreateLaunchTemplate", OURS, FOLLOWS),
    ("ec2:RunInstances", INSTANCE, {}),
    ("ec2:DeregisterImage", IMAGE, {}),
    ("ec2:ModifyImageAttribute", IMAGE, {}),
    ("ec2:DescribeInstances", "*", {}),
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin", {}),
    ("events:PutEvents", f"{BUS}/default", {"events:source": ["somebody.else"]}),
    ("events:PutEvents", f"{BUS}/default", {"events:source": ["ami-reactor", "somebody.else"]}),
    ("events:PutEvents", f"{BUS}/default", {}),
    ("events:PutEvents", f"{BUS}/another", {"events:source": ["ami-reactor"]}),
    ("events:PutRule", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r", {}),
    ("sqs:SendMessage", f"{QUEUE}-of-somebody-else", {}),
    ("sqs:ReceiveMessage", QUEUE, {}),
    ("logs:PutLogEvents", f"{LOG}-of-somebody-else:log-stream:s", {}),
    ("logs:DeleteLogStream", f"{LOG}:log-stream:s", {}),
    ("s3:GetObject", "arn:aws:s3:::bucket/key", {}),
]


OPERATORS = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:PurgeQueue"]
ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


CASES = [a_case(*case) for case in ALLOWED + DENIED]
MAY = [True] * len(ALLOWED) + [False] * len(DENIED)


def asked(policy):
    return {"identity": policy, "resource": None, "cases": CASES}


def test_the_role_may_write_to_templates_that_follow_and_are_not_held_and_no_more(engine, policy):
    [may] = engine(asked(policy))

    wrong = [c for c, is_, should in zip(CASES, may, MAY, strict=True) if is_ is not should]
    assert wrong == []


def test_the_engine_notices_each_statement_removed_or_widened(engine, policy):
    params = list(damages(statements_of("Role")))

    answers = engine(*(asked(damaged(policy, *param.values)) for param in params))

    unnoticed = {p.id for p, may in zip(params, answers, strict=True) if may == MAY}
    # no other action on a bus knows the key `events:source`, so that its condition holds them off
    assert unnoticed == {"SayWhatWasDone: any action", "SayWhatWasDone: any of events"}


def test_the_queue_takes_messages_from_the_rules_and_the_function_alone(engine, staged):
    attributes = staged.session.client("sqs").get_queue_attributes(
        QueueUrl=staged.stack.queue_url, AttributeNames=["Policy"]
    )["Attributes"]
    role = staged.session.client("lambda").get_function_configuration(FunctionName="ami-reactor")[
        "Role"
    ]
    admin, user, root = (
        f"arn:aws:iam::{ACCOUNT}:{who}" for who in ("role/admin", "user/u", "root")
    )
    own, foreign = (
        {"aws:SourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"}
        for name in ("ami-reactor-backup-completed", "of-somebody-else")
    )
    tls, plain = {"aws:SecureTransport": "true"}, {"aws:SecureTransport": "false"}
    send, receive = "sqs:SendMessage", "sqs:ReceiveMessage"
    cases = [
        (send, own | tls, "events.amazonaws.com", True),
        (send, foreign | tls, "events.amazonaws.com", False),
        (send, own | plain, "events.amazonaws.com", False),
        (send, {"aws:PrincipalArn": role} | tls, role, True),
        (send, {"aws:PrincipalArn": role} | plain, role, False),
        *((send, {"aws:PrincipalArn": who} | tls, who, False) for who in (admin, user, root)),
        # an operator redrives: IAM allows the reading and deleting, and TLS is asked of both
        (receive, {"aws:PrincipalArn": admin} | tls, admin, True),
        *((action, {"aws:PrincipalArn": admin} | plain, admin, False) for action in OPERATORS),
    ]

    [may] = engine(
        {
            "identity": {"Version": "2012-10-17", "Statement": [ANYTHING]},
            "resource": json.loads(attributes["Policy"]),
            "cases": [a_case(action, QUEUE, context, who) for action, context, who, _ in cases],
        }
    )

    assert may == [should for *_, should in cases]


# -- the README's SCP ------------------------------------------------------------------------------

ENGINEER = f"arn:aws:iam::{ACCOUNT}:role/fleet-engineer"
DEVELOPER = f"arn:aws:iam::{ACCOUNT}:role/developer"
OURS_TO_TAG = [
    f"arn:aws:iam::{ACCOUNT}:role/ami-reactor-Role-1A2B3C4D5E6F",
    f"arn:aws:iam::{ACCOUNT}:role/ami-reactor-GuardRole-1A2B3C4D5E6F",
    f"arn:aws:iam::{ACCOUNT}:role/ami-reactor-EndHoldRole-1A2B3C4D5E6F",
    f"arn:aws:iam::{ACCOUNT}:role/ami-reactor-window-web-WindowRole-1A2B3C4D5E6F",
    # CloudFormation cuts the stack's name so that the role's has 64 characters at most
    f"arn:aws:iam::{ACCOUNT}:role/StackSet-ami-reactor-0a1b2c3d-1111-2222-3333-4-Role-1A2B3C4D5E6F",
]
OUR_TAGS = [
    "ami-reactor",
    "ami-reactor:source-instance",
    "ami-reactor:image-name",
    "ami-reactor:copied-images",
    "ami-reactor:soak",
    "ami-reactor:after",
    "ami-reactor:on-trouble",
    "ami-reactor-state:hold",
    "ami-reactor-state:window",
    "ami-reactor-state:quarantine",
    MARK,
]
FREE_TAGS = [
    "ami-reactor:image-tag:Name",
    "ami-reactor:gate:qa",
    "ami-reactor-state:not-yet-invented",
]
ANOTHER_IMAGE = f"arn:aws:ec2:us-east-1::image/{OLD}"


def the_readmes_scp():
    [found] = re.findall(
        r'```json\n(\{\n  "Version".+?"TagsOfAmiReactor".+?\n\})\n```', README, re.DOTALL
    )
    return json.loads(found)


def tagging(action, arn, keys, who, *, with_values=True):
    """One request as IAM sees it: a request about several resources is one question for each."""
    context = {"aws:PrincipalArn": who}
    if keys:
        context["aws:TagKeys"] = list(keys)
    if with_values:
        context |= {f"aws:RequestTag/{key}": "x" for key in keys}
    return a_case(f"ec2:{action}", arn, context, who)


BEARERS = (OURS, OURS.replace(REGION, "us-east-1"), IMAGE, ANOTHER_IMAGE)


def ways_to_tag(who, arns=BEARERS):
    """All ways to write or delete our tags, on what bears them."""
    for arn in arns:
        for key in OUR_TAGS + FREE_TAGS:
            yield tagging("CreateTags", arn, [key], who)
            yield tagging("CreateTags", arn, ["Name", key], who)
            yield tagging("DeleteTags", arn, [key], who, with_values=False)
            yield tagging("DeleteTags", arn, [key], who)
            yield tagging("DeleteTags", arn, [key, "Name"], who, with_values=False)
        for key in OUR_TAGS:
            for written in (key.upper(), key.title()):
                yield tagging("CreateTags", arn, [written], who)
                yield tagging("DeleteTags", arn, [written], who, with_values=False)
        yield tagging("DeleteTags", arn, [], who)


def allowed_by(engine, scp, cases):
    everything = {"Version": "2012-10-17", "Statement": [ANYTHING]}
    [may] = engine({"identity": everything, "resource": None, "organization": scp, "cases": cases})
    return may


def test_the_readmes_scp_leaves_our_tags_to_the_engineer_and_the_roles_that_write_them(engine):
    cases = list(ways_to_tag(DEVELOPER))

    may = allowed_by(engine, the_readmes_scp(), cases)

    assert [case for case, is_ in zip(cases, may, strict=True) if is_] == []
    theirs = [way for who in (ENGINEER, *OURS_TO_TAG) for way in ways_to_tag(who, [OURS, IMAGE])]
    assert all(allowed_by(engine, the_readmes_scp(), theirs))


def test_the_readmes_scp_leaves_other_tags_and_other_resources_alone(engine):
    volume = f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/vol-0123456789abcdef0"
    cases = [
        *(tagging("CreateTags", arn, ["Name"], DEVELOPER) for arn in (OURS, IMAGE, INSTANCE)),
        *(tagging("DeleteTags", arn, ["Name"], DEVELOPER) for arn in (OURS, IMAGE, INSTANCE)),
        *(tagging("CreateTags", arn, ["ami-reactors"], DEVELOPER) for arn in (OURS, IMAGE)),
        *(tagging("DeleteTags", arn, [], DEVELOPER) for arn in (INSTANCE, volume)),
    ]

    assert all(allowed_by(engine, the_readmes_scp(), cases))


def damaged_scps():
    """The SCP with each statement removed, and each action of a statement."""
    scp = the_readmes_scp()
    for number, statement in enumerate(scp["Statement"]):
        rest = [other for other in scp["Statement"] if other is not statement]
        yield f"without {statement['Sid']}", scp | {"Statement": rest}
        for action in listed(statement["Action"]):
            less = [one for one in listed(statement["Action"]) if one != action]
            changed = deepcopy(scp)
            changed["Statement"][number]["Action"] = less or "ec2:RunInstances"
            yield f"{statement['Sid']} without {action}", changed


@pytest.mark.parametrize(("damage", "scp"), list(damaged_scps()))
def test_the_engine_notices_each_hole_in_the_scp(engine, damage, scp):
    assert any(allowed_by(engine, scp, list(ways_to_tag(DEVELOPER)))), damage


def test_a_role_of_the_readmes_scp_is_no_longer_than_a_role_may_be():
    assert all(len(arn.rpartition("/")[2]) <= 64 for arn in OURS_TO_TAG)


@pytest.mark.parametrize("linter", ["parliament", "cloudsplaining"])
def test_the_linters_find_nothing_in_the_role(tools, policy, linter, tmp_path):
    done = linted(tools, linter, policy, tmp_path)

    assert done.returncode == 0
    assert done.stdout.strip() in ("", "There were no results found.")
