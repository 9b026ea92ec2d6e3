"""What the verbs share that write captured events."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.output import err, out, stop
from infra.cli.showing import counted, outside
from infra.replay.atomic_write import CannotWrite
from infra.replay.event_writer import EventFiles

To = Annotated[Path, typer.Option("--to", metavar="DIR", help="The folder to write into.")]
KeepAccount = Annotated[
    bool,
    typer.Option("--keep-account", help="Write account ids as they are, not as 111122223333."),
]


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
