"""A program that runs while the embedded AWS serves it: `ami-reactor local -- COMMAND`."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

_ENDPOINT = "AWS_ENDPOINT_URL"
_REMOVED = frozenset(
    {
        "AWS_DEFAULT_PROFILE",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_PROFILE",
        "AWS_SECURITY_TOKEN",
        "AWS_SESSION_TOKEN",
    }
)
_OF_A_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
_PASSED_ON = (*_OF_A_TERMINAL, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def environment_for(url: str, region: str, before: Mapping[str, str]) -> dict[str, str]:
    """The environment in which the AWS CLI, SDKs and this program talk to that URL alone.

    Args:
        url: The embedded AWS.
        region: Its Region.
        before: The environment until now: a profile, an endpoint of one service, or a default of
            this program would lead elsewhere, and is left out.
    """
    kept = {
        name: value
        for name, value in before.items()
        if name not in _REMOVED and not name.startswith((_ENDPOINT, "AMI_REACTOR_"))
    }
    return kept | settings_for(url, region)


def settings_for(url: str, region: str) -> dict[str, str]:
    """The variables that lead the AWS CLI and SDKs to that URL."""
    return {
        _ENDPOINT: url,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }


def run_program(command: list[str], environment: dict[str, str]) -> int:
    """Run it to its end, and pass signals on to it.

    Returns:
        Its exit status; 128 and the signal's number if a signal ended it, as a shell has it.

    Raises:
        OSError: It cannot be started.
    """
    started: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if not started:
            raise SystemExit(128 + number)
        if number not in _OF_A_TERMINAL or not _is_in_foreground():
            started[0].send_signal(number)

    with _handled(pass_on):
        started.append(subprocess.Popen(command, env=environment))
        status = started[0].wait()
    return status if status >= 0 else 128 - status


def _is_in_foreground() -> bool:
    """Then what is typed on the terminal, ^C for one, has reached the program too."""
    for stream in range(3):
        try:
            return os.tcgetpgrp(stream) == os.getpgrp()
        except OSError:  # it is no terminal
            continue
    return False


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _PASSED_ON}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
