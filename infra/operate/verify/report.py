"""What may be sent to the project: findings without ids, names and addresses."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_ACCOUNT = "111122223333"
"""The account of AWS's own samples."""

_ARN = re.compile(r"arn:[\w-]*:[\w-]*:[\w-]*:\d*:[^\s\"',;()]*")
_ARN_WITH_NO_NAME = re.compile(r"::image/ami-…$")
_ID = re.compile(r"\b([a-z]{1,16})-[0-9a-f]{8,17}\b")
_ADDRESSES = (
    (re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]+\b"), "name@example.com"),
    (re.compile(r"\bhttps?://[^\s\"',;()]+"), "https://example.com"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"), "192.0.2.1"),
    (re.compile(r"\b(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F:]*\b"), "2001:db8::1"),
    (re.compile(r"(?<!\d)\d{12}(?!\d)"), _ACCOUNT),
    (re.compile(r"(?<!\d)\d{4}-\d{4}-\d{4}(?!\d)"), "1111-2222-3333"),
)


@dataclass
class Redacted:
    """Replaces each id, name and address; the same one always by the same.

    Attributes:
        names: Names that are known: of the caller, of the stack.
    """

    names: Iterable[str] = ()
    _given: dict[str, str] = field(default_factory=dict)

    def copy_of(self, value: Any) -> Any:
        """The same JSON value, with nothing in it that tells whose it is."""
        if isinstance(value, dict):
            return {key: self.copy_of(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.copy_of(item) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        text = _ARN.sub(lambda found: self._arn(found[0]), text)
        for name in sorted(filter(None, self.names), key=len, reverse=True):
            known = rf"(?<![\w-]){re.escape(name)}(?![\w-])"
            text = re.sub(known, lambda found: self._other("name", found[0]), text)
        text = _ID.sub(lambda found: self._id(found[1], found[0]), text)
        for pattern, other in _ADDRESSES:
            text = pattern.sub(other, text)
        return text

    def _arn(self, arn: str) -> str:
        """Partition, service and Region stay; the kind of the resource too, if there is one."""
        if _ARN_WITH_NO_NAME.search(arn):
            return arn
        start, partition, service, region, account, resource = arn.split(":", 5)
        kind, separator, name = _split(resource)
        ident = _ID.fullmatch(name)
        other = self._id(ident[1], name) if ident else self._other("name", name)
        owner = _ACCOUNT if account else ""
        return ":".join((start, partition, service, region, owner, f"{kind}{separator}{other}"))

    def _id(self, kind: str, known: str) -> str:
        if known in self._given.values():  # of an ARN
            return known
        count = sum(other.startswith(f"{kind}-0") for other in self._given.values())
        return self._given.setdefault(known, f"{kind}-{count + 1:017x}")

    def _other(self, word: str, known: str) -> str:
        count = sum(other.startswith(f"{word}-") for other in self._given.values())
        return self._given.setdefault(known, f"{word}-{count + 1}")


def _split(resource: str) -> tuple[str, str, str]:
    """`role/NAME` and `log-group:NAME`: the kind, what separates them, and the rest."""
    for separator in "/:":
        kind, found, name = resource.partition(separator)
        if found and ":" not in kind:
            return kind, found, name
    return "", "", resource


def names_of(caller: str) -> list[str]:
    """The names in a caller's ARN: of the role or user, and of the session."""
    return re.split("[/:]", caller.split(":", 5)[-1])[1:]
