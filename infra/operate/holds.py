"""Who holds a template, or quarantined an image, why, and since when: all in one tag's value."""

import re
from datetime import UTC, datetime

from models.base import Timestamp, Value, printable

_CHARACTERS = 256  # a tag's value
_STAMPED = re.compile(r"(\S+) (\d{4}-\d\d-\d\dT\d\d:\d\d)Z: (.*)", re.DOTALL)


class Stamp(Value):
    """What the tag of a hold or a quarantine says.

    Attributes:
        who: None where somebody wrote the tag by hand, in words of his own.
        since: As `who`.
    """

    who: str | None
    since: Timestamp | None
    why: str

    def __str__(self) -> str:
        if self.since is None:
            return printable(self.why) or "no reason given"
        return printable(f"{self.who} since {self.since:%Y-%m-%d %H:%M}Z: {self.why}")


def stamp(who: str, why: str, now: datetime) -> str:
    """The tag's value."""
    return f"{who} {now.astimezone(UTC):%Y-%m-%dT%H:%M}Z: {why}"[:_CHARACTERS]


def read_stamp(value: str) -> Stamp:
    found = _STAMPED.fullmatch(value)
    if found is None:
        return Stamp(who=None, since=None, why=value)
    since = datetime.fromisoformat(found[2]).replace(tzinfo=UTC)
    return Stamp(who=found[1], since=since, why=found[3])
