"""The parameters and the help of `ami-reactor prune`."""

from typing import Annotated

import typer

from infra.cli.completion import offer_templates
from infra.cli.importing import importing
from infra.cli.options import JsonPlan, Profile, Region, Yes


def prune(
    template: Annotated[
        str | None,
        typer.Argument(
            metavar="[TEMPLATE]",
            help="Its name, its id or how that begins.",
            autocompletion=offer_templates,
            show_default=False,
        ),
    ] = None,
    everywhere: Annotated[bool, typer.Option("--all", help="All templates that opted in.")] = False,
    keep: Annotated[
        int, typer.Option(metavar="N", min=0, help="How many of the reactor's versions stay.")
    ] = 20,
    yes: Yes = False,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonPlan = False,
) -> None:
    """Delete old versions of a launch template that the reactor made, beyond the newest N.

    Never the default, the latest, the rollback target, a number that a group names, or anything
    younger than a week. Never images, never snapshots. A dry run, unless --yes.

    Example: ami-reactor prune web --keep 20 --yes

    Exit status: 1 if something could not be deleted.
    """
    with importing():
        from infra.cli.prune import run_prune

    run_prune(
        template=template,
        everywhere=everywhere,
        keep=keep,
        yes=yes,
        profile=profile,
        region=region,
        as_json=as_json,
    )
