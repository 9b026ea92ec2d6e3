"""The parameters and the help of `ami-reactor schema`."""

from enum import StrEnum
from typing import Annotated

import typer

from infra.cli.importing import importing

_NAMES = (
    *("event", "world", "outcome", "dead-letter", "error"),
    *("replay", "status", "report", "explain", "history", "doctor", "verify"),
    *("follow", "unfollow", "reconcile", "hold", "resume", "rollback", "prune"),
    *("quarantine", "unquarantine", "package", "capture", "record", "window"),
    *("dlq-list", "dlq-show", "dlq-redrive", "dlq-save", "dlq-drop"),
)
Shape = StrEnum("Shape", [(name, name) for name in _NAMES])  # type: ignore[misc]
"""What has a schema."""


def schema(
    name: Annotated[Shape, typer.Argument(show_default=False, help="What to describe.")],
) -> None:
    """Print the JSON Schema of what is read, and of what verbs print with --json.

    A verb's name, such as status or dlq-list: a line that it prints with --json. error: a line of
    stderr with --json. outcome: a line of replay --json, and of the function's log. dead-letter: a
    line of dlq list --json. event: what the function acts on. world: the file of record, replay
    --world and --world-out.

    Keys may be added in a later version; a key that is there keeps its meaning.

    Example: ami-reactor schema status
    """
    with importing():
        from infra.cli.schema import run_schema

    run_schema(name=name.value)
