"""The parameters and the help of `ami-reactor explain`."""

from typing import Annotated

import typer

from infra.cli.completion import offer_templates
from infra.cli.importing import importing
from infra.cli.options import STACK, OneJson, Profile, Region, Stack


def explain(
    what: Annotated[
        str,
        typer.Argument(
            metavar="TEMPLATE|GROUP|INSTANCE|IMAGE",
            help="A name, or an id: lt-…, i-…, ami-….",
            autocompletion=offer_templates,
        ),
    ],
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: OneJson = False,
) -> None:
    """Explain why something launches or runs the image that it does, image by image.

    Read-only.

    Example: ami-reactor explain web

    Exit status: 1 if it does not exist, or something could not be read.
    """
    with importing():
        from infra.cli.explain import run_explain

    run_explain(what=what, profile=profile, region=region, stack=stack, as_json=as_json)
