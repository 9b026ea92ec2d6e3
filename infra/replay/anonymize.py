"""Account ids, replaced in files that are meant to be shared."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

SAMPLE_ACCOUNT = "111122223333"
"""The account of AWS's own samples."""

_FIRST_OTHER = 999900000001
_IN_TEXT = (
    re.compile(r"(arn:[^:\s]*:[^:\s]*:[^:\s]*:)(\d{12})(?=:)"),
    re.compile(r"()(?<!\d)(\d{12})(?=\.(?:dkr\.ecr|signin\.aws)[.-])"),  # an account's own hosts
    re.compile(r"(https?://[^/\s]*\b(?:sqs|queue)\b[^/\s]*/)(\d{12})(?=/)"),
)
"""Places in which twelve digits are an account's id: the second group of each."""

_ACCOUNT = re.compile(r"\d{12}")
_OWNED = re.compile(r"\d{12}(?=/)")  # OWNER/NAME, an image's location
_ACCOUNT_KEY = re.compile(r"\w*(?:account|owner|user)(?:_?ids?)?s?", re.IGNORECASE)
_ENCODED_KEYS = frozenset({"UserData"})


class UserData(NamedTuple):
    """How many versions have user data, and for how many of them it cannot be read.

    Attributes:
        opaque: Versions whose user data is not text, and may be compressed.
    """

    versions: int
    opaque: int


def user_data_in(world: Mapping[str, Any]) -> UserData:
    """The part of a recorded world that only a person can judge before it is shared."""
    versions = world["LaunchTemplateVersions"]
    held = [data for v in versions if (data := v["LaunchTemplateData"].get("UserData"))]
    return UserData(len(held), sum(_decoded(data) is None for data in held))


@dataclass
class Anonymous:
    """Replaces one account's id everywhere, and other accounts' ids in places known to hold one.

    Other accounts stay distinct: each gets an id of its own, always the same.
    """

    account: str
    _others: dict[str, str] = field(default_factory=dict)

    def copy_of(self, value: Any, key: str = "") -> Any:
        """The same JSON value with made-up account ids."""
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
        text = text.replace(_in_fours(self.account), _in_fours(SAMPLE_ACCOUNT))
        return re.sub(rf"(?<!\d){self.account}(?!\d)", SAMPLE_ACCOUNT, text)

    def _encoded(self, text: str) -> str:
        plain = _decoded(text)
        if plain is None:  # left as it is
            return text
        return base64.b64encode(self._text(plain).encode()).decode()

    def _of(self, account: str) -> str:
        if account in (self.account, SAMPLE_ACCOUNT):
            return SAMPLE_ACCOUNT
        return self._others.setdefault(account, str(_FIRST_OTHER + len(self._others)))


def _decoded(user_data: str) -> str | None:
    """The text; None if it is not text, and may be compressed."""
    try:
        return base64.b64decode(user_data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _in_fours(account: str) -> str:
    """As the console shows it: 1111-2222-3333."""
    return "-".join(account[start : start + 4] for start in (0, 4, 8))
