"""Files that are written completely or not at all, and never through a link."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PRIVATE = 0o600
"""The mode of files that may hold user data: its owner's alone."""

PUBLIC = 0o666
"""The mode of others, before the umask."""


class CannotWrite(Exception):
    """A file cannot be written. The message is one line: the file and why."""


def check_can_write(path: Path, *, force: bool) -> None:
    """Check, before anything else is done, that a new file can be written.

    Args:
        path: The file.
        force: Replace the file if it exists already.

    Raises:
        CannotWrite: Its folder cannot be written to, or it exists.
    """
    _check_is_free(path, force=force)
    try:
        with _new_beside(path, PRIVATE) as file:
            Path(file.name).unlink()
    except OSError as error:
        raise CannotWrite(file_error(path, error)) from error


def write_file(path: Path, content: str | bytes, *, mode: int, force: bool) -> None:
    """Write a file, and its folder; an interruption leaves the old file, or none.

    Args:
        path: The file.
        content: Its new content.
        mode: PRIVATE or PUBLIC.
        force: Replace the file if it exists already.

    Raises:
        CannotWrite: The folder or the file cannot be written, or it exists.
    """
    with new_file(path, mode=mode, force=force) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def new_file(path: Path, *, mode: int, force: bool) -> Iterator[BinaryIO]:
    """As `write_file`: yield a file that gets its name when the block has ended without error."""
    _check_is_free(path, force=force)
    try:
        with _new_beside(path, mode) as file:
            try:
                yield file
                file.flush()
                _check_is_free(path, force=force)
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise CannotWrite(file_error(path, error)) from error


def _new_beside(path: Path, mode: int) -> BinaryIO:
    """A new file in the same folder, with a random name, at which no link can have been planted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = str(path.parent / f".{secrets.token_hex(8)}.unfinished")
    return open(name, "xb", opener=lambda file, flags: os.open(file, flags, mode))


def _check_is_free(path: Path, *, force: bool) -> None:
    try:
        there = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise CannotWrite(file_error(path, error)) from error
    if not stat.S_ISREG(there):
        raise CannotWrite(f"{path}: is {_KINDS.get(stat.S_IFMT(there), 'no file')}; name a file")
    if not force:
        raise CannotWrite(f"{path}: exists already: name another file, or pass --force")


_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def content_of(path: Path) -> bytes | None:
    """The content of a file that may exist; None if it does not.

    Raises:
        CannotWrite: It cannot be read, or is a folder.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CannotWrite(file_error(path, error)) from error


def content_to_read(path: Path) -> bytes:
    """The content of a file that the user named; a pipe is read to its end.

    Raises:
        OSError: It cannot be read, or is a device, which may have no end.
    """
    kind = path.stat().st_mode
    if stat.S_ISCHR(kind) or stat.S_ISBLK(kind):
        raise OSError(0, "is a device; name a file", str(path))
    return path.read_bytes()


def file_error(name: Path | str, error: OSError) -> str:
    """One line: the file and what the operating system says of it."""
    return f"{name}: {error.strerror or os.strerror(error.errno or 0)}"
