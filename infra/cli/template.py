"""`ami-reactor template`: the stack's template, wherever the program is installed."""

import sys
from pathlib import Path

from infra.cli.render import out, outside, stop
from infra.deploy.template import template_text
from infra.replay.atomic_write import PUBLIC, CannotWrite, write_file


def run_template(
    *,
    to: Path | None,
    archive: Path,
    force: bool,
) -> None:
    if to is None:
        sys.stdout.write(template_text(archive))
        return
    try:
        write_file(to, template_text(archive, to.parent), mode=PUBLIC, force=force)
    except CannotWrite as error:
        stop(f"--to {error}")
    out.print(outside(str(to)), soft_wrap=True)
