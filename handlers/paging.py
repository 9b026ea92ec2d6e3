"""All that AWS answers, page after page, with its errors translated."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from handlers.aws_errors import translated

T = TypeVar("T")


def each(client: Any, operation: str, key: str, **which: Any) -> Iterator[Any]:
    """Each item of all pages; no more than one page is held at a time.

    Args:
        client: A boto3 client of any service.
        operation: Such as `describe_images`.
        key: The list in the answer, such as `Images`.
        **which: The operation's parameters; `PaginationConfig` sets the size of a page.

    Raises:
        AwsRefused: A permission is missing, for example.
        AwsUnavailable: AWS does not answer now.
    """
    service = client.meta.service_model.endpoint_prefix
    with translated(operation.replace("_", " "), service=service):
        for page in client.get_paginator(operation).paginate(**which):
            yield from page[key]


def batches(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    """The same items, a few at a time: AWS takes only so many in one call."""
    listed = list(items)
    for start in range(0, len(listed), size):
        yield listed[start : start + size]
