"""The parameters and the help of `ami-reactor dlq list`."""

from typing import Annotated

import typer

from infra.cli.dlq.options import POLL, OldWait, Poll, QueueUrl
from infra.cli.importing import importing
from infra.cli.options import STACK, AsJson, Profile, Region, Stack


def dlq_list(
    each: Annotated[
        bool, typer.Option("--each", help="One line for each message, with its id.")
    ] = False,
    as_json: AsJson = False,
    queue_url: QueueUrl = None,
    poll: Poll = POLL,
    _wait: OldWait = None,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
) -> None:
    """Show what is in the dead-letter queue: why, and what would become of it now.

    Messages with one cause are one line. Nothing is deleted: once all messages are read, their
    visibility is reset.

    Verdicts: replayable (some template would be promoted), blocked (held, refused, AWS would
    refuse again, or the function cannot read it), obsolete (nothing is left to do), invalid (no
    event that the rules select), unreadable (no event in it).

    Example: ami-reactor dlq list
    """
    with importing():
        from infra.cli.dlq.list import run_list

    run_list(
        each=each,
        as_json=as_json,
        queue_url=queue_url,
        poll=poll,
        profile=profile,
        region=region,
        stack=stack,
    )
