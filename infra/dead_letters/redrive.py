"""Invoking the function again with a message's event, and only then deleting the message."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from infra.dead_letters.queue import Reading
from infra.operate.account import Account
from infra.operate.aws_errors import error_line
from models.guard_events import is_for_the_guard

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

ACCEPTED = 202  # Lambda's answer to an asynchronous invocation
_SERVER_ERROR = 500  # HTTP status
_SAME_FOR_ALL = frozenset(
    {"AccessDeniedException", "ResourceNotFoundException", "UnrecognizedClientException"}
)
"""What Lambda refuses to one message it would refuse to all."""


class RedriveFailure(NamedTuple):
    """Why a message is still in the queue.

    Attributes:
        is_accepted: Lambda accepted its event; only the deletion failed.
    """

    message: str
    is_accepted: bool = False


@dataclass
class Redriver:
    """Redrives message by message.

    Attributes:
        per_second: The most invocations in a second.
        in_doubt: The message at which it was interrupted: its event may have been accepted, and it
            may still be in the queue.
        guard: Names the guard's function, which takes the guard's events; None: one function takes
            all.
        accepted: The invocations that Lambda accepted, by their ids: of which message. A new
            message with such an id has failed again.
    """

    account: Account
    function_name: str
    reading: Reading
    per_second: float
    in_doubt: str | None = None
    accepted: dict[str, str] = field(default_factory=dict)
    guard: Callable[[], str] | None = None
    _not_before: float = 0

    @cached_property
    def client(self) -> "LambdaClient":
        """Without retries: after an answer that was lost, the same event would go twice."""
        client: LambdaClient = self.account.client("lambda", retries={"total_max_attempts": 1})
        return client

    def redrive(self, message_id: str, event: dict[str, Any]) -> RedriveFailure | None:
        """Invoke the function with the event, and delete the message once Lambda has accepted it.

        Returns:
            Why the message is still in the queue; None if it is gone.

        Raises:
            ClientError: Lambda refuses what it would refuse to every message.
        """
        self._pace()
        if not self.reading.is_in_flight(message_id):
            return RedriveFailure(
                "its visibility timeout is over, and another consumer may have it: redrive it again"
            )
        self.in_doubt = message_id
        failure = self._invoke(message_id, event) or self._delete(message_id)
        self.in_doubt = None  # an interruption before this line leaves it set
        return failure

    def _delete(self, message_id: str) -> RedriveFailure | None:
        try:
            self.reading.delete(message_id)
        except (ClientError, BotoCoreError) as error:
            why = (
                f"accepted, but still in the queue: {error_line(error)}; a second time does no harm"
            )
            return RedriveFailure(why, is_accepted=True)
        return None

    def _invoke(self, message_id: str, event: dict[str, Any]) -> RedriveFailure | None:
        try:
            answer = self.client.invoke(
                FunctionName=self._function_for(event),
                InvocationType="Event",
                Payload=json.dumps(event, ensure_ascii=False).encode(),
            )
        except ClientError as error:
            return RedriveFailure(_refusal(error))
        except BotoCoreError as error:
            return RedriveFailure(f"no answer, so it may have been accepted: {error_line(error)}")
        if answer["StatusCode"] != ACCEPTED:
            return RedriveFailure(f"Lambda answered {answer['StatusCode']} instead of {ACCEPTED}")
        self.accepted[answer["ResponseMetadata"]["RequestId"]] = message_id
        return None

    def _function_for(self, event: dict[str, Any]) -> str:
        return self.guard() if self.guard and is_for_the_guard(event) else self.function_name

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
