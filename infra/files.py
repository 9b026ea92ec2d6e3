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
    if path.is_dir():
        raise CannotWrite(f"{path}: is a folder; name a file")
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise CannotWrite(f"{path}: {os.strerror(error.errno or 0)}") from error
