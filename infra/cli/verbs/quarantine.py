"""The parameters and the help of `ami-reactor quarantine`."""

from typing import Annotated

import typer

from infra.cli.importing import importing
from infra.cli.options import ImageId, OneJson, Profile, Region, Yes, one_line


def quarantine(
    image: ImageId,
    reason: Annotated[str, typer.Option(help="What is wrong with the image.", callback=one_line)],
    yes: Yes = False,
    profile: Profile = None,
    region: Region = None,
    as_json: OneJson = False,
) -> None:
    """Quarantine an image: no launch template is moved to it.

    Writes the tag ami-reactor-state:quarantine on the image. Templates whose current image it is
    stay on it: only a rollback moves them. Running instances are not touched.

    Example: ami-reactor quarantine ami-0a1b2c3d4e5f60718 --reason "kernel panic" --yes
    """
    with importing():
        from infra.cli.quarantine import run_quarantine

    run_quarantine(
        image=image, reason=reason, yes=yes, profile=profile, region=region, as_json=as_json
    )
