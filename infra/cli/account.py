"""How a verb opens its account, asks before it writes, and ends when AWS refuses."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound
from botocore.parsers import ResponseParserError

from infra.cli.debug import Debug
from infra.cli.render import err, stop
from infra.operate.account import Account, BadSetUp, open_account
from infra.operate.aws_errors import error_line
from models.base import printable
from models.errors import AwsRefused, AwsUnavailable, ReactorError
from models.failure_text import YOURS, error_text

FAILURES = (ClientError, BotoCoreError, ResponseParserError, ReactorError)
"""What AWS, or the reactor's own reading, raises."""


@contextmanager
def account_of(profile: str | None, region: str | None) -> Iterator[Account]:
    """Yield the account; what AWS or the reactor refuses inside ends the command with one line."""
    account: Account | None = None
    try:
        account = open_account(profile, region, show_calls())
        yield account
    except FAILURES as error:
        stop(*failure(error, profile, account))


def show_calls() -> Callable[[str], None] | None:
    """What shows each AWS call, if `--debug` was given."""
    return _show_call if Debug.is_on else None


def failure(error: Exception, profile: str | None, account: Account | None) -> tuple[str, int]:
    """A failure in one line, and the exit status: 2 if what is set up cannot be used.

    Args:
        error: One of `FAILURES`.
        profile: The profile that was named; None: the environment's.
        account: The account, if it could be opened.
    """
    if isinstance(error, BadSetUp):
        return str(error), 2
    if isinstance(error, ProfileNotFound):
        return f"{error}: aws configure list-profiles shows those that there are", 2
    if account and isinstance(error, AwsRefused | AwsUnavailable):
        return error_text(error, f"{YOURS}: {printable(account.caller)}"), 1
    return error_line(error, profile), 1


def _show_call(call: str) -> None:
    err.print(f"debug: {call}", markup=False, highlight=False, soft_wrap=True)


def agreed(account: Account, question: str, *, yes: bool, is_shown: bool = False) -> bool:
    """Whether to write: because of --yes, or because a person answered the question with y.

    The account and the Region are shown first, whatever the answer, unless they have been shown.
    """
    if not is_shown:
        err.print(str(account), highlight=False)
    if yes:
        return True
    if not sys.stdin.isatty():
        stop("nothing was written: not a terminal: pass --yes to confirm")
    return typer.confirm(question, err=True)


def agreed_to_plan(
    account: Account, question: str, *, yes: bool, as_json: bool, done: str = "written"
) -> bool:
    """The same for a verb whose plan is a result: without a terminal, or as JSON, it is all.

    A person who answers no ends the command with status 1.
    """
    if yes or (sys.stdin.isatty() and not as_json):
        if agreed(account, question, yes=yes):
            return True
        raise typer.Exit(1)
    err.print(f"nothing was {done}: pass --yes")
    return False
