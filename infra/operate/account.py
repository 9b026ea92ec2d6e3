"""The account that operators read and change: who asks, where, and one client for each service."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property, partial
from threading import Lock
from typing import Any

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from handlers.ec2 import Ec2
from models.base import Place
from models.errors import ReactorError

_SET_UP = "the profile or an AWS_ variable"

_CONFIG = Config(
    connect_timeout=5,  # seconds
    read_timeout=30,  # seconds; longer than SQS's longest poll
    retries={"mode": "standard", "total_max_attempts": 4},
)

_MAKES_CLIENTS = Lock()
"""A session makes its clients one after the other: boto3's is not made for several threads.

https://docs.aws.amazon.com/boto3/latest/guide/session.html
"""


class BadSetUp(ReactorError):
    """The profile, an environment variable or what they name cannot be used; says which."""


@dataclass(frozen=True)
class Account:
    """One account and Region, as the usual AWS credentials open it.

    Attributes:
        caller: The ARN of the user or the session whose credentials they are.
    """

    session: boto3.Session
    place: Place
    caller: str

    @property
    def caller_name(self) -> str:
        """The name of the user or the session, for others to ask."""
        return re.split("[/:]", self.caller)[-1]

    @cached_property
    def ec2(self) -> Ec2:
        """The reactor's own gateway, with an operator's patience."""
        return Ec2(self.client("ec2"), self.place)

    def client(self, service: str, **config: Any) -> Any:
        """The client of a service; `config` overrides botocore's settings."""
        key = service, repr(config)
        if key not in self._clients:  # to make one takes longer than a call
            settings = _CONFIG.merge(Config(**config))
            with _as_it_was_set_up(), _MAKES_CLIENTS:
                self._clients[key] = self.session.client(  # type: ignore[call-overload]
                    service, region_name=self.place.region, config=settings
                )
        return self._clients[key]

    @cached_property
    def _clients(self) -> dict[tuple[str, str], Any]:
        return {}

    def __str__(self) -> str:
        return f"account {self.place.account} · Region {self.place.region}"


def open_account(
    profile: str | None, region: str | None, watch: Callable[[str], None] | None = None
) -> Account:
    """Ask AWS who the caller is.

    Args:
        profile: The AWS profile; None: the environment's.
        region: The Region; None: AWS_REGION as in other SDKs, then what boto3 knows.
        watch: Told of each AWS call once it is over: its name, duration and status, no more.

    Raises:
        BadSetUp: No Region is named, or what is set up cannot be used.
        ClientError, BotoCoreError: AWS does not know the caller, or does not answer.
    """
    return account_in(open_session(profile, watch), region)


def open_session(
    profile: str | None,
    watch: Callable[[str], None] | None = None,
    *,
    role_arn: str | None = None,
) -> boto3.Session:
    """A session, for accounts in any Region; see `open_account`.

    Args:
        profile: As in `open_account`.
        watch: As in `open_account`.
        role_arn: A role to take with the profile's credentials.

    Raises:
        BadSetUp, BotoCoreError: What is set up cannot be used.
    """
    with _as_it_was_set_up():
        core = _core(profile)
        if role_arn:
            resolver = core.get_component("credential_provider")
            source = resolver.load_credentials()  # the session itself does not keep these
            if source is None:
                raise NoCredentialsError
            resolver.providers.insert(0, _RoleProvider(core, source, role_arn))
        session = boto3.Session(profile_name=profile, botocore_session=core)
        if watch:
            _watch(session, watch)
        return session


def _core(profile: str | None) -> botocore.session.Session:
    """A session that shares what botocore reads of its service models with all others."""
    core = botocore.session.Session(profile=profile)
    core.register_component("data_loader", _loader(core.get_config_variable("data_path")))
    return core


@cache
def _loader(data_path: str | None) -> botocore.loaders.Loader:
    return botocore.loaders.create_loader(data_path)


class _RoleProvider:
    """Gives a session the credentials of a role, and new ones before they expire."""

    METHOD = "ami-reactor"
    CANONICAL_NAME = None

    def __init__(self, core: botocore.session.Session, source: Any, role_arn: str) -> None:
        region = os.environ.get("AWS_REGION") or core.get_config_variable("region") or "us-east-1"
        self._fetcher = AssumeRoleCredentialFetcher(
            partial(core.create_client, region_name=region, config=_CONFIG),
            source,
            role_arn,
            extra_args={"RoleSessionName": "ami-reactor"},
        )

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(self._fetcher.fetch_credentials, self.METHOD)


def account_in(session: boto3.Session, region: str | None) -> Account:
    """Ask AWS who the caller is; see `open_account`."""
    region = region or os.environ.get("AWS_REGION") or session.region_name
    if region is None:
        raise BadSetUp(
            "name the Region: --region, AWS_REGION, AWS_DEFAULT_REGION or the profile's own"
        )
    with _as_it_was_set_up():
        with _MAKES_CLIENTS:
            client = session.client("sts", region_name=region, config=_CONFIG)
        who = client.get_caller_identity()
    return Account(session, Place(account=who["Account"], region=region), who["Arn"])


def unasked_account(profile: str | None, region: str | None) -> Account:
    """The account, for reads that may fail: neither AWS nor the person is asked anything first.

    AWS is not asked who the caller is, and the person not for the code of an MFA device.

    Raises:
        BadSetUp: The profile needs a code.
    """
    core = botocore.session.Session(profile=profile)
    if "mfa_serial" in core.get_scoped_config():
        raise BadSetUp("the profile needs a code")
    region = region or os.environ.get("AWS_REGION") or None
    session = boto3.Session(botocore_session=core, region_name=region)
    return Account(session, Place(account="", region=session.region_name or ""), "")


def _watch(session: boto3.Session, watch: Callable[[str], None]) -> None:
    """Have each call of the session's clients told. No parameter and no answer is in it."""

    def begins(model: Any, context: dict[str, Any], **_: Any) -> None:
        context["ami_reactor"] = model, time.monotonic()

    def ends(context: dict[str, Any], http_response: Any = None, **_: Any) -> None:
        model, began = context["ami_reactor"]
        status = http_response.status_code if http_response is not None else "no answer"
        name = f"{model.service_model.service_name} {model.name}"
        watch(f"{name}: {status} in {time.monotonic() - began:.3f} s")

    session.events.register("before-call", begins)
    session.events.register("after-call", ends)
    session.events.register("after-call-error", ends)


@contextmanager
def _as_it_was_set_up() -> Iterator[None]:
    """What botocore lets through of the files, programs and addresses that it was told of."""
    try:
        yield
    except (ClientError, BotoCoreError, ReactorError):
        raise
    except OSError as error:
        what = error.filename or "credentials"
        raise BadSetUp(f"{_SET_UP}: {what}: {error.strerror}") from error
    except json.JSONDecodeError as error:
        answer = "credential_process: its answer must be JSON"
        raise BadSetUp(f"{_SET_UP}: {answer}: {error.msg}") from error
    except ValueError as error:
        raise BadSetUp(f"{_SET_UP}: {error}") from error
    except (AttributeError, KeyError, TypeError) as error:
        shape = f"credentials of another shape ({type(error).__name__})"
        raise BadSetUp(f"{_SET_UP}: {shape}") from error
