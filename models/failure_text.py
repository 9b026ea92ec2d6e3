"""What the function's error says: written here, and read here by the dead letters' verdict.

Lambda's record of a failure keeps the error's text and nothing else of it. The reader must
read what the function wrote, so both are in this file; `tests/models/test_failure_text.py` goes
from one to the other and back.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from models.base import printable
from models.errors import AwsRefused, AwsUnavailable

THE_ROLE = "the function's role"
YOURS = "your credentials"

_ACTION = r"([a-z0-9-]+:[A-Za-z0-9]+)"
_MISSING = re.compile(rf"(?:missing permission:|the role needs) {_ACTION}")
"""The second are older words: a message that was written with them waits for up to 14 days."""

_FAILURE = re.compile(r"(?:^|; )((?:(?!; ).)+?) \((lt-[0-9a-f]{8,17})\): ([a-z-]+): ", re.DOTALL)


def missing_permission(action: str) -> str:
    """That an IAM action is not allowed, such as `ec2:CreateTags`; not to whom."""
    return f"missing permission: {action}"


def permission_missing_in(text: str) -> str | None:
    """The IAM action that a text reports as missing."""
    found = _MISSING.search(text)
    return found[1] if found else None


def error_text(error: AwsRefused | AwsUnavailable, whose: str) -> str:
    """The error in one line; if a permission is missing, with who lacks it."""
    is_unauthorized = isinstance(error, AwsRefused) and error.unauthorized
    return f"{error} ({whose})" if is_unauthorized else str(error)


class TemplateFailure(NamedTuple):
    """One template on which the function failed."""

    name: str
    template_id: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"{printable(self.name)} ({self.template_id}): {self.reason}: {self.message}"


def write_failures(failures: Iterable[TemplateFailure]) -> str:
    """The error's text: the empty one for no failures."""
    return "; ".join(map(str, failures))


def read_failures(text: str) -> list[TemplateFailure]:
    """The failures in an error's text; none if it tells of no template."""
    found = list(_FAILURE.finditer(text))
    ends = [*(match.start() for match in found[1:]), len(text)]
    return [
        TemplateFailure(match[1], match[2], match[3], text[match.end() : end])
        for match, end in zip(found, ends, strict=False)
    ]
