"""The parameters and the help of `ami-reactor status`."""

from typing import Annotated

import typer

from infra.cli.importing import importing
from infra.cli.options import STACK, AsJson, Region, Stack


def status(
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C",
            envvar="AMI_REACTOR_PROFILE",
            help="AWS profiles, one after the other.",
            show_default=False,
        ),
    ] = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: AsJson = False,
) -> None:
    """Show every followed launch template: what it launches, what runs, what would happen next.

    Read-only, and works before anything is deployed.

    Example: ami-reactor status

    Exit status: 1 if something could not be read.
    """
    with importing():
        from infra.cli.status import run_status

    run_status(profile=profile, region=region, stack=stack, as_json=as_json)
