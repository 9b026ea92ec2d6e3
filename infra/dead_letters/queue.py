"""One pass over the dead-letter queue, after which every message is where it was."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from infra.operate.reading import batches

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

BATCH = 10
"""The most messages that SQS takes or gives in one request."""

HIDDEN_SECONDS = 300
"""How long a message stays hidden from others, should we never come to hand it back."""

_EMPTY_POLLS = 3
"""SQS answers from some of its servers: one empty answer is no proof."""

Message = dict[str, Any]


@dataclass(frozen=True)
class Depth:
    """How many messages SQS believes there are.

    Attributes:
        in_flight: Received by somebody else and not yet handed back: nobody can see them now.
    """

    visible: int
    in_flight: int


@dataclass
class _Held:
    receipt_handle: str
    until: float  # by time.monotonic


@dataclass
class Reading:
    """Every message of the queue, once.

    While it lasts, what was received is hidden from everybody else; else the queue would give the
    same messages again and again. However it ends, they are all handed back at once.

    Attributes:
        wait_seconds: How long a poll waits for messages; three empty ones end the reading.
        not_handed_back: How many come back by themselves only, within `HIDDEN_SECONDS`.
    """

    client: "SQSClient"
    queue_url: str
    wait_seconds: int = 1
    not_handed_back: int = 0
    _held: dict[str, _Held] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)

    def depth(self) -> Depth:
        """Ask before reading: what is held here counts as in flight, too."""
        answer = self.client.get_queue_attributes(
            QueueUrl=self.queue_url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
            ],
        )
        numbers = answer["Attributes"]
        return Depth(
            visible=int(numbers["ApproximateNumberOfMessages"]),
            in_flight=int(numbers["ApproximateNumberOfMessagesNotVisible"]),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hand_back()

    def __iter__(self) -> Iterator[list[Message]]:
        """As many at a time as SQS gives."""
        empty_polls = 0
        while empty_polls < _EMPTY_POLLS:
            fresh = self._receive()
            empty_polls = 0 if fresh else empty_polls + 1
            yield fresh

    def holds(self, message_id: str) -> bool:
        """Whether the message is still hidden from others, with time for a call or two."""
        held = self._held.get(message_id)
        return held is not None and time.monotonic() < held.until

    def delete(self, message_id: str) -> None:
        """Remove a message from the queue, for good.

        Raises:
            ClientError: SQS would not; the message may still be there.
        """
        handle = self._held[message_id].receipt_handle
        self.client.delete_message(QueueUrl=self.queue_url, ReceiptHandle=handle)
        self._done.add(message_id)
        del self._held[message_id]

    def _receive(self) -> list[Message]:
        """Messages not seen before, of which there may be none though some were received."""
        until = time.monotonic() + HIDDEN_SECONDS - _SPARE_SECONDS
        answer = self.client.receive_message(
            QueueUrl=self.queue_url,
            MaxNumberOfMessages=BATCH,
            WaitTimeSeconds=self.wait_seconds,
            VisibilityTimeout=HIDDEN_SECONDS,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: list[Any] = answer.get("Messages", [])
        seen = self._held.keys() | self._done
        for message in messages:
            self._held[message["MessageId"]] = _Held(message["ReceiptHandle"], until)
            if message["MessageId"] in self._done:  # a server of SQS's missed that it was deleted
                self.delete(message["MessageId"])
        return [message for message in messages if message["MessageId"] not in seen]

    def _hand_back(self) -> None:
        held, self._held = list(self._held.values()), {}
        for batch in batches(held, BATCH):
            entries = [
                {"Id": str(number), "ReceiptHandle": one.receipt_handle, "VisibilityTimeout": 0}
                for number, one in enumerate(batch)
            ]
            try:
                answer = self.client.change_message_visibility_batch(
                    QueueUrl=self.queue_url,
                    Entries=entries,  # type: ignore[arg-type]
                )
            except (ClientError, BotoCoreError):
                self.not_handed_back += len(batch)
            else:  # an HTTP 200, whatever became of the entries
                self.not_handed_back += len(answer.get("Failed", []))


_SPARE_SECONDS = 60
