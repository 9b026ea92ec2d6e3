"""The queue, opened for a verb of `ami-reactor dlq`, and what is said about it afterwards."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from infra.cli.account import account_of
from infra.cli.dlq.options import QueueOptions
from infra.cli.render import counted, err, outside, tracked
from infra.dead_letters.judge import judge_of
from infra.dead_letters.queue import VISIBILITY_SECONDS, Message, Reading
from infra.dead_letters.verdict import Judged
from infra.operate.account import Account
from infra.operate.queue_depth import Depth, read_depth
from infra.operate.stack_outputs import output_of
from models.aws_limits import MESSAGES_AT_ONCE

_MINUTES = VISIBILITY_SECONDS // 60


@dataclass
class OpenQueue:
    """The queue, as long as it is read.

    Attributes:
        depth: As it was before the reading.
        missing: Of the ids that were asked for, those not found yet.
    """

    account: Account
    options: QueueOptions
    reading: Reading
    depth: Depth
    now: datetime
    missing: set[str] = field(default_factory=set)

    def messages(
        self, ids: Collection[str] = (), *, prints: bool = False
    ) -> Iterator[tuple[Message, Judged]]:
        """The messages with these ids, no longer than it takes to find them; all, without any.

        Args:
            ids: Message ids.
            prints: Something is printed for each message, as it comes.
        """
        self.missing = set(ids)
        messages = judge_of(self.account, self.now).messages(self.reading)
        for message, judged in tracked(messages, "reading", self.depth.visible, prints=prints):
            if not ids or message["MessageId"] in self.missing:
                self.missing.discard(message["MessageId"])
                yield message, judged
            if ids and not self.missing:
                return
        for message_id in sorted(self.missing):
            _say_missing(message_id)

    def first(self, beginning: str) -> tuple[Message, Judged] | None:
        """The first message whose id begins so; None, and a line that says so, if there is none."""
        for message, judged in self.messages():
            if message["MessageId"].startswith(beginning):
                return message, judged
        _say_missing(beginning)
        return None

    def output(self, name: str, instead: str) -> str:
        return output_of(self.account, self.options.stack, name, instead)


def _say_missing(message_id: str) -> None:
    line = f"{message_id}: not in the queue, or in flight to another consumer"
    err.print(outside(line), soft_wrap=True)


@contextmanager
def open_queue(options: QueueOptions) -> Iterator[OpenQueue]:
    """Yield the queue; afterwards every message that was not deleted is visible again."""
    with account_of(options.profile, options.region) as account:
        url = options.queue_url or output_of(
            account, options.stack, "DeadLetterQueueUrl", "--queue-url"
        )
        depth = read_depth(account.client("sqs"), url)
        reading = Reading(account, url, options.wait)
        queue = OpenQueue(account, options, reading, depth, datetime.now(UTC))
        try:
            with reading:
                yield queue
        finally:
            _say_what_is_not_visible(queue)


def _say_what_is_not_visible(queue: OpenQueue) -> None:
    for line in _not_visible(queue):
        err.print(line, highlight=False, soft_wrap=True)


def _not_visible(queue: OpenQueue) -> Iterator[str]:
    if queue.depth.in_flight:
        yield (
            f"{counted(queue.depth.in_flight, 'more message')} in flight: received by another"
            f" consumer, or by a reading that was interrupted less than {_MINUTES} minutes ago"
        )
    if queue.reading.is_interrupted:
        yield (
            f"a poll was interrupted: up to {MESSAGES_AT_ONCE} messages may not be visible for"
            f" {_MINUTES} minutes"
        )
    if queue.reading.not_reset:
        yield (
            f"{counted(queue.reading.not_reset, 'message')}: visibility not reset; visible again"
            f" within {_MINUTES} minutes, if still in the queue"
        )
