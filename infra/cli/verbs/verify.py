"""The parameters and the help of `ami-reactor verify`."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.importing import importing
from infra.cli.options import AsJson, Force, Profile, Region, Yes


def verify(
    events: Annotated[
        bool,
        typer.Option(
            "--events", help="Also about events, with temporary queues, rules and log groups."
        ),
    ] = False,
    stack: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Also about this deployed stack; only read.", show_default=False
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write the findings without ids, names and addresses, to be sent to us.",
            show_default=False,
        ),
    ] = None,
    force: Force = False,
    clean: Annotated[
        bool, typer.Option("--clean", help="Only remove what an interrupted run left.")
    ] = False,
    print_facts: Annotated[
        bool, typer.Option("--facts", help="Only print the table of facts.")
    ] = False,
    print_policy: Annotated[
        bool, typer.Option("--policy", help="Only print the IAM policy that it needs.")
    ] = False,
    wait: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="How long to wait for what AWS shows late.",
            show_default=False,
        ),
    ] = None,
    yes: Yes = False,
    profile: Profile = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Ask AWS about each fact on which the reactor rests, with throw-away launch templates.

    What it makes carries the tag ami-reactor-verify and is removed, in any case; it changes nothing
    else, and no image, instance or group.

    Example: ami-reactor verify --yes

    Exit status: 1 if AWS differs, or if something is left.
    """
    with importing():
        from infra.cli.verify import run_verify

    run_verify(
        events=events,
        stack=stack,
        report=report,
        force=force,
        clean=clean,
        print_facts=print_facts,
        print_policy=print_policy,
        wait=wait,
        yes=yes,
        profile=profile,
        region=region,
        as_json=as_json,
    )
