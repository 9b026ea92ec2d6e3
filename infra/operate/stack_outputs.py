"""Where things are: the outputs of the deployed stack."""

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
    """
    client = account.client("cloudformation")
    doing = f"looking for the stack {printable(stack)} (or say {instead})"
    with translated(doing, service="cloudformation"):
        found = client.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    outputs: dict[str, str] = {output["OutputKey"]: output["OutputValue"] for output in found}
    if name not in outputs:
        raise AwsRefused(f"the stack {printable(stack)} has no output {name}: say {instead}")
    return outputs[name]
