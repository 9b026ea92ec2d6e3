"""What EC2 refuses to launch: parameters and an image that do not fit each other."""

import copy
import hashlib
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import EC2ClientError, InvalidAMIIdError, MalformedAMIIdError
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import InstanceBackend
from moto.ec2.responses.instances import InstanceResponse

from infra.embedded.repairs.images import by_device, described, merged

if TYPE_CHECKING:
    from moto.ec2.models.instances import Reservation

    from infra.embedded.repairs.answers import Described, Repair

PARAMETER = "resolve:ssm:"

DEFAULT_SIZE = 8
"""GiB, of a volume whose size is not known here."""

moto_run_instances = InstanceBackend.run_instances
_moto_template = InstanceBackend._get_template_from_args

_combination = partial(EC2ClientError, "InvalidParameterCombination")
_value = partial(EC2ClientError, "InvalidParameterValue")
_missing = partial(EC2ClientError, "MissingParameter")
_mapping = partial(EC2ClientError, "InvalidBlockDeviceMapping")


def refuse(backend: Any, data: "Described") -> None:
    """Raise EC2's error if no instance can start from these parameters.

    Args:
        backend: moto's EC2 backend.
        data: Keys as in LaunchTemplateData: a version's, overridden by the request's.

    Raises:
        EC2ClientError: With EC2's code and words.
    """
    image = image_of(backend, data.get("ImageId"))
    if image is None:
        return
    _refuse_type(image, data.get("InstanceType"))
    own = by_device(image.get("BlockDeviceMappings", []))
    for mapping in data.get("BlockDeviceMappings", []):
        _refuse_mapping(backend, image, own.get(mapping.get("DeviceName", ""), {}), mapping)


def image_of(backend: Any, image_id: str | None) -> "Described | None":
    """The image as DescribeImages shows it; None for an SSM parameter, which no world holds.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    """
    if not image_id:
        raise _missing("The request must contain the parameter ImageId")
    if image_id.startswith(PARAMETER):
        return None
    if not image_id.startswith("ami-"):
        raise MalformedAMIIdError([image_id])
    if image_id not in backend.amis and image_id not in backend.deleted_amis:
        raise InvalidAMIIdError(image_id)
    image = described(backend.amis[image_id]) if image_id in backend.amis else {}
    if image.get("State") != "available":
        raise EC2ClientError(
            "InvalidAMIID.Unavailable", f"The image ID '{image_id}' is no longer available"
        )
    return image


def stand_in(where_from: str) -> str:
    """A made-up image id, always the same, for an image whose id no world holds."""
    return f"ami-{hashlib.sha256(where_from.encode()).hexdigest()[:17]}"


# ---- the instance type ---------------------------------------------------------------------------


def _refuse_type(image: "Described", name: str | None) -> None:
    if name is None:
        return  # EC2 chooses one that fits, or the version has InstanceRequirements
    _refuse_excluded(image, name)
    known = INSTANCE_TYPES.get(name)
    if known is not None:
        _refuse_architecture(image, known)
        _refuse_without_ena(image, name, known)


def _refuse_excluded(image: "Described", name: str) -> None:
    """Source: API model, RunInstances and InstanceTypeSpecification. The words are made up."""
    allowed = image.get("InstanceTypeSpecification", {})
    supported, unsupported = (
        {one["InstanceType"] for one in allowed.get(f"{kind}InstanceTypes", [])}
        for kind in ("Supported", "Unsupported")
    )
    if _is_among(name, unsupported) or (supported and not _is_among(name, supported)):
        raise _combination(
            f"The instance type '{name}' is not supported by the AMI '{image['ImageId']}'."
        )


def _is_among(name: str, patterns: set[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _refuse_architecture(image: "Described", known: "Described") -> None:
    """https://github.com/skypilot-org/skypilot/issues/6315 ."""
    architectures = known.get("ProcessorInfo", {}).get("SupportedArchitectures", [])
    wanted = image.get("Architecture", "x86_64")
    if architectures and wanted not in architectures:
        raise _value(
            f"The architecture '{','.join(architectures)}' of the specified instance type does not"
            f" match the architecture '{wanted}' of the specified AMI. Specify an instance type"
            " and an AMI that have matching architectures, and try again. You can use"
            " 'describe-instance-types' or 'describe-images' to discover the architecture of the"
            " instance type or AMI."
        )


def _refuse_without_ena(image: "Described", name: str, known: "Described") -> None:
    """Refused only if the world says that the image has no driver: it may say nothing.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshoot-ena.html
    """
    is_required = known.get("NetworkInfo", {}).get("EnaSupport") == "required"
    if is_required and image.get("EnaSupport") is False:
        raise _combination(
            "Enhanced networking with the Elastic Network Adapter (ENA) is required for the"
            f" '{name}' instance type. Ensure that you are using an AMI that is enabled for ENA."
        )


# ---- block device mappings -----------------------------------------------------------------------


def _refuse_mapping(backend: Any, image: "Described", own: "Described", asked: "Described") -> None:
    """A volume is no smaller than its snapshot, and has a size or a snapshot.

    https://github.com/openshift/origin-ci-tool/issues/153 and, tried on EC2,
    https://github.com/getmoto/moto/pull/2949
    """
    if "NoDevice" in asked or "VirtualName" in asked:
        return
    if "Ebs" not in asked:
        raise _missing("The request must contain the parameter ebs")
    size = asked["Ebs"].get("VolumeSize")
    snapshot = asked["Ebs"].get("SnapshotId") or own.get("Ebs", {}).get("SnapshotId")
    if size is None and snapshot is None:
        raise _missing("The request must contain the parameter size or snapshotId")
    least = _size_of(backend, image, own, snapshot)
    if None not in (size, least) and int(size) < least:
        raise _mapping(
            f"Volume of size {size}GB is smaller than snapshot '{snapshot}',"
            f" expect size >= {least}GB"
        )


def _size_of(backend: Any, image: "Described", own: "Described", snapshot: str | None) -> int:
    """In GiB; 0 if it is not known here.

    If the image was made from an instance, the size in its mapping is its snapshot's; the size in
    a registered image's mapping may be larger.
    """
    if snapshot in backend.snapshots:
        return int(backend.snapshots[snapshot].volume_size)
    ebs = own.get("Ebs", {})
    is_known = snapshot == ebs.get("SnapshotId") and _is_of_an_instance(image)
    return int(ebs.get("VolumeSize") or 0) if is_known else 0


def _is_of_an_instance(image: "Described") -> bool:
    keys = {tag["Key"] for tag in image.get("Tags", [])}
    return "SourceInstanceId" in image or "aws:backup:source-resource" in keys


# ---- RunInstances, which every launch ends in ----------------------------------------------------


def run_instances(
    self: InstanceBackend,
    image_id: str | None,
    count: int,
    user_data: Any,
    security_group_names: list[str],
    **asked: Any,
) -> "Reservation":
    """A launch that EC2 would refuse is refused; others have their image's and version's volumes.

    moto starts anything, with one volume of 8 GiB.
    """
    own_mappings = asked.pop("block_device_mappings", [])
    data = _parameters(self, image_id, {**asked, "block_device_mappings": own_mappings})
    refuse(self, data)
    image = image_of(self, data["ImageId"])
    if image is None:
        data["ImageId"] = stand_in(data["ImageId"])
    reservation = moto_run_instances(
        self,
        data["ImageId"],
        count,
        user_data,
        security_group_names,
        **asked,
        block_device_mappings=[],
    )
    for instance in reservation.instances:
        for mapping in merged(
            (image or {}).get("BlockDeviceMappings", []), data["BlockDeviceMappings"]
        ):
            _attach(self, instance, mapping)
    return reservation


def _parameters(self: InstanceBackend, image_id: str | None, asked: "Described") -> "Described":
    """What is launched: the launch template's version, overridden by the request."""
    named = asked.get("launch_template")
    version = self._get_template_from_args(named).data if named else {}
    own = {"ImageId": image_id, "InstanceType": _type_of(asked)}
    mappings = {
        **by_device(version.get("BlockDeviceMappings", [])),
        **by_device(asked["block_device_mappings"]),
    }
    return {
        "ImageId": None,
        **version,
        **{key: value for key, value in own.items() if value},
        "BlockDeviceMappings": list(mappings.values()),
    }


def _type_of(asked: "Described") -> str | None:
    return None if asked.get("is_instance_type_default") else asked.get("instance_type")


def _attach(self: Any, instance: Any, mapping: "Described") -> None:
    """Without moto's own method, which looks up snapshots that no world holds."""
    ebs = mapping["Ebs"]
    size = int(ebs.get("VolumeSize") or DEFAULT_SIZE)
    volume = self.create_volume(size=size, zone_name=f"{self.region_name}a")
    volume.volume_type = ebs.get("VolumeType", "gp2")
    volume.snapshot_id = ebs.get("SnapshotId")
    volume.encrypted = bool(ebs.get("Encrypted"))
    self.attach_volume(
        volume.id, instance.id, mapping["DeviceName"], bool(ebs.get("DeleteOnTermination", True))
    )


def _get_template_from_args(self: InstanceBackend, named: "Described") -> Any:
    """Without the security groups that the world lacks; moto would look them up, and fail."""
    version = copy.copy(_moto_template(self, named))
    groups = {"SecurityGroupIds", "SecurityGroups"}
    # moto's mixin has `groups` from EC2Backend
    there = [g for vpc in self.groups.values() for g in vpc.values()]  # type: ignore[attr-defined]
    known = {name for group in there for name in (group.id, group.name)}
    version.data = {
        key: [group for group in value if group in known] if key in groups else value
        for key, value in version.data.items()
    }
    return version


def _parse_block_device_mapping(self: InstanceResponse) -> "list[Described]":
    """As requested: a mapping without size or snapshot may have the image's snapshot."""
    mappings: list[Described] = self._get_param("BlockDeviceMappings", [])
    return mappings


REPAIRS: "tuple[Repair, ...]" = (
    (InstanceBackend, "run_instances", run_instances),
    (InstanceBackend, "_get_template_from_args", _get_template_from_args),
    (InstanceResponse, "_parse_block_device_mapping", _parse_block_device_mapping),
)
