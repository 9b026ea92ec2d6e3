"""botocore's clients, made from no more of its data than the reactor's calls need.

The archive holds that data cut down to OPERATIONS, and the few certificate authorities that vouch
for AWS (infra/deploy). What is still missing is found in the runtime's own botocore,
which is slower to read and has all of it.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore
import botocore.session
from botocore import handlers as botocores
from botocore.exceptions import DataNotFoundError, SSLError
from botocore.httpsession import URLLib3Session
from botocore.loaders import Loader
from botocore.utils import EVENT_ALIASES, get_environ_proxies

from handlers.aws_errors import CONFIG, TIMEOUTS

OPERATIONS = {
    "ec2": frozenset(
        {
            "CreateLaunchTemplateVersion",
            "CreateTags",
            "DescribeImages",
            "DescribeLaunchTemplateVersions",
            "DescribeLaunchTemplates",
            "ModifyLaunchTemplate",
        }
    ),
    "events": frozenset({"PutEvents"}),
}
"""Every call that the reactor makes; a test compares it with the calls of the other tests."""

AUTHORITIES = Path(__file__).parent.parent / "amazon-authorities.pem"
"""Only in the archive. botocore's own file has 140, which take longer to read than the models."""

_OWN_DATA = Path(botocore.__file__).with_name("data")


@cache
def client(service: str, region: str) -> Any:
    """The client of one of those services, or of the guard's; the same one for every event."""
    try:
        return _made(service, region)
    except DataNotFoundError:
        _session().register_component("data_loader", _runtimes_data())
        return _made(service, region)


def _made(service: str, region: str) -> Any:
    session = _session()
    configured = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
    own = AUTHORITIES.exists() and not configured
    verify = str(AUTHORITIES) if own else None
    made = session.create_client(service, region, config=CONFIG, verify=verify)
    if own:
        made.meta.events.register_first("needs-retry", _believe_every_authority)
    missing = OPERATIONS.get(service, frozenset()) - set(made.meta.method_to_api_mapping.values())
    if missing:
        raise DataNotFoundError(data_path=f"{service}: {', '.join(sorted(missing))}")
    return made


@cache
def _session() -> botocore.session.Session:
    """One for all clients: each would read its configuration and endpoints anew."""
    session = botocore.session.Session(include_builtin_handlers=False)
    emitter = session.get_component("event_emitter")
    register = {
        botocores.REGISTER_FIRST: emitter.register_first,
        botocores.REGISTER_LAST: emitter.register_last,
    }
    for event, handler, *when in needed(botocores.BUILTIN_HANDLERS):
        register.get(when[0] if when else None, emitter.register)(event, handler)
    # the models read the few dates that matter, in a fifth of the time that botocore takes
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
    return session


def needed(handlers: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Those of botocore's own handlers that concern the calls that the reactor makes.

    A session registers some hundred for the oddities of other services, a twentieth of a cold
    start. A test compares what these do in our calls with what all of them do.
    """
    services = {"*", *OPERATIONS, *(EVENT_ALIASES.get(name, name) for name in OPERATIONS)}
    for handler in handlers:
        stage, service = (*str(handler[0]).split("."), "*")[:2]
        if stage != "docs" and service in services:
            yield handler


def _believe_every_authority(
    endpoint: Any, attempts: int, caught_exception: Exception | None, **_: Any
) -> Any:
    """If another authority vouches for AWS, try again with botocore's own file.

    Returns:
        The seconds to wait before the next attempt, or None to leave it to the other handlers.
    """
    if attempts > 1 or not isinstance(caught_exception, SSLError):
        return None
    proxies = get_environ_proxies(endpoint.host)
    timeout: Any = TIMEOUTS
    endpoint.http_session = URLLib3Session(timeout=timeout, proxies=proxies)
    return 0


def _runtimes_data() -> Loader:
    folders = [Path(entry) / "botocore" / "data" for entry in sys.path]
    others = [str(folder) for folder in folders if folder.is_dir() and folder != _OWN_DATA]
    return Loader(extra_search_paths=others, include_default_search_paths=False)
