"""`ami-reactor local`: the embedded AWS as a server, for the AWS CLI and any SDK."""

import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from infra.cli.render import err, stop


def local(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = 5000,
    world: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What exists at the start.", show_default=False),
    ] = None,
) -> None:
    """Run the embedded AWS as a server, with the reactor's stack deployed in it.

    The real AWS CLI and any SDK can make images and templates, put events and watch the templates
    move. Unlike AWS, it accepts events of aws.* sources from you: there is no other way to put one.

    Served are autoscaling, cloudformation, cloudwatch, ec2, events, iam, lambda, logs, sqs and sts,
    to signed requests of programs of this machine: web pages are refused, no container is run, and
    nothing is sent anywhere. What is not there is refused with UnsupportedOperation.

    Errors on demand: POST /reactor/faults {"operation": "CreateLaunchTemplateVersion",
    "code": "RequestLimitExceeded", "times": 3}; DELETE /reactor/faults ends them.

    Example: ami-reactor local --port 5000 --world infra/stories/nightly/world.json
    """
    # the embedded AWS takes a second to import, which the other verbs need not wait for
    from infra.cli.worlds import world_from
    from infra.embedded.server import PortTaken, serve
    from infra.embedded.stage import stage

    signal.signal(signal.SIGTERM, _end)
    start = world_from(world)
    with stage(start, aws_sources=True) as staged:
        try:
            with serve(staged, port) as (url, run):
                err.print(f"The embedded AWS listens on {url} until Ctrl-C.")
                err.print(f"account {staged.place.account} · Region {staged.place.region}")
                err.print(f"queue {staged.stack.queue_url}\n", soft_wrap=True)
                where = f"AWS_ENDPOINT_URL={url} AWS_DEFAULT_REGION={staged.place.region}"
                err.print(f"export {where}", soft_wrap=True)
                err.print("export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local")
                run()
        except PortTaken as error:
            stop(str(error))
        except KeyboardInterrupt:
            err.print("ended")


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
