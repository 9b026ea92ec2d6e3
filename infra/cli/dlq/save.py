"""`ami-reactor dlq save`: messages become captured events, for replay and for a test suite."""

from pathlib import Path
from typing import Any

import typer

from infra.cli.dlq.open_queue import open_queue
from infra.cli.dlq.options import QueueOptions
from infra.cli.files import event_files
from infra.cli.render import print_json, stop
from infra.dead_letters.queue import Message, without_handle
from infra.dead_letters.verdict import Judged
from infra.replay.anonymize import Anonymous
from infra.replay.event_writer import SavedLine, event_filename, slug
from models.dead_letter import DeadLetter, Shape


def run_save(
    *,
    to: Path,
    ids: list[str] | None,
    everything: bool,
    keep_account: bool,
    queue_url: str | None,
    poll: int,
    profile: str | None,
    region: str | None,
    stack: str,
    as_json: bool,
) -> None:
    if bool(ids) == everything:
        stop("save: pass either message ids or --all")
    options = QueueOptions(profile, region, stack, queue_url, poll)
    with event_files(to, "message", as_json=as_json) as files, open_queue(options) as queue:
        anonymous = Anonymous(queue.account.place.account)
        for message, judged in queue.messages(ids or []):
            content, name = _file_of(message, judged)
            line = files.write(content if keep_account else anonymous.copy_of(content), name)
            if as_json:
                print_json(SavedLine(**line.model_dump(), message_id=message["MessageId"]))
    if queue.missing:
        raise typer.Exit(1)


def _file_of(message: Message, judged: Judged) -> tuple[dict[str, Any], str]:
    """The file's content, and its name without the suffix."""
    dead_letter = judged.dead_letter
    if dead_letter.event is None:
        return without_handle(message), f"unreadable-{slug(dead_letter.message_id)}"
    return dead_letter.event, event_filename(dead_letter.event, _error_of(dead_letter))


def _error_of(dead_letter: DeadLetter) -> str:
    """The error in a word, of the reactor's or of AWS's."""
    failure = dead_letter.failure
    if failure.of_templates:
        return failure.of_templates[0].reason
    # in the older form of Lambda's dead-letter queue, the code is an HTTP status
    code = None if dead_letter.shape is Shape.FUNCTION_DLQ else failure.error_code
    return code or "dlq"
