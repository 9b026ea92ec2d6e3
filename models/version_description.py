"""What a version that the function made says of itself: written and read here."""

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
