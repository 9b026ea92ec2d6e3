"""The deployed stack: are its rules, its function, its queue and its role as the template says?"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from shlex import quote
from typing import Any

from handlers.aws_errors import translated
from handlers.paging import each
from infra.operate import permissions
from infra.operate.account import Account
from infra.operate.check import Check, fail, ok, warn
from infra.operate.stack_outputs import output_of, parameter_of
from models.base import aws_date, printable
from models.errors import AwsRefused
from models.failure_text import YOURS, error_text

RULES = (
    "BackupCompleted",
    "AmiStateChanged",
    "TemplateTagged",
    "ImageTagged",
    "ReconcileRequested",
    "LaunchTemplatePromoted",
)
"""The rules that wake the function, as the stack's template calls them."""

TIMER_RULE, _TIMER = "PromotionPostponed", "Timer"
"""The rule that starts the timer of a postponed promotion, and that timer."""

GUARD_RULE = "TroubleSeen"
"""The rule that wakes the guard, if the stack has one."""

OF_A_RULE = {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}
OF_THE_FUNCTION = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 21600}
"""How long EventBridge and Lambda try again: what the stack says, and AWS's defaults."""

_NOT_DEPLOYED = "deploy it (infra/README.md says how), or name it: --stack, --region"
_NO_SUCH_STACK = "ValidationError"
"""What DescribeStacks answers for a stack that does not exist.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
"""


@dataclass(frozen=True)
class Deployment:
    """A stack that may be deployed in an account."""

    account: Account
    stack: str

    def stack_exists(self) -> Iterator[Check]:
        try:
            with translated("describing the stack", service="cloudformation"):
                client = self.account.client("cloudformation")
                stack = client.describe_stacks(StackName=self.stack)["Stacks"][0]
        except AwsRefused as error:
            if error.code != _NO_SUCH_STACK:
                raise
            what = f"there is no stack {printable(self.stack)} in {self.account.place.region}"
            yield fail(what, _NOT_DEPLOYED).model_copy(update={"is_missing": True})
            return
        status = stack["StackStatus"]
        changed = aws_date(stack.get("LastUpdatedTime", stack["CreationTime"]))
        what = f"the stack {printable(self.stack)} is {status} since {changed}"
        yield ok(what) if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE") else fail(what)

    # -- the rules -------------------------------------------------------------------------------

    def rules_wake_the_function(self) -> Iterator[Check]:
        """Each exists, is enabled, and sends its events to its target, or to the queue."""
        found = list(self._faults_of_rules())
        yield from found
        if not found:
            yield ok(f"all {len(self._rules)} rules are enabled")

    def _faults_of_rules(self) -> Iterator[Check]:
        events = self.account.client("events")
        yield from self.disabled_rules()
        for rule, name in self._rules.items():
            if name is None or name not in self._states:
                yield fail(f"the rule {name or rule} is missing")
                continue
            targets = each(events, "list_targets_by_rule", "Targets", Rule=name)
            for fault in self._faults_of_targets(rule, list(targets)):
                yield fail(f"the rule {name} {fault}")

    def disabled_rules(self) -> Iterator[Check]:
        """The rules that exist and send no event."""
        for name in self._rules.values():
            if self._states.get(name or "", "ENABLED") != "ENABLED":
                yield fail(f"the rule {name} is disabled", f"aws events enable-rule --name {name}")

    @cached_property
    def _rules(self) -> dict[str, str | None]:
        """The name in the template to what CloudFormation calls it; None: it is missing."""
        guards = [GUARD_RULE] if GUARD_RULE in self._resources else []
        return {rule: self._resources.get(rule) for rule in (*RULES, TIMER_RULE, *guards)}

    @cached_property
    def _states(self) -> dict[str, str]:
        return rule_states(self.account)

    def _faults_of_targets(self, rule: str, targets: list[dict[str, Any]]) -> Iterator[str]:
        suffix, does = f":function:{self._function}", "wake the function"
        if rule == TIMER_RULE:
            suffix, does = self._resources.get(_TIMER, "the timer's ARN"), "start the timer"
        if rule == GUARD_RULE:
            suffix, does = f":function:{self._guard}", "wake the guard"
        ours = [target for target in targets if target["Arn"].endswith(suffix)]
        if not ours:
            yield f"does not {does}: it has no such target"
        for target in ours:
            arn = target.get("DeadLetterConfig", {}).get("Arn")
            if not arn:
                yield "has no dead-letter queue: an event that it cannot deliver is lost"
            elif not self._is_our_queue(arn):
                yield f"sends what it cannot deliver to {printable(arn)}, {_NOT_OURS}"
            if fault := _fault_of_retries(target.get("RetryPolicy", {}), OF_A_RULE):
                yield fault

    def _is_our_queue(self, arn: str) -> bool:
        return arn.rpartition(":")[2] == self._queue

    @cached_property
    def _resources(self) -> dict[str, str]:
        """The stack's resources: the name in the template to what CloudFormation calls it."""
        listed = each(
            self.account.client("cloudformation"),
            "list_stack_resources",
            "StackResourceSummaries",
            StackName=self.stack,
        )
        return {one["LogicalResourceId"]: one.get("PhysicalResourceId", "") for one in listed}

    @cached_property
    def _function(self) -> str:
        """The function's name: of a stack with a long name, another than the stack's."""
        return output_of(self.account, self.stack, "FunctionName", "--stack")

    @cached_property
    def _guard(self) -> str:
        return output_of(self.account, self.stack, "GuardFunctionName", "--stack")

    @cached_property
    def _queue(self) -> str:
        url = output_of(self.account, self.stack, "DeadLetterQueueUrl", "--stack")
        return url.rpartition("/")[2]

    # -- the function ----------------------------------------------------------------------------

    def function_can_run(self) -> Iterator[Check]:
        found = list(self._faults_of(self._function, "the function"))
        if not found:
            function = self._configuration(self._function)
            code, modified = function["CodeSha256"][:12], function["LastModified"]
            yield ok(f"the function is deployed: code {code} of {modified}")
        yield from found
        if paused := examine_pause(self.account, self.stack, self._function):
            yield paused

    def faults_of_the_guard(self) -> Iterator[Check]:
        """What keeps the guard from its events, or loses those that it fails on."""
        yield from self._faults_of(self._guard, "the guard")
        if paused := examine_pause(self.account, self.stack, self._guard):
            yield paused
        yield from self._faults_of_invocation(self._guard, "the guard")

    def _faults_of(self, name: str, called: str) -> Iterator[Check]:
        function = self._configuration(name)
        state = function.get("State", "Active")
        updated = function.get("LastUpdateStatus", "Successful")
        if state not in ("Active", "Inactive"):  # Lambda wakes an idle one by itself
            yield fail(f"{called} is {state}: {printable(function.get('StateReason', ''))}")
        elif updated == "Failed":
            why = printable(function.get("LastUpdateStatusReason", ""))
            yield fail(f"{called}'s last update failed: {why}")

    def _configuration(self, name: str) -> dict[str, Any]:
        with translated("reading the function", service="lambda"):
            client = self.account.client("lambda")
            answer: dict[str, Any] = client.get_function_configuration(FunctionName=name)
        return answer

    def failures_are_kept(self) -> Iterator[Check]:
        """What the function fails on is tried again, and goes to the stack's queue then."""
        found = list(self._faults_of_invocation(self._function, "the function"))
        yield from found
        if not found:
            yield ok("a failed event is tried three times, then kept in the dead-letter queue")

    def _faults_of_invocation(self, name: str, called: str) -> Iterator[Check]:
        try:
            with translated("reading how it is invoked", service="lambda"):
                client = self.account.client("lambda")
                config = client.get_function_event_invoke_config(FunctionName=name)
        except AwsRefused as error:
            if error.code != "ResourceNotFoundException":
                raise
            config = {}
        arn = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if not arn:
            yield fail(f"{called} has no on-failure destination: what it fails on is lost")
        elif not self._is_our_queue(arn):
            yield fail(f"{called} sends what it fails on to {printable(arn)}, {_NOT_OURS}")
        if fault := _fault_of_retries(config, OF_THE_FUNCTION):
            yield fail(f"{called} {fault}")

    # -- its role --------------------------------------------------------------------------------

    def role_is_right(self) -> Iterator[Check]:
        """As IAM says; if IAM may not be asked, as the role's policies say, with a warning."""
        function = self._configuration(self._function)
        role, asked = function["Role"], list(permissions.questions(self._places(function)))
        how = "IAM says so"
        try:
            answers = [(one, a) for one in asked for a in permissions.ask(self.account, role, one)]
        except AwsRefused as error:
            if not error.unauthorized:
                raise
            policies = permissions.read_policies(self.account, role.rpartition("/")[2])
            answers = [(one, a) for one in asked for a in policies.answer(one)]
            how = "read from its policies"
            yield warn(
                "its role was only read, not simulated by IAM; an organisation's policies may"
                f" allow less: {error_text(error, YOURS)}"
            )
        found = [fail(fault) for fault in permissions.faults(iter(answers))]
        yield from found
        if not found:
            yield ok(f"its role allows what it needs, and denies writes to held templates: {how}")

    def _places(self, function: dict[str, Any]) -> permissions.Places:
        _, partition, _, region, account, *_ = function["FunctionArn"].split(":")
        name = function["FunctionName"]
        return permissions.Places(partition, region, account, name, self._queue)


_NOT_OURS = "which is not the stack's queue"


def rule_states(account: Account) -> dict[str, str]:
    """Whether each rule of the account is enabled, by name."""
    listed = each(account.client("events"), "list_rules", "Rules")
    return {rule["Name"]: rule["State"] for rule in listed}


def _fault_of_retries(found: dict[str, Any], wanted: dict[str, int]) -> str | None:
    """Which of Lambda's or EventBridge's two settings is another than the stack's."""
    for key, value in wanted.items():
        if found.get(key, value) != value:
            return f"has {key} {found[key]} instead of {value}"
    return None


def examine_pause(account: Account, stack: str, function: str) -> Check | None:
    """That the function is paused, and how to end that; None if it is not.

    A reserved concurrency of 0 pauses it: Lambda then tries no event, and sends each to the
    dead-letter queue.

    Args:
        account: Where the stack is.
        stack: The stack that the function is of.
        function: The function's name.

    Raises:
        AwsRefused: There is no such function, or a permission is missing.
        AwsUnavailable: AWS does not answer now.
    """
    with translated("reading the function's concurrency", service="lambda"):
        answer = account.client("lambda").get_function_concurrency(FunctionName=function)
    if answer.get("ReservedConcurrentExecutions") != 0:
        return None
    what = (
        f"the function {printable(function)} is paused: its reserved concurrency is 0, so each"
        " event goes to the dead-letter queue"
    )
    return fail(what, _unpause(account, stack, function))


def _unpause(account: Account, stack: str, function: str) -> str:
    """The command that gives it the concurrency back that the stack's template gives it."""
    name = quote(printable(function))
    if parameter_of(account, stack, "SingleWriter") == "false":
        return f"aws lambda delete-function-concurrency --function-name {name}"
    return (
        f"aws lambda put-function-concurrency --function-name {name}"
        " --reserved-concurrent-executions 1"
    )
