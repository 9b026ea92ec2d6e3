"""What all verbs share: where output goes, and how an error ends a command."""

from typing import NoReturn

import typer
from rich.console import Console

out = Console(soft_wrap=False)
err = Console(stderr=True)


def stop(message: str, status: int = 2) -> NoReturn:
    """End the command with one line on stderr."""
    err.print(f"ami-reactor: {message}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(status)
