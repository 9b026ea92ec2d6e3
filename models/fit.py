"""Whether EC2 could start instances from a version, once it has another image.

Each function is asked about one way in which it could not, or not as before; it answers what is in
the way and what to do, or nothing. All data comes with DescribeImages and the version itself.
"""

import re
from typing import Any

from models.base import printable
from models.image import Image
from models.launch_template import Version

_BY_NAME = re.compile(r"([a-z]+)(\d+)([a-z]*)\.")
_GRAVITON = "g"
"""The letter of the processor in an instance type's name, after the generation.

Source: https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
"""

_PROCESSORS = {"arm64": "arm64", "x86_64": "x86_64", "i386": "x86_64"}


def lost_snapshots(version: Version, image: Image, _current: Image | None) -> str | None:
    """Instances would start without the data of a volume."""
    lost = version.snapshots_lost_with(image)
    if not lost:
        return None
    return (
        f"instances would start without the data of {', '.join(map(printable, lost))}:"
        f" {image.image_id} has no snapshot for it, and EC2 drops inherited snapshots"
    )


def small_volume(version: Version, image: Image, _current: Image | None) -> str | None:
    """A volume that is smaller than the snapshot it is made from: EC2 starts no instance.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsBlockDevice.html
    """
    for name, ebs in _volumes(version):
        size, least = ebs.get("VolumeSize"), image.smallest_volume(name)
        if size is not None and least is not None and size < least:
            return (
                f"{printable(name)}: version {version.version_number} sets {size} GiB, and the"
                f" snapshot of {image.image_id} has {least}: make a version with at least"
                f" {least} GiB, or without a size, and make it the default"
            )
    return None


def volume_without_size(version: Version, image: Image, _current: Image | None) -> str | None:
    """A volume of no size, from no snapshot: EC2 starts no instance.

    The root volume of an image always has a snapshot.
    """
    for name, ebs in _volumes(version):
        has_snapshot = name in image.snapshot_devices or name == image.root_device_name
        if not ("VolumeSize" in ebs or has_snapshot):
            return (
                f"{printable(name)}: version {version.version_number} sets no size, and"
                f" {image.image_id} has no snapshot for it: make a version with Ebs.VolumeSize for"
                f" {printable(name)}, or without it, and make it the default"
            )
    return None


def other_root_device(version: Version, image: Image, current: Image | None) -> str | None:
    """The version's mapping of the root device would make one more volume, and an empty one."""
    was = current.root_device_name if current else None
    now = image.root_device_name
    if was is None or now is None or was == now or was not in dict(_volumes(version)):
        return None
    return (
        f"version {version.version_number} maps {printable(was)}, the root device until now; that"
        f" of {image.image_id} is {printable(now)}: make a version that maps {printable(now)}"
        " instead, and make it the default"
    )


def unsupported_type(version: Version, image: Image, current: Image | None) -> str | None:
    """The version's instance type cannot start the image, or none can that needs ENA."""
    instance_type = version.instance_type
    if instance_type is not None and not image.instance_types.allow(instance_type):
        return (
            f"{printable(instance_type)}: {image.image_id} may be launched on"
            f" {printable(str(image.instance_types))}"
        )
    if current is not None and current.ena_support and not image.ena_support:
        return (
            f"{printable(instance_type or 'the instance types')}: {image.image_id} has no"
            f" EnaSupport, which {current.image_id} has: make an image with it"
        )
    return _other_processor(version, image) if current is None else None


def _other_processor(version: Version, image: Image) -> str | None:
    """Asked if there is no image to compare with: all that is known is the type's name."""
    wanted = _processor_of(version.instance_type or "")
    given = _PROCESSORS.get(image.architecture)
    if wanted is None or given is None or wanted == given:
        return None
    return f"{version.instance_type} has {wanted}, and {image.image_id} is made for {given}"


def _volumes(version: Version) -> list[tuple[str, dict[str, Any]]]:
    """Device and Ebs of each mapping that makes an EBS volume.

    NoDevice takes a volume away, and VirtualName is an instance store's.
    """
    return [
        (mapping["DeviceName"], mapping.get("Ebs", {}))
        for mapping in version.data.get("BlockDeviceMappings", [])
        if mapping.get("DeviceName")
        and mapping.get("NoDevice") is None
        and ("Ebs" in mapping or "VirtualName" not in mapping)
    ]


def _processor_of(instance_type: str) -> str | None:
    """What the type's name says of its processor; None if it follows no such pattern."""
    found = _BY_NAME.match(instance_type)
    if found is None or found[1] == "mac":
        return None
    is_graviton = found[1] + found[2] == "a1" or found[3].startswith(_GRAVITON)
    return "arm64" if is_graviton else "x86_64"
