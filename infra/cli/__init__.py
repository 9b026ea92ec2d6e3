"""The command line: `ami-reactor VERB`.

Results go to stdout, everything else to stderr. Exit status: 0 done, 1 something failed or was
dead-lettered, 2 wrong usage or unreadable input, which is said before anything runs.
"""

# ruff: noqa: E402 the imports take half a second, and ^C in it is no traceback

from infra.cli.plain import quiet_while_importing, run_plainly

_undo = quiet_while_importing()

from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any

import typer

from infra.cli.account import set_debug
from infra.cli.capture import capture
from infra.cli.dlq import dlq
from infra.cli.doctor import doctor
from infra.cli.explain import explain
from infra.cli.follow import follow
from infra.cli.history import history
from infra.cli.hold import hold, resume
from infra.cli.local import local
from infra.cli.package import package
from infra.cli.prune import prune
from infra.cli.quarantine import quarantine, unquarantine
from infra.cli.reconcile import reconcile
from infra.cli.record import record
from infra.cli.render import out, paragraphs
from infra.cli.replay import replay
from infra.cli.rollback import rollback
from infra.cli.status import status
from infra.cli.template import template
from infra.cli.verify import verify


class _App(typer.Typer):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        run_plainly(lambda: super(_App, self).__call__(*args, **kwargs))


app = _App(
    name="ami-reactor",
    help="Moves EC2 launch templates to the newest AMI of a golden instance.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        out.print(f"ami-reactor {version('ami-reactor')}", highlight=False)
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


_GROUPS: dict[str, tuple[Callable[..., None], ...]] = {
    "Try and test": (replay, local, capture, record),
    "See": (status, explain, history, doctor, verify),
    "Change": (
        follow, reconcile, hold, resume, rollback, prune, quarantine, unquarantine,
    ),
    "Deploy": (package, template),
}  # fmt: skip
"""The verbs as the README's table of commands has them."""

for group, verbs in _GROUPS.items():
    for verb in verbs:
        app.command(help=paragraphs(verb), rich_help_panel=group)(verb)
app.add_typer(dlq, name="dlq", rich_help_panel="Dead-letter queue")
_undo()
