"""Long reads: who waits is told what is read, and what could not be read is noted."""

from collections.abc import Callable
from typing import TypeVar

from models.errors import AwsRefused, AwsUnavailable
from models.failure_text import YOURS, error_text

T = TypeVar("T")

Progress = Callable[[str], None]
"""Takes what is being read now, for the person who waits."""


class Gaps(list[str]):
    """What could not be read, one line each; the rest is still shown.

    Attributes:
        unasked: How many groups were not asked for an instance refresh, to save calls.
    """

    unasked = 0

    def read(self, read: Callable[[], T], otherwise: T) -> T:
        """What was read; `otherwise` if it could not be read, which is noted."""
        try:
            return read()
        except (AwsRefused, AwsUnavailable) as error:
            self.append(error_text(error, YOURS))
            return otherwise
