"""`ami-reactor local`: the embedded AWS as a server, for the AWS CLI and SDKs."""

import signal
from pathlib import Path
from types import FrameType
from typing import Annotated
from urllib.parse import urlsplit

import typer

from infra.cli.files import world_from
from infra.cli.render import err, stop


def local(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port on 127.0.0.1; 0: any free port.")
    ] = 5000,
    world: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The world at the start: launch templates, versions, images and groups of one"
            " account, as `ami-reactor record` writes them.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run the embedded AWS as a server, with the reactor's stack deployed in it.

    The AWS CLI and any SDK can make images and templates, put events and watch the templates move.
    Unlike AWS, it accepts events of aws.* sources: there is no other way to put one.

    It serves autoscaling, backup, cloudformation, cloudwatch, ec2, events, iam, lambda, logs, sqs
    and sts, to signed requests of programs of this machine. It refuses web pages, runs no container
    and sends nothing anywhere. Any other operation gets the error UnsupportedOperation; so does
    `aws cloudformation deploy`, because the stack is there already.

    Errors on demand: POST /reactor/faults {"operation": "CreateLaunchTemplateVersion",
    "code": "RequestLimitExceeded", "times": 3}; DELETE /reactor/faults removes them.

    Example: ami-reactor local --port 5000 --world infra/stories/nightly/world.json
    """
    # the embedded AWS takes a second to import, and most verbs do not need it
    from infra.embedded.server import PortTaken, serve
    from infra.embedded.stage import stage

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
