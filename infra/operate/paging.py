"""Long reads: page after page, one item at a time, with AWS's errors translated."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from handlers.aws_errors import translated
from models.errors import AwsRefused, AwsUnavailable
from models.failure_text import YOURS, told

T = TypeVar("T")

Progress = Callable[[str], None]
"""Takes what is being read now, for the person who waits."""

PAGE_OF_VERSIONS = 200
"""The most that DescribeLaunchTemplateVersions gives at once."""

FILTER_VALUES = 200
"""The most values that EC2 takes in one filter."""


def each(client: Any, operation: str, key: str, **which: Any) -> Iterator[dict[str, Any]]:
    """Each item of all pages; no more than one page is held at a time.

    Raises:
        AwsRefused: A permission is missing, for example.
        AwsUnavailable: AWS does not answer now.
    """
    service = client.meta.service_model.endpoint_prefix
    with translated(operation.replace("_", " "), service=service):
        pages = iter(client.get_paginator(operation).paginate(**which))
    while True:
        with translated(operation.replace("_", " "), service=service):
            page = next(pages, None)
        if page is None:
            return
        yield from page[key]


def batches(items: Iterable[T], size: int = FILTER_VALUES) -> Iterator[Sequence[T]]:
    listed = list(items)
    for start in range(0, len(listed), size):
        yield listed[start : start + size]


class Gaps(list[str]):
    """What could not be read, one line each; the rest is still shown.

    Attributes:
        unasked: How many groups were not asked for an instance refresh, to save calls.
    """

    unasked = 0

    def read(self, read: Callable[[], T], otherwise: T) -> T:
        """What was read; `otherwise` if it could not be read, which is noted."""
        try:
            return read()
        except (AwsRefused, AwsUnavailable) as error:
            self.append(told(error, YOURS))
            return otherwise
