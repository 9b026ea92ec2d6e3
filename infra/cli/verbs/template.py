"""The parameters and the help of `ami-reactor template`."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.importing import importing
from infra.cli.options import Force
from infra.deploy.template import ARCHIVE


def template(
    chain: Annotated[
        str | None,
        typer.Argument(
            metavar="[CHAIN]",
            help="A stack that acts on a promotion: refresh, node-group, parameter or notify.",
            show_default=False,
        ),
    ] = None,
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

    Deploy it with the AWS CLI, the SAM CLI or Terraform. With a CHAIN it prints the template of
    a stack that acts on a promotion, for example starts an instance refresh.

    Example: ami-reactor template --to dist/template.yaml
    """
    with importing():
        from infra.cli.template import run_template

    run_template(chain=chain, to=to, archive=archive, force=force)
