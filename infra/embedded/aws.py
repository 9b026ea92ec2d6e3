"""The embedded AWS itself."""

import os
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest import mock

from moto import mock_aws
from moto.core.base_backend import AccountSpecificBackend
from moto.core.utils import method_names_from_class
from moto.moto_api._internal import mock_random
from moto.utilities.docker_utilities import DockerModel

from infra.embedded import lookups
from infra.embedded.environment import environment_of
from infra.embedded.repairs import repaired
from infra.embedded.session import new_session
from infra.embedded.world.seed import seed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

    import boto3

    from infra.embedded.world.seed import World

_method_names = cache(method_names_from_class)
_moto_backend = AccountSpecificBackend.__getitem__


def _made_aside(backends: AccountSpecificBackend[Any], region: str) -> Any:
    """A backend that this process has not yet had takes no made-up id from what comes after.

    moto makes one when it is first asked for; also one of another account, to know the paths.
    """
    if dict.__contains__(backends, region):
        return _moto_backend(backends, region)
    before = mock_random.getstate()
    try:
        return _moto_backend(backends, region)
    finally:
        mock_random.setstate(before)


@contextmanager
def embedded_aws(
    world: "World", *, aws_sources: bool = False, repeats_ids: bool = False
) -> "Iterator[boto3.Session]":
    """Yield a session whose every call is answered by moto, with `world` already in place.

    Make clients from that session, inside the block. moto does not see a client that was made
    before moto was imported; its keys are made up, so AWS would refuse it.

    Args:
        world: What exists at the start.
        aws_sources: Let PutEvents accept events from `aws.*`.
        repeats_ids: What is made up is the same each time.
    """
    with (
        environment_of(_variables(world.account, world.region)),
        _kept_inside(),
        repaired(aws_sources=aws_sources),
        lookups.installed(),
        # moto lists all its methods at each request, which takes a millisecond
        mock.patch("moto.core.responses.method_names_from_class", _method_names),
        mock.patch.object(AccountSpecificBackend, "__getitem__", _made_aside),
        # moto's own made-up keys would take the place of ours
        mock_aws(config={"core": {"mock_credentials": False}}),
    ):
        if repeats_ids:
            mock_random.seed(0)
        seed(world)
        yield new_session(world.region)


def _variables(account: str, region: str) -> dict[str, str]:
    """In place of what the environment says about the real AWS, or about moto.

    An endpoint URL would bypass moto, a profile or a file would bring real keys. moto takes the
    account of a request from MOTO_ACCOUNT_ID, which it reads at each request. When it makes an EC2
    backend it would add 1,291 images of other owners.
    """
    return {
        "AWS_ACCESS_KEY_ID": "embedded",
        "AWS_SECRET_ACCESS_KEY": "embedded",
        "AWS_SESSION_TOKEN": "embedded",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "MOTO_ACCOUNT_ID": account,
        "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    }


@contextmanager
def _kept_inside() -> "Iterator[None]":
    """Nothing leaves this process: no container is run, and no request is sent.

    moto runs the jobs of Batch and the code of functions in containers of the engineer's Docker,
    and posts to the subscribers of SNS and to API destinations. A client of one service reaches
    these too: a stack makes a topic, and a rule publishes to it.
    """
    with (
        mock.patch.object(DockerModel, "docker_client", property(_refuse)),
        mock.patch("requests.Session.request", _refuse),
    ):
        yield


def _refuse(*_: object, **__: object) -> "NoReturn":
    raise NotImplementedError("the embedded AWS runs no container and sends no request")
