"""`ami-reactor local`: the embedded AWS as a server, for the AWS CLI and SDKs."""

import signal
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from infra.cli.files import world_from
from infra.cli.render import err, stop
from infra.embedded.server import PortTaken, serve
from infra.embedded.stage import stage


def run_local(
    *,
    port: int,
    world: Path | None,
) -> None:
    signal.signal(signal.SIGTERM, _end)
    start = world_from(world)
    with stage(start, aws_sources=True) as staged:
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
        except PortTaken as error:
            stop(str(error))
        except KeyboardInterrupt:
            err.print("ended")


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
