"""The parameters and the help of `ami-reactor schema`."""

from enum import StrEnum
from typing import Annotated

import typer

from infra.cli.importing import importing


class Shape(StrEnum):
    """What has a schema."""

    EVENT = "event"
    OUTCOME = "outcome"
    WORLD = "world"
    DEAD_LETTER = "dead-letter"


def schema(
    name: Annotated[Shape, typer.Argument(show_default=False, help="What to describe.")],
) -> None:
    """Print the JSON Schema of an event, an outcome, a world or a queue message.

    event: what the function acts on. outcome: a line of replay --json, and of the function's log.
    world: the file of record, replay --world and --world-out. dead-letter: a line of dlq list
    --json.

    Example: ami-reactor schema world
    """
    with importing():
        from infra.cli.schema import run_schema

    run_schema(name=name)
