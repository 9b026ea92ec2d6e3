"""The parameters and the help of `ami-reactor record`."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.completion import offer_templates
from infra.cli.importing import importing
from infra.cli.options import Force, KeepAccount, OneJson, Profile, Region


def record(
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The file to write.")],
    from_files: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="Ask no account: read what `aws ec2 describe-...` printed from the *.json files"
            " of this folder.",
            show_default=False,
        ),
    ] = None,
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
    as_json: OneJson = False,
) -> None:
    """Write the account's world: launch templates, versions, images, groups. Read-only.

    `ami-reactor replay EVENTS --world FILE` starts from it. User data is part of a version: look at
    it before you share the file.

    --from DIR needs no account: paste there what these print, one file each: aws ec2
    describe-launch-templates, describe-launch-template-versions --launch-template-id ID,
    describe-images --owners self, describe-instances; aws autoscaling describe-auto-scaling-groups.

    Example: ami-reactor record --to world.json
    """
    with importing():
        from infra.cli.record import run_record

    run_record(
        to=to,
        from_files=from_files,
        template=template,
        keep_account=keep_account,
        force=force,
        profile=profile,
        region=region,
        as_json=as_json,
    )
