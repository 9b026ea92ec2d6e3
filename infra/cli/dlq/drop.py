"""`ami-reactor dlq drop`: messages are deleted for good, once copies of them are in a file."""

import json
import os
from pathlib import Path

import typer
from botocore.exceptions import BotoCoreError, ClientError

from infra.cli.account import agreed
from infra.cli.dlq.open_queue import OpenQueue, open_queue
from infra.cli.dlq.options import QueueOptions
from infra.cli.dlq.table import table_of
from infra.cli.render import counted, err, out, outside, print_json, stop
from infra.dead_letters.causes import MessageGroups
from infra.dead_letters.message_line import DropLine
from infra.dead_letters.queue import Message, without_handle
from infra.operate.aws_errors import error_line
from infra.replay.atomic_write import PRIVATE, file_error


def run_drop(
    *,
    ids: list[str],
    to: Path | None,
    yes: bool,
    queue_url: str | None,
    poll: int,
    profile: str | None,
    region: str | None,
    stack: str,
    as_json: bool,
) -> None:
    with open_queue(QueueOptions(profile, region, stack, queue_url, poll)) as queue:
        messages: list[Message] = []
        groups = MessageGroups()
        for message, judged in queue.messages(ids):
            messages.append(message)
            groups.add(judged)
        if not messages:
            raise typer.Exit(1)
        if not as_json:
            out.print(table_of(groups, queue.now))
        if not agreed(queue.account, f"Delete {counted(len(messages), 'message')}?", yes=yes):
            raise typer.Exit(1)
        path = to or Path(f"dropped-{queue.now:%Y-%m-%d-%H%M%S}.jsonl")
        lines = _drop(queue, messages, path)
        left = sum(not line.deleted for line in lines)
        if as_json:
            for line in lines:
                print_json(line)
        deleted = outside(f"deleted {counted(len(lines) - left, 'message')}; copies in {path}")
        (err if as_json else out).print(deleted, soft_wrap=True)
        raise typer.Exit(1 if left or queue.missing else 0)


def _drop(queue: OpenQueue, messages: list[Message], path: Path) -> list[DropLine]:
    """Write the messages to the file, and only then delete them."""
    text = "".join(json.dumps(without_handle(message)) + "\n" for message in messages)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "x", encoding="utf-8", opener=_private) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        stop(f"{file_error(path, error)}: nothing was deleted")
    ids = [message["MessageId"] for message in messages]
    return [
        DropLine(message_id=one, deleted=_is_deleted(queue, one), copy_in=str(path)) for one in ids
    ]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE)


def _is_deleted(queue: OpenQueue, message_id: str) -> bool:
    if not queue.reading.is_in_flight(message_id):
        err.print(
            outside(f"{message_id}: not deleted: its visibility timeout is over; drop it again"),
            soft_wrap=True,
        )
        return False
    try:
        queue.reading.delete(message_id)
    except (ClientError, BotoCoreError) as error:
        err.print(outside(f"{message_id}: still in the queue: {error_line(error)}"), soft_wrap=True)
        return False
    return True
