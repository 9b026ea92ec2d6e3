"""Where things are: the outputs of the deployed stack."""

from typing import TYPE_CHECKING

from handlers.aws_errors import translated
from models.base import printable
from models.errors import AwsRefused

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


def output_of(client: "CloudFormationClient", stack: str, name: str, instead: str) -> str:
    """One output of the stack.

    Args:
        client: A CloudFormation client.
        stack: The stack's name.
        name: The output's key.
        instead: The option that does without it.

    Raises:
        AwsRefused: There is no such stack, or it has no such output.
    """
    doing = f"looking for the stack {printable(stack)} (or say {instead})"
    with translated(doing, service="cloudformation"):
        found = client.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found}
    if name not in outputs:
        raise AwsRefused(f"the stack {printable(stack)} has no output {name}: say {instead}")
    return outputs[name]
