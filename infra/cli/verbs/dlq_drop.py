"""The parameters and the help of `ami-reactor dlq drop`."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.completion import offer_messages
from infra.cli.dlq.options import POLL, OldWait, Poll, QueueUrl
from infra.cli.importing import importing
from infra.cli.options import STACK, AsJson, Profile, Region, Stack, Yes


def dlq_drop(
    ids: Annotated[
        list[str],
        typer.Argument(
            metavar="ID", help="Message ids, or how they begin.", autocompletion=offer_messages
        ),
    ],
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write copies of the messages to this new file.",
            show_default="dropped-TIME.jsonl",
        ),
    ] = None,
    yes: Yes = False,
    queue_url: QueueUrl = None,
    poll: Poll = POLL,
    _wait: OldWait = None,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: AsJson = False,
) -> None:
    """Delete messages from the queue, after asking; a copy of each is written to a file first.

    `ami-reactor replay FILE` takes that file, should it have been a mistake.

    Example: ami-reactor dlq drop 7d0c9a55-6f0e-4d57-93c7-5a1b8f0c2a41

    Exit status: 1 if any of the messages is left in the queue.
    """
    with importing():
        from infra.cli.dlq.drop import run_drop

    run_drop(
        ids=ids,
        to=to,
        yes=yes,
        queue_url=queue_url,
        poll=poll,
        profile=profile,
        region=region,
        stack=stack,
        as_json=as_json,
    )
