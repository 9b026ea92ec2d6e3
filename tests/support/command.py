"""The command line in a process of its own, without the second that Python takes to start it.

A server that has imported what others wrote is forked for each command (`preloaded.py`). Ours is
imported in the new process, in its environment; its streams are its own. What is about how a
process starts or ends needs the installed command instead.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.support.preloaded"])
_SECONDS = 60  # for a command


class Command:
    """A command that runs."""

    def __init__(
        self,
        *arguments: str,
        stdin: int,
        stdout: int,
        stderr: int,
        environment: Mapping[str, str],
        folder: Path | str | None = None,
    ) -> None:
        fds = [DupFd(fd) for fd in (stdin, stdout, stderr)]
        self._process: BaseProcess = _FORKS.Process(
            target=_become,
            args=(arguments, dict(environment), str(folder or Path.cwd()), fds),
        )
        self._process.start()

    def send(self, number: signal.Signals) -> None:
        assert self._process.pid
        os.kill(self._process.pid, number)

    def wait(self) -> int:
        """Its exit status."""
        self._process.join(_SECONDS)
        status = self._process.exitcode
        assert status is not None, "it has not ended"
        self._process.close()
        return status


def run(
    *arguments: str,
    environment: Mapping[str, str],
    folder: Path | str | None = None,
    stdin: int | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run `ami-reactor …` to its end."""
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        open(os.devnull, "rb") as nothing,  # noqa: PTH123
    ):
        status = Command(
            *arguments,
            stdin=nothing.fileno() if stdin is None else stdin,
            stdout=out.fileno(),
            stderr=err.fileno(),
            environment=environment,
            folder=folder,
        ).wait()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(arguments, status, out.read(), err.read())


@contextmanager
def serving(world: Path, **more: str) -> Iterator[str]:
    """`ami-reactor local` on that world, with more in its environment; its URL."""
    with open(os.devnull, "rb") as nothing, tempfile.TemporaryFile() as out:  # noqa: PTH123
        reading, writing = os.pipe()
        server = Command(
            *("local", "--port", "0", "--world", str(world)),
            stdin=nothing.fileno(),
            stdout=out.fileno(),
            stderr=writing,
            environment={"PATH": os.environ["PATH"], "COLUMNS": "200", **more},
        )
        os.close(writing)
        with open(reading, encoding="utf-8") as said:  # noqa: PTH123
            try:
                yield said.readline().partition(" on ")[2].split()[0]
            finally:
                server.send(signal.SIGTERM)
                status, rest = server.wait(), said.read()
        assert (status, "Traceback" in rest) == (0, False), rest


def _become(
    arguments: tuple[str, ...], environment: dict[str, str], folder: str, fds: list[Any]
) -> None:
    for number, fd in enumerate(fds):
        os.dup2(fd.detach(), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    # a suite that a shell runs in the background ignores ^C, and so would all that it starts
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["ami-reactor", *arguments]
    sys.stdin, sys.stdout, sys.stderr = _streams()
    from infra.cli import app

    app()


def _streams() -> tuple[IO[str], IO[str], IO[str]]:
    return (
        open(0, encoding="utf-8", closefd=False),
        open(1, "w", encoding="utf-8", closefd=False),
        open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False),
    )
