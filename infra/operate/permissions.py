"""What the function's role may do: simulated by IAM, or read from the role's policies.

IAM's own simulation counts everything: Deny, conditions, the permissions boundary and an
organisation's policies (API model, SimulatePrincipalPolicy).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from handlers.aws_errors import translated
from handlers.paging import each
from infra.operate.account import Account
from infra.operate.iam import Asked, Policy, decide
from models.tags import HIGH_WATER_MARK_TAG, HOLD_TAG, OPT_IN_TAG

Context = Mapping[str, Sequence[str]]

DESCRIBE = (
    "ec2:DescribeImages",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeLaunchTemplateVersions",
)
WRITE = ("ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate")
TAG = ("ec2:CreateTags",)
PUT = ("events:PutEvents",)
SEND = ("sqs:SendMessage",)
LOG = ("logs:CreateLogStream", "logs:PutLogEvents")
ACTIONS = DESCRIBE + WRITE + TAG + PUT + SEND + LOG
"""What the function's role must allow; infra/README.md has them with their reasons."""

_SOME_ID = "lt-00000000000000000"
_FOLLOWS = {f"aws:ResourceTag/{OPT_IN_TAG}": ["on"]}
_TAGS_HIGH_WATER_MARK = {
    "aws:TagKeys": [HIGH_WATER_MARK_TAG],
    f"aws:RequestTag/{HIGH_WATER_MARK_TAG}": ["ami-0 2026"],
}
_LISTS = ("aws:TagKeys", "events:source")
"""The condition keys that have several values."""

_KEPT_OUT = {
    "templates that are held": {**_FOLLOWS, f"aws:ResourceTag/{HOLD_TAG}": ["doctor"]},
    "templates that only observe": {f"aws:ResourceTag/{OPT_IN_TAG}": ["observe"]},
    "templates that are not opted in": {},
}


@dataclass(frozen=True)
class Question:
    """Some actions on one resource, and whether they should be allowed."""

    actions: Sequence[str]
    resource: str
    context: Context = field(default_factory=dict)
    should: bool = True
    on: str = ""


@dataclass(frozen=True)
class Places:
    """The ARNs that the role's policy is about."""

    partition: str
    region: str
    account: str
    function: str
    queue: str

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


class Answer(NamedTuple):
    """What became of one action of a question: `why` names who denies it."""

    action: str
    is_allowed: bool
    why: str


def questions(places: Places) -> Iterator[Question]:
    """The nine rows of infra/README.md, and what they must not allow."""
    template = places.arn("ec2", f"launch-template/{_SOME_ID}")
    logs = f"log-group:/aws/lambda/{places.function}:log-stream:doctor"
    yield Question(DESCRIBE, "*")
    yield Question(WRITE, template, _FOLLOWS)
    yield Question(TAG, template, _FOLLOWS | _TAGS_HIGH_WATER_MARK)
    yield Question(
        PUT, places.arn("events", "event-bus/default"), {"events:source": ["ami-reactor"]}
    )
    yield Question(SEND, places.arn("sqs", places.queue))
    yield Question(LOG, places.arn("logs", logs))
    for on, tags in _KEPT_OUT.items():
        yield Question(WRITE, template, tags, should=False, on=on)
        yield Question(TAG, template, tags | _TAGS_HIGH_WATER_MARK, should=False, on=on)
    other = {"aws:TagKeys": ["Name"], "aws:RequestTag/Name": ["doctor"]}
    on = "tags other than the high-water mark"
    yield Question(TAG, template, _FOLLOWS | other, should=False, on=on)


def ask(account: Account, role_arn: str, question: Question) -> Iterator[Answer]:
    """IAM's own answer.

    Raises:
        AwsRefused: `unauthorized` if the caller may not ask.
        AwsUnavailable: AWS does not answer now.
    """
    entries = [
        {
            "ContextKeyName": key,
            "ContextKeyValues": list(values),
            "ContextKeyType": "stringList" if key in _LISTS else "string",
        }
        for key, values in question.context.items()
    ]
    for result in each(
        account.client("iam"),
        "simulate_principal_policy",
        "EvaluationResults",
        PolicySourceArn=role_arn,
        ActionNames=list(question.actions),
        ResourceArns=[question.resource],
        ContextEntries=entries,
    ):
        is_allowed = result["EvalDecision"] == "allowed"
        yield Answer(result["EvalActionName"], is_allowed, _who_denies(result))


def _who_denies(result: dict[str, Any]) -> str:
    organizations = result.get("OrganizationsDecisionDetail", {})
    boundary = result.get("PermissionsBoundaryDecisionDetail", {})
    if organizations.get("AllowedByOrganizations") is False:
        return "denied by an organisation's policy"
    if boundary.get("AllowedByPermissionsBoundary") is False:
        return "denied by its permissions boundary"
    is_explicit = result["EvalDecision"] == "explicitDeny"
    return "denied by a policy" if is_explicit else "allowed by none"


@dataclass(frozen=True)
class Policies:
    """What is attached to a role, as it was read."""

    identity: Sequence[Policy]
    boundary: Policy | None

    def answer(self, question: Question) -> Iterator[Answer]:
        for action in question.actions:
            asked = Asked(action, question.resource, question.context)
            decision = decide(self.identity, asked)
            if self.boundary and decide([self.boundary], asked) != "allowed":
                yield Answer(action, False, "denied by its permissions boundary")
            else:
                why = "denied by a policy" if decision == "explicitDeny" else "allowed by none"
                yield Answer(action, decision == "allowed", why)


def read_policies(account: Account, role: str) -> Policies:
    """Every inline and attached policy of the role, and its boundary.

    Raises:
        AwsRefused: A permission is missing, for example.
        AwsUnavailable: AWS does not answer now.
    """
    client = account.client("iam")
    attached = each(client, "list_attached_role_policies", "AttachedPolicies", RoleName=role)
    identity = [
        *_inline(client, role),
        *(_managed(client, one["PolicyArn"]) for one in attached),
    ]
    with translated("reading the role", service="iam"):
        boundary = client.get_role(RoleName=role)["Role"].get("PermissionsBoundary")
    arn = boundary["PermissionsBoundaryArn"] if boundary else None
    return Policies(identity, _managed(client, arn) if arn else None)


def _inline(client: Any, role: str) -> Iterator[Policy]:
    for name in each(client, "list_role_policies", "PolicyNames", RoleName=role):
        with translated("reading the role's policy", service="iam"):
            answer = client.get_role_policy(RoleName=role, PolicyName=str(name))
        yield _document(answer)


def _managed(client: Any, arn: str) -> Policy:
    with translated("reading a managed policy", service="iam"):
        version = client.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found = client.get_policy_version(PolicyArn=arn, VersionId=version)
    return _document({"PolicyDocument": found["PolicyVersion"]["Document"]})


def _document(answer: Any) -> Policy:
    document: Policy = answer["PolicyDocument"]  # botocore has decoded it
    return document


def faults(answers: Iterator[tuple[Question, Answer]]) -> Iterator[str]:
    """What is wrong with the role, one line each: too little, and too much."""
    lacking: dict[str, list[str]] = defaultdict(list)
    beyond: dict[str, list[str]] = defaultdict(list)
    for question, answer in answers:
        if question.should and not answer.is_allowed:
            lacking[answer.why].append(answer.action)
        elif answer.is_allowed and not question.should:
            beyond[question.on].append(answer.action)
    for why, actions in lacking.items():
        yield f"its role lacks {', '.join(actions)}: {why}"
    for on, actions in beyond.items():
        yield f"its role may do too much: {', '.join(actions)} on {on}"
