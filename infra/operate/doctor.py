"""What must hold for events to become versions; each check says how it is mended."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from shlex import quote
from typing import Any

from handlers.aws_errors import translated
from infra.operate import backups, permissions
from infra.operate.account import Account
from infra.operate.fleet import Fleet, several
from infra.operate.groups import Follows, verdict
from infra.operate.outcome_log import Logged
from infra.operate.paging import each
from infra.operate.stack_outputs import output_of
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

OF_A_RULE = {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}
OF_THE_FUNCTION = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 21600}
"""How long EventBridge and Lambda try again: what the stack says, and AWS's defaults."""

EVENTS_WITHIN = timedelta(days=14)


class State(StrEnum):
    """How a check came out. Only `look` is no failure."""

    WELL = "well"
    LOOK = "look"
    BAD = "bad"
    UNKNOWN = "unknown"


class Check(Value):
    """One line of the doctor's.

    Attributes:
        name: What was examined, the same for each line about it: `stack`, `rules`, ...
    """

    name: str = ""
    state: State
    what: str
    fix: str = ""


DEPLOY = "deploy the stack: see infra/README.md"
KEEP = "give the instance a backup rule whose target is no logically air-gapped vault"
NOT_DEPLOYED = "deploy it (infra/README.md says how), or name it: --stack, --region"


def examined(check: Callable[[], Iterator[Check]], name: str, about: str) -> Iterator[Check]:
    """The check's lines; where it may not look, one line that names what is missing."""
    try:
        for line in check():
            yield line.model_copy(update={"name": name})
    except (AwsRefused, AwsUnavailable) as error:
        what = f"{about}: {told(error, YOURS)}"
        yield Check(name=name, state=State.UNKNOWN, what=what, fix="see what AWS says")


def bad(what: str, fix: str = DEPLOY) -> Check:
    return Check(state=State.BAD, what=what, fix=fix)


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

    def rules_wake_the_function(self) -> Iterator[Check]:
        """Each is there, enabled, and hands its events to the function, or to the queue."""
        found = list(self._faults_of_rules())
        yield from found
        if not found:
            yield Check(state=State.WELL, what=f"all {len(RULES)} rules are enabled")

    def _faults_of_rules(self) -> Iterator[Check]:
        resources = self._resources
        names = {rule: resources.get(rule) for rule in RULES}
        states = {rule["Name"]: rule["State"] for rule in each(self.events, "list_rules", "Rules")}
        for rule, name in names.items():
            if name is None or name not in states:
                yield bad(f"the rule {name or rule} is missing")
                continue
            if states[name] != "ENABLED":
                fix = f"aws events enable-rule --name {name}"
                yield bad(f"the rule {name} is disabled", fix)
            listed = each(self.events, "list_targets_by_rule", "Targets", Rule=name)
            for fault in self._faults_of_targets(list(listed)):
                yield bad(f"the rule {name} {fault}")

    def _faults_of_targets(self, targets: list[dict[str, Any]]) -> Iterator[str]:
        suffix = f":function:{self._function}"
        waking = [target for target in targets if target["Arn"].endswith(suffix)]
        if not waking:
            yield "does not wake the function: it has no such target"
        for target in waking:
            letters = target.get("DeadLetterConfig", {}).get("Arn")
            if fault := self._fault_of_queue(letters):
                yield f"hands what it cannot deliver to {fault}"
            if fault := _fault_of_retries(target.get("RetryPolicy", {}), OF_A_RULE):
                yield f"{fault}"

    def _fault_of_queue(self, arn: str | None) -> str | None:
        """What is wrong with that place for dead letters: it has to be the stack's queue."""
        if not arn:
            return "nobody: such an event is lost"
        is_ours = arn.rpartition(":")[2] == self._queue
        return None if is_ours else f"{printable(arn)}, which is not the stack's queue"

    @cached_property
    def _resources(self) -> dict[str, str]:
        """The stack's resources: the name in the template to what CloudFormation calls it."""
        listed = each(
            self.cloudformation,
            "list_stack_resources",
            "StackResourceSummaries",
            StackName=self.stack,
        )
        return {one["LogicalResourceId"]: one.get("PhysicalResourceId", "") for one in listed}

    @cached_property
    def _function(self) -> str:
        """The function's name: of a stack with a long name, another than the stack's."""
        return output_of(self.cloudformation, self.stack, "FunctionName", "--stack")

    @cached_property
    def _queue(self) -> str:
        url = output_of(self.cloudformation, self.stack, "DeadLetterQueueUrl", "--stack")
        return url.rpartition("/")[2]

    def function_can_run(self) -> Iterator[Check]:
        with translated("reading the function", service="lambda"):
            function = self.functions.get_function_configuration(FunctionName=self._function)
        modified, code = function["LastModified"], function["CodeSha256"][:12]
        state = function.get("State", "Active")
        updated = function.get("LastUpdateStatus", "Successful")
        if state not in ("Active", "Inactive"):  # Lambda wakes an idle one by itself
            yield bad(f"the function is {state}: {printable(function.get('StateReason', ''))}")
        elif updated == "Failed":
            why = printable(function.get("LastUpdateStatusReason", ""))
            yield bad(f"the function's last update failed: {why}")
        else:
            what = f"the function is there: code {code} of {modified}"
            yield Check(state=State.WELL, what=what)
        if is_paused(self.functions, self._function):
            yield bad(paused(self._function), unpause(self._function))

    def failures_are_kept(self) -> Iterator[Check]:
        """What the function fails on is tried again, and goes to the stack's queue then."""
        found = list(self._faults_of_invocation())
        yield from found
        if not found:
            yield Check(
                state=State.WELL, what="what the function fails on is tried three times, and kept"
            )

    def _faults_of_invocation(self) -> Iterator[Check]:
        try:
            with translated("reading how it is invoked", service="lambda"):
                config = self.functions.get_function_event_invoke_config(
                    FunctionName=self._function
                )
        except AwsRefused as error:
            if "ResourceNotFoundException" not in str(error):
                raise
            yield bad("the function has no on-failure destination: what it fails on is lost")
            return
        destination = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if fault := self._fault_of_queue(destination):
            yield bad(f"the function hands what it fails on to {fault}")
        if fault := _fault_of_retries(config, OF_THE_FUNCTION):
            yield bad(f"the function {fault}")

    def function_may_act(self) -> Iterator[Check]:
        """As IAM says; where it may not be asked, as the role's policies say, which is told."""
        with translated("reading the function", service="lambda"):
            function = self.functions.get_function_configuration(FunctionName=self._function)
        role, asked = function["Role"], list(permissions.questions(self._places(function)))
        how = "IAM says so"
        try:
            answers = [(one, a) for one in asked for a in permissions.ask(self.iam, role, one)]
        except AwsRefused as error:
            if not error.unauthorized:
                raise
            policies = permissions.read_policies(self.iam, role.rpartition("/")[2])
            answers = [(one, a) for one in asked for a in policies.answer(one)]
            how = "read from its policies"
            what = (
                "its role was only read, not put before IAM; an organisation's policies may allow"
                f" less: {told(error, YOURS)}"
            )
            yield Check(state=State.LOOK, what=what)
        found = [bad(fault) for fault in permissions.faults(iter(answers))]
        yield from found
        if not found:
            what = f"its role allows what it needs, and keeps off templates that are held: {how}"
            yield Check(state=State.WELL, what=what)

    def _places(self, function: dict[str, Any]) -> permissions.Places:
        _, partition, _, region, account, *_ = function["FunctionArn"].split(":")
        name = function["FunctionName"]
        return permissions.Places(partition, region, account, name, self._queue)


def _fault_of_retries(found: dict[str, Any], wanted: dict[str, int]) -> str | None:
    """Which of Lambda's or EventBridge's two settings is another than the stack's."""
    for key, value in wanted.items():
        if found.get(key, value) != value:
            return f"has {key} {found[key]} instead of {value}"
    return None


def is_paused(functions: Any, name: str) -> bool:
    """Whether no event is tried: Lambda hands each to the dead-letter queue.

    Raises:
        AwsRefused: There is no such function, or it may not be asked.
        AwsUnavailable: AWS does not answer now.
    """
    with translated("reading the function's concurrency", service="lambda"):
        answer = functions.get_function_concurrency(FunctionName=name)
    reserved: object = answer.get("ReservedConcurrentExecutions")
    return reserved == 0


def paused(name: str) -> str:
    return (
        f"the function {printable(name)} is paused: its reserved concurrency is 0, so each event"
        " becomes a dead letter"
    )


def unpause(name: str) -> str:
    """The command that lets it run again, with the concurrency that the stack gives it."""
    return (
        f"aws lambda put-function-concurrency --function-name {quote(printable(name))}"
        " --reserved-concurrent-executions 1"
    )


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


def backups_last(account: Account, fleet: Fleet) -> Iterator[Check]:
    """That AWS Backup keeps the images of golden instances.

    The permission for it is one more than the rest needs: where it is missing, that is said, and
    is no failure.
    """
    instances = backups.golden_instances(fleet)
    try:
        for instance_id in instances[: backups.MOST]:
            if fault := backups.read_fate(account, instance_id):
                yield bad(f"{instance_id}: {fault}: AWS Backup deletes such an image", KEEP)
    except AwsRefused as error:
        if not error.unauthorized:
            raise
        what = f"not looked for temporary images: {told(error, YOURS)}"
        yield Check(state=State.LOOK, what=what)
        return
    if others := instances[backups.MOST :]:
        what = f"the backups of {len(others)} other golden instances were not looked at"
        yield Check(state=State.LOOK, what=what)


def fleet_is_sound(fleet: Fleet) -> Iterator[Check]:
    """Valid selectors, groups that follow, and latest = default."""
    found = list(_unsound(fleet))
    yield from found
    if not found:
        count = len(fleet.statuses)
        yield Check(state=State.WELL, what=f"templates that are sound, with their groups: {count}")


def _unsound(fleet: Fleet) -> Iterator[Check]:
    for status in fleet.statuses:
        template = status.template
        name = printable(template.launch_template_name)
        if status.next.outcome in ("refused", "failed"):
            wrong = status.next.reason is Reason.MISCONFIGURED
            fix = f"ami-reactor {'follow' if wrong else 'explain'} {name}"
            what = f"{name}: {status.next.reason}: {printable(status.next.message)}"
            yield Check(state=State.BAD, what=what, fix=fix)
        if status.has_unreleased_version:
            latest, default = template.latest_version_number, template.default_version_number
            yield Check(
                state=State.BAD,
                what=f"{name}: version {latest} is the latest and not the default ({default})",
                fix="make it the default, or delete it: aws ec2 modify-launch-template"
                f" --launch-template-id {template.launch_template_id} --default-version {latest}",
            )
        if status.mixed_sources:
            yield Check(
                state=State.LOOK,
                what=f"{name}: {several(status.mixed_sources)}",
                fix=f"if one of them is meant: ami-reactor follow {name} --source-instance ID",
            )
        for group, findings in status.findings():
            state = State.LOOK if verdict(findings) is Follows.PARTLY else State.BAD
            for finding in findings:
                what = f"the group {printable(group.name)}: {finding.what}"
                yield Check(state=state, what=what, fix=finding.fix)
