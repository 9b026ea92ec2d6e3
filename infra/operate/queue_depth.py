"""How many messages wait in a queue, as SQS counts them: approximately, and without a reading."""

from dataclasses import dataclass
from typing import Any

from handlers.aws_errors import translated
from infra.operate.account import Account
from infra.operate.stack_outputs import output_of


@dataclass(frozen=True)
class Depth:
    """How many messages SQS believes there are.

    Attributes:
        visible: Those that a reading would receive.
        in_flight: Received by another consumer and not yet visible again.
    """

    visible: int
    in_flight: int


def read_depth(client: Any, queue_url: str) -> Depth:
    """Ask before reading: what the caller itself has received counts as in flight, too.

    Raises:
        ClientError, BotoCoreError: SQS refuses, or does not answer.
    """
    answer = client.get_queue_attributes(
        QueueUrl=queue_url,
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )
    numbers = answer["Attributes"]
    return Depth(
        visible=int(numbers["ApproximateNumberOfMessages"]),
        in_flight=int(numbers["ApproximateNumberOfMessagesNotVisible"]),
    )


def count_dead_letters(account: Account, stack: str) -> int:
    """How many messages are in the stack's dead-letter queue, those in flight included.

    Raises:
        AwsRefused: There is no such stack, or a permission is missing.
        AwsUnavailable: AWS does not answer now.
    """
    url = output_of(account, stack, "DeadLetterQueueUrl", "--stack")
    with translated("counting messages in the dead-letter queue", service="sqs"):
        depth = read_depth(account.client("sqs"), url)
    return depth.visible + depth.in_flight
