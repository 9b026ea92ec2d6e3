"""The parameters and the help of `ami-reactor status`."""

from typing import Annotated

import typer

from infra.cli.completion import offer_templates
from infra.cli.importing import importing
from infra.cli.options import STACK, AsJson, Stack


def status(
    template: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEMPLATE",
            help="Only these: names, ids or how an id begins; * and ? stand for any characters.",
            show_default=False,
            autocompletion=offer_templates,
        ),
    ] = None,
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
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C",
            envvar="AMI_REACTOR_PROFILE",
            help="AWS profiles, read side by side.",
            show_default=False,
        ),
    ] = None,
    role_arn: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ARN",
            help="Take this role with the profile's credentials; may be repeated.",
            show_default=False,
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C",
            envvar="AMI_REACTOR_REGION",
            help="AWS Regions, read side by side.",
            show_default=False,
        ),
    ] = None,
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
    forgotten in its hold, or has a latest version that is not the default; a group does not use
    $Default; messages wait in the dead-letter queue; the function is paused, a rule disabled;
    something could not be read, or nothing has the name. 2 if an account could not be opened.
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
