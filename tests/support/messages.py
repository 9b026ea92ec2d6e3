"""Messages for the dead-letter queue, and the embedded AWS watched while commands are at work."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from moto.core.responses import BaseResponse
from moto.sqs.models import sqs_backends
from typer.testing import CliRunner, Result

from infra.cli import app
from infra.embedded.stage import Stage
from tests.support.builders import ACCOUNT, REGION, backup_completed


def a_message(body: Any, **attributes: str) -> dict[str, Any]:
    """An SQS message, as ReceiveMessage answers it."""
    return {
        "MessageId": "11111111-0000-4000-8000-000000000001",
        "ReceiptHandle": "AQEB",
        "Body": body if isinstance(body, str) else json.dumps(body),
        "Attributes": {"SentTimestamp": "1781544300000", "ApproximateReceiveCount": "2"},
        "MessageAttributes": {
            name: {"StringValue": value, "DataType": "String"} for name, value in attributes.items()
        },
    }


def throttled(event: Any = None) -> dict[str, Any]:
    """What EventBridge sends to the queue for a rule."""
    return a_message(
        event or backup_completed(),
        RULE_ARN=f"arn:aws:events:{REGION}:{ACCOUNT}:rule/ami-reactor-backup-completed",
        TARGET_ARN=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:ami-reactor",
        ERROR_CODE="THROTTLING",
        ERROR_MESSAGE="Rate Exceeded.",
        EXHAUSTED_RETRY_CONDITION="MaximumRetryAttempts",
        RETRY_ATTEMPTS="185",
    )


def a_record(**differs: Any) -> dict[str, Any]:
    """Lambda's on-failure record."""
    return {
        "version": "1.0",
        "timestamp": "2026-06-15T17:27:41.568Z",
        "requestContext": {
            "requestId": "e4b46cbf-b738-4a2b-8880-a18cdf61200e",
            "functionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:ami-reactor:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": backup_completed(),
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "boom", "errorType": "ValueError"},
        **differs,
    }


class Queue:
    """The stack's dead-letter queue."""

    def __init__(self, staged: Stage) -> None:
        self.sqs = staged.session.client("sqs")
        self.url = staged.stack.queue_url

    def put(self, *messages: dict[str, Any]) -> list[str]:
        """Put messages in; their message ids."""
        before = self.of_moto[:]
        ids, sent = [], []
        for message in messages:
            self.of_moto.clear()  # moto looks at the whole queue for each message that is sent
            answer = self.sqs.send_message(
                QueueUrl=self.url,
                MessageBody=message["Body"],
                MessageAttributes=message["MessageAttributes"],
            )
            ids.append(answer["MessageId"])
            sent += self.of_moto
        self.of_moto[:] = before + sent
        return ids

    @property
    def of_moto(self) -> list[Any]:
        """What no API does: moto's own messages, to be changed."""
        account, name = self.url.split("/")[-2:]
        messages: list[Any] = sqs_backends[account][REGION].queues[name]._messages
        return messages

    def depth(self) -> tuple[int, int]:
        """How many are visible, and how many in flight."""
        numbers = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
        return tuple(
            int(numbers["Attributes"][f"ApproximateNumberOfMessages{which}"])
            for which in ("", "NotVisible")
        )


def run(*arguments: str, input: str | None = None) -> Result:  # noqa: A002 as CliRunner has it
    """`ami-reactor dlq VERB`, in this process, with short polls; the function is not watched."""
    unwatched = ("--wait", "0") if "redrive" in arguments and "--wait" not in arguments else ()
    return finish("dlq", *arguments, "--poll", "0", *unwatched, input=input)


def finish(*arguments: str, **how: Any) -> Result:
    """`ami-reactor VERB`, 80 columns wide, which ends with a status and never with a traceback."""
    result = CliRunner(env={"COLUMNS": "80"}).invoke(app, list(arguments), **how)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@contextmanager
def watched(
    before: Callable[[str, BaseResponse], None] = lambda *_: None,
    after: Callable[[str, BaseResponse], None] = lambda *_: None,
) -> Iterator[list[str]]:
    """Do something around each call that AWS answers; the operations so far."""
    answer = BaseResponse.call_action
    operations: list[str] = []

    def call_action(response: BaseResponse) -> Any:
        operation = response._get_action()
        operations.append(operation)
        before(operation, response)
        answered = answer(response)
        after(operation, response)
        return answered

    with mock.patch.object(BaseResponse, "call_action", call_action):
        yield operations


def aging_by(seconds: float) -> Callable[[], float]:
    """A clock on which that much time has passed at every look."""
    now = [time.monotonic()]

    def monotonic() -> float:
        now[0] += seconds
        return now[0]

    return monotonic
