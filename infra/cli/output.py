"""What all verbs share: where output goes, and how an error ends a command."""

import os
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console

from infra.embedded.world import BadWorld, World, read_world

out = Console(soft_wrap=False)
err = Console(stderr=True)


def stop(message: str, status: int = 2) -> NoReturn:
    """End the command with one line on stderr."""
    err.print(f"ami-reactor: {message}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(status)


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
