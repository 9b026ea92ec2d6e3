"""The world file that an offline verb starts from."""

import os
from pathlib import Path

from infra.cli.output import stop
from infra.embedded.world import BadWorld, World, read_world


def world_from(path: Path | None) -> World:
    """The world in that file; an empty one where there is none."""
    if path is None:
        return World()
    try:
        return read_world(path.read_bytes(), str(path))
    except OSError as error:
        stop(f"{path}: {os.strerror(error.errno or 0)}")
    except BadWorld as error:
        stop(str(error))
