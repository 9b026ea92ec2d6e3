"""Chains: the stacks that say in an output that they follow a launch template; see infra/chains."""

from collections.abc import Mapping
from shlex import quote
from typing import Any

from handlers.aws_errors import translated
from infra.operate.account import Account
from models.base import Value, printable
from models.launch_template import Template

REFRESH = "refresh"

_OUTPUT = "AmiReactorChain"
_DESCRIBED = "ami-reactor, chain:"
"""How the descriptions begin: a stack that could not be created has no outputs."""

_DOES = {
    REFRESH: "refreshes",
    "node-group": "updates the node group",
    "parameter": "writes the parameter",
    "notify": "sends notices",
}


class Chain(Value):
    """A stack that does something when a launch template was promoted or moved back.

    Attributes:
        stack: Its name.
        kind: As `ami-reactor template` takes it, or what a stack of an operator's own says.
        launch_template_id: The template that it follows; empty: all.
        targets: The groups, the node group or the parameter.
        status: The stack's, such as `CREATE_COMPLETE`.
        state_machine: The ARN of the one that it runs, if it has one.
    """

    stack: str
    kind: str
    launch_template_id: str = ""
    targets: tuple[str, ...] = ()
    status: str = ""
    state_machine: str | None = None

    @property
    def is_failed(self) -> bool:
        """Whether the stack is not there as its template says, nor as it was before."""
        return self.status.endswith("_FAILED") or self.status == "ROLLBACK_COMPLETE"

    @property
    def state(self) -> str:
        return printable(f"the stack {self.stack}, which {self.does}, is {self.status}")

    @property
    def events(self) -> str:
        """The command that shows why the stack failed."""
        return f"aws cloudformation describe-stack-events --stack-name {quote(self.stack)}"

    @property
    def does(self) -> str:
        return f"{_DOES.get(self.kind, self.kind)} {', '.join(self.targets)}".strip()

    def follows(self, template: Template) -> bool:
        return self.launch_template_id in ("", template.launch_template_id)

    def __str__(self) -> str:
        return printable(f"{self.does} (stack {self.stack})")


def read_chains(account: Account) -> list[Chain]:
    """Those in the account and Region, in one listing of its stacks.

    Raises:
        AwsRefused: The stacks may not be listed.
        AwsUnavailable: AWS does not answer now.
    """
    with translated("listing stacks for what follows a promotion", service="cloudformation"):
        pages = account.client("cloudformation").get_paginator("describe_stacks").paginate()
        stacks = (stack for page in pages for stack in page["Stacks"])
        found = [chain for stack in stacks if (chain := chain_of(stack))]
    return sorted(found, key=lambda chain: chain.stack)


def chain_of(stack: Mapping[str, Any]) -> Chain | None:
    """A stack as a chain; None: it is something else."""
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
    given = {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])}
    is_described = stack.get("Description", "").startswith(_DESCRIBED)
    said = outputs.get(_OUTPUT) or (_of_parameters(given) if is_described else "")
    if not said:
        return None
    kind, template_id, targets = [*said.split(maxsplit=2), "", ""][:3]
    return Chain(
        stack=stack["StackName"],
        kind=kind,
        launch_template_id=template_id,
        targets=tuple(filter(None, map(str.strip, targets.split(",")))),
        status=stack["StackStatus"],
        state_machine=outputs.get("StateMachine"),
    )


def _of_parameters(given: Mapping[str, str]) -> str:
    """What the output would say."""
    template_id = given.get("LaunchTemplateId")
    if template_id is None:
        return "notify"
    if "NodegroupName" in given:
        return f"node-group {template_id} {given.get('ClusterName')}/{given['NodegroupName']}"
    if "ParameterName" in given:
        return f"parameter {template_id} {given['ParameterName']}"
    return f"{REFRESH} {template_id} {given.get('AutoScalingGroupNames', '')}"
