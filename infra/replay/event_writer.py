"""Events written as files, one each, named by time, type, image and error."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.replay.atomic_write import PRIVATE, content_of, write_file
from models.base import date_or_none
from models.events import claimed_image

_WORDS_CHARACTERS = 100


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

    def write(self, event: dict[str, Any], name: str) -> None:
        """Write one event; another event of the same name gets a number.

        Raises:
            CannotWrite: The folder or the file cannot be written.
        """
        text = json.dumps(event, indent=2, ensure_ascii=False) + "\n"
        path, number = self.folder / f"{name}.json", 1
        while (content := content_of(path)) is not None:
            if content == text.encode():
                self.known += 1
                return
            number += 1
            path = self.folder / f"{name}-{number}.json"
        write_file(path, text, mode=PRIVATE, force=False)
        self.written += 1


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
