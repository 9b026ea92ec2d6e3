"""Images: which ones DescribeImages shows, with which fields."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError, InvalidAMIIdError, MalformedAMIIdError
from moto.ec2.models import ec2_backends
from moto.ec2.models.amis import Ami, AmiBackend
from moto.ec2.responses.amis import AmisResponse

from infra.embedded.repairs.answers import Answer, Described, Repair, page, passing, tags_of
from models.base import aws_date

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from moto.core.responses import ActionResult

FILTERED_BY = {
    "architecture": "Architecture",
    "block-device-mapping.snapshot-id": "BlockDeviceMappings.Ebs.SnapshotId",
    "boot-mode": "BootMode",
    "creation-date": "CreationDate",
    "description": "Description",
    "image-id": "ImageId",
    "image-type": "ImageType",
    "is-public": "Public",
    "name": "Name",
    "owner-alias": "ImageOwnerAlias",
    "owner-id": "OwnerId",
    "platform": "Platform",
    "root-device-name": "RootDeviceName",
    "root-device-type": "RootDeviceType",
    "source-image-id": "SourceImageId",
    "source-image-region": "SourceImageRegion",
    "source-instance-id": "SourceInstanceId",
    "state": "State",
    "virtualization-type": "VirtualizationType",
}

REGISTERED = (
    "Architecture",
    "BootMode",
    "EnaSupport",
    "ImageLocation",
    "ImdsSupport",
    "KernelId",
    "RamdiskId",
    "RootDeviceName",
    "SriovNetSupport",
    "TpmSupport",
    "VirtualizationType",
)
"""Parameters of RegisterImage, besides name, description and volumes (API model)."""

INHERITED = (
    "Architecture",
    "BootMode",
    "EnaSupport",
    "ImdsSupport",
    "Platform",
    "PlatformDetails",
    "RootDeviceName",
    "TpmSupport",
    "VirtualizationType",
)
"""What an image takes over from its instance's image, or from the image that it is a copy of."""

_moto_create_image = AmiBackend.create_image
_moto_copy_image = AmiBackend.copy_image


# ---- the fields of one image ---------------------------------------------------------------------


def describe(ami: Ami, fields: Described) -> None:
    """Fix the fields that DescribeImages shows of an image. State, tags and sharing stay live."""
    vars(ami)["described"] = fields


def described(ami: Ami) -> Described:
    known: Described = vars(ami).get("described") or _from_attributes(ami)
    live = {"State": ami.state, "Public": ami.is_public, **tags_of(ami.ec2_backend, ami.id)}
    return {**known, **live}


def _from_attributes(ami: Ami) -> Described:
    """What moto knows, without BootMode and RootDeviceType, which it makes up.

    CreationDate has milliseconds (API model); moto prints zeros.
    """
    fields = {
        "ImageId": ami.id,
        "Name": ami.name,
        "Description": ami.description,
        "OwnerId": ami.owner_id,
        "ImageLocation": f"{ami.owner_id}/{ami.name}",
        "CreationDate": aws_date(ami.creation_date.replace(tzinfo=UTC)),
        "Architecture": ami.architecture or "x86_64",
        "Platform": ami.platform,
        "ImageType": ami.image_type,
        "RootDeviceType": "ebs",
        "RootDeviceName": ami.root_device_name,
        "BlockDeviceMappings": ami.block_device_mappings,
        "VirtualizationType": "hvm",
        "SourceInstanceId": ami.source_instance_id,
    }
    return {name: value for name, value in fields.items() if value}


# ---- volumes -------------------------------------------------------------------------------------


def by_device(mappings: "Iterable[Described]") -> "dict[str, Described]":
    return {mapping.get("DeviceName", ""): mapping for mapping in mappings}


def merged(*layers: "Iterable[Described]") -> "Iterator[Described]":
    """The volumes of a launch: the image's mappings, under a version's, under the request's.

    Source: API model, RunInstances: "Any block device mapping that you specify overrides".
    """
    devices: dict[str, Described] = {}
    for layer in layers:
        for device, mapping in by_device(layer).items():
            below = devices.get(device, {})
            ebs = {**below.get("Ebs", {}), **mapping.get("Ebs", {})}
            devices[device] = {**mapping, "Ebs": ebs} if "Ebs" in mapping else mapping
    return (m for m in devices.values() if "NoDevice" not in m and "Ebs" in m)


# ---- images made here ----------------------------------------------------------------------------


def create_image(
    self: AmiBackend,
    instance_id: str,
    name: str,
    description: str,
    tag_specifications: list[dict[str, Any]],
) -> Ami:
    """A source image and its Region appear "if the AMI was created using CreateImage".

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html
    """
    _refuse_name_in_use(self, name)
    of_image = [tags for tags in tag_specifications if tags["ResourceType"] == "image"]
    ami = _moto_create_image(self, instance_id, name, description, of_image)
    _inherit(ami, self, ami.instance.image_id)
    _settle(ami, BlockDeviceMappings=_remade(self, ami, _volumes(self, ami.instance)))
    return ami


def create_image_asked(self: AmisResponse) -> "ActionResult":
    """The request's mappings override the instance's volumes (API model); moto ignores them."""
    self.error_on_dryrun()
    backend = self.ec2_backend
    ami = backend.create_image(
        self._get_param("InstanceId"),
        self._get_param("Name"),
        self._get_param("Description", ""),
        tag_specifications=self._get_param("TagSpecifications", []),
    )
    if asked := self._get_param("BlockDeviceMappings", []):
        volumes = merged(described(ami)["BlockDeviceMappings"], asked)
        _settle(ami, BlockDeviceMappings=_remade(backend, ami, volumes))
    return Answer({"ImageId": ami.id})


def register_image(self: AmisResponse) -> "ActionResult":
    """An image has what the request says; moto makes up all but the name and the description.

    "Default: For Amazon EBS-backed AMIs, i386" (API model).
    """
    self.error_on_dryrun()
    _refuse_name_in_use(self.ec2_backend, self._get_param("Name"))
    ami = self.ec2_backend.register_image(
        self._get_param("Name"), self._get_param("Description", "")
    )
    asked = {key: self._get_param(key) for key in REGISTERED}
    ami.architecture = asked["Architecture"] or "i386"
    ami.root_device_name = asked["RootDeviceName"] or ami.root_device_name
    volumes = [
        _with_size(self.ec2_backend, mapping)
        for mapping in self._get_param("BlockDeviceMappings", [])
    ]
    _settle(
        ami,
        **{key: value for key, value in asked.items() if value is not None}
        | {"Architecture": ami.architecture, "BlockDeviceMappings": volumes},
    )
    ami.add_tags(self._parse_tag_specification("image").get("image", {}))
    return Answer({"ImageId": ami.id})


def copy_image_asked(self: AmisResponse) -> "ActionResult":
    """Tags are copied on request, but not AWS's own (API model); moto copies none."""
    self.error_on_dryrun()
    source_id, region = self._get_param("SourceImageId"), self._get_param("SourceRegion")
    ami = self.ec2_backend.copy_image(
        source_id, region, self._get_param("Name"), self._get_param("Description")
    )
    tags = self._parse_tag_specification("image").get("image", {})
    if self._get_bool_param("CopyImageTags", False):
        source = ec2_backends[self.current_account][region].tags.get(source_id, {})
        tags = {k: v for k, v in source.items() if not k.startswith("aws:")} | tags
    ami.add_tags(tags)
    if self._get_bool_param("Encrypted", False):
        for mapping in described(ami)["BlockDeviceMappings"]:
            mapping.get("Ebs", {})["Encrypted"] = True
    return Answer({"ImageId": ami.id})


def _settle(ami: Ami, **fields: Any) -> None:
    describe(ami, {**(vars(ami).get("described") or _from_attributes(ami)), **fields})


def _with_size(backend: Any, mapping: Described) -> Described:
    """A volume without a size is as large as its snapshot, if the world holds that."""
    ebs = mapping.get("Ebs", {})
    snapshot = backend.snapshots.get(ebs.get("SnapshotId"))
    if snapshot is None or "VolumeSize" in ebs:
        return mapping
    return {**mapping, "Ebs": {**ebs, "VolumeSize": snapshot.volume_size}}


def copy_image(
    self: AmiBackend,
    source_image_id: str,
    source_region: str,
    name: str | None = None,
    description: str | None = None,
) -> Ami:
    """A copy names its source image and Region too, but no source instance (API model)."""
    _refuse_name_in_use(self, name)
    ami = _moto_copy_image(self, source_image_id, source_region, name, description)
    account = self.account_id  # type: ignore[attr-defined]  # moto's mixin has it from EC2Backend
    source = ec2_backends[account][source_region]
    _inherit(ami, source, source_image_id)
    volumes = described(source.amis[source_image_id]).get("BlockDeviceMappings", [])
    _settle(ami, BlockDeviceMappings=_remade(self, ami, volumes))
    return ami


def _remade(backend: Any, ami: Ami, mappings: "Iterable[Described]") -> list[Described]:
    """The same volumes on snapshots of the image's own, as large as the volumes."""
    return [
        {**mapping, "Ebs": {**mapping["Ebs"], "SnapshotId": _snapshot(backend, ami, mapping)}}
        if "Ebs" in mapping
        else mapping
        for mapping in mappings
    ]


def _snapshot(backend: Any, ami: Ami, mapping: Described) -> str:
    size = int(mapping["Ebs"].get("VolumeSize") or 8)
    volume = backend.create_volume(size=size, zone_name=f"{backend.region_name}a")
    made = backend.create_snapshot(volume.id, f"Created for {ami.id}", from_ami=ami.id)
    backend.delete_volume(volume.id)
    return str(made.id)


def _volumes(backend: Any, instance: Any) -> list[Described]:
    """The attached volumes; for an instance of the world, which may have none, its image's."""
    attached = [
        {
            "DeviceName": device,
            "Ebs": {
                "DeleteOnTermination": attachment.delete_on_termination,
                "VolumeSize": backend.volumes[attachment.volume_id].size,
                "VolumeType": backend.volumes[attachment.volume_id].volume_type or "gp2",
                "Encrypted": bool(backend.volumes[attachment.volume_id].encrypted),
            },
        }
        for device, attachment in instance.block_device_mapping.items()
    ]
    parent = backend.amis.get(instance.image_id)
    inherited = described(parent).get("BlockDeviceMappings", []) if parent else []
    return attached or list(inherited)


def _inherit(ami: Ami, backend: Any, parent_id: str) -> None:
    parent = backend.amis.get(parent_id)
    inherited = described(parent) if parent else {}
    ami.root_device_name = inherited.get("RootDeviceName", ami.root_device_name)
    describe(
        ami,
        {
            **_from_attributes(ami),
            **{name: inherited[name] for name in INHERITED if name in inherited},
            "SourceImageId": parent_id,
            "SourceImageRegion": backend.region_name,
        },
    )


def _refuse_name_in_use(backend: AmiBackend, name: str | None) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html ."""
    for ami in backend.amis.values():
        if ami.name == name and ami.owner_id == ami.ec2_backend.account_id:
            raise EC2ClientError(
                "InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {ami.id}"
            )


# ---- DescribeImages ------------------------------------------------------------------------------


def describe_images(self: AmisResponse) -> "ActionResult":
    """Ids, owners and filters hold together, in pages (API model).

    moto ignores owners and filters if ids are given, knows no `creation-date`, and shows disabled
    images, which "do not appear by default".
    """
    self.error_on_dryrun()
    backend = self.ec2_backend
    image_ids = self._get_param("ImageIds", [])
    if image_ids:
        images = [described(ami) for ami in _named(backend.amis, image_ids)]
    else:
        executable = backend.describe_images(exec_users=self._get_param("ExecutableUsers", []))
        images = [described(ami) for ami in executable]
        if not self._get_bool_param("IncludeDeprecated", False):
            images = [image for image in images if not _is_hidden(image, backend.account_id)]
    if not self._get_bool_param("IncludeDisabled", False):
        images = [image for image in images if image["State"] != "disabled"]
    images = _owned(images, self._get_param("Owners", []), backend.account_id)
    return page(
        self, "Images", passing(images, self._filters_from_querystring(), FILTERED_BY), None
    )


def _is_hidden(image: Described, account: str) -> bool:
    """By default only its owner sees a deprecated image (API model, IncludeDeprecated)."""
    deprecated_at = image.get("DeprecationTime")
    return (
        deprecated_at is not None
        and image["OwnerId"] != account
        and datetime.fromisoformat(deprecated_at) <= utcnow().replace(tzinfo=UTC)
    )


def _named(amis: dict[str, Ami], image_ids: "Sequence[str]") -> list[Ami]:
    """One id that does not exist fails the request (InvalidAMIID.NotFound); moto ignores it.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    """
    malformed = [image_id for image_id in image_ids if not image_id.startswith("ami-")]
    if malformed:
        raise MalformedAMIIdError(malformed)
    missing = [image_id for image_id in image_ids if image_id not in amis]
    if missing:
        raise InvalidAMIIdError(missing)
    return [amis[image_id] for image_id in dict.fromkeys(image_ids)]


def _owned(images: "Iterable[Described]", owners: "Sequence[str]", account: str) -> list[Described]:
    wanted = {account if owner == "self" else owner for owner in owners}
    return [
        image
        for image in images
        if not wanted or {image["OwnerId"], image.get("ImageOwnerAlias")} & wanted
    ]


REPAIRS: tuple[Repair, ...] = (
    (AmiBackend, "create_image", create_image),
    (AmiBackend, "copy_image", copy_image),
    (AmisResponse, "create_image", create_image_asked),
    (AmisResponse, "register_image", register_image),
    (AmisResponse, "copy_image", copy_image_asked),
    (AmisResponse, "describe_images", describe_images),
)
