"""How a verb opens its account, asks before it writes, and ends when AWS refuses."""

import sys
from collections.abc import Iterator
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


@contextmanager
def account_of(profile: str | None, region: str | None) -> Iterator[Account]:
    """Yield the account; what AWS or the reactor refuses inside ends the command with one line."""
    try:
        account = open_account(profile, region, _show_call if Debug.is_on else None)
        try:
            yield account
        except (AwsRefused, AwsUnavailable) as error:
            stop(error_text(error, f"{YOURS}: {printable(account.caller)}"), status=1)
    except BadSetUp as error:
        stop(str(error))
    except ProfileNotFound as error:
        stop(f"{printable(str(error))}: aws configure list-profiles shows those that there are")
    except (ClientError, BotoCoreError, ResponseParserError, ReactorError) as error:
        stop(error_line(error, profile), status=1)


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
