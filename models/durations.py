"""Durations as people write them: `45m`, `36h`, `3d`."""

import re
from datetime import timedelta

_DURATION = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=10_000)


def read_duration(text: object) -> timedelta | None:
    """A whole number of minutes, hours or days, at most 10,000 days; None if it is none."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    duration = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None
    return duration if duration is not None and duration <= _LONGEST else None
