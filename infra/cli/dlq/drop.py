"""`ami-reactor dlq drop`: letters are removed for good, once they are in a file."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from infra.cli.account import agreed
from infra.cli.dlq.list import table_of
from infra.cli.dlq.open_queue import WAIT, Opened, QueueUrl, Wait, Where, opened
from infra.cli.dlq.save import without_handle
from infra.cli.options import STACK, Profile, Region, Stack, Yes
from infra.cli.render import counted, err, out, outside, stop
from infra.dead_letters.causes import Groups
from infra.dead_letters.queue import Message
from infra.operate.aws_errors import error_line
from infra.replay.atomic_write import PRIVATE


def drop(
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Message ids, as list shows.")],
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write what is dropped to this new file.",
            show_default="dropped-TIME.jsonl",
        ),
    ] = None,
    yes: Yes = False,
    queue_url: QueueUrl = None,
    wait: Wait = WAIT,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
) -> None:
    """Remove letters from the queue, after asking; each is written to a file first.

    `ami-reactor replay FILE` takes that file, should it have been a mistake.

    Example: ami-reactor dlq drop 7d0c9a55-6f0e-4d57-93c7-5a1b8f0c2a41

    Exit status: 1 if any of the letters is left in the queue.
    """
    with opened(Where(profile, region, stack, queue_url, wait)) as queue:
        messages: list[Message] = []
        groups = Groups()
        for message, judged in queue.letters(ids):
            messages.append(message)
            groups.add(judged)
        if not messages:
            raise typer.Exit(1)
        out.print(table_of(groups, queue.now))
        if not agreed(queue.account, f"Drop {counted(len(messages), 'letter')}?", yes=yes):
            raise typer.Exit(1)
        path = to or Path(f"dropped-{queue.now:%Y-%m-%d-%H%M%S}.jsonl")
        left = _drop(queue, messages, path)
        out.print(outside(f"dropped {len(messages) - left}, as {path} has them"), soft_wrap=True)
        raise typer.Exit(1 if left or queue.missing else 0)


def _drop(queue: Opened, messages: list[Message], path: Path) -> int:
    """Write the letters to the file, and only then remove them; how many are left."""
    text = "".join(json.dumps(without_handle(message)) + "\n" for message in messages)
    try:
        with open(path, "x", encoding="utf-8", opener=_private) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        stop(f"{path}: {os.strerror(error.errno or 0)}: nothing was dropped")
    return sum(not _is_removed(queue, message["MessageId"]) for message in messages)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE)


def _is_removed(queue: Opened, message_id: str) -> bool:
    if not queue.reading.holds(message_id):
        err.print(outside(f"{message_id}: held for too long while you were asked; drop it again"))
        return False
    try:
        queue.reading.delete(message_id)
    except (ClientError, BotoCoreError) as error:
        err.print(outside(f"{message_id}: still in the queue: {error_line(error)}"), soft_wrap=True)
        return False
    return True
