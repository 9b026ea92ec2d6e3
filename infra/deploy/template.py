"""The stack's template, as CloudFormation's tools take it from another folder."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

TEMPLATE = Path(__file__).parents[1] / "template.yaml"
CHAINS = {path.stem: path for path in sorted((TEMPLATE.parent / "chains").glob("*.yaml"))}
"""The templates of the stacks that act on a promotion, by name."""
ARCHIVE = Path("dist") / "ami-reactor.zip"
"""What package writes: in the current folder; in a checkout, where the template looks for it."""

_CODE_BUCKET = """\
  CodeBucket:
    Description: A bucket of the stack's Region; the folder {release}/ in it holds the archives.
    Type: String
"""
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


def released_template(release: str, targets: Sequence[str]) -> str:
    """The template for archives that lie in a bucket: its parameter CodeBucket names it.

    Args:
        release: The folder of the archives in the bucket. Each release has another, because
            CloudFormation updates a function only if the key of its code differs.
        targets: What the archives are for, as `ami-reactor-TARGET.zip` names them.
    """
    pythons = ", ".join(sorted({target.partition("-")[0] for target in targets}))
    text = re.sub(
        r"AllowedValues: \[python3[^]]*\]", f"AllowedValues: [{pythons}]", TEMPLATE.read_text()
    )
    text = text.replace(
        "\nParameters:\n", f"\nParameters:\n{_CODE_BUCKET.format(release=release)}", 1
    )
    key = f"{release}/ami-reactor-${{Runtime}}-${{Architecture}}.zip"
    return _CODE.sub(
        lambda line: f"{line[1]} {{ Bucket: !Ref CodeBucket, Key: !Sub '{key}' }}", text
    )


def _quoted(text: str) -> str:
    """For YAML's single quotes, within which all but the quote stands for itself."""
    return text.replace("'", "''")
