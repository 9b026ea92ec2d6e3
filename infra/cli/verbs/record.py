"""The parameters and the help of `ami-reactor record`."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.completion import offer_templates
from infra.cli.importing import importing
from infra.cli.options import Force, KeepAccount, Profile, Region


def record(
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The file to write.")],
    template: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|ID",
            help="Only this launch template; may be repeated. By default, all that opted in.",
            autocompletion=offer_templates,
            show_default=False,
        ),
    ] = None,
    keep_account: KeepAccount = False,
    force: Force = False,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Write the account's world: launch templates, versions, images, groups. Read-only.

    `ami-reactor replay EVENTS --world FILE` starts from it. User data is part of a version: look at
    it before you share the file.

    Example: ami-reactor record --to world.json
    """
    with importing():
        from infra.cli.record import run_record

    run_record(
        to=to,
        template=template,
        keep_account=keep_account,
        force=force,
        profile=profile,
        region=region,
    )
