"""The parameters and the help of `ami-reactor history`."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.completion import offer_templates
from infra.cli.importing import importing
from infra.cli.options import STACK, AsJson, Force, Profile, Region, Stack


def history(
    name: Annotated[
        str,
        typer.Argument(
            metavar="TEMPLATE|GROUP",
            help="A name, a template's id or how that begins.",
            autocompletion=offer_templates,
        ),
    ],
    last: Annotated[
        int, typer.Option("--last", metavar="N", min=1, help="How many versions.")
    ] = 20,
    svg: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw a timeline into a file, too.", show_default=False),
    ] = None,
    force: Force = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: AsJson = False,
) -> None:
    """Show the versions of a launch template as a timeline, the newest first.

    Which event promoted a version is read from the function's log.

    Example: ami-reactor history web --last 5

    Exit status: 1 if it does not exist, or something could not be read.
    """
    with importing():
        from infra.cli.history import run_history

    run_history(
        name=name,
        last=last,
        svg=svg,
        force=force,
        profile=profile,
        region=region,
        stack=stack,
        as_json=as_json,
    )
