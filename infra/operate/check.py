"""One line of `doctor`: what was examined, how it is, and how to fix it."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Literal

from pydantic import Field

from models.base import Value
from models.errors import AwsRefused, AwsUnavailable
from models.failure_text import YOURS, error_text

DEPLOY = "deploy the stack: see infra/README.md"
_WHO_AM_I = "check your credentials and their permissions: aws sts get-caller-identity"


class State(StrEnum):
    """How a check came out. `fail` and `unknown` make the exit status 1, `warn` does not."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


CheckName = Literal[
    "stack",
    "rules",
    "function",
    "failures",
    "permissions",
    "guard",
    "dead-letter-queue",
    "events",
    "templates",
    "chains",
    "backups",
]
"""What `doctor` examines. Part of the public interface."""


class Check(Value):
    """One line about one thing.

    Attributes:
        name: What was examined, the same for each line about it; each printed line has one.
        state: How the check came out.
        what: What was found, in words.
        fix: What to do or to type; empty if nothing is wrong.
        is_missing: The thing itself does not exist, so what is in it cannot be examined.
    """

    name: CheckName | None = None
    state: State
    what: str
    fix: str = ""
    is_missing: bool = Field(default=False, exclude=True)


def ok(what: str) -> Check:
    return Check(state=State.OK, what=what)


def warn(what: str, fix: str = "") -> Check:
    return Check(state=State.WARN, what=what, fix=fix)


def fail(what: str, fix: str = DEPLOY) -> Check:
    return Check(state=State.FAIL, what=what, fix=fix)


def examined(check: Callable[[], Iterator[Check]], name: CheckName, about: str) -> Iterator[Check]:
    """The check's lines; if it may not read something, one line that names what is missing."""
    try:
        for line in check():
            yield line.model_copy(update={"name": name})
    except (AwsRefused, AwsUnavailable) as error:
        what = f"{about}: {error_text(error, YOURS)}"
        yield Check(name=name, state=State.UNKNOWN, what=what, fix=_WHO_AM_I)
