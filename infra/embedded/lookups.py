"""Dictionary lookups where moto searches all resources for one: a world loads in linear time.

The answers stay the same. Where moto and AWS differ, there is a repair in `repairs`.
"""

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

from moto.ec2.exceptions import InvalidInstanceIdError
from moto.ec2.models.amis import AmiBackend
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.instances import InstanceBackend
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moto.ec2.models.amis import Ami
    from moto.ec2.models.instances import Instance

_moto_describe_images = AmiBackend.describe_images


@contextmanager
def installed() -> "Iterator[None]":
    """Replace moto's searches, and restore them at the end."""
    with ExitStack() as applied:
        for owner, name, replacement in (
            (AmiBackend, "describe_images", _describe_images),
            (InstanceBackend, "get_instance", _get_instance),
            (TaggedEC2Resource, "get_tags", _get_tags),
        ):
            applied.enter_context(mock.patch.object(owner, name, replacement))
        yield


def _describe_images(self: AmiBackend, *args: Any, **asked: Any) -> "list[Ami]":
    """A new instance looks up its image by this one filter."""
    filters = asked.get("filters") or {}
    image_id = filters.get("image-id")
    if args or len(asked) != 1 or len(filters) != 1 or not isinstance(image_id, str):
        return _moto_describe_images(self, *args, **asked)
    return [self.amis[image_id]] if image_id in self.amis else []


def _get_instance(self: InstanceBackend, instance_id: str) -> "Instance":
    """The newest first: a caller has mostly just made the instance."""
    for reservation in reversed(self.reservations.values()):
        for instance in reservation.instances:
            if instance.id == instance_id:
                return instance
    raise InvalidInstanceIdError(instance_id)


def _get_tags(self: Any) -> list[dict[str, str]]:
    if not self.id:
        return []
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "")
    return [
        {"resource_id": self.id, "key": key, "value": value, "resource_type": kind}
        for key, value in self.ec2_backend.tags.get(self.id, {}).items()
    ]
