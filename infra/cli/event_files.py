"""What the verbs share that write captured events."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.cli.render import counted, err, out, outside, stop
from infra.replay.atomic_write import CannotWrite
from infra.replay.event_writer import EventFiles


@contextmanager
def event_files(folder: Path) -> Iterator[EventFiles]:
    """Yield the folder, and say at the end what is in it now."""
    files = EventFiles(folder)
    try:
        yield files
    except CannotWrite as error:
        stop(str(error), status=1)
    out.print(outside(f"{counted(files.written, 'event')} written to {folder}"))
    if files.known:
        err.print(f"already there: {counted(files.known, 'event')}", highlight=False)
