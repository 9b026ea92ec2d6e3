"""One pass over the dead-letter queue, after which every message is where it was."""

import base64
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from handlers.paging import batches
from infra.operate.account import Account
from models.aws_limits import MESSAGES_AT_ONCE

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

VISIBILITY_SECONDS = 300
"""The visibility timeout of what is received: it ends by itself, should it never be reset."""

_EMPTY_POLLS = 3
"""SQS answers from some of its servers: one empty answer is no proof."""

Message = dict[str, Any]


def without_handle(message: Message) -> Message:
    """The message as a file may keep it: its receipt handle is of no use later."""
    kept = {key: value for key, value in message.items() if key != "ReceiptHandle"}
    printed: Message = json.loads(json.dumps(kept, default=_base64))
    return printed


def sent_at(message: Message) -> int:
    """When it came into the queue, in milliseconds since 1970; 0 if SQS does not say."""
    return int(message.get("Attributes", {}).get("SentTimestamp", 0))


def _base64(value: bytes) -> str:
    """A binary attribute, as the AWS CLI prints it."""
    return base64.b64encode(value).decode()


@dataclass
class _InFlight:
    receipt_handle: str
    until: float  # by time.monotonic


@dataclass
class Reading:
    """Every message of the queue, once.

    While it lasts, what was received is in flight: not visible to other consumers, and not given
    again and again to this one. However it ends, their visibility is reset at once.

    Attributes:
        wait_seconds: How long a poll waits for messages; three empty ones end the reading.
        not_reset: How many become visible only by themselves, within `VISIBILITY_SECONDS`.
        is_interrupted: A poll was interrupted: what SQS would have answered may be in flight.
    """

    account: Account
    queue_url: str
    wait_seconds: int = 1
    not_reset: int = 0
    is_interrupted: bool = False
    _in_flight: dict[str, _InFlight] = field(default_factory=dict)
    _deleted: set[str] = field(default_factory=set)

    @property
    def client(self) -> "SQSClient":
        client: SQSClient = self.account.client("sqs")
        return client

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.reset_visibility()

    def __iter__(self) -> Iterator[list[Message]]:
        """As many at a time as SQS gives."""
        empty_polls = repeats = 0
        # what comes again, its timeout over, may come before what was not seen yet
        while empty_polls < _EMPTY_POLLS and repeats <= len(self._in_flight) + _EMPTY_POLLS:
            self._extend()
            until = _end_of_timeout()
            messages = self._receive()
            fresh = self._fresh(messages, until)
            empty_polls = 0 if messages else empty_polls + 1
            repeats = 0 if fresh else repeats + 1
            yield fresh

    def is_in_flight(self, message_id: str) -> bool:
        """Whether the message is still not visible to others, with time for a call or two."""
        message = self._in_flight.get(message_id)
        return message is not None and time.monotonic() < message.until

    def delete(self, message_id: str) -> None:
        """Remove a message from the queue, for good.

        Raises:
            ClientError: SQS would not; the message may still be there.
        """
        handle = self._in_flight[message_id].receipt_handle
        self.client.delete_message(QueueUrl=self.queue_url, ReceiptHandle=handle)
        self._deleted.add(message_id)
        del self._in_flight[message_id]

    def _extend(self) -> None:
        """Ask for more time for what was read so long ago that it would soon be visible again."""
        soon = time.monotonic() + VISIBILITY_SECONDS / 2
        ending = [message for message in self._in_flight.values() if message.until < soon]
        for batch in batches(ending, MESSAGES_AT_ONCE):
            until = _end_of_timeout()
            failed = self._change_visibility(batch, VISIBILITY_SECONDS)
            for number, message in enumerate(batch):
                if number not in failed:
                    message.until = until

    def _receive(self) -> list[Message]:
        try:
            answer = self.client.receive_message(
                QueueUrl=self.queue_url,
                MaxNumberOfMessages=MESSAGES_AT_ONCE,
                WaitTimeSeconds=self.wait_seconds,
                VisibilityTimeout=VISIBILITY_SECONDS,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
        except KeyboardInterrupt:
            self.is_interrupted = True
            raise
        messages: list[Any] = answer.get("Messages", [])
        return messages

    def _fresh(self, messages: list[Message], until: float) -> list[Message]:
        """Note that they are all in flight; those that were not seen before."""
        seen = self._in_flight.keys() | self._deleted
        for message in messages:
            self._in_flight[message["MessageId"]] = _InFlight(message["ReceiptHandle"], until)
            if message["MessageId"] in self._deleted:  # one of SQS's servers missed the deletion
                self.delete(message["MessageId"])
        return [message for message in messages if message["MessageId"] not in seen]

    def reset_visibility(self) -> None:
        """Let other consumers have what was received and not deleted."""
        messages, self._in_flight = list(self._in_flight.values()), {}
        for batch in batches(messages, MESSAGES_AT_ONCE):
            self.not_reset += len(self._change_visibility(batch, 0))

    def _change_visibility(self, batch: Sequence[_InFlight], seconds: int) -> set[int]:
        """Set the visibility timeout; the places in the batch of those that SQS refused."""
        entries = [
            {"Id": str(n), "ReceiptHandle": message.receipt_handle, "VisibilityTimeout": seconds}
            for n, message in enumerate(batch)
        ]
        try:
            answer = self.client.change_message_visibility_batch(
                QueueUrl=self.queue_url,
                Entries=entries,  # type: ignore[arg-type]  # dicts of the keys that SQS names
            )
        except (ClientError, BotoCoreError):
            return set(range(len(batch)))
        return {int(entry["Id"]) for entry in answer.get("Failed", [])}  # in an HTTP 200


def visible_ids(account: Account, queue_url: str) -> Iterator[str]:
    """Ids of messages that are visible now, and stay so: all of a short queue, some of a long one.

    As nothing becomes in flight, SQS may give the same messages again.
    """
    seen: set[str] = set()
    empty = 0
    while empty < _EMPTY_POLLS:
        answer = account.client("sqs").receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=MESSAGES_AT_ONCE, VisibilityTimeout=0
        )
        fresh = {message["MessageId"] for message in answer.get("Messages", [])} - seen
        empty = 0 if fresh else empty + 1
        seen |= fresh
        yield from sorted(fresh)


_SPARE_SECONDS = 60


def _end_of_timeout() -> float:
    """Of a timeout that is asked for now: from then on, another consumer may have the message."""
    return time.monotonic() + VISIBILITY_SECONDS - _SPARE_SECONDS
