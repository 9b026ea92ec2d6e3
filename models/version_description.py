"""What a version that the function or `rollback` made says of itself: written and read here."""

import re
from typing import NamedTuple

_IMAGE = r"ami-[0-9a-f]{8,17}"
_PROMOTION = re.compile(
    rf"ami-reactor: (?:no image|(\S+)) -> ({_IMAGE})(?: instead of ({_IMAGE})|( again))?"
)


class Promotion(NamedTuple):
    """From which image to which.

    Attributes:
        left: The image of the version that this one was made from; None if that named none.
        instead_of: The newest image that the function had to leave before, and that is not back
            yet; or `taken` itself, which is back.
    """

    left: str | None
    taken: str
    instead_of: str | None = None

    def __str__(self) -> str:
        missing = f" instead of {self.instead_of}" if self.instead_of else ""
        if self.instead_of == self.taken:
            missing = " again"
        return f"ami-reactor: {self.left or 'no image'} -> {self.taken}{missing}"


def read_promotion(description: str) -> Promotion | None:
    """What the description says; None if it is another's."""
    found = _PROMOTION.fullmatch(description)
    return Promotion(found[1], found[2], found[2] if found[4] else found[3]) if found else None


_ROLLBACK = re.compile(r"ami-reactor: rollback of version ([1-9][0-9]{0,17}) to ([1-9][0-9]{0,17})")


class RollbackOf(NamedTuple):
    """Which version was the default, and of which this one is a copy."""

    version: int
    copied: int

    def __str__(self) -> str:
        return f"ami-reactor: rollback of version {self.version} to {self.copied}"


def read_rollback(description: str) -> RollbackOf | None:
    """What the description says; None if no rollback made the version."""
    found = _ROLLBACK.fullmatch(description)
    return RollbackOf(int(found[1]), int(found[2])) if found else None
