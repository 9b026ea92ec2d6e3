"""The parameters and the help of `ami-reactor reconcile`."""

from typing import Annotated

import typer

from infra.cli.completion import offer_templates
from infra.cli.importing import importing
from infra.cli.options import STACK, WAIT, JsonPlan, Profile, Region, Stack, Wait, Yes


def reconcile(
    template: Annotated[
        str | None,
        typer.Argument(
            metavar="[TEMPLATE]",
            help="Its name, its id or how that begins; by default all.",
            autocompletion=offer_templates,
            show_default=False,
        ),
    ] = None,
    yes: Yes = False,
    wait: Wait = WAIT,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: JsonPlan = False,
) -> None:
    """Have the function look at one launch template, or at all of them, now.

    Shows what would be done; with --yes it puts `Reconcile Requested` for each template that would
    be promoted, and watches until the function is done.

    Example: ami-reactor reconcile web --yes

    Exit status: 1 if a template is refused or failed, or is not done in time.
    """
    with importing():
        from infra.cli.reconcile import run_reconcile

    run_reconcile(
        template=template,
        yes=yes,
        wait=wait,
        profile=profile,
        region=region,
        stack=stack,
        as_json=as_json,
    )
