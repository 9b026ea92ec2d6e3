"""The parameters and the help of `ami-reactor dlq show`."""

from typing import Annotated

import typer

from infra.cli.completion import offer_messages
from infra.cli.dlq.options import POLL, OldWait, Poll, QueueUrl
from infra.cli.importing import importing
from infra.cli.options import STACK, OneJson, Profile, Region, Stack


def dlq_show(
    message_id: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="Its message id, or how that begins.",
            autocompletion=offer_messages,
            show_default=False,
        ),
    ] = None,
    latest: Annotated[
        bool, typer.Option("--latest", help="The message that came into the queue last.")
    ] = False,
    queue_url: QueueUrl = None,
    poll: Poll = POLL,
    _wait: OldWait = None,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: OneJson = False,
) -> None:
    """Show everything about one message: what happened, when, why, and what to type next.

    Example: ami-reactor dlq show 7d0c9a55-6f0e-4d57-93c7-5a1b8f0c2a41

    Exit status: 1 if the message is not found.
    """
    with importing():
        from infra.cli.dlq.show import run_show

    run_show(
        message_id=message_id,
        latest=latest,
        queue_url=queue_url,
        poll=poll,
        profile=profile,
        region=region,
        stack=stack,
        as_json=as_json,
    )
