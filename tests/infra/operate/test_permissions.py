"""What the function's role may do, as `doctor` finds out: asked of IAM, and read."""

import json
from typing import Any

import pytest
from moto.iam.models import iam_backends

from infra.embedded.stage import stage
from infra.embedded.world.seed import read_world
from infra.operate.iam import Asked, decide
from tests.stack.roles import damaged, damages
from tests.stack.test_role import CASES, MAY
from tests.support.builders import ACCOUNT, OLD, a_world, an_image
from tests.support.fleets import a_group, run

# -- IAM's evaluation of policies ------------------------------------------------------------------


def answers(policy: Any) -> list[bool]:
    """Of the cases that the role's tests also put before an engine of others' making."""
    return [
        decide([policy], Asked(case["action"], case["arn"], _lists(case["context"]))) == "allowed"
        for case in CASES
    ]


def _lists(context: dict[str, Any]) -> dict[str, list[str]]:
    return {k: v if isinstance(v, list) else [v] for k, v in context.items()}


def the_functions_role() -> Any:
    roles = iam_backends[ACCOUNT]["aws"].roles.values()
    return next(role for role in roles if "-Role-" in role.name)


@pytest.fixture(scope="module")
def policy() -> Any:
    with stage(read_world(json.dumps(a_world()), "world")):
        [document] = the_functions_role().policies.values()
    return json.loads(document)


def test_the_roles_cases_come_out_as_they_should(policy):
    wrong = [c for c, is_, should in zip(CASES, answers(policy), MAY, strict=True) if is_ != should]

    assert wrong == []


def test_each_statement_removed_or_widened_makes_a_difference(policy):
    """The same two go unnoticed as with the other engine: see `test_role`."""
    params = list(damages(policy["Statement"]))

    unnoticed = {p.id for p in params if answers(damaged(policy, *p.values)) == MAY}

    # no other action on a bus knows the key `events:source`, which this evaluation does not know
    assert unnoticed <= {"SayWhatWasDone: any action", "SayWhatWasDone: any of events"}


ANY = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"StringEquals": {"k": "a"}}, {"k": ["a"]}, True),
        ({"StringEquals": {"K": ["b", "a"]}}, {"k": ["a"]}, True),
        ({"StringEquals": {"k": "a*"}}, {"k": ["ab"]}, False),
        ({"StringEquals": {"k": "a"}}, {}, False),
        ({"StringEqualsIfExists": {"k": "a"}}, {}, True),
        ({"StringEqualsIgnoreCase": {"k": "A"}}, {"k": ["a"]}, True),
        ({"StringNotEquals": {"k": "a"}}, {"k": ["a"]}, False),
        ({"StringNotEquals": {"k": "a"}}, {}, True),
        ({"StringLike": {"k": "a?c*"}}, {"k": ["abcd"]}, True),
        ({"StringLike": {"k": "[a]"}}, {"k": ["a"]}, False),
        ({"StringNotLike": {"k": "a*"}}, {"k": ["abc"]}, False),
        ({"ArnLike": {"k": "arn:*:role/x"}}, {"k": ["arn:aws:iam::1:role/x"]}, True),
        ({"ArnNotLike": {"k": ["arn:x", "arn:y*"]}}, {"k": ["arn:yz"]}, False),
        ({"Bool": {"k": "false"}}, {"k": ["False"]}, True),
        ({"Null": {"k": "true"}}, {}, True),
        ({"Null": {"k": "true"}}, {"k": ["a"]}, False),
        ({"Null": {"k": False}}, {"k": ["a"]}, True),
        ({"ForAllValues:StringEquals": {"k": ["a"]}}, {}, True),
        ({"ForAllValues:StringEquals": {"k": ["a"]}}, {"k": ["a", "b"]}, False),
        ({"ForAnyValue:StringEquals": {"k": ["a"]}}, {"k": ["a", "b"]}, True),
        ({"ForAnyValue:StringLike": {"k": ["a*"]}}, {}, False),
        ({"StringEquals": {"k": "a", "l": "b"}}, {"k": ["a"]}, False),
        ({"NumericLessThan": {"k": "5"}}, {"k": ["4"]}, False),
    ],
)
def test_a_condition_holds(condition, context, holds):
    statement = ANY | {"Condition": condition}

    assert (decide([{"Statement": statement}], Asked("s:A", "arn", context)) == "allowed") is holds


def test_a_deny_with_a_condition_that_is_not_known_counts():
    deny = ANY | {"Effect": "Deny", "Condition": {"DateGreaterThan": {"k": "2026-01-01"}}}

    assert decide([{"Statement": [ANY, deny]}], Asked("s:A", "arn")) == "explicitDeny"


@pytest.mark.parametrize(
    ("statement", "is_about"),
    [
        ({"Action": "EC2:createTAGS", "Resource": "*"}, True),
        ({"Action": ["s3:*", "ec2:Create*"], "Resource": "arn:?"}, True),
        ({"NotAction": "ec2:*", "Resource": "*"}, False),
        ({"NotAction": "s3:*", "Resource": "*"}, True),
        ({"Action": "*", "NotResource": "arn:1"}, False),
        ({"Action": "*", "Resource": "ARN:1"}, False),
    ],
)
def test_a_statement_is_about_an_action_on_a_resource(statement, is_about):
    policies = [{"Statement": {"Effect": "Allow", **statement}}]

    assert (decide(policies, Asked("ec2:CreateTags", "arn:1")) == "allowed") is is_about


# -- what doctor says of a role --------------------------------------------------------------------

MODIFY = "ec2:ModifyLaunchTemplate"
OURS = "its role lacks "
BEYOND = "its role may do too much: "


class Role:
    """The function's role, for a person who changes it."""

    def __init__(self, staged: Any) -> None:
        self.iam = staged.session.client("iam")
        self.role = the_functions_role()

    def rewrite(self, old: str, new: str) -> None:
        for name, document in self.role.policies.items():
            assert old in document
            self.role.policies[name] = document.replace(old, new)

    def drop_condition(self, key: str) -> None:
        for name, document in self.role.policies.items():
            policy = json.loads(document)
            for statement in policy["Statement"]:
                for keys in statement.get("Condition", {}).values():
                    keys.pop(key, None)
            self.role.policies[name] = json.dumps(policy)

    def add(self, **statement: Any) -> None:
        self.iam.put_role_policy(
            RoleName=self.role.name, PolicyName="more", PolicyDocument=_policy(statement)
        )

    def managed(self, **statement: Any) -> str:
        """A managed policy, of which the second version says it."""
        nothing = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
        arn = self.iam.create_policy(PolicyName="managed", PolicyDocument=_policy(nothing))
        arn = arn["Policy"]["Arn"]
        self.iam.create_policy_version(
            PolicyArn=arn, PolicyDocument=_policy(statement), SetAsDefault=True
        )
        return arn

    def attach(self, **statement: Any) -> None:
        self.iam.attach_role_policy(RoleName=self.role.name, PolicyArn=self.managed(**statement))

    def bound_by(self, **statement: Any) -> None:
        self.iam.put_role_permissions_boundary(
            RoleName=self.role.name, PermissionsBoundary=self.managed(**statement)
        )

    def move_to_a_managed_policy(self) -> None:
        [(name, document)] = self.role.policies.items()
        made = self.iam.create_policy(PolicyName="managed", PolicyDocument=document)["Policy"]
        self.iam.attach_role_policy(RoleName=self.role.name, PolicyArn=made["Arn"])
        self.iam.delete_role_policy(RoleName=self.role.name, PolicyName=name)


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


DENY = {"Effect": "Deny", "Action": MODIFY, "Resource": "*"}


@pytest.fixture(params=["asked of IAM", "read from its policies"])
def staged(request, stage_with) -> Any:
    raised = stage_with(a_world(an_image(OLD), AutoScalingGroups=[a_group()]))
    if request.param.startswith("read"):
        raised.faults.inject("SimulatePrincipalPolicy", "AccessDenied", times=999)
    return raised


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            lambda role: role.rewrite(MODIFY, "ec2:Nothing"),
            f"{OURS}{MODIFY}: allowed by none",
            id="not allowed",
        ),
        pytest.param(
            lambda role: role.add(**DENY), f"{OURS}{MODIFY}: denied by a policy", id="Deny"
        ),
        pytest.param(
            lambda role: role.attach(**DENY),
            f"{OURS}{MODIFY}: denied by a policy",
            id="Deny in an attached policy",
        ),
        pytest.param(
            lambda role: role.add(**DENY | {"Condition": {"Null": {"aws:TagKeys": "true"}}}),
            f"{OURS}{MODIFY}: denied by a policy",
            id="Deny with a condition",
        ),
        pytest.param(
            lambda role: role.bound_by(
                Effect="Allow", Action=["ec2:*", "sqs:*", "logs:*"], Resource="*"
            ),
            f"{OURS}events:PutEvents: denied by its permissions boundary",
            id="a boundary",
        ),
        pytest.param(
            lambda role: role.rewrite("ami-reactor-dead-letters", "of-another-team"),
            f"{OURS}sqs:SendMessage: allowed by none",
            id="another queue",
        ),
        pytest.param(
            lambda role: role.rewrite("event-bus/default", "event-bus/another"),
            f"{OURS}events:PutEvents: allowed by none",
            id="another bus",
        ),
        pytest.param(
            lambda role: role.rewrite("ap-northeast-2", "us-east-1"),
            f"{OURS}ec2:CreateLaunchTemplateVersion, {MODIFY}, ec2:CreateTags, events:PutEvents,"
            " sqs:SendMessage, logs:CreateLogStream, logs:PutLogEvents: allowed by none",
            id="another Region",
        ),
        pytest.param(
            lambda role: role.drop_condition("aws:ResourceTag/ami-reactor-state:hold"),
            f"{BEYOND}ec2:CreateLaunchTemplateVersion, {MODIFY}, ec2:CreateTags on templates that"
            " are held",
            id="held templates",
        ),
        pytest.param(
            lambda role: role.drop_condition("aws:ResourceTag/ami-reactor"),
            f"{BEYOND}ec2:CreateLaunchTemplateVersion, {MODIFY}, ec2:CreateTags on templates that"
            " are not opted in",
            id="other templates",
        ),
        pytest.param(
            lambda role: role.drop_condition("aws:TagKeys"),
            f"{BEYOND}ec2:CreateTags on tags other than the high-water mark",
            id="other tags",
        ),
    ],
)
def test_what_is_wrong_with_the_role_is_named(staged, change, said):
    change(Role(staged))

    found = [line for line in run("doctor", "--json").lines if line["what"] == said]

    assert [(line["state"], line["name"]) for line in found] == [("fail", "permissions")]
    assert run("doctor").status == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda role: role.move_to_a_managed_policy(), id="an attached policy"),
        pytest.param(
            lambda role: role.add(**DENY | {"Resource": "arn:aws:ec2:*:*:launch-template/lt-1"}),
            id="Deny of something else",
        ),
        pytest.param(
            lambda role: role.bound_by(Effect="Allow", Action="*", Resource="*"),
            id="a boundary that allows it",
        ),
    ],
)
def test_a_role_that_may_do_what_it_needs_is_well(staged, change):
    change(Role(staged))

    ran = run("doctor")

    assert ran.status == 0
    assert "ok its role allows what it needs" in ran.words


def test_if_iam_may_not_be_asked_it_says_that_it_only_read(stage_with):
    staged = stage_with(a_world(an_image(OLD), AutoScalingGroups=[a_group()]))
    staged.faults.inject("SimulatePrincipalPolicy", "AccessDenied", times=99)

    ran = run("doctor")

    assert ran.status == 0
    assert "warn its role was only read, not simulated by IAM" in ran.words
    assert "missing permission: iam:SimulatePrincipalPolicy (your credentials)" in ran.words
    assert "held templates: read from its policies" in ran.words


@pytest.mark.parametrize("operation", ["GetRolePolicy", "ListRolePolicies", "GetRole"])
def test_if_it_may_neither_ask_nor_read_that_is_named(stage_with, operation):
    staged = stage_with(a_world(an_image(OLD), AutoScalingGroups=[a_group()]))
    staged.faults.inject("SimulatePrincipalPolicy", "AccessDenied", times=99)
    staged.faults.inject(operation, "AccessDenied", times=99)

    ran = run("doctor", "--json")

    assert ran.status == 1
    [line] = [line for line in ran.lines if line["state"] == "unknown"]
    assert line["name"] == "permissions"
    assert f"iam:{operation}" in line["what"]
