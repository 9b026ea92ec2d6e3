"""Time, handed in: nothing below the entry point reads a clock."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def utc_now() -> datetime:
    """The time now. The embedded AWS puts its own clock in this place."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Clock:
    """The time that one invocation has.

    Attributes:
        now: When the invocation began, with its time zone.
        seconds_left: Until Lambda ends the invocation.
        sleep: Waits, for that many seconds.
    """

    now: datetime
    seconds_left: Callable[[], float]
    sleep: Callable[[float], None] = time.sleep
