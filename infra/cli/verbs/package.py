"""The parameters and the help of `ami-reactor package`."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.importing import importing
from infra.cli.options import Force, OneJson

_TARGET = "python3.13-arm64"  # what the stack's parameters default to


def package(
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.zip",
            help="The archive to write. By default dist/ami-reactor.zip, which"
            " infra/template.yaml deploys, and which package always replaces.",
            show_default=False,
        ),
    ] = None,
    force: Force = False,
    target: Annotated[
        str,
        typer.Option(help="The runtime and the architecture; host: those of this machine."),
    ] = _TARGET,
    full: Annotated[
        bool, typer.Option("--full", help="Keep everything of the requirements: slower to start.")
    ] = False,
    as_json: OneJson = False,
) -> None:
    """Make the archive that Lambda runs: models/, handlers/ and their pinned requirements.

    Every download is checked against the hash in handlers/requirements.txt. The same inputs make
    the same bytes. It is compiled ahead if the target's own Python is on the PATH. Of botocore's
    data it holds the calls that the function makes.

    Example: ami-reactor package --to build/reactor.zip --target host

    Exit status: 1 if no archive could be made.
    """
    with importing():
        from infra.cli.package import run_package

    run_package(to=to, force=force, target=target, full=full, as_json=as_json)
