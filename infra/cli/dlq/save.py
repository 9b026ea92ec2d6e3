"""`ami-reactor dlq save`: letters become captured events, for replay and for a test suite."""

import base64
import json
import re
from typing import Annotated, Any

import typer

from infra.cli.dlq.open_queue import WAIT, Ids, QueueUrl, Wait, Where, opened
from infra.cli.event_files import event_files
from infra.cli.options import STACK, KeepAccount, Profile, Region, Stack, To
from infra.cli.render import stop
from infra.dead_letters.queue import Message
from infra.dead_letters.verdict import Judged
from infra.replay.anonymize import Anonymous
from infra.replay.event_writer import slug, story_of
from models.dead_letter import DeadLetter, Shape
from models.decision import Reason


def save(
    to: To,
    ids: Ids = None,
    everything: Annotated[bool, typer.Option("--all", help="Every letter of the queue.")] = False,
    keep_account: KeepAccount = False,
    queue_url: QueueUrl = None,
    wait: Wait = WAIT,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
) -> None:
    """Write letters as captured events, one file each, named for its story.

    `ami-reactor replay DIR --world FILE` takes them. A letter without an event in it is written as
    the message that it is. The queue stays as it is.

    Example: ami-reactor dlq save --all --to captured

    Exit status: 1 if a letter that was named is not found.
    """
    if bool(ids) == everything:
        stop("save: name letters, or say --all")
    where = Where(profile, region, stack, queue_url, wait)
    with event_files(to) as files, opened(where) as queue:
        anonymous = Anonymous(queue.account.place.account)
        for message, judged in queue.letters(ids or []):
            content, story = _story(message, judged)
            files.write(content if keep_account else anonymous.copy_of(content), story)
    if queue.missing:
        raise typer.Exit(1)


def _story(message: Message, judged: Judged) -> tuple[dict[str, Any], str]:
    letter = judged.letter
    if letter.event is None:
        return without_handle(message), f"unreadable-{slug(letter.message_id)}"
    return letter.event, story_of(letter.event, _ending(letter))


def _ending(letter: DeadLetter) -> str:
    """How the story ended: in a word, of the reactor's or of AWS's."""
    failure = letter.failure
    if reason := _REASON.search(failure.error_message or ""):
        return reason[0]
    # of Lambda's older dead letter, the code is an HTTP status
    code = None if letter.shape is Shape.FUNCTION_DLQ else failure.error_code
    return code or "dead letter"


_REASON = re.compile(rf"{Reason.AWS_REFUSED}|{Reason.AWS_UNAVAILABLE}")


def without_handle(message: Message) -> Message:
    """The message as a file may keep it: its receipt handle is of no use later."""
    kept = {key: value for key, value in message.items() if key != "ReceiptHandle"}
    printed: Message = json.loads(json.dumps(kept, default=_base64))
    return printed


def _base64(value: bytes) -> str:
    """A binary attribute, as the AWS CLI prints it."""
    return base64.b64encode(value).decode()
