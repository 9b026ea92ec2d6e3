"""The bodies of requests to the server's own paths: JSON objects with the keys that a path has."""

from collections.abc import Set
from typing import Any

from werkzeug.wrappers import Request

from infra.replay.json_text import parse_json

# a page may send text/plain and multipart/form-data; curl's -d sends x-www-form-urlencoded
_CONTENT_TYPES = {"", "application/json", "application/x-www-form-urlencoded"}


class BadRequest(ValueError):
    """A request that a path cannot take. The message is one line, the status HTTP's."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def json_of(request: Request, shape: str) -> object:
    """The JSON in the body.

    Args:
        request: Its body and content type may be anything.
        shape: What it must be, with an example.

    Raises:
        BadRequest: It is anything else.
    """
    if request.mimetype not in _CONTENT_TYPES:
        raise BadRequest("Content-Type: must be application/json", 415)
    try:
        value: object = parse_json(request.get_data())
    except ValueError:
        raise BadRequest(shape) from None
    return value


def with_keys(
    value: object, shape: str, needed: Set[str], known: Set[str] = frozenset()
) -> dict[str, Any]:
    """The value, if it is an object with these keys.

    Raises:
        BadRequest: It is not, or has others than those it needs and may have.
    """
    if not isinstance(value, dict) or not needed <= value.keys() <= needed | known:
        raise BadRequest(shape)
    return value
