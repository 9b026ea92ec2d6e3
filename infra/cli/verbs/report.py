"""The parameters and the help of `ami-reactor report`."""

from typing import Annotated

import typer

from infra.cli.importing import importing
from infra.cli.options import (
    STACK,
    AsJson,
    Force,
    Profiles,
    Regions,
    RoleArns,
    Stack,
    TemplateNames,
)


def report(
    template: TemplateNames = None,
    html: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Write one HTML page; - is the output.", show_default=False
        ),
    ] = None,
    csv: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write CSV; - is the output.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    refreshes: Annotated[
        bool,
        typer.Option(
            "--refreshes",
            help=(
                "Ask every group for its last instance refresh, a call each; by default, of more"
                " than 50 only those with signs of one."
            ),
        ),
    ] = False,
    timelines: Annotated[
        bool,
        typer.Option(
            "--timelines",
            help="With --html: also draw each template's history, a few calls a template.",
        ),
    ] = False,
    force: Force = False,
    profile: Profiles = None,
    role_arn: RoleArns = None,
    region: Regions = None,
    stack: Stack = STACK,
) -> None:
    """Report what each group and instance runs: its image, that image's age, how far it is behind.

    Read-only. One row for each running instance of a followed launch template, and for each group
    or template that has none. --csv and --json have the same fields; --html is one file that asks
    for nothing from elsewhere, to be read, sorted, printed and kept.

    An image is behind by the newer images that the reactor could move the template to, whatever a
    hold says. An account that cannot be read is a row that says why.

    Example: ami-reactor report

    Exit status: 1 if something could not be read, or nothing has the name. 2 if an account could
    not be opened.
    """
    with importing():
        from infra.cli.report import Format, run_report

    run_report(
        names=template or [],
        chosen=Format(html, csv, as_json),
        refreshes=refreshes,
        timelines=timelines,
        force=force,
        profile=profile,
        role_arns=role_arn or [],
        region=region,
        stack=stack,
    )
