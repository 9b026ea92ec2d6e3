"""The world file that an offline verb starts from."""

from pathlib import Path

from infra.cli.render import err, stop
from infra.embedded.world.seed import BadWorld, World, read_world
from infra.replay.atomic_write import content_to_read


def world_from(path: Path | None) -> World:
    """The world in that file; an empty one where there is none."""
    if path is None:
        return World()
    try:
        world = read_world(content_to_read(path), str(path))
    except OSError as error:
        stop(f"{path}: {error.strerror}")
    except BadWorld as error:
        stop(str(error))
    for line in world.left_out:
        err.print(f"{path}: {line}", markup=False, highlight=False, soft_wrap=True)
    return world
