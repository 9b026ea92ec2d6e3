"""The gateway, asking EC2 each question once: all letters are judged by the same world."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from handlers.ec2 import Ec2
from models.base import Place
from models.image import Image

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

_REMEMBERED = 1000  # answers and images each; then it starts afresh, so that memory stays flat


class Snapshot(Ec2):
    """Answers as `Ec2` does. Ask `plan` with it."""

    def __init__(self, client: "EC2Client", place: Place) -> None:
        super().__init__(client, place)
        self._answers: dict[str, list[Any]] = {}
        self._own: dict[str, Image | None] = {}

    def look_up(self, image_ids: Iterable[str]) -> None:
        """Ask for many images at once that would be asked for one by one."""
        unknown = sorted(set(image_ids) - self._own.keys())
        if not unknown:
            return
        if len(self._own) > _REMEMBERED:
            self._own.clear()
        found = self._images([{"Name": "image-id", "Values": unknown}], Owners=["self"])
        self._own |= dict.fromkeys(unknown) | {image.image_id: image for image in found}

    def own_image(self, image_id: str) -> Image | None:
        self.look_up([image_id])
        return self._own[image_id]

    def _pages(self, operation: str, key: str, size: int, which: dict[str, Any]) -> list[Any]:
        question = f"{operation} {json.dumps(which, sort_keys=True)}"
        if question not in self._answers:
            if len(self._answers) > _REMEMBERED:
                self._answers.clear()
            self._answers[question] = super()._pages(operation, key, size, which)
        return self._answers[question]
