"""How the program starts and ends, with any arguments and any output."""

import codecs
import os
import signal
import sys
import unicodedata
from collections.abc import Callable
from typing import Any, NoReturn

from infra.cli.json_mode import error_text, set_json_mode

_INSTEAD = {"→": ">", "└": "`", "├": "|", "│": "|", "─": "-", "━": "-", "·": "-", "…": "."}
"""One character for one, so that columns stay where they are."""

CLOSED = 141  # 128 + SIGPIPE: a shell's exit status of a program whose reader has gone
_OVERRIDES = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def run_plainly(program: Callable[[], Any]) -> NoReturn:
    """Run the program, and end with one line instead of a traceback."""
    _prepare_streams()
    set_json_mode(sys.argv[1:])
    _refuse_odd_arguments()
    stdout = sys.stdout
    try:
        try:
            program()
            status: Any = 0
        except SystemExit as end:
            status = end.code
        # typer replaces the stream when the reader has gone
        status = status if sys.stdout is stdout else CLOSED
        sys.stdout.flush()
    except BrokenPipeError:
        status = CLOSED
    except KeyboardInterrupt:
        status = 130
    except OSError as error:
        name = error.filename or "the output"
        status = _print_error(f"{name}: {os.strerror(error.errno or 0)}", 1)
    _end(status)


def _prepare_streams() -> None:
    codecs.register_error("plain", _plain)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed: >&-
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    """An encoding that lacks our characters gets similar ones."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    odd = error.object[error.start : error.end]
    return "".join(_INSTEAD.get(char, "?") for char in odd), error.end


def _refuse_odd_arguments() -> None:
    """Typer repeats an unknown argument unchanged: an escape would reach the terminal."""
    for argument in sys.argv[1:]:
        if any(map(_is_control, argument)):
            shown = argument.encode("unicode_escape").decode()
            _end(_print_error(f"{shown}: an argument must not hold control characters", 2))


def _is_control(char: str) -> bool:
    return char in _OVERRIDES or (unicodedata.category(char) == "Cc" and char not in "\n\t")


def _print_error(line: str, status: int) -> int:
    try:
        sys.stderr.write(f"{error_text(line, status)}\n")
        sys.stderr.flush()
    except BrokenPipeError:
        return CLOSED
    except OSError:
        pass  # stderr is closed
    return status


def _end(status: Any) -> NoReturn:
    """End the program; output that cannot be written is not tried again."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 1)  # Python flushes once more, and would print an error if that failed
    sys.exit(status)
