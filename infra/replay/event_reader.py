"""Captured events, read from files: one event, many, or whatever AWS wraps them in."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.replay.atomic_write import content_to_read
from infra.replay.json_text import NotUtf8, parsed, utf8
from models.wrappings import MESSAGE, RECORD, Found, found_in


class BadInput(ValueError):
    """A file cannot be read as events. The message is one line: the file and what it may hold."""


@dataclass(frozen=True)
class Captured:
    """One event of a file.

    Attributes:
        source: The file's name, with the event's number if the file holds many.
        payload: The event; None if a dead letter has none in it.
        made_up: Its fields that the file does not have: to be filled in before it is replayed.
    """

    source: str
    payload: dict[str, Any] | None
    made_up: tuple[str, ...] = ()


def read_events(paths: list[Path]) -> list[Captured]:
    """All events, in the order given; a folder's JSON files by name.

    Raises:
        BadInput: Some file cannot be read. Nothing has been done yet, so this stops everything.
    """
    return [captured for path in paths for file in _files(path) for captured in _read(file)]


def _files(path: Path) -> list[Path]:
    try:
        if not stat.S_ISDIR(path.stat().st_mode):
            return [path]
        files = sorted(f for f in path.iterdir() if f.suffix in (".json", ".jsonl", ".ndjson"))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error
    for file in files:
        if not file.is_file():  # a pipe among them would never end
            raise BadInput(f"{file}: is no file")
    if not files:
        raise BadInput(f"{path}: holds no .json file")
    return files


def _read(file: Path) -> Iterator[Captured]:
    try:
        text = utf8(content_to_read(file))
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}") from error
    except NotUtf8 as error:
        raise BadInput(f"{file}: {error}") from error
    found = [found for item in _items(file, text) for found in found_in(item)]
    for number, one in enumerate(found, start=1):
        source = str(file) if len(found) == 1 else f"{file}:{number}"
        if one.payload is None and not _is_dead_letter(one):
            raise BadInput(f"{source}: {one.fault}")
        yield Captured(source, one.payload, one.made_up)


def _is_dead_letter(found: Found) -> bool:
    """Such a one is kept even if no event is in it: a queue may hold anything."""
    return MESSAGE in found.chain or RECORD in found.chain


def _items(file: Path, text: bytes) -> list[Any]:
    """The one JSON value of a file, or those of JSON Lines."""
    try:
        return [parsed(text)]
    except ValueError as error:
        return _lines(file, text, error)


def _lines(file: Path, text: bytes, error: ValueError) -> list[Any]:
    """JSON Lines; the error of the whole file is the one to tell where the first is no object."""
    lines = [line for line in text.splitlines() if line.strip()]
    items = []
    for number, line in enumerate(lines, start=1):
        try:
            items.append(parsed(line))
        except ValueError as fault:
            said = f"{file}:{number}: not JSON: {fault}" if items else f"{file}: not JSON: {error}"
            raise BadInput(said) from fault
    if not items:
        raise BadInput(f"{file}: is empty")
    return items
