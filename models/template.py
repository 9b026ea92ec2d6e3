"""Launch templates and their versions."""

from typing import Any

from pydantic import Field
from pydantic.alias_generators import to_pascal

from models.base import Tags, TemplateId, Timestamp, Value
from models.image import Image

OPT_IN_TAG = "ami-reactor"
HOLD_TAG = "ami-reactor-state:hold"
MARK_TAG = "ami-reactor-state:newest-image"


class Version(Value, alias_generator=to_pascal):
    """One version of a launch template, as DescribeLaunchTemplateVersions reports it."""

    version_number: int
    create_time: Timestamp
    version_description: str = ""
    data: dict[str, Any] = Field(alias="LaunchTemplateData")

    @property
    def image_id(self) -> str | None:
        """An AMI id, `resolve:ssm:...`, or None where the version names no image."""
        return self.data.get("ImageId")

    def differs_in_image_alone(self, source: "Version") -> bool:
        """Whether this could be a copy of that version, made with another image.

        A copy lacks the snapshots that EC2 drops; it has none that its source has not.
        """
        alike = _settings(self.data) == _settings(source.data)
        return alike and _snapshots(self.data) <= _snapshots(source.data)

    def snapshots_lost_with(self, image: Image) -> list[str]:
        """The devices whose data instances would start without, if this version got that image.

        CreateLaunchTemplateVersion ignores the snapshots of inherited block device mappings; a
        device for which the image has a snapshot gets that one instead.
        Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplateVersion.html
        """
        return sorted({device for device, _ in _snapshots(self.data)} - image.snapshot_devices)


class Template(Value, alias_generator=to_pascal):
    """An EC2 launch template.

    Attributes:
        versions: Those that were read: at least the default version and all after it, once
            the gateway has filled them in; in ascending order.
    """

    launch_template_id: TemplateId
    launch_template_name: str
    default_version_number: int
    latest_version_number: int
    tags: Tags = {}
    versions: tuple[Version, ...] = ()

    @property
    def is_opted_in(self) -> bool:
        return OPT_IN_TAG in self.tags

    @property
    def is_held(self) -> bool:
        return HOLD_TAG in self.tags

    @property
    def default(self) -> Version:
        """The version that `$Default` names. It must have been read."""
        return next(v for v in self.versions if v.version_number == self.default_version_number)

    @property
    def latest_seen(self) -> int:
        """The highest number among the versions that were read."""
        return max(v.version_number for v in self.versions)


def _settings(data: dict[str, Any]) -> dict[str, Any]:
    """The launch parameters without the image and without the snapshots that EC2 drops."""
    rest = {key: value for key, value in data.items() if key != "ImageId"}
    if "BlockDeviceMappings" in rest:
        rest["BlockDeviceMappings"] = [_without_snapshot(m) for m in rest["BlockDeviceMappings"]]
    return rest


def _snapshots(data: dict[str, Any]) -> set[tuple[str, str]]:
    """Device and snapshot of each block device mapping that has one."""
    return {
        (mapping.get("DeviceName", "a device without a name"), mapping["Ebs"]["SnapshotId"])
        for mapping in data.get("BlockDeviceMappings", [])
        if mapping.get("Ebs", {}).get("SnapshotId")
    }


def _without_snapshot(mapping: dict[str, Any]) -> dict[str, Any]:
    if "Ebs" not in mapping:
        return mapping
    ebs = {key: value for key, value in mapping["Ebs"].items() if key != "SnapshotId"}
    return {**mapping, "Ebs": ebs}
