"""Whether `--json` was given: then stderr has JSON Lines too, of the models in `stderr_lines.py`.

It is looked for among the arguments, because an argument that is wrong is an error before any
option is read.
"""

import json
from collections.abc import Iterable
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.base import Value


class JsonMode:
    """Whether `--json` was given, and the verb that runs; None before one is known."""

    is_on = False
    verb: str | None = None


def set_json_mode(arguments: Iterable[str]) -> None:
    """Take it from the arguments; those after `--` are another program's."""
    JsonMode.is_on = "--json" in takewhile(lambda argument: argument != "--", arguments)
    JsonMode.verb = None


def error_text(message: str, status: int) -> str:
    """An error as stderr has it: in one line, or as JSON."""
    if not JsonMode.is_on:
        return f"ami-reactor: {message}"
    from infra.cli.stderr_lines import ErrorLine

    return line_text(ErrorLine(error=message, verb=JsonMode.verb, status=status))


def note_text(note: str) -> str:
    """What else is said, as JSON."""
    from infra.cli.stderr_lines import NoteLine

    return line_text(NoteLine(note=note))


def line_text(line: "Value") -> str:
    """A line of stderr; people read it too, so what is no ASCII stays as it is."""
    return json.dumps(line.model_dump(mode="json"), ensure_ascii=False)
