"""The account that the online verbs talk to, and how whatever AWS refuses ends a command."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import boto3
import typer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound

from handlers.aws_errors import CONFIG
from handlers.ec2 import Ec2
from infra.cli.output import err, stop
from infra.operate.aws_errors import said
from models.base import Place, printable
from models.errors import AwsRefused, AwsUnavailable, ReactorError
from models.failure_text import YOURS, told

Profile = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The AWS profile to use.", show_default=False),
]
Region = Annotated[
    str | None,
    typer.Option(metavar="REGION", help="The AWS Region to use.", show_default=False),
]
Stack = Annotated[
    str, typer.Option(metavar="NAME", help="The CloudFormation stack that was deployed.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do it, and ask nothing.")]

STACK = "ami-reactor"

_SET_UP = "the profile or an AWS_ variable"

_CONFIG = Config(
    connect_timeout=5,  # seconds
    read_timeout=30,  # seconds; longer than SQS's longest poll
    retries={"mode": "standard", "total_max_attempts": 4},
)


@dataclass(frozen=True)
class Account:
    """One account and Region, as the usual AWS credentials open it.

    Attributes:
        caller: The ARN of the user or the session whose credentials they are.
    """

    session: boto3.Session
    place: Place
    caller: str

    @cached_property
    def ec2(self) -> Ec2:
        """The reactor's own gateway."""
        with _as_it_was_set_up():
            return Ec2(self.session.client("ec2", config=CONFIG), self.place)

    def client(self, service: str, **config: Any) -> Any:
        """A client for what only operators do; `config` overrides botocore's settings."""
        key = service, repr(config)
        if key not in self._clients:  # to make one takes longer than a call
            settings = _CONFIG.merge(Config(**config))
            with _as_it_was_set_up():
                self._clients[key] = self.session.client(service, config=settings)  # type: ignore[call-overload]
        return self._clients[key]

    @cached_property
    def _clients(self) -> dict[tuple[str, str], Any]:
        return {}

    def __str__(self) -> str:
        return f"account {self.place.account} · Region {self.place.region}"


@contextmanager
def _as_it_was_set_up() -> Iterator[None]:
    """What botocore lets through of the files, programs and addresses that it was told of."""
    try:
        yield
    except (ClientError, BotoCoreError):
        raise
    except OSError as error:
        stop(f"{_SET_UP}: {error.filename or 'credentials'}: {error.strerror}")
    except json.JSONDecodeError as error:
        stop(f"{_SET_UP}: credential_process: its answer must be JSON: {error.msg}")
    except ValueError as error:
        stop(f"{_SET_UP}: {error}")
    except (AttributeError, KeyError, TypeError) as error:
        stop(f"{_SET_UP}: credentials of another shape ({type(error).__name__})")


@contextmanager
def account_of(profile: str | None, region: str | None) -> Iterator[Account]:
    """Yield the account; what AWS or the reactor refuses inside ends the command with one line."""
    try:
        with _as_it_was_set_up():
            session = boto3.Session(profile_name=profile, region_name=region)
            if session.region_name is None:
                stop("name the Region: --region, AWS_DEFAULT_REGION or the profile's own")
            who = session.client("sts", config=_CONFIG).get_caller_identity()
        place = Place(account=who["Account"], region=session.region_name)
        try:
            yield Account(session, place, who["Arn"])
        except (AwsRefused, AwsUnavailable) as error:
            stop(told(error, f"{YOURS}: {printable(who['Arn'])}"), status=1)
    except ProfileNotFound as error:
        stop(f"{printable(str(error))}: aws configure list-profiles shows those that there are")
    except (ClientError, BotoCoreError, ReactorError) as error:
        stop(said(error), status=1)


def agreed(account: Account, question: str, *, yes: bool, is_shown: bool = False) -> bool:
    """Whether to write: because of --yes, or because a person answered the question with y.

    The account and the Region are shown first, whatever the answer, unless they have been shown.
    """
    if not is_shown:
        err.print(str(account), highlight=False)
    if yes:
        return True
    if not sys.stdin.isatty():
        stop("nothing was written: say --yes where nobody can be asked")
    return typer.confirm(question, err=True)
