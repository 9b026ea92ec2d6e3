"""Images: which ones DescribeImages shows, and what it says about them."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import EC2ClientError, InvalidAMIIdError, MalformedAMIIdError
from moto.ec2.models import ec2_backends
from moto.ec2.models.amis import Ami, AmiBackend
from moto.ec2.responses.amis import AmisResponse

from infra.embedded.repairs.answers import Described, Repair, page, passing, tags_of
from models.base import aws_date

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
"""What an image has from the one that its instance was launched from, or that it is a copy of."""

_moto_create_image = AmiBackend.create_image
_moto_copy_image = AmiBackend.copy_image


# ---- what is said about one image ----------------------------------------------------------------


def describe(ami: Ami, fields: Described) -> None:
    """Settle what DescribeImages says of an image. Its state, tags and sharing stay live."""
    vars(ami)["described"] = fields


def described(ami: Ami) -> Described:
    known: Described = vars(ami).get("described") or _from_attributes(ami)
    live = {"State": ami.state, "Public": ami.is_public, **tags_of(ami.ec2_backend, ami.id)}
    return {**known, **live}


def _from_attributes(ami: Ami) -> Described:
    """What moto knows, but for BootMode and RootDeviceType, which it makes up.

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
    ami = _moto_create_image(self, instance_id, name, description, tag_specifications)
    _inherit(ami, self, ami.instance.image_id)
    return ami


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
    _inherit(ami, ec2_backends[account][source_region], source_image_id)
    return ami


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

    moto forgets owners and filters where ids are given, knows no `creation-date`, and shows
    disabled images, which "do not appear by default".
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
    """Of a deprecated image, only the owner sees it unasked (API model, IncludeDeprecated)."""
    deprecated_at = image.get("DeprecationTime")
    return (
        deprecated_at is not None
        and image["OwnerId"] != account
        and datetime.fromisoformat(deprecated_at) <= datetime.now(UTC)
    )


def _named(amis: dict[str, Ami], image_ids: "Sequence[str]") -> list[Ami]:
    """One id that does not exist fails the request (InvalidAMIID.NotFound); moto looks away.

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
    (AmisResponse, "describe_images", describe_images),
)
