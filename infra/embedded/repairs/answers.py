"""What EC2's describe operations share: filters with wildcards, and pages."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4
from xml.sax.saxutils import escape

from moto.core.responses import ActionResult
from moto.ec2.exceptions import InvalidNextToken, InvalidParameterValue

from models.base import aws_date

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from moto.core.responses import ActionContext
    from moto.ec2.responses._base_response import EC2BaseResponse

Repair: TypeAlias = tuple[type, str, object]
"""A class of moto, the name of its attribute, and what takes the attribute's place."""

Described: TypeAlias = dict[str, Any]
"""A resource as EC2's answers show it, keys as in the API model."""


def tags_of(backend: Any, resource_id: str) -> Described:
    """The tags as they are now, as part of an answer; empty if there are none."""
    tags = backend.tags.get(resource_id)
    return {"Tags": [{"Key": k, "Value": v} for k, v in tags.items()]} if tags else {}


def passing(
    resources: "Iterable[Described]",
    filters: "Mapping[str, Sequence[str]]",
    fields: "Mapping[str, str]",
) -> list[Described]:
    """The resources that pass every filter, by any of its values.

    Args:
        resources: As answers show them.
        filters: Filter name to values, with EC2's wildcards.
        fields: Where to find what a filter is about; `tag:KEY` and `tag-key` need no entry.
    """
    remaining = list(resources)
    for name, values in filters.items():
        if not (name.startswith("tag:") or name == "tag-key" or name in fields):
            raise InvalidParameterValue(f"The filter '{name}' is not known to the embedded AWS")
        wanted = [_pattern(value) for value in values]
        remaining = [
            resource
            for resource in remaining
            if any(p.fullmatch(v) for v in _values(resource, name, fields) for p in wanted)
        ]
    return remaining


def _values(resource: Described, name: str, fields: "Mapping[str, str]") -> list[str]:
    tags = resource.get("Tags", [])
    if name.startswith("tag:"):
        return [tag["Value"] for tag in tags if tag["Key"] == name.removeprefix("tag:")]
    if name == "tag-key":
        return [tag["Key"] for tag in tags]
    return _at(resource, fields[name])


def _at(resource: Described, path: str) -> list[str]:
    found: list[Any] = [resource]
    for key in path.split("."):
        found = [part[key] for part in found if key in part]
        found = [part for one in found for part in (one if isinstance(one, list) else [one])]
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in found]


@lru_cache(maxsize=256)
def _pattern(value: str) -> re.Pattern[str]:
    r"""`*` is any text, `?` any one character; `\*`, `\?` and `\\` are the characters themselves.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
    """
    parts = re.findall(r"\\.|.", value, re.DOTALL)
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(p) or re.escape(p[-1]) for p in parts), re.DOTALL)


def page(
    response: "EC2BaseResponse",
    key: str,
    items: "Sequence[Any]",
    most: int | None,
    shown: "Callable[[Any], Described]" = dict,
) -> ActionResult:
    """One page, with a NextToken while there are more. moto cuts off at 15 and gives no token.

    Args:
        response: The request at hand.
        key: What the answer calls its items.
        items: All of them.
        most: The greatest MaxResults, which is also the default; None: everything on one page.
        shown: Describes one of them.
    """
    size = response._get_int_param("MaxResults", most or len(items))
    if "MaxResults" in response.params and not 1 <= size <= (most or size):
        raise InvalidParameterValue(f"Value ( {size} ) for parameter maxResults is invalid.")
    start = _start(response._get_param("NextToken"), len(items))
    answer: Described = {key: [shown(item) for item in items[start : start + size]]}
    if start + size < len(items):
        answer["NextToken"] = str(start + size)
    return Answer(answer)


class Answer(ActionResult):
    """An answer with the API's own names, written by its model.

    With moto's own serializer no promotion of `tests.bench.replay` succeeds; and it looks for each
    of an image's 45 fields under four spellings, which would be two thirds of the time of a replay.
    """

    def execute_result(self, context: "ActionContext") -> tuple[int, dict[str, Any], str]:
        operation = context.operation_model
        namespace = context.service_model.metadata["xmlNamespace"]
        body = f"<requestId>{uuid4()}</requestId>{_xml(self.result, operation.output_shape)}"
        root = f"{operation.name}Response"
        document = f'<{root} xmlns="{namespace}">{body}</{root}>'
        return 200, {"Content-Type": "text/xml;charset=UTF-8"}, document


def _xml(value: Any, shape: Any) -> str:
    """EC2's query protocol: https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html ."""
    if shape.type_name == "structure":
        members = shape.members
        return "".join(
            _element(members[key].serialization.get("name", key), item, members[key])
            for key, item in value.items()
            if item is not None and key in members
        )
    if shape.type_name == "list":
        return "".join(_element("item", item, shape.member) for item in value)
    if isinstance(value, datetime):
        return aws_date(value if value.tzinfo else value.replace(tzinfo=UTC))
    return str(value).lower() if isinstance(value, bool) else escape(str(value), _KEPT)


_KEPT = {"\r": "&#13;"}
"""An XML parser reads a carriage return that is not escaped as a new line."""


def _element(name: str, value: Any, shape: Any) -> str:
    return f"<{name}>{_xml(value, shape)}</{name}>"


def _start(token: str | None, end: int) -> int:
    if token is None:
        return 0
    if not (token.isascii() and token.isdigit() and int(token) <= end):
        raise InvalidNextToken(token)
    return int(token)
