"""One pass over the dead-letter queue, after which every message is where it was."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from infra.operate.paging import batches

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
        is_cut_off: A poll was interrupted; SQS may hide for so long what it would have answered.
    """

    client: "SQSClient"
    queue_url: str
    wait_seconds: int = 1
    not_handed_back: int = 0
    is_cut_off: bool = False
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
        empty_polls = repeats = 0
        # what comes again, because its hold ran out, may come before what was not seen yet
        while empty_polls < _EMPTY_POLLS and repeats <= len(self._held) + _EMPTY_POLLS:
            self._hold_on()
            until = _end_of_a_hold()
            messages = self._receive()
            fresh = self._fresh(messages, until)
            empty_polls = 0 if messages else empty_polls + 1
            repeats = 0 if fresh else repeats + 1
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

    def _hold_on(self) -> None:
        """Keep hidden what is read for so long that it would come again before the others do."""
        soon = time.monotonic() + HIDDEN_SECONDS / 2
        ending = [held for held in self._held.values() if held.until < soon]
        for batch in batches(ending, BATCH):
            until = _end_of_a_hold()
            failed = self._change_visibility(batch, HIDDEN_SECONDS)
            for number, held in enumerate(batch):
                if number not in failed:
                    held.until = until

    def _receive(self) -> list[Message]:
        try:
            answer = self.client.receive_message(
                QueueUrl=self.queue_url,
                MaxNumberOfMessages=BATCH,
                WaitTimeSeconds=self.wait_seconds,
                VisibilityTimeout=HIDDEN_SECONDS,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
        except KeyboardInterrupt:
            self.is_cut_off = True
            raise
        messages: list[Any] = answer.get("Messages", [])
        return messages

    def _fresh(self, messages: list[Message], until: float) -> list[Message]:
        """Hold them all; those that were not seen before."""
        seen = self._held.keys() | self._done
        for message in messages:
            self._held[message["MessageId"]] = _Held(message["ReceiptHandle"], until)
            if message["MessageId"] in self._done:  # a server of SQS's missed that it was deleted
                self.delete(message["MessageId"])
        return [message for message in messages if message["MessageId"] not in seen]

    def _hand_back(self) -> None:
        held, self._held = list(self._held.values()), {}
        for batch in batches(held, BATCH):
            self.not_handed_back += len(self._change_visibility(batch, 0))

    def _change_visibility(self, batch: Sequence[_Held], seconds: int) -> set[int]:
        """Hide messages for so long from now on; the places of those for which SQS would not."""
        entries = [
            {"Id": str(number), "ReceiptHandle": held.receipt_handle, "VisibilityTimeout": seconds}
            for number, held in enumerate(batch)
        ]
        try:
            answer = self.client.change_message_visibility_batch(
                QueueUrl=self.queue_url,
                Entries=entries,  # type: ignore[arg-type]
            )
        except (ClientError, BotoCoreError):
            return set(range(len(batch)))
        return {int(entry["Id"]) for entry in answer.get("Failed", [])}  # in an HTTP 200


_SPARE_SECONDS = 60


def _end_of_a_hold() -> float:
    """Of one that is asked for now: later than this, somebody else may have the message."""
    return time.monotonic() + HIDDEN_SECONDS - _SPARE_SECONDS
