"""Files that are whole or not there at all."""

import os
from pathlib import Path


class CannotWrite(Exception):
    """A file cannot be written. The message is one line: the file and why."""


def write_whole(path: Path, text: str) -> None:
    """Write a file, its folder too; who is interrupted leaves the old one, or none.

    Raises:
        CannotWrite: The folder or the file cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error


def content_of(path: Path) -> bytes | None:
    """What is there already; None where nothing is.

    Raises:
        CannotWrite: What is there cannot be read, or is a folder.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _cannot_write(path, error) from error


def _cannot_write(path: Path, error: OSError) -> CannotWrite:
    return CannotWrite(f"{path}: {os.strerror(error.errno or 0)}")
