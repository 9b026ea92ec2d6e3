"""The parameters and the help of `ami-reactor window`."""

from typing import Annotated

import typer

from infra.cli.importing import importing
from infra.cli.options import OneJson, Profile, Region, TemplateName


def window(
    template: TemplateName,
    opens: Annotated[
        str,
        typer.Option(
            "--open",
            metavar="CRON",
            help="When it opens: cron(MINUTE HOUR DAY MONTH WEEKDAY YEAR), as EventBridge Scheduler"
            " takes it.",
        ),
    ],
    hours: Annotated[
        int,
        typer.Option(min=1, max=167, help="How long it stays open, by the clock of that timezone."),
    ],
    timezone: Annotated[
        str, typer.Option(metavar="NAME", help="Whose clock: an IANA name, such as Asia/Seoul.")
    ] = "UTC",
    hcl: Annotated[
        bool, typer.Option("--hcl", help="Print it for Terraform, not for CloudFormation.")
    ] = False,
    profile: Profile = None,
    region: Region = None,
    as_json: OneJson = False,
) -> None:
    """Print two schedules that open and close a launch template for promotions, and their role.

    Deploy what is printed. One schedule writes the tag ami-reactor-state:window = closed, in which
    the reactor promotes nothing; the other deletes it, which wakes the reactor. The template is
    open until it is closed for the first time. Reads the template's id, and changes nothing.

    Example: ami-reactor window web --open "cron(0 2 ? * TUE-THU *)" --hours 3 --timezone Asia/Seoul
    """
    with importing():
        from infra.cli.window import run_window

    run_window(
        template=template,
        opens=opens,
        hours=hours,
        timezone=timezone,
        hcl=hcl,
        profile=profile,
        region=region,
        as_json=as_json,
    )
