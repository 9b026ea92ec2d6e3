"""Account ids, replaced in what is written for others to see."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

NOBODY = "111122223333"
"""The account of AWS's own samples."""

_FIRST_OTHER = 999900000001
_IN_TEXT = (
    re.compile(r"(arn:[^:\s]*:[^:\s]*:[^:\s]*:)(\d{12})(?=:)"),
    re.compile(r"()(?<!\d)(\d{12})(?=\.(?:dkr\.ecr|signin\.aws)[.-])"),  # hosts of an account's
    re.compile(r"(https?://[^/\s]*\b(?:sqs|queue)\b[^/\s]*/)(\d{12})(?=/)"),
)
"""Where twelve digits are an account, whoever's: the second group of each."""

_ACCOUNT = re.compile(r"\d{12}")
_OWNED = re.compile(r"\d{12}(?=/)")  # OWNER/NAME, an image's location
_ACCOUNT_KEY = re.compile(r"\w*(?:account|owner|user)(?:_?ids?)?s?", re.IGNORECASE)
_ENCODED_KEYS = frozenset({"UserData"})


class UserData(NamedTuple):
    """How many versions carry user data, and how much of it cannot be looked into.

    Attributes:
        opaque: Those whose user data is no text: compressed, perhaps.
    """

    versions: int
    opaque: int


def user_data_in(world: Mapping[str, Any]) -> UserData:
    """What of a recorded world only a person can judge before it is shared."""
    versions = world["LaunchTemplateVersions"]
    held = [data for v in versions if (data := v["LaunchTemplateData"].get("UserData"))]
    return UserData(len(held), sum(_decoded(data) is None for data in held))


@dataclass
class Anonymous:
    """Replaces one account's id wherever it occurs, and others' where they are sure to be one.

    A stranger stays a stranger: each other account gets an id of its own, always the same.
    """

    account: str
    _others: dict[str, str] = field(default_factory=dict)

    def copy_of(self, value: Any, key: str = "") -> Any:
        """The same JSON value without anybody's account id."""
        if isinstance(value, dict):
            return {self._text(name): self.copy_of(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self.copy_of(item, key) for item in value]
        if not isinstance(value, str):
            return value
        if key in _ENCODED_KEYS:
            return self._encoded(value)
        if _ACCOUNT_KEY.fullmatch(key) and _ACCOUNT.fullmatch(value):
            return self._of(value)
        if key == "ImageLocation" and (owner := _OWNED.match(value)):
            return self._of(owner[0]) + value[owner.end() :]
        return self._text(value)

    def _text(self, text: str) -> str:
        for place in _IN_TEXT:
            text = place.sub(lambda found: found[1] + self._of(found[2]), text)
        text = text.replace(_in_fours(self.account), _in_fours(NOBODY))
        return re.sub(rf"(?<!\d){self.account}(?!\d)", NOBODY, text)

    def _encoded(self, text: str) -> str:
        plain = _decoded(text)
        if plain is None:  # left as it is
            return text
        return base64.b64encode(self._text(plain).encode()).decode()

    def _of(self, account: str) -> str:
        if account in (self.account, NOBODY):
            return NOBODY
        return self._others.setdefault(account, str(_FIRST_OTHER + len(self._others)))


def _decoded(user_data: str) -> str | None:
    """The text; None if it is none, but compressed, perhaps."""
    try:
        return base64.b64decode(user_data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _in_fours(account: str) -> str:
    """As the console shows it: 1111-2222-3333."""
    return "-".join(account[start : start + 4] for start in (0, 4, 8))
