"""The lines of stderr with `--json`: JSON Lines, each of one of these shapes."""

from models.base import Value


class ErrorLine(Value):
    """Why the verb ends without having done what was asked.

    Attributes:
        error: One sentence; the same as without `--json`.
        verb: The verb that was typed, such as `dlq list`; null if none was understood.
        status: The exit status: 1 something failed, 2 wrong usage.
    """

    error: str
    verb: str | None
    status: int


class GapLine(Value):
    """Something that the result lacks; the exit status is 1.

    Attributes:
        not_read: What could not be read, and why.
    """

    not_read: str


class NoteLine(Value):
    """Anything else that is said beside the result: account and Region, a plan, what to do next.

    Attributes:
        note: As it is without `--json`, for people.
    """

    note: str
