"""The queue, opened for a verb of `ami-reactor dlq`, and what is said about it afterwards."""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from infra.cli.account import account_of
from infra.cli.dlq.options import QueueOptions
from infra.cli.render import counted, err, print_error, tracked
from infra.dead_letters.judge import judge_of
from infra.dead_letters.queue import VISIBILITY_SECONDS, Message, Reading, sent_at
from infra.dead_letters.verdict import Judged
from infra.operate.account import Account
from infra.operate.find import whole_id
from infra.operate.queue_depth import Depth, read_depth
from infra.operate.stack_outputs import output_of
from models.aws_limits import MESSAGES_AT_ONCE

_WHOLE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # as SQS makes them
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

        If one is the beginning of an id, nothing is yielded before the whole queue is read.

        Args:
            ids: Message ids, or how they begin.
            prints: Something is printed for each message, as it comes.

        Raises:
            Ambiguous: Several ids begin so.
        """
        self.missing = set(ids)
        found = self._found(ids, prints=prints)
        yield from found if _are_whole(ids) else _unambiguous(list(found), ids)
        for message_id in sorted(self.missing):
            line = f"{message_id}: not in the queue, or in flight to another consumer"
            print_error(line, 1)

    def latest(self) -> Iterator[tuple[Message, Judged]]:
        """The message that came into the queue last, if there is any; the others are not judged."""
        messages = (message for batch in self.reading for message in batch)
        read = tracked(messages, "reading", self.depth.visible, prints=False)
        if newest := max(read, key=sent_at, default=None):
            yield from judge_of(self.account, self.now).messages([[newest]])
        else:
            print_error(f"{self.account}: no message in the dead-letter queue can be received", 1)

    def _found(self, ids: Collection[str], *, prints: bool) -> Iterator[tuple[Message, Judged]]:
        """Those whose id is one of the ids or begins so; all, without any."""
        messages = judge_of(self.account, self.now).messages(self.reading)
        for message, judged in tracked(messages, "reading", self.depth.visible, prints=prints):
            begun = {one for one in ids if one and message["MessageId"].startswith(one)}
            self.missing -= begun
            if begun or not ids:
                yield message, judged
            if ids and not self.missing and _are_whole(ids):
                return

    def output(self, name: str, instead: str) -> str:
        return output_of(self.account, self.options.stack, name, instead)


def _are_whole(ids: Collection[str]) -> bool:
    return all(map(_WHOLE_ID.fullmatch, ids))


def _unambiguous(
    found: list[tuple[Message, Judged]], beginnings: Collection[str]
) -> list[tuple[Message, Judged]]:
    """The same, if each begins only one id."""
    ids = [message["MessageId"] for message, _ in found]
    wanted = {whole_id(beginning, ids) for beginning in beginnings}
    return [(message, judged) for message, judged in found if message["MessageId"] in wanted]


@contextmanager
def open_queue(options: QueueOptions) -> Iterator[OpenQueue]:
    """Yield the queue; afterwards every message that was not deleted is visible again."""
    with account_of(options.profile, options.region) as account:
        url = options.queue_url or output_of(
            account, options.stack, "DeadLetterQueueUrl", "--queue-url"
        )
        depth = read_depth(account.client("sqs"), url)
        reading = Reading(account, url, options.poll)
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
