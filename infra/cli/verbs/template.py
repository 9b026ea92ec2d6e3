"""The parameters and the help of `ami-reactor template`."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.importing import importing
from infra.cli.options import Force
from infra.deploy.template import ARCHIVE


def template(
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.yaml",
            help="The file to write; without it the template goes to stdout.",
            show_default=False,
        ),
    ] = None,
    archive: Annotated[
        Path,
        typer.Option(
            "--archive",
            metavar="FILE.zip",
            help="The archive to deploy, as package wrote it.",
        ),
    ] = ARCHIVE,
    force: Force = False,
) -> None:
    """Print the stack's CloudFormation template; its CodeUri names the archive.

    Deploy it with the AWS CLI, the SAM CLI or Terraform.

    Example: ami-reactor template --to dist/template.yaml
    """
    with importing():
        from infra.cli.template import run_template

    run_template(to=to, archive=archive, force=force)
