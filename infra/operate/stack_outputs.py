"""What CloudFormation knows of the deployed stack: its outputs and its parameters."""

from functools import lru_cache
from typing import Any

from handlers.aws_errors import translated
from infra.operate.account import Account
from models.base import printable
from models.errors import AwsRefused


def output_of(account: Account, stack: str, name: str, instead: str) -> str:
    """One output of the stack.

    Args:
        account: Where the stack is.
        stack: The stack's name.
        name: The output's key.
        instead: The option that does without it.

    Raises:
        AwsRefused: There is no such stack, or it has no such output.
        AwsUnavailable: AWS does not answer now.
    """
    doing = f"looking for the stack {printable(stack)} (or pass {instead})"
    described = _describe(account, stack, doing).get("Outputs", [])
    outputs: dict[str, str] = {one["OutputKey"]: one["OutputValue"] for one in described}
    if name not in outputs:
        raise AwsRefused(f"the stack {printable(stack)} has no output {name}: pass {instead}")
    return outputs[name]


def parameter_of(account: Account, stack: str, name: str) -> str | None:
    """One parameter with which the stack was deployed; None if it has no such parameter.

    Raises:
        AwsRefused: There is no such stack, or a permission is missing.
        AwsUnavailable: AWS does not answer now.
    """
    described = _describe(account, stack, "reading the stack's parameters").get("Parameters", [])
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in described}
    return parameters.get(name)


def _describe(account: Account, stack: str, doing: str) -> dict[str, Any]:
    with translated(doing, service="cloudformation"):
        return _describe_once(account, stack)


@lru_cache(maxsize=1)  # `status` and `doctor` ask for several outputs; an error is not kept
def _describe_once(account: Account, stack: str) -> dict[str, Any]:
    answer = account.client("cloudformation").describe_stacks(StackName=stack)
    described: dict[str, Any] = answer["Stacks"][0]
    return described
