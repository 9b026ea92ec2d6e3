"""The files that several verbs read or write: captured events, and worlds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from infra.cli.render import counted, err, out, outside, stop
from infra.replay.atomic_write import CannotWrite, content_to_read, file_error
from infra.replay.event_writer import EventFiles

if TYPE_CHECKING:
    from infra.embedded.world.seed import World


@contextmanager
def event_files(
    folder: Path, what: str = "event", *, as_json: bool = False
) -> Iterator[EventFiles]:
    """Yield the folder, and say at the end how many of `what` were written."""
    files = EventFiles(folder)
    try:
        yield files
    except CannotWrite as error:
        stop(str(error), status=1)
    written = outside(f"{counted(files.written, what)} written to {folder}")
    (err if as_json else out).print(written, soft_wrap=True)
    if files.known:
        err.print(f"already there: {counted(files.known, what)}", highlight=False)


def world_from(path: Path | None) -> "World":
    """The world in that file; an empty one if there is no file."""
    # the embedded AWS takes a second to import, and most verbs do not need it
    from infra.embedded.world.seed import BadWorld, World, read_world

    if path is None:
        return World()
    try:
        world = read_world(content_to_read(path), str(path))
    except OSError as error:
        stop(file_error(path, error))
    except BadWorld as error:
        stop(str(error))
    for line in world.left_out:
        err.print(f"{path}: {line}", markup=False, highlight=False, soft_wrap=True)
    return world
