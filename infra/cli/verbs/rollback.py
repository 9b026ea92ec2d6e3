"""The parameters and the help of `ami-reactor rollback`."""

from typing import Annotated

import typer

from infra.cli.importing import importing
from infra.cli.options import AsJson, Profile, Region, TemplateName, Yes, one_line


def rollback(
    template: TemplateName,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION|IMAGE",
            help="The version to go back to; by default the next older one with a good image.",
            show_default=False,
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option(help="What is wrong with the image.", callback=one_line)
    ] = "rolled back",
    follow_newer: Annotated[
        bool,
        typer.Option("--follow-newer", help="Do not hold: the next newer image is taken."),
    ] = False,
    everywhere: Annotated[
        bool, typer.Option("--all", help="Also the other templates that are on that image.")
    ] = False,
    yes: Yes = False,
    profile: Profile = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Go back to an older version, so that it stays.

    Holds the template, quarantines its current image, and makes a copy of the older version the
    default: the latest version stays the default. A hold that exists already stays as it is.
    Running instances are not touched.

    Example: ami-reactor rollback web --reason "kernel panic" --yes
    """
    with importing():
        from infra.cli.rollback import run_rollback

    run_rollback(
        template=template,
        to=to,
        reason=reason,
        follow_newer=follow_newer,
        everywhere=everywhere,
        yes=yes,
        profile=profile,
        region=region,
        as_json=as_json,
    )
