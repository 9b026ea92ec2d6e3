"""Images and their order."""

from collections.abc import Iterable
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic.alias_generators import to_pascal

from models.base import ImageId, Timestamp, Value
from models.tags import BACKUP_SOURCE_TAG, Tags

LEGACY_BIOS = "legacy-bios"
UEFI_PREFERRED = "uefi-preferred"
"""Boot modes. What prefers UEFI starts on either."""

_DEAD = frozenset({"deregistered", "disabled", "failed", "invalid", "error"})


def _by_device(mappings: object) -> object:
    if isinstance(mappings, list):
        # without a device (NoDevice) nothing is there, even if the mapping has more
        return {
            m["DeviceName"]: m.get("Ebs", {})
            for m in mappings
            if m.get("DeviceName") and m.get("NoDevice") is None
        }
    return mappings


def _listed(items: object) -> object:
    if isinstance(items, list):
        return [item["InstanceType"] for item in items]
    return items


def _is_among(instance_type: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(instance_type, pattern) for pattern in patterns)


class Device(Value, alias_generator=to_pascal):
    """What an image has for one device: a volume from a snapshot, an empty one, or none at all."""

    snapshot_id: str | None = None
    volume_size: int | None = None


class InstanceTypes(Value):
    """The instance types that an image's owner lets it be launched on; `*` is a wildcard.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceImageInstanceTypeSpecification.html
    """

    supported: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=(), alias="SupportedInstanceTypes"
    )
    unsupported: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=(), alias="UnsupportedInstanceTypes"
    )

    def allow(self, instance_type: str) -> bool:
        """On the first list, if there is one, and not on the second."""
        return (not self.supported or _is_among(instance_type, self.supported)) and not _is_among(
            instance_type, self.unsupported
        )

    def __str__(self) -> str:
        lists = (("only", self.supported), ("not", self.unsupported))
        return "; ".join(f"{word} {', '.join(types)}" for word, types in lists if types)


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
    root_device_name: str | None = None
    ena_support: bool = False
    instance_types: InstanceTypes = Field(
        default=InstanceTypes(), alias="InstanceTypeSpecification"
    )
    devices: Annotated[dict[str, Device], BeforeValidator(_by_device)] = Field(
        default={}, alias="BlockDeviceMappings"
    )
    tags: Tags = {}

    @property
    def is_dead(self) -> bool:
        """EC2 itself reports that no instance can be launched from it any more."""
        return self.state in _DEAD

    def is_deprecated_at(self, now: datetime) -> bool:
        return self.deprecation_time is not None and self.deprecation_time <= now

    @property
    def boots(self) -> str:
        """How instances start from it. Without the parameter, as is usual for the processor.

        Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-boot.html
        """
        return self.boot_mode or ("uefi" if self.architecture.startswith("arm64") else LEGACY_BIOS)

    @property
    def snapshot_devices(self) -> frozenset[str]:
        """The devices for which it has a snapshot."""
        return frozenset(name for name, device in self.devices.items() if device.snapshot_id)

    def smallest_volume(self, device_name: str) -> int | None:
        """The size in GiB of the image's snapshot for that device, as far as the image tells it.

        CreateImage and AWS Backup give a mapping the size of the volume, which is its snapshot's;
        with RegisterImage it may be larger than the snapshot.
        Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html
        """
        device = self.devices.get(device_name)
        if device is None or device.snapshot_id is None or not self.source_instances:
            return None
        return device.volume_size

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

    def starts_where(self, other: "Image") -> bool:
        """Whether an instance type that the other image starts on can start this one, too.

        Every Intel or AMD type that takes `uefi-preferred` has Legacy BIOS as well; not every one
        has UEFI.
        """
        either_way = (other.boots, UEFI_PREFERRED)
        return self.boots in either_way or (
            other.boots == UEFI_PREFERRED and self.boots == LEGACY_BIOS
        )

    @property
    def order(self) -> tuple[datetime, str]:
        """The date, then the id, which only makes the order of images the same on every call.

        Images may be made at the same moment, and DescribeImages promises no order.
        """
        return self.creation_date, self.image_id

    def is_newer_than(self, other: "Image") -> bool:
        """Strictly later: two images made in the same millisecond do not replace each other."""
        return self.creation_date > other.creation_date


def newest(images: Iterable[Image]) -> Image | None:
    """The latest image; of images made at the same moment, the one with the greatest id."""
    return max(images, key=lambda image: image.order, default=None)


def amis(named: Iterable[str | None]) -> set[str]:
    """The AMI ids among what versions name; others name a parameter (`resolve:ssm:`) or nothing."""
    return {image_id for image_id in named if image_id and image_id.startswith("ami-")}
