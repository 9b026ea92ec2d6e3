"""What all verbs of `ami-reactor dlq` share: the queue, opened, and its letters."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from shlex import quote
from typing import Annotated

import typer

from handlers.clock import Clock
from infra.cli.account import account_of
from infra.cli.options import STACK
from infra.cli.render import counted, err, outside, tracked
from infra.dead_letters.judge import Judge
from infra.dead_letters.queue import BATCH, HIDDEN_SECONDS, Depth, Message, Reading
from infra.dead_letters.snapshot import Snapshot
from infra.dead_letters.verdict import Judged
from infra.operate.account import Account
from infra.operate.stack_outputs import output_of

QueueUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="The queue; by default the stack's output tells.", show_default=False
    ),
]
Wait = Annotated[
    int,
    typer.Option(
        metavar="SECONDS",
        min=0,
        max=20,
        help="How long a poll waits for letters; three empty ones end the reading.",
    ),
]
Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID", help="Message ids, as list shows.", show_default=False),
]
WAIT = 1  # second

_HIDDEN_MINUTES = HIDDEN_SECONDS // 60


@dataclass(frozen=True)
class Where:
    """The options that say which queue."""

    profile: str | None
    region: str | None
    stack: str
    queue_url: str | None
    wait: int

    def __str__(self) -> str:
        """The same options for the next command, with a space before each."""
        given = {
            "--profile": self.profile,
            "--region": self.region,
            "--stack": None if self.stack == STACK else self.stack,
            "--queue-url": self.queue_url,
        }
        return "".join(f" {name} {quote(value)}" for name, value in given.items() if value)


@dataclass
class Opened:
    """The queue, as long as it is read.

    Attributes:
        depth: As it was before the reading.
        missing: Of the letters that were named, those not found yet.
    """

    account: Account
    where: Where
    reading: Reading
    depth: Depth
    now: datetime
    missing: set[str] = field(default_factory=set)

    def letters(
        self, ids: Collection[str] = (), *, prints: bool = False
    ) -> Iterator[tuple[Message, Judged]]:
        """The letters with these ids, no longer than it takes to find them; all, without any.

        Args:
            ids: Message ids.
            prints: Something is printed for each letter, as it comes.
        """
        snapshot = Snapshot(self.account.client("ec2"), self.account.place)
        judge = Judge(snapshot, Clock(self.now, lambda: float("inf")))
        self.missing = set(ids)
        letters = judge.letters(self.reading)
        for message, judged in tracked(letters, "reading", self.depth.visible, prints=prints):
            if not ids or message["MessageId"] in self.missing:
                self.missing.discard(message["MessageId"])
                yield message, judged
            if ids and not self.missing:
                return
        for message_id in sorted(self.missing):
            err.print(outside(f"{message_id}: not in the queue, or somebody else has it"))

    def output(self, name: str, instead: str) -> str:
        return output_of(self.account, self.where.stack, name, instead)


@contextmanager
def opened(where: Where) -> Iterator[Opened]:
    """Yield the queue; afterwards every letter that was not removed is back in it."""
    with account_of(where.profile, where.region) as account:
        url = where.queue_url or output_of(
            account, where.stack, "DeadLetterQueueUrl", "--queue-url"
        )
        reading = Reading(account.client("sqs"), url, where.wait)
        queue = Opened(account, where, reading, reading.depth(), datetime.now(UTC))
        try:
            with reading:
                yield queue
        finally:
            _say_what_is_hidden(queue)


def _say_what_is_hidden(queue: Opened) -> None:
    if queue.depth.in_flight:
        err.print(
            f"{counted(queue.depth.in_flight, 'more letter')} could not be seen: somebody else has"
            f" them, or a reading was cut off less than {_HIDDEN_MINUTES} minutes ago",
            highlight=False,
        )
    if queue.reading.is_cut_off:
        err.print(
            f"a poll was cut off: up to {BATCH} letters may stay hidden for"
            f" {_HIDDEN_MINUTES} minutes"
        )
    if queue.reading.not_handed_back:
        err.print(
            f"{counted(queue.reading.not_handed_back, 'letter')} could not be handed back, and"
            f" will be seen again within {_HIDDEN_MINUTES} minutes, if still there",
            highlight=False,
        )
