"""The stack's template, as CloudFormation's tools take it from another folder."""

import os
import re
from pathlib import Path

TEMPLATE = Path(__file__).parents[1] / "template.yaml"
ARCHIVE = Path("dist") / "ami-reactor.zip"
"""What package writes: in the current folder; in a checkout, where the template looks for it."""

_CODE = re.compile(r"^(\s+CodeUri:) \S+.*$", re.MULTILINE)


def template_text(archive: Path, beside: Path | None = None) -> str:
    """The template, with its CodeUri naming the archive.

    Args:
        archive: What `ami-reactor package` wrote, or will write.
        beside: The template's folder. `aws cloudformation package` and `sam` read a relative
            CodeUri from there. None: it is not known, and the path is absolute.
    """
    named = archive.absolute()
    code = os.path.relpath(named, beside.absolute()) if beside else str(named)
    return _CODE.sub(lambda line: f"{line[1]} '{_quoted(code)}'", TEMPLATE.read_text())


def _quoted(text: str) -> str:
    """For YAML's single quotes, within which all but the quote stands for itself."""
    return text.replace("'", "''")
