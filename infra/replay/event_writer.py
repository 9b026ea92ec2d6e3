"""Events written as files, one each, named by time, type, image and error."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.replay.atomic_write import PRIVATE, content_of, write_file
from models.base import Value, date_or_none
from models.events import claimed_image

_WORDS_CHARACTERS = 100


class CapturedLine(Value):
    """A captured event's file, as `capture --json` prints it; a public interface.

    Attributes:
        file: Its path.
        is_new: Whether it was written; else the same event was there already.
        event_id: The event's id; None if it has none.
        detail_type: The event's, as its id.
        image_id: The image that the event speaks of; None if it names none.
        time: When it happened, as the event says.
    """

    file: str
    is_new: bool
    event_id: str | None
    detail_type: str | None
    image_id: str | None
    time: str | None


class SavedLine(CapturedLine):
    """A message's file, as `dlq save --json` prints it; a public interface.

    Attributes:
        message_id: SQS's id of the message. One without an event is written as it is.
    """

    message_id: str


@dataclass
class EventFiles:
    """A folder of captured events. By name, they are in the order of their times.

    Attributes:
        written: How many files are new.
        known: How many existed already: the same event under the same name.
    """

    folder: Path
    written: int = 0
    known: int = 0

    def write(self, event: dict[str, Any], name: str) -> CapturedLine:
        """Write one event; another event of the same name gets a number.

        Raises:
            CannotWrite: The folder or the file cannot be written.
        """
        text = json.dumps(event, indent=2, ensure_ascii=False) + "\n"
        path, number = self.folder / f"{name}.json", 1
        while (content := content_of(path)) is not None:
            if content == text.encode():
                self.known += 1
                return _line(path, event, is_new=False)
            number += 1
            path = self.folder / f"{name}-{number}.json"
        write_file(path, text, mode=PRIVATE, force=False)
        self.written += 1
        return _line(path, event, is_new=True)


def _line(path: Path, event: dict[str, Any], *, is_new: bool) -> CapturedLine:
    told = {key: value if isinstance(value, str) else None for key, value in event.items()}
    return CapturedLine(
        file=str(path),
        is_new=is_new,
        event_id=told.get("id"),
        detail_type=told.get("detail-type"),
        image_id=claimed_image(event),
        time=told.get("time"),
    )


def event_filename(event: dict[str, Any], error: str = "") -> str:
    """A file's name without its suffix: the event's time, type, image and, if any, its error."""
    moment = date_or_none(event.get("time"))
    when = moment.strftime("%Y-%m-%d-%H%M%S") if moment else "undated"
    detail = event.get("detail")
    states = [detail.get("state"), detail.get("State")] if isinstance(detail, dict) else []
    what = str(event.get("detail-type", "event")).removesuffix("State Change")
    words = [what, *filter(None, states), claimed_image(event) or "", error]
    return f"{when}-{slug(' '.join(map(str, words)))}"


def slug(text: str) -> str:
    """Lower-case a-z, digits and hyphens: safe in a file's name, whatever the text was."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_WORDS_CHARACTERS]
