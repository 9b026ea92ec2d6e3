"""The libraries that the archive runs, and how those of this environment differ."""

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_REQUIREMENTS = Path(__file__).parents[2] / "handlers" / "requirements.txt"
_PIN = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)
_COMPARED = {"aws-lambda-powertools", "botocore", "pydantic", "pydantic-core"}
"""What an event goes through on its way to an outcome."""


def differing() -> Iterator[str]:
    """Each library that is here in another version than in the archive, in a few words."""
    for name, pinned in _PIN.findall(_REQUIREMENTS.read_text()):
        if name in _COMPARED and (here := _installed(name)) != pinned:
            yield f"{name} is {here} here and {pinned} in the archive"


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
