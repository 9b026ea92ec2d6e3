"""The consoles that every verb prints on: `out` and `err`."""

import io
import os
import re
from shutil import get_terminal_size
from typing import Any

from rich.console import Console, ConsoleDimensions, NewLine
from rich.control import Control
from rich.text import Text

from infra.cli.json_mode import JsonMode, note_text
from infra.cli.plain import CLOSED

_UNBOUNDED = 100_000  # columns: nothing is longer
_PADDING = re.compile(r" +((?:\x1b\[[0-9;]*m)*)$", re.MULTILINE)


class ClosingConsole(Console):
    """Rich's; a reader that has gone ends the program as any other program."""

    def on_broken_pipe(self) -> None:
        raise SystemExit(CLOSED)


class VerbConsole(ClosingConsole):
    """What no person watches is not folded, and no line of it ends in blanks.

    COLUMNS, as it is at the moment of printing, folds at that width, in a pipe too. With `--json`,
    what is said on stderr is JSON.
    """

    @property  # type: ignore[misc]
    def size(self) -> ConsoleDimensions:
        size, columns = super().size, os.environ.get("COLUMNS", "")
        asked = int(columns) if columns.isdecimal() else 0
        # rich takes a 0 of COLUMNS for a width, and prints nothing
        width = (size.width or get_terminal_size().columns) if self.is_watched else _UNBOUNDED
        return ConsoleDimensions(asked or width, size.height)

    @property
    def is_watched(self) -> bool:
        """Whether it is a terminal; colour may be forced on a pipe."""
        return self.file.isatty()

    @property
    def is_unbounded(self) -> bool:
        """Whether each line is one, however long: in a pipe, one row of a table is one line."""
        return self.width == _UNBOUNDED

    def print(self, *objects: Any, **how: Any) -> None:
        if self.stderr and JsonMode.is_on and _is_said(objects):
            self.print_line(note_text(_plain(*objects, **how)))
        elif self.is_watched:
            super().print(*objects, **how)
        else:
            with self.capture() as captured:
                super().print(*objects, **how)
            self._write(_PADDING.sub(r"\1", captured.get()))

    def print_line(self, line: str) -> None:
        """Print a line as it is, above a bar that is there."""
        super().print(Text(line), soft_wrap=True)

    def _write(self, text: str) -> None:
        try:
            self.file.write(text)
            self.file.flush()
        except BrokenPipeError:
            self.on_broken_pipe()


def _is_said(objects: tuple[Any, ...]) -> bool:
    """Whether words are printed: not what a bar on a terminal, or an empty line, consists of."""
    return bool(objects) and not isinstance(objects[0], Control | NewLine)


def _plain(*objects: Any, **how: Any) -> str:
    console = Console(file=io.StringIO(), width=_UNBOUNDED, color_system=None)
    with console.capture() as captured:
        console.print(*objects, **how)
    return _PADDING.sub("", captured.get()).strip("\n")


out = VerbConsole(soft_wrap=False)
err = VerbConsole(stderr=True)
