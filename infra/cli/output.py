"""What all verbs share: where output goes, how help reads, and how an error ends a command."""

import inspect
import re
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from models.base import printable

out = Console(soft_wrap=False)
err = Console(stderr=True)

Force = Annotated[
    bool, typer.Option("--force", help="Replace the file, should it be there already.")
]

NOBODY_FOLLOWS = "No launch template has the tag ami-reactor. Start: ami-reactor follow --help"


def paragraphs(verb: Callable[..., None]) -> str:
    """A verb's docstring for its --help: typer would keep where its lines are broken."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.getdoc(verb) or "")


def stop(message: str, status: int = 2) -> NoReturn:
    """End the command with one line on stderr."""
    err.print(f"ami-reactor: {printable(message)}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(status)
