"""Where facts are checked: an account, a run's name, and patience with what AWS shows late."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

from handlers.ec2 import IMAGES_PAGE
from handlers.paging import each
from infra.operate.account import Account
from infra.operate.paging import Gaps
from infra.operate.verify.asking import is_gone
from infra.operate.verify.fact import Answer
from infra.operate.verify.things import Thing, find, remove
from models.errors import AwsRefused

NO_SUCH_IMAGE = "ami-00000000000000000"

_PAUSE = 1.0  # seconds between two looks
_AMAZONS = [{"Name": "name", "Values": ["al2023-ami-2*-x86_64"]}]


@dataclass
class Bench:
    """One run.

    Attributes:
        run: Its name, with which the name of everything that it makes begins.
        kinds: The kinds of things that it may make.
        stack: The name of a deployed stack.
        wait: How long to wait for what AWS shows late, in seconds.
        made: What AWS said that it made.
    """

    account: Account
    run: str
    kinds: tuple[str, ...]
    stack: str | None = None
    wait: float = 0
    made: list[Thing] = field(default_factory=list)

    def eventually(self, look: Callable[[], Any], believed: Any, times: float = 1) -> Answer:
        """Look until what is believed is seen, or so many times the wait is over."""
        end = time.monotonic() + self.wait * times
        while True:
            seen = _seen(look)
            if seen == believed or time.monotonic() >= end:
                return Answer(believed, seen)
            time.sleep(_PAUSE)

    def arn(self, service: str, resource: str) -> str:
        place, partition = self.account.place, self.account.client("ec2").meta.partition
        return f"arn:{partition}:{service}:{place.region}:{place.account}:{resource}"

    @cached_property
    def images(self) -> list[str]:
        """Two images that can be launched: this account's own, else Amazon's, else none."""
        own = self._available(Owners=["self"])
        found = own if len(own) > 1 else own + self._available(Owners=["amazon"], Filters=_AMAZONS)
        return [*found, NO_SUCH_IMAGE, NO_SUCH_IMAGE][:2]

    def _available(self, **which: Any) -> list[str]:
        images = self.describe_images(**which)
        available = (one["ImageId"] for one in images if one["State"] == "available")
        return list(islice(available, 2))

    def describe_images(self, **which: Any) -> Iterator[dict[str, Any]]:
        """All that AWS answers, page after page: an unpaged answer may be cut off."""
        client = self.account.client("ec2")
        paging = {"PageSize": IMAGES_PAGE}
        return each(client, "describe_images", "Images", **which, PaginationConfig=paging)

    @contextmanager
    def cleared(self) -> Iterator[dict[str, str]]:
        """Whatever ends the block, remove all that the run made.

        Yields:
            After the block, what is left or could not be looked for, with the reason.
        """
        left: dict[str, str] = {}
        try:
            yield left
        finally:
            left[f"perhaps something of {self.run}"] = "its removal was interrupted"
            really = self._remove()
            left.clear()
            left.update(really)

    def _remove(self) -> dict[str, str]:
        """What AWS said that it made, and what it made without getting to say so."""
        gaps = Gaps()
        found = find(self.account, self.kinds, gaps, self.run)
        left = remove(self.account, [*self.made, *found])
        return {str(thing): why for thing, why in left.items()} | {
            f"perhaps more of {self.run}": gap for gap in gaps
        }


def _seen(look: Callable[[], Any]) -> Any:
    try:
        return look()
    except AwsRefused as error:
        if is_gone(error):
            return error.code
        raise
