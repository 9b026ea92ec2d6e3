"""The gateway, asking EC2 each question once: all letters are judged by the same world."""

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from handlers.ec2 import Ec2
from models.base import Place
from models.image import Image
from models.launch_template import Template

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

    def opted_in_template(self, template_id: str) -> Template | None:
        """Out of the one list of all: letters name many."""
        named = (t for t in self.opted_in_templates() if t.launch_template_id == template_id)
        return next(named, None)

    def own_image(self, image_id: str) -> Image | None:
        self.look_up([image_id])
        return self._own[image_id]

    def _each(
        self, operation: str, key: str, which: dict[str, Any], **paging: int
    ) -> Iterator[Any]:
        question = f"{operation} {json.dumps(which, sort_keys=True)}"
        if question not in self._answers:
            if len(self._answers) > _REMEMBERED:
                self._answers.clear()
            self._answers[question] = list(super()._each(operation, key, which, **paging))
        return iter(self._answers[question])
