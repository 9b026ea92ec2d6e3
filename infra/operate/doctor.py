"""What must hold for events to become versions; each check says how it is mended."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from handlers.aws import translated
from infra.operate.fleet import Fleet
from infra.operate.groups import Follows, verdict
from infra.operate.outcomes import Logged
from infra.operate.reading import each
from infra.stack_outputs import output_of
from models.base import Value, aws_date, printable
from models.decision import Reason
from models.errors import AwsRefused, AwsUnavailable
from models.events import DETAIL_TYPES
from models.failure_text import YOURS, told

RULES = (
    "BackupCompleted",
    "AmiStateChanged",
    "TemplateTagged",
    "ImageTagged",
    "ReconcileRequested",
)
"""The rules that wake the function, as the stack's template calls them."""

ACTIONS = (
    "ec2:DescribeImages",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:CreateLaunchTemplateVersion",
    "ec2:ModifyLaunchTemplate",
    "ec2:CreateTags",
    "events:PutEvents",
    "sqs:SendMessage",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
)
"""What the function's role must allow."""

EVENTS_WITHIN = timedelta(days=14)


class State(StrEnum):
    """How a check came out. Only `look` is no failure."""

    WELL = "well"
    LOOK = "look"
    BAD = "bad"
    UNKNOWN = "unknown"


class Check(Value):
    """One line of the doctor's."""

    state: State
    what: str
    fix: str = ""


DEPLOY = "deploy the stack: see the README"
NOT_DEPLOYED = "deploy it (README, Deploy), or name it: --stack, --region"


def examined(check: Callable[[], Iterator[Check]], about: str) -> Iterator[Check]:
    """The check's lines; where it may not look, one line that names what is missing."""
    try:
        yield from check()
    except (AwsRefused, AwsUnavailable) as error:
        what = f"{about}: {told(error, YOURS)}"
        yield Check(state=State.UNKNOWN, what=what, fix="see what AWS says")


@dataclass(frozen=True)
class Deployment:
    """The clients with which the stack is examined."""

    stack: str
    cloudformation: Any
    events: Any
    functions: Any
    iam: Any

    def stack_is_there(self) -> Iterator[Check]:
        try:
            with translated("describing the stack", service="cloudformation"):
                stack = self.cloudformation.describe_stacks(StackName=self.stack)["Stacks"][0]
        except AwsRefused as error:
            if "does not exist" not in str(error):
                raise
            where = self.cloudformation.meta.region_name
            what = f"there is no stack {printable(self.stack)} in {where}"
            yield Check(state=State.BAD, what=what, fix=NOT_DEPLOYED)
            return
        status = stack["StackStatus"]
        changed = aws_date(stack.get("LastUpdatedTime", stack["CreationTime"]))
        is_well = status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        yield Check(
            state=State.WELL if is_well else State.BAD,
            what=f"the stack {printable(self.stack)} is {status} since {changed}",
            fix="" if is_well else DEPLOY,
        )

    def rules_are_enabled(self) -> Iterator[Check]:
        names = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for resource in each(
                self.cloudformation,
                "list_stack_resources",
                "StackResourceSummaries",
                StackName=self.stack,
            )
            if resource["ResourceType"] == "AWS::Events::Rule"
        }
        states = {rule["Name"]: rule["State"] for rule in each(self.events, "list_rules", "Rules")}
        found = [(names.get(rule, rule), states.get(names.get(rule))) for rule in RULES]
        for name, state in found:
            if state is None:
                yield Check(state=State.BAD, what=f"the rule {name} is missing", fix=DEPLOY)
            elif state != "ENABLED":
                fix = f"aws events enable-rule --name {name}"
                yield Check(state=State.BAD, what=f"the rule {name} is disabled", fix=fix)
        if all(state == "ENABLED" for _, state in found):
            yield Check(state=State.WELL, what=f"all {len(RULES)} rules are enabled")

    def function_may_act(self) -> Iterator[Check]:
        """As far as its role's own policies say; boundaries and organisations may say less."""
        name = output_of(self.cloudformation, self.stack, "FunctionName", "--stack")
        with translated("reading the function", service="lambda"):
            function = self.functions.get_function_configuration(FunctionName=name)
        modified, code = function["LastModified"], function["CodeSha256"][:12]
        yield Check(state=State.WELL, what=f"the function is there: code {code} of {modified}")
        role = function["Role"].rpartition("/")[2]
        allowed = list(self._allowed(role))
        missing = [a for a in ACTIONS if not any(fnmatchcase(a, one) for one in allowed)]
        yield Check(
            state=State.BAD if missing else State.WELL,
            what=f"its role lacks {', '.join(missing)}"
            if missing
            else "its role allows what it needs",
            fix=DEPLOY if missing else "",
        )

    def _allowed(self, role: str) -> Iterator[str]:
        for name in each(self.iam, "list_role_policies", "PolicyNames", RoleName=role):
            with translated("reading the role's policy", service="iam"):
                policy = self.iam.get_role_policy(RoleName=role, PolicyName=name)
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = statement.get("Action", [])
                if statement["Effect"] == "Allow":
                    yield from [actions] if isinstance(actions, str) else actions


def queue_is_empty(count: int) -> Iterator[Check]:
    yield Check(
        state=State.BAD if count else State.WELL,
        what=f"dead letters: {count}",
        fix="ami-reactor dlq list" if count else "",
    )


def events_arrive(logged: Iterator[Logged]) -> Iterator[Check]:
    """When the last event of each kind came."""
    last: dict[str, datetime] = {}
    for one in logged:
        kind = one.outcome.detail_type or ""
        last[kind] = max(one.at, last.get(kind, one.at))
    for kind in DETAIL_TYPES:
        if kind in last:
            yield Check(state=State.WELL, what=f"the last {kind}: {aws_date(last[kind])}")
        else:
            yield Check(
                state=State.LOOK,
                what=f"no {kind} in {EVENTS_WITHIN.days} days",
                fix="wait for one, or look at the rule's metrics",
            )


def fleet_is_sound(fleet: Fleet) -> Iterator[Check]:
    """Valid selectors, groups that follow, and latest = default."""
    found = list(_unsound(fleet))
    yield from found
    if not found:
        count = len(fleet.standings)
        yield Check(state=State.WELL, what=f"templates that are sound, with their groups: {count}")


def _unsound(fleet: Fleet) -> Iterator[Check]:
    for standing in fleet.standings:
        template = standing.template
        name = printable(template.launch_template_name)
        if standing.next.outcome in ("refused", "failed"):
            wrong = standing.next.reason is Reason.MISCONFIGURED
            fix = f"ami-reactor {'follow' if wrong else 'explain'} {name}"
            what = f"{name}: {standing.next.reason}: {printable(standing.next.message)}"
            yield Check(state=State.BAD, what=what, fix=fix)
        if standing.has_unreleased_version:
            latest, default = template.latest_version_number, template.default_version_number
            yield Check(
                state=State.BAD,
                what=f"{name}: version {latest} is the latest and not the default ({default})",
                fix="make it the default, or delete it: aws ec2 modify-launch-template"
                f" --launch-template-id {template.launch_template_id} --default-version {latest}",
            )
        for group, findings in standing.findings():
            state = State.LOOK if verdict(findings) is Follows.PARTLY else State.BAD
            for finding in findings:
                what = f"the group {printable(group.name)}: {finding.what}"
                yield Check(state=state, what=what, fix=finding.fix)
