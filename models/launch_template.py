"""Launch templates and their versions."""

import json
from typing import Any

from pydantic import Field
from pydantic.alias_generators import to_pascal

from models.base import TemplateId, Timestamp, Value
from models.image import Image
from models.tags import (
    HIGH_WATER_MARK_TAG,
    HOLD_TAG,
    OPT_IN_TAG,
    HighWaterMark,
    Stamp,
    Tags,
    read_high_water_mark,
    read_stamp,
)
from models.version_description import read_promotion


class Version(Value, alias_generator=to_pascal):
    """One version of a launch template, as DescribeLaunchTemplateVersions reports it."""

    version_number: int
    create_time: Timestamp
    version_description: str = ""
    data: dict[str, Any] = Field(alias="LaunchTemplateData")

    @property
    def image_id(self) -> str | None:
        """An AMI id, `resolve:ssm:...`, or None if the version names no image."""
        return self.data.get("ImageId")

    @property
    def instance_type(self) -> str | None:
        """None if the version leaves it to the group, or to requirements."""
        return self.data.get("InstanceType")

    @property
    def stands_in_for(self) -> str | None:
        """The image that the function left when it made this version, or a later one before that.

        If that image is newer, it was gone: nothing else makes a template go back.
        """
        promotion = read_promotion(self.version_description)
        if promotion is None or promotion.taken != self.image_id:
            return None
        return promotion.instead_of or promotion.left

    @property
    def comes_after_a_loss(self) -> bool:
        """Made while an image was missing that the function had to leave, or when it came back."""
        promotion = read_promotion(self.version_description)
        if promotion is None or promotion.taken != self.image_id:
            return False
        return promotion.instead_of is not None

    def equals(self, other: "Version") -> bool:
        """Whether instances would start alike from both."""
        return parameters(self.data) == parameters(other.data)

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
    def hold(self) -> Stamp | None:
        value = self.tags.get(HOLD_TAG)
        return None if value is None else read_stamp(value)

    @property
    def high_water_mark(self) -> HighWaterMark | None:
        """None if there is none yet, or if its tag is malformed."""
        return read_high_water_mark(self.tags.get(HIGH_WATER_MARK_TAG, ""))

    @property
    def may_be_moved(self) -> bool:
        """Whether IAM lets the function write: the opt-in tag is `on`, and there is no hold."""
        return self.tags.get(OPT_IN_TAG) == "on" and self.hold is None

    @property
    def default(self) -> Version:
        """The version that `$Default` names. It must have been read."""
        return next(v for v in self.versions if v.version_number == self.default_version_number)

    @property
    def latest_seen(self) -> int:
        """The highest number among the versions that were read."""
        return max(v.version_number for v in self.versions)


def parameters(data: dict[str, Any]) -> dict[str, Any]:
    """Launch parameters, so that equal ones compare equal.

    EC2 promises no order of the lists in its answers: ids, tags, mappings. `MetadataOptions.State`
    tells how far a change has come, and is no parameter.
    """
    kept = dict(data)
    if "MetadataOptions" in kept:
        kept["MetadataOptions"] = _without(kept["MetadataOptions"], "State")
    return {key: _in_one_order(value) for key, value in kept.items()}


def _in_one_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_one_order(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted(map(_in_one_order, value), key=_canonical)
    return value


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)  # a spot request has dates


def _settings(data: dict[str, Any]) -> dict[str, Any]:
    """The launch parameters without the image and without the snapshots that EC2 drops."""
    rest = _without(data, "ImageId")
    if "BlockDeviceMappings" in rest:
        rest["BlockDeviceMappings"] = [
            {**m, "Ebs": _without(m["Ebs"], "SnapshotId")} if "Ebs" in m else m
            for m in rest["BlockDeviceMappings"]
        ]
    return parameters(rest)


def _without(data: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != key}


def _snapshots(data: dict[str, Any]) -> set[tuple[str, str]]:
    """Device and snapshot of each block device mapping that has one."""
    return {
        (mapping.get("DeviceName", "a device without a name"), mapping["Ebs"]["SnapshotId"])
        for mapping in data.get("BlockDeviceMappings", [])
        if mapping.get("Ebs", {}).get("SnapshotId")
    }
