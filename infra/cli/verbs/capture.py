"""The parameters and the help of `ami-reactor capture`."""

from typing import Annotated

import typer

from infra.cli.importing import importing
from infra.cli.options import STACK, AsJson, KeepAccount, Profile, Region, Stack, To


def capture(
    to: To,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="How far back: 7d, 12h or 30m.")
    ] = "7d",
    keep_account: KeepAccount = False,
    log_group: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The log group of captured events; by default, the one of the stack's outputs.",
            show_default=False,
        ),
    ] = None,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: AsJson = False,
) -> None:
    """Write the events that the stack's rules matched, one file each. Read-only.

    A file is named by time, type and image. `ami-reactor replay DIR --world FILE` reads them.

    Example: ami-reactor capture --since 7d --to captured
    """
    with importing():
        from infra.cli.capture import run_capture

    run_capture(
        to=to,
        since=since,
        keep_account=keep_account,
        log_group=log_group,
        profile=profile,
        region=region,
        stack=stack,
        as_json=as_json,
    )
