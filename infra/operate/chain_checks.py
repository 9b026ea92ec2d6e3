"""What must hold for a chain to follow a promotion; each check says how to fix what is wrong."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from shlex import quote
from typing import Any

from handlers.aws_errors import translated
from handlers.paging import each
from infra.operate.account import Account
from infra.operate.chains import REFRESH, Chain, read_chains
from infra.operate.check import Check, fail, ok, warn
from infra.operate.deployment import rule_states
from infra.operate.fleet import Fleet, TemplateStatus
from infra.operate.groups import UsesDefault
from models.base import aws_date, printable
from models.errors import AwsRefused
from models.failure_text import YOURS, error_text
from models.tags import ON_TROUBLE

_LOOKED_AT = 10
"""So many runs of a state machine are read: some may be waiting, for a day at most."""

_FAILED = ("FAILED", "TIMED_OUT")

_UNDER_WAY = (
    *("REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS"),
    *("ROLLBACK_IN_PROGRESS", "DELETE_IN_PROGRESS"),
)
"""Not all of the resources are there yet, or any more."""


@dataclass
class ChainExaminer:
    """Examines the chains of an account.

    Attributes:
        fleet: Its templates.
        may_see_runs: States:ListExecutions was not refused so far.
    """

    account: Account
    fleet: Fleet
    may_see_runs: bool = True

    def examine(self) -> Iterator[Check]:
        """Each chain; then what no chain follows and one should. Nothing if there is neither."""
        if not self.fleet.statuses:
            return
        chains = read_chains(self.account)
        found = [check for chain in chains for check in self._faults_of(chain)]
        for status in self.fleet.statuses:
            found += self._faults_of_template(status, chains)
        yield from found
        if chains and not found:
            yield ok(f"chains OK: {', '.join(printable(chain.stack) for chain in chains)}")

    def _faults_of(self, chain: Chain) -> Iterator[Check]:
        if chain.is_failed:
            yield fail(chain.state, chain.events)
            return
        if chain.status in _UNDER_WAY:
            yield warn(chain.state)
            return
        yield from self._faults_of_rules(chain)
        if chain.state_machine and self.may_see_runs:
            yield from self._failed_runs(chain, chain.state_machine)
        if not any(chain.follows(status.template) for status in self.fleet.statuses):
            template_id = printable(chain.launch_template_id)
            what = f"{_named(chain)} waits for {template_id}, which follows no images"
            yield warn(what, f"ami-reactor follow {template_id}")

    # -- its rule --------------------------------------------------------------------------------

    def _faults_of_rules(self, chain: Chain) -> Iterator[Check]:
        resources = each(
            self.account.client("cloudformation"),
            "list_stack_resources",
            "StackResourceSummaries",
            StackName=chain.stack,
        )
        rules = [one for one in resources if one["ResourceType"] == "AWS::Events::Rule"]
        if not rules:
            yield fail(f"{_named(chain)} has no rule", _again(chain))
        for name in (one.get("PhysicalResourceId", "") for one in rules):
            yield from self._faults_of_rule(chain, name)

    def _faults_of_rule(self, chain: Chain, name: str) -> Iterator[Check]:
        if name not in self._states:
            yield fail(f"{_named(chain)}: its rule {printable(name)} is missing", _again(chain))
            return
        if self._states[name] != "ENABLED":
            what = f"{_named(chain)}: its rule {printable(name)} is disabled"
            yield fail(what, f"aws events enable-rule --name {quote(name)}")
        targets = each(self.account.client("events"), "list_targets_by_rule", "Targets", Rule=name)
        arns = [target["Arn"] for target in targets]
        if not arns or (chain.state_machine and chain.state_machine not in arns):
            what = f"{_named(chain)}: its rule {printable(name)} starts nothing of the stack"
            yield fail(what, _again(chain))

    @cached_property
    def _states(self) -> dict[str, str]:
        return rule_states(self.account)

    # -- its runs --------------------------------------------------------------------------------

    def _failed_runs(self, chain: Chain, arn: str) -> Iterator[Check]:
        """The last run that is over, if it failed."""
        try:
            with translated("listing executions", service="states"):
                client = self.account.client("stepfunctions")
                answer = client.list_executions(stateMachineArn=arn, maxResults=_LOOKED_AT)
        except AwsRefused as error:
            if not error.unauthorized:
                yield fail(f"{_named(chain)}: {error_text(error, YOURS)}", _again(chain))
                return
            self.may_see_runs = False
            yield warn(f"not looked for failed runs of chains: {error_text(error, YOURS)}")
            return
        ended = (one for one in answer["executions"] if one["status"] != "RUNNING")
        last: dict[str, Any] | None = next(ended, None)
        if last and last["status"] in _FAILED:
            when = aws_date(last.get("stopDate", last["startDate"]))
            why = f"aws stepfunctions describe-execution --execution-arn {last['executionArn']}"
            yield fail(f"{_named(chain)}: its last run failed on {when}", why)

    # -- what it is for --------------------------------------------------------------------------

    def _faults_of_template(self, status: TemplateStatus, chains: list[Chain]) -> Iterator[Check]:
        followed_by = [one for one in chains if one.follows(status.template)]
        refreshes = [one for one in followed_by if one.kind == REFRESH and not one.is_failed]
        for chain in refreshes:
            yield from self._faults_of_groups(chain, status)
        refreshed = {name for chain in refreshes for name in chain.targets}
        left = [group.name for group in status.groups if group.name not in refreshed]
        if left and status.template.tags.get(ON_TROUBLE) == "go-back":
            yield _left_on_it(status, left)

    def _faults_of_groups(self, chain: Chain, status: TemplateStatus) -> Iterator[Check]:
        """Groups that are not there, or for which a refresh changes nothing."""
        found = {group.name: findings for group, findings in status.findings()}
        template = printable(status.template.launch_template_name)
        for name in chain.targets:
            group = printable(name)
            if name not in found and not self.fleet.gaps:
                what = f"{_named(chain)}: no group {group} launches from {template}"
                yield fail(what, f"{_SHOW} {quote(group)}")
            for one in found.get(name, []):
                if one.uses_default is UsesDefault.NO:
                    what = f"{_named(chain)} refreshes {group} for nothing: {one.what}"
                    yield fail(what, one.fix)


_SHOW = "aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names"


def _named(chain: Chain) -> str:
    return f"the chain {printable(chain.stack)}"


def _again(chain: Chain) -> str:
    """How to have the stack as its template says: an update would change nothing."""
    delete = f"aws cloudformation delete-stack --stack-name {quote(chain.stack)}"
    return f"{delete}, then deploy it again: see infra/chains/README.md"


def _left_on_it(status: TemplateStatus, groups: list[str]) -> Check:
    """That instances stay on the bad image if the guard moves the template back."""
    template = status.template
    name = printable(template.launch_template_name)
    role = ""
    if template.versions and template.default.data.get("IamInstanceProfile"):
        role = " InstanceRoleArn=THE_ROLE_OF_ITS_INSTANCE_PROFILE"
    stack = "refresh-" + re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
    names = quote(f"AutoScalingGroupNames={printable(','.join(groups))}")
    return warn(
        f"{name}: if the guard moves it back, instances stay on the bad image: no chain refreshes"
        f" {printable(', '.join(groups))}",
        "ami-reactor template refresh > refresh.yaml && aws cloudformation deploy --stack-name"
        f" {stack} --capabilities CAPABILITY_IAM --template-file refresh.yaml --parameter-overrides"
        f" LaunchTemplateId={template.launch_template_id} {names}{role}",
    )
