"""Captured events, read from files: one event, many, or dead letters as saved from the queue."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic_core

from models.dead_letter import original_event


class BadInput(ValueError):
    """A file cannot be read as events. The message is one line: the file and what it may hold."""


@dataclass(frozen=True)
class Captured:
    """One event of a file.

    Attributes:
        source: The file's name, with the event's number where the file holds many.
        payload: The event; None where a dead letter has none in it.
    """

    source: str
    payload: dict[str, Any] | None


def read_events(paths: list[Path]) -> list[Captured]:
    """All events, in the order given; a folder's JSON files by name.

    Raises:
        BadInput: Some file cannot be read. Nothing has been done yet, so this stops everything.
    """
    return [captured for path in paths for file in _files(path) for captured in _read(file)]


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(f for f in path.iterdir() if f.suffix in (".json", ".jsonl", ".ndjson"))
    if not files:
        raise BadInput(f"{path}: holds no .json file")
    return files


def _read(file: Path) -> Iterator[Captured]:
    try:
        text = file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}") from error
    items = _items(file, text)
    for number, item in enumerate(items, start=1):
        source = str(file) if len(items) == 1 else f"{file}:{number}"
        if not isinstance(item, dict):
            raise BadInput(f"{source}: must be an event, which is a JSON object")
        yield Captured(source, original_event(item))


def _items(file: Path, text: bytes) -> list[Any]:
    """A JSON object, an array of them, JSON Lines, or an answer of SQS with messages in it."""
    try:
        whole = _parsed(text)
    except ValueError as error:
        return _lines(file, text, error)
    if isinstance(whole, dict):
        for key in ("Messages", "Records"):  # ReceiveMessage's answer, Lambda's batch
            if isinstance(whole.get(key), list):
                whole = whole[key]
                break
        else:
            return [whole]
    if not isinstance(whole, list) or not whole:
        raise BadInput(f"{file}: must be an event or an array of events")
    return whole


def _lines(file: Path, text: bytes, error: ValueError) -> list[Any]:
    """JSON Lines; the error of the whole file is the one to tell where the first is no object."""
    lines = [line for line in text.splitlines() if line.strip()]
    items = []
    for number, line in enumerate(lines, start=1):
        try:
            items.append(_parsed(line))
        except ValueError as fault:
            said = f"{file}:{number}: not JSON: {fault}" if items else f"{file}: not JSON: {error}"
            raise BadInput(said) from fault
    if not items:
        raise BadInput(f"{file}: is empty")
    return items


def _parsed(text: bytes) -> Any:
    # unlike json.loads, this refuses NaN and answers deep nesting with a ValueError
    return pydantic_core.from_json(text, allow_inf_nan=False)
