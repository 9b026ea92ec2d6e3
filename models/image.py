"""Images and their order."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic.alias_generators import to_pascal

from models.base import ImageId, Tags, Timestamp, Value

BACKUP_SOURCE_TAG = "aws:backup:source-resource"
"""AWS Backup's own tag on the images it makes; nobody but AWS can write an `aws:` tag."""

QUARANTINE_TAG = "ami-reactor-state:quarantine"

_DEAD = frozenset({"deregistered", "disabled", "failed", "invalid", "error"})


def _with_snapshot(mappings: object) -> object:
    if isinstance(mappings, list):
        return frozenset(
            m["DeviceName"]
            for m in mappings
            if m.get("DeviceName") and m.get("Ebs", {}).get("SnapshotId")
        )
    return mappings


class Image(Value, alias_generator=to_pascal):
    """An AMI as DescribeImages reports it.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html
    """

    image_id: ImageId
    creation_date: Timestamp
    owner_id: str
    state: str
    name: str = ""
    architecture: str = ""
    boot_mode: str | None = None
    platform: str | None = None
    deprecation_time: Timestamp | None = None
    source_instance_id: str | None = None
    source_image_id: str | None = None
    source_image_region: str | None = None
    snapshot_devices: Annotated[frozenset[str], BeforeValidator(_with_snapshot)] = Field(
        default=frozenset(), alias="BlockDeviceMappings"
    )
    tags: Tags = {}

    @property
    def is_dead(self) -> bool:
        """EC2 itself says that no instance can be launched from it any more."""
        return self.state in _DEAD

    @property
    def source_instances(self) -> frozenset[str]:
        """The instances that this image is proved to come from.

        `SourceInstanceId` is set by EC2 on CreateImage; AWS Backup's tag holds an ARN or its last
        parts (`arn:...:instance/i-0b2e`, `instance/i-0b2e`). A name proves nothing.
        """
        backed_up = self.tags.get(BACKUP_SOURCE_TAG, "").rpartition("/")[2]
        return frozenset(filter(None, (self.source_instance_id, backed_up)))

    def is_copy(self, region: str) -> bool:
        """Made by CopyImage, so its date says nothing about the age of what is in it.

        EC2 names a source image for CreateImage too, but a source instance for CreateImage alone,
        and then in the same Region.
        """
        if self.source_image_region not in (None, region):
            return True
        has_source_image = bool(self.source_image_id or self.source_image_region)
        return has_source_image and self.source_instance_id is None

    def is_newer_than(self, other: "Image") -> bool:
        """Strictly later: two images made in the same millisecond do not replace each other."""
        return self.creation_date > other.creation_date


def newest(images: Iterable[Image]) -> Image | None:
    """The latest image; of images made at the same moment, the one with the greatest id.

    The second key only makes the answer the same on every call: DescribeImages promises no order.
    """
    return max(images, key=lambda image: (image.creation_date, image.image_id), default=None)
