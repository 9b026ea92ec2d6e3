"""The parameters and the help of `ami-reactor status`."""

from typing import Annotated

import typer

from infra.cli.importing import importing
from infra.cli.options import STACK, AsJson, Profiles, Regions, RoleArns, Stack, TemplateNames


def status(
    template: TemplateNames = None,
    moving: Annotated[
        bool, typer.Option("--moving", help="Only those that would be promoted.")
    ] = False,
    waiting: Annotated[
        bool,
        typer.Option("--waiting", help="Only those whose newer image waits: soak, proof, gate."),
    ] = False,
    behind: Annotated[
        bool, typer.Option("--behind", help="Only those for which a newer image is there.")
    ] = False,
    held: Annotated[bool, typer.Option("--held", help="Only those that are held.")] = False,
    refused: Annotated[
        bool,
        typer.Option("--refused", help="Only those that are refused, fail or cannot be read."),
    ] = False,
    profile: Profiles = None,
    role_arn: RoleArns = None,
    region: Regions = None,
    stack: Stack = STACK,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Read and show again and again, until ^C.")
    ] = False,
    every: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, help="With --watch: how long in between.")
    ] = 15,
    as_json: AsJson = False,
) -> None:
    """Show every followed launch template: what it launches, what runs, what would happen next.

    Read-only, and works before anything is deployed. From 120 columns on, one line a template;
    what a line has no room for is below the table. Several filters show what one of them selects.

    Example: ami-reactor status

    Exit status: 1 if something wants an engineer: a template shown is refused, fails, looks
    forgotten in its hold, was moved back by the guard, or has a latest version that is not the
    default; a group does not use $Default; the stack of a chain failed; messages wait in the
    dead-letter queue; the function is paused, a rule disabled; something could not be read, or
    nothing has the name. 2 if an account could not be opened.
    """
    with importing():
        from infra.cli.status import Filters, run_status

    run_status(
        names=template or [],
        filters=Filters(moving, waiting, behind, held, refused),
        profile=profile,
        role_arns=role_arn or [],
        region=region,
        stack=stack,
        every=every if watch else None,
        as_json=as_json,
    )
