"""The parameters and the help of `ami-reactor local`."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.importing import importing


def local(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- COMMAND]...",
            help="A program that runs meanwhile, in an environment that leads to the server.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="The port on 127.0.0.1; 0: any free port. Default: 5000, with a COMMAND 0.",
            show_default=False,
        ),
    ] = None,
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
    What is done there emits the event that AWS would: `aws ec2 create-image` of a golden instance
    is enough to move its templates. Unlike AWS, it accepts events of aws.* sources too.

    POST /reactor/backups {"instance_id": "i-0b2e25be910fac823"} makes an image as AWS Backup does.

    It serves autoscaling, backup, cloudformation, cloudwatch, ec2, events, iam, lambda, logs, sqs
    and sts, to signed requests of programs of this machine. It refuses web pages, runs no container
    and sends nothing anywhere. Any other operation gets the error UnsupportedOperation; so does
    `aws cloudformation deploy`, because the stack is there already.

    Errors on demand: POST /reactor/faults {"operation": "CreateLaunchTemplateVersion",
    "code": "RequestLimitExceeded", "times": 3}; DELETE /reactor/faults removes them.

    The clock is the real one; POST /reactor/clock {"advance": "36h"} moves it on and delivers what
    is due.

    With a COMMAND, it sets AWS_ENDPOINT_URL, the Region and credentials for it, passes signals on
    to it, and ends with its status: ami-reactor local --world world.json -- npm test

    Example: ami-reactor local --port 5000 --world infra/stories/nightly/world.json
    """
    # the embedded AWS takes a second to import, and most verbs do not need it
    with importing():
        from infra.cli.local import run_local

    run_local(command=command, port=port, world=world)
