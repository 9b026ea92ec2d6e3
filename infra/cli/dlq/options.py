"""The options that the verbs of `ami-reactor dlq` share."""

from dataclasses import dataclass
from shlex import quote
from typing import Annotated

import typer

from infra.cli.completion import offer_messages
from infra.cli.options import STACK

QueueUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="The queue; by default the stack's output tells.", show_default=False
    ),
]
Poll = Annotated[
    int,
    typer.Option(
        metavar="SECONDS",
        min=0,
        max=20,
        help="How long a poll waits for messages; three empty ones end the reading.",
    ),
]
POLL = 1  # second


def _renamed(context: typer.Context, seconds: str | None) -> None:
    """Elsewhere `--wait` says how long the function is watched, and these verbs watch nothing."""
    if seconds is not None and not context.resilient_parsing:  # a shell's completion
        from infra.cli.render import stop

        stop(f"{context.info_name}: --wait is now --poll: how long a poll waits for messages")


OldWait = Annotated[str | None, typer.Option("--wait", hidden=True, callback=_renamed)]
Ids = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ID",
        help="Message ids, or how they begin.",
        autocompletion=offer_messages,
        show_default=False,
    ),
]
All = Annotated[bool, typer.Option("--all", help="Every message of the queue.")]


@dataclass(frozen=True)
class QueueOptions:
    """The options that say which queue."""

    profile: str | None
    region: str | None
    stack: str
    queue_url: str | None
    poll: int

    def __str__(self) -> str:
        """The same options for the next command, with a space before each."""
        given = {
            "--profile": self.profile,
            "--region": self.region,
            "--stack": None if self.stack == STACK else self.stack,
            "--queue-url": self.queue_url,
        }
        return "".join(f" {name} {quote(value)}" for name, value in given.items() if value)
