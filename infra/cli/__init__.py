"""The command line: `ami-reactor VERB`.

Results go to stdout, everything else to stderr. Exit status: 0 done, 1 something failed or was
dead-lettered, 2 wrong usage or unreadable input, which is said before anything runs; 130 after ^C,
141 if the reader of a pipe has gone. With `--json`, both streams are JSON Lines.

A verb is imported when it is asked for. To add one: a line in `verbs/__init__.py`, its parameters
and its help in `verbs/NAME.py`, its work in `NAME.py`. An option is added in both modules.
"""

import inspect
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand

from infra.cli.debug import set_debug
from infra.cli.help import Command, CommandGroup
from infra.cli.json_mode import JsonMode, error_text, set_json_mode
from infra.cli.plain import run_plainly
from infra.cli.verbs import DLQ_VERBS, VERBS


class _App(typer.Typer):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        run_plainly(lambda: super(_App, self).__call__(*args, **kwargs))


class _Root(CommandGroup):
    """All verbs. A wrong argument is one line, or JSON; typer's box is for a terminal alone."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:
        set_json_mode(sys.argv[1:] if args is None else args)
        if sys.stderr.isatty() and not JsonMode.is_on:
            return super().main(args, *more, **extra)
        try:
            sys.exit(super().main(args, *more, **(extra | {"standalone_mode": False})))
        except typer.Abort:
            sys.stderr.write(f"{error_text('interrupted', 1)}\n")
            sys.exit(1)
        except typer.TyperException as error:
            _end_at_wrong_usage(error.format_message(), error.exit_code)


def _end_at_wrong_usage(message: str, status: int) -> NoReturn:
    if message:  # else the help was wanted, and is printed
        line = f"{_sentence(message)} Help: ami-reactor {JsonMode.verb or ''} -h"
        sys.stderr.write(f"{error_text(' '.join(line.split()), status)}\n")
    sys.exit(status)


def _sentence(message: str) -> str:
    """Some of typer's messages end without a full stop, and some begin with pydantic's words."""
    message = message.replace(": Value error, ", ": ")
    return message if message.endswith((".", "?", ")")) else f"{message}."


_OFF: dict[str, Any] = {"help": False, "install_completion": False, "show_completion": False}
"""Typer asks Pydantic what an option without a value is; of one that is False it knows itself."""

_HELP = """\
Moves EC2 launch templates to the newest AMI of a golden instance.

Results go to stdout, everything else to stderr. In a pipe or a file no line is folded, unless \
COLUMNS says at which width. With --json both are JSON Lines, as ami-reactor schema VERB describes.

Exit status: 0 done, 1 something failed or wants an engineer, 2 wrong usage or unreadable input, \
130 interrupted, 141 the reader of a pipe has gone."""

app = _App(
    name="ami-reactor",
    cls=_Root,
    help=_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={
        "help_option_names": ["-h", "--help"],
        "default_map": {**_OFF, "dlq": _OFF},
    },
)
dlq_app = typer.Typer(
    cls=CommandGroup,
    help="The dead-letter queue: list, show, redrive, save and drop its messages.",
    no_args_is_help=True,
)


def _print_version(context: typer.Context, is_asked: bool) -> None:
    if is_asked and not context.resilient_parsing:  # a shell's completion
        from importlib.metadata import version

        sys.stdout.write(f"ami-reactor {version('ami-reactor')}\n")
        raise typer.Exit


@app.callback()
def _all_verbs(
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
    _debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            callback=set_debug,
            envvar="AMI_REACTOR_DEBUG",
            help="Show each AWS call with its duration; no parameter and no answer.",
        ),
    ] = False,
) -> None:
    """What goes before any verb; the app's own help stays."""


class _Deferred(TyperCommand):
    """Stands for a verb in the list of all; once it is asked for, the verb takes its place.

    Its callback returns the verb, imported.
    """

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **extra: Any) -> Any:
        assert self.callback
        names = [extra["parent"].command_path, info_name]  # the first word is the program's
        JsonMode.verb = " ".join(map(str, names)).partition(" ")[2]
        return self.callback().make_context(info_name, args, *more, **extra)


def _add(group: typer.Typer, name: str, line: str, function: str, panel: str | None = None) -> None:
    def load() -> Any:
        verb = getattr(import_module(f"infra.cli.verbs.{function}"), function)
        alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
        # typer would keep where the docstring's lines are broken
        text = re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.getdoc(verb) or "")
        alone.command(name, cls=Command, help=text)(verb)
        return typer.main.get_command(alone)

    group.command(name, cls=_Deferred, help=line, rich_help_panel=panel)(load)


for _panel, _verbs in VERBS.items():
    for _name, _line in _verbs.items():
        _add(app, _name, _line, _name, _panel)
for _name, _line in DLQ_VERBS.items():
    _add(dlq_app, _name, _line, f"dlq_{_name}")
app.add_typer(dlq_app, name="dlq", rich_help_panel="Dead-letter queue")
