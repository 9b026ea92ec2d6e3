"""JSON in files, as editors and shells write them."""

import codecs
from typing import Any

import pydantic_core

_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),  # before UTF-16's, of which it is a continuation
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


class NotUtf8(ValueError):
    """The content is text in another encoding. The message says which, and what to do."""


def utf8(content: bytes) -> bytes:
    """The content without a byte order mark, which Windows editors and PowerShell write.

    Raises:
        NotUtf8: It is in UTF-16 or UTF-32, as `>` of Windows PowerShell writes it.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            raise NotUtf8(f"is {encoding}: save it as UTF-8")
    if b"\x00" in content[:2]:  # no JSON begins so: UTF-16 without a mark
        raise NotUtf8("is UTF-16: save it as UTF-8")
    return content.removeprefix(codecs.BOM_UTF8)


def parse_json(content: bytes | str) -> Any:
    """The JSON value.

    Raises:
        ValueError: It is not JSON. Unlike json.loads, this refuses NaN, and deep nesting too.
    """
    text = utf8(content) if isinstance(content, bytes) else content
    return pydantic_core.from_json(text, allow_inf_nan=False)
