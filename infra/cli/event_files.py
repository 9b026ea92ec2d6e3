"""What the verbs share that write captured events."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.cli.render import counted, err, out, outside, stop
from infra.replay.atomic_write import CannotWrite
from infra.replay.event_writer import EventFiles


@contextmanager
def event_files(folder: Path, what: str = "event") -> Iterator[EventFiles]:
    """Yield the folder, and say at the end how many of `what` are in it now."""
    files = EventFiles(folder)
    try:
        yield files
    except CannotWrite as error:
        stop(str(error), status=1)
    out.print(outside(f"{counted(files.written, what)} written to {folder}"))
    if files.known:
        err.print(f"already there: {counted(files.known, what)}", highlight=False)
