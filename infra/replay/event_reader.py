"""Captured events, read from files: one event, many, or an answer of AWS that holds them."""

import stat
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.replay.atomic_write import content_to_read, file_error
from infra.replay.json_text import NotUtf8, parse_json, utf8
from models.wrappings import MESSAGE, RECORD, Found, found_in

STDIN = Path("-")
"""Standard input, in place of a file."""


class BadInput(ValueError):
    """A file cannot be read as events. The message is one line: the file and what it must hold."""


@dataclass(frozen=True)
class Captured:
    """One event of a file.

    Attributes:
        source: The file's name, with the event's number if the file holds many.
        payload: The event; None for a message of a dead-letter queue that holds no event.
        made_up: The event's fields that the file lacks: they are filled in before the replay.
    """

    source: str
    payload: dict[str, Any] | None
    made_up: tuple[str, ...] = ()


def read_events(paths: list[Path], no_events: Collection[Path] = ()) -> list[Captured]:
    """All events, in the order given; a folder's JSON files by name.

    Args:
        paths: Files and folders.
        no_events: Files that are left out of a folder: its world, its expected outcomes.

    Raises:
        BadInput: A file cannot be read. Nothing has been replayed yet.
    """
    left_out = {path.resolve() for path in no_events}
    files = [file for path in paths for file in _files(path, left_out)]
    return [captured for file in files for captured in _read(file)]


def _files(path: Path, left_out: Collection[Path]) -> list[Path]:
    if path == STDIN:
        return [path]
    try:
        if not stat.S_ISDIR(path.stat().st_mode):
            return [path]
        files = sorted(f for f in path.iterdir() if f.suffix in (".json", ".jsonl", ".ndjson"))
    except OSError as error:
        raise BadInput(file_error(path, error)) from error
    files = [file for file in files if file.resolve() not in left_out]
    for file in files:
        if not file.is_file():  # a pipe among them would never end
            raise BadInput(f"{file}: is not a file")
    if not files:
        raise BadInput(f"{path}: holds no .json file")
    return files


def _read(file: Path) -> Iterator[Captured]:
    try:
        text = utf8(sys.stdin.buffer.read() if file == STDIN else content_to_read(file))
    except OSError as error:
        raise BadInput(file_error(file, error)) from error
    except NotUtf8 as error:
        raise BadInput(f"{file}: {error}") from error
    yield from events_in(_items(file, text), str(file))


def events_in(items: Iterable[object], name: str) -> Iterator[Captured]:
    """The events in these JSON values, whatever they are wrapped in.

    Args:
        items: The values.
        name: What they were read from; if there are many events, each gets a number.

    Raises:
        BadInput: One holds something else.
    """
    found = [found for item in items for found in found_in(item)]
    for number, one in enumerate(found, start=1):
        source = name if len(found) == 1 else f"{name}:{number}"
        if one.payload is None and not _is_dead_letter(one):
            raise BadInput(f"{source}: {one.fault}")
        yield Captured(source, one.payload, one.made_up)


def _is_dead_letter(found: Found) -> bool:
    """Whether it is kept even without an event in it: a queue may hold anything."""
    return MESSAGE in found.chain or RECORD in found.chain


def _items(file: Path, text: bytes) -> list[Any]:
    """The one JSON value of a file, or the values of JSON Lines."""
    try:
        return [parse_json(text)]
    except ValueError as error:
        return _lines(file, text, error)


def _lines(file: Path, text: bytes, error: ValueError) -> list[Any]:
    """JSON Lines; if the first line is not JSON, the error is that of the whole file."""
    lines = [line for line in text.splitlines() if line.strip()]
    items = []
    for number, line in enumerate(lines, start=1):
        try:
            items.append(parse_json(line))
        except ValueError as fault:
            line_error, file_wide = (
                f"{file}:{number}: not JSON: {fault}",
                f"{file}: not JSON: {error}",
            )
            raise BadInput(line_error if items else file_wide) from fault
    if not items:
        raise BadInput(f"{file}: is empty")
    return items
