"""The verdicts on a message, apart from what it takes to reach one: a verb's help names them."""

from enum import StrEnum


class Verdict(StrEnum):
    """What to do with a message: the first that is true. Part of the public interface."""

    UNREADABLE = "unreadable"
    INVALID = "invalid"
    REPLAYABLE = "replayable"
    BLOCKED = "blocked"
    OBSOLETE = "obsolete"
