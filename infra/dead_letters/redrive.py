"""Handing a letter's event to the function again, and only then removing the letter."""

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from infra.dead_letters.queue import Reading
from infra.operate.aws_errors import error_line

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

ACCEPTED = 202  # Lambda's answer to an asynchronous invocation
_SERVER_ERROR = 500  # HTTP status
_SAME_FOR_ALL = frozenset(
    {"AccessDeniedException", "ResourceNotFoundException", "UnrecognizedClientException"}
)
"""What Lambda refuses to one letter it would refuse to all."""


class Left(NamedTuple):
    """Why a letter is still in the queue; Lambda may have accepted its event all the same."""

    message: str
    is_accepted: bool = False


@dataclass
class Redriver:
    """Redrives letter by letter.

    Attributes:
        client: Must not retry: after an answer that was lost, the same event would go twice.
        per_second: The most invocations in a second.
        in_doubt: The letter at which it was interrupted: it may have been accepted, and may still
            be in the queue.
        accepted: The ids of the invocations that Lambda accepted. A new letter with one of them
            has failed again.
    """

    client: "LambdaClient"
    function_name: str
    reading: Reading
    per_second: float
    in_doubt: str | None = None
    accepted: set[str] = field(default_factory=set)
    _not_before: float = 0

    def redrive(self, message_id: str, event: dict[str, Any]) -> Left | None:
        """Invoke the function with the event, and remove the letter once Lambda has accepted it.

        Returns:
            Why the letter is still in the queue; None where it is gone.

        Raises:
            ClientError: Lambda refuses what it would refuse to every letter.
        """
        self._pace()
        if not self.reading.holds(message_id):
            return Left("held for too long: somebody else may have it by now; redrive again")
        self.in_doubt = message_id
        why = self._refused(event) or self._removed(message_id)
        self.in_doubt = None  # whoever is interrupted before, leaves it
        return why

    def _removed(self, message_id: str) -> Left | None:
        try:
            self.reading.delete(message_id)
        except (ClientError, BotoCoreError) as error:
            why = (
                f"accepted, but still in the queue: {error_line(error)}; a second time does no harm"
            )
            return Left(why, is_accepted=True)
        return None

    def _refused(self, event: dict[str, Any]) -> Left | None:
        try:
            answer = self.client.invoke(
                FunctionName=self.function_name,
                InvocationType="Event",
                Payload=json.dumps(event, ensure_ascii=False).encode(),
            )
        except ClientError as error:
            return Left(_refusal(error))
        except BotoCoreError as error:
            return Left(f"no answer, so it may have been accepted: {error_line(error)}")
        if answer["StatusCode"] != ACCEPTED:
            return Left(f"Lambda answered {answer['StatusCode']} instead of {ACCEPTED}")
        self.accepted.add(answer["ResponseMetadata"]["RequestId"])
        return None

    def _pace(self) -> None:
        now = time.monotonic()
        time.sleep(max(0, self._not_before - now))
        self._not_before = max(self._not_before, now) + 1 / self.per_second


def _refusal(error: ClientError) -> str:
    if error.response["ResponseMetadata"]["HTTPStatusCode"] >= _SERVER_ERROR:
        return f"it may have been accepted: {error_line(error)}"
    if error.response["Error"]["Code"] in _SAME_FOR_ALL:
        raise error
    return error_line(error)
