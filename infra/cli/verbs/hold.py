"""The parameters and the help of `ami-reactor hold`."""

from typing import Annotated

import typer

from infra.cli.options import (
    Profile,
    Region,
    TemplateName,
    Yes,
    one_line,
)


def hold(
    template: TemplateName,
    reason: Annotated[
        str, typer.Option(help="Why: others see it in status and explain.", callback=one_line)
    ],
    yes: Yes = False,
    profile: Profile = None,
    region: Region = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Hold a launch template: nothing moves it until it is resumed.

    Writes the tag ami-reactor-state:hold. IAM denies the function a change of a template with it.

    Example: ami-reactor hold web --reason "load test until Friday" --yes
    """
    from infra.cli.hold import run_hold

    run_hold(
        template=template, reason=reason, yes=yes, profile=profile, region=region, as_json=as_json
    )
