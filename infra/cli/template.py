"""`ami-reactor template`: the templates of the stack and of chains, from any installation."""

import sys
from pathlib import Path

from infra.cli.render import out, outside, stop
from infra.deploy.template import CHAINS, template_text
from infra.replay.atomic_write import PUBLIC, CannotWrite, write_file


def run_template(
    *,
    chain: str | None,
    to: Path | None,
    archive: Path,
    force: bool,
) -> None:
    if chain is not None and chain not in CHAINS:
        stop(f"template: CHAIN must be {', '.join(CHAINS)}, or left out for the stack itself")
    text = CHAINS[chain].read_text() if chain else template_text(archive, to and to.parent)
    if to is None:
        sys.stdout.write(text)
        return
    try:
        write_file(to, text, mode=PUBLIC, force=force)
    except CannotWrite as error:
        stop(f"--to {error}")
    out.print(outside(str(to)), soft_wrap=True)
