"""`ami-reactor local`: the embedded AWS as a server, for the AWS CLI and SDKs."""

import os
import signal
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import typer

from infra.cli.beside import environment_for, run_program
from infra.cli.files import world_from
from infra.cli.render import err, stop
from infra.embedded.server import PortTaken, serve, served_meanwhile
from infra.embedded.stage import Stage, stage
from infra.replay.atomic_write import file_error

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
_PORT = 5000


def run_local(*, command: list[str] | None, port: int | None, world: Path | None) -> None:
    start = world_from(world)
    with stage(start, aws_sources=True) as staged:
        try:
            if command:
                raise typer.Exit(_run_beside(staged, port or 0, command))
            _serve(staged, _PORT if port is None else port)
        except PortTaken as error:
            stop(str(error))


def _serve(staged: Stage, port: int) -> None:
    """Until it is interrupted."""
    signal.signal(signal.SIGTERM, _end)
    try:
        with serve(staged, port) as (url, run):
            err.print(f"The embedded AWS listens on {url} until Ctrl-C.")
            err.print(f"account {staged.place.account} · Region {staged.place.region}")
            queue = urlsplit(staged.stack.queue_url).path
            err.print(f"queue {url}{queue}\n", soft_wrap=True)
            settings = f"AWS_ENDPOINT_URL={url} AWS_DEFAULT_REGION={staged.place.region}"
            err.print(f"export {settings}", soft_wrap=True)
            err.print("export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local")
            run()
    except KeyboardInterrupt:
        err.print("ended")


def _run_beside(staged: Stage, port: int, command: list[str]) -> int:
    """The program's exit status; a shell's, if it cannot be started."""
    with served_meanwhile(staged, port) as url:
        try:
            environment = environment_for(url, staged.place.region, os.environ)
            return run_program(command, environment)
        except OSError as error:
            status = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
            stop(file_error(command[0], error), status=status)


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
