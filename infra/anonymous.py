"""Account ids, replaced in what is written for others to see."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any

NOBODY = "111122223333"
"""The account of AWS's own samples."""

_FIRST_OTHER = 999900000001
_ARN = re.compile(r"(arn:[^:\s]*:[^:\s]*:[^:\s]*:)(\d{12})(?=:)")
_ACCOUNT = re.compile(r"\d{12}")
_OWNED = re.compile(r"\d{12}(?=/)")  # OWNER/NAME, an image's location
_ACCOUNT_KEYS = frozenset({"account", "accountId", "Account", "AccountId", "OwnerId", "OwnerIds"})
_ENCODED_KEYS = frozenset({"UserData"})


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
        if key in _ACCOUNT_KEYS and _ACCOUNT.fullmatch(value):
            return self._of(value)
        if key == "ImageLocation" and (owner := _OWNED.match(value)):
            return self._of(owner[0]) + value[owner.end() :]
        return self._text(value)

    def _text(self, text: str) -> str:
        text = _ARN.sub(lambda found: found[1] + self._of(found[2]), text)
        return re.sub(rf"(?<!\d){self.account}(?!\d)", NOBODY, text)

    def _encoded(self, text: str) -> str:
        try:
            plain = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):  # compressed, perhaps: left as it is
            return text
        return base64.b64encode(self._text(plain).encode()).decode()

    def _of(self, account: str) -> str:
        if account in (self.account, NOBODY):
            return NOBODY
        return self._others.setdefault(account, str(_FIRST_OTHER + len(self._others)))
