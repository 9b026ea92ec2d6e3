"""`ami-reactor template`: the stack's template, wherever the program is installed."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.options import Force
from infra.cli.render import out, outside, stop
from infra.deploy.archive import ARCHIVE
from infra.deploy.template import template_text
from infra.replay.atomic_write import PUBLIC, CannotWrite, write_file


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
    if to is None:
        sys.stdout.write(template_text(archive))
        return
    try:
        write_file(to, template_text(archive, to.parent), mode=PUBLIC, force=force)
    except CannotWrite as error:
        stop(f"--to {error}")
    out.print(outside(str(to)), soft_wrap=True)
