"""The entries of a world: AWS's own answer shapes.

`aws ec2 describe-images` and similar commands print them. Fields that are not read here are kept
unchanged; a field that AWS knows must have AWS's type.
"""

import base64
import difflib
import re
from collections.abc import Collection
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, NoReturn, Self

from moto.core.utils import get_service_model
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic.alias_generators import to_pascal
from pydantic_core import PydanticCustomError

from models.base import ImageId, InstanceId, TemplateId, Timestamp, printable

A_DATE = "a date such as 2026-06-15T17:00:31.000Z"

_TYPES: dict[str, tuple[tuple[type[Any], ...], str]] = {
    "structure": ((dict,), "a JSON object"),
    "list": ((list,), "a list"),
    "string": ((str,), "a string"),
    "timestamp": ((str,), A_DATE),
    "boolean": ((bool,), "true or false"),
    "integer": ((int,), "a whole number"),
    "long": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "double": ((int, float), "a number"),
}


_STATE_CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"must be {A_DATE}") from None


Moment = Annotated[Timestamp, AfterValidator(_in_utc)]


def _long_ago() -> datetime:
    """The same at any time: an entry of the last hour is one that EC2 may not show everywhere."""
    return datetime(2020, 1, 1, tzinfo=UTC)


class Tag(BaseModel):
    """AWS's own form of a tag."""

    model_config = ConfigDict(alias_generator=to_pascal)

    key: str
    value: str = ""


class GroupTag(Tag):
    """A group's tag, which may also be put on the instances that the group launches."""

    propagate_at_launch: bool = False


class Entry(BaseModel):
    """One entry of an answer: the fields that are read here, and the others unchanged."""

    model_config = ConfigDict(
        alias_generator=to_pascal, populate_by_name=True, extra="allow", hide_input_in_errors=True
    )
    aws_shape: ClassVar[tuple[str, str]]

    @model_validator(mode="before")
    @classmethod
    def _as_aws_has_it(cls, value: object) -> object:
        if not isinstance(value, cls):
            service, shape = cls.aws_shape
            _check(value, _shape(service, shape), ())
        return value

    def as_aws_prints_it(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def _check(value: Any, shape: Any, path: tuple[str | int, ...]) -> None:
    types, name = _TYPES[shape.type_name]
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        fail(f"must be {name}", *path)
    if shape.type_name == "structure":
        members = _members(shape)
        for key, item in value.items():
            if key in members:
                _check(item, members[key], (*path, key))
            elif right := misspelt(key, members):
                fail(f"must be spelt {right}", *path, printable(key))
    if shape.type_name == "list":
        for index, item in enumerate(value):
            _check(item, shape.member, (*path, index))


@cache
def _shape(service: str, name: str) -> Any:
    return get_service_model(service).shape_for(name)


_known_members: dict[int, tuple[Any, dict[str, Any]]] = {}


def _members(shape: Any) -> dict[str, Any]:
    """Cached: botocore makes a shape's members anew at each access. The shape too, for its id."""
    if id(shape) not in _known_members:
        _known_members[id(shape)] = shape, dict(shape.members)
    return _known_members[id(shape)][1]


def misspelt(key: str, known: Collection[str]) -> str | None:
    """The known key that a misspelt one stands for: other case, or one character off.

    Any other unknown key may be one that AWS has added since, such as an Id beside a name.
    """
    by_letters = {_only_letters(name): name for name in known}
    close = [name for name in known if abs(len(name) - len(key)) <= 1]
    nearest = difflib.get_close_matches(key, close, n=1, cutoff=_CLOSE)
    return by_letters.get(_only_letters(key)) or next(iter(nearest), None)


_CLOSE = 0.85


def _only_letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def fail(message: str, *path: str | int) -> NoReturn:
    """Refuse the field at `path`, which starts from the entry that is being validated."""
    raise PydanticCustomError("world", "{message}", {"message": message, "path": path})


class Image(Entry):
    """Only ImageId and CreationDate are needed."""

    aws_shape = ("ec2", "Image")

    image_id: ImageId
    creation_date: Moment
    name: str = ""
    state: Literal[
        "pending",
        "available",
        "invalid",
        "deregistered",
        "transient",
        "failed",
        "error",
        "disabled",
    ] = "available"
    owner_id: str | None = None
    architecture: str = "x86_64"
    platform: str | None = None
    root_device_name: str = "/dev/xvda"
    block_device_mappings: list[dict[str, Any]] | None = None
    deprecation_time: Moment | None = None
    public: bool = False
    tags: list[Tag] = []


class Template(Entry):
    """Version numbers that are not given follow from its versions."""

    aws_shape = ("ec2", "LaunchTemplate")

    launch_template_id: TemplateId
    launch_template_name: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9().\-/_]{3,128}$")]
    default_version_number: int | None = None
    latest_version_number: int | None = None
    create_time: Moment = Field(default_factory=_long_ago)
    created_by: str | None = None
    tags: list[Tag] = []


class Version(Entry):
    """Numbers may have gaps: versions can be deleted, and no number is assigned twice."""

    aws_shape = ("ec2", "LaunchTemplateVersion")

    launch_template_id: TemplateId | None = None
    launch_template_name: str | None = None
    version_number: int = Field(ge=1)
    version_description: str = ""
    default_version: bool = False
    create_time: Moment = Field(default_factory=_long_ago)
    created_by: str | None = None
    launch_template_data: dict[str, Any]

    @model_validator(mode="after")
    def _names_its_template(self) -> Self:
        if not (self.launch_template_id or self.launch_template_name):
            fail("is required, or LaunchTemplateName", "LaunchTemplateId")
        return self

    @model_validator(mode="after")
    def _has_whole_tags(self) -> Self:
        for index, tags in enumerate(self.launch_template_data.get("TagSpecifications", [])):
            if not {"ResourceType", "Tags"} <= tags.keys() or any(
                not {"Key", "Value"} <= tag.keys() for tag in tags["Tags"]
            ):
                path = ("LaunchTemplateData", "TagSpecifications", index)
                fail("must have a ResourceType, and Tags with Key and Value", *path)
        return self

    @model_validator(mode="after")
    def _has_encoded_user_data(self) -> Self:
        try:
            base64.b64decode(self.launch_template_data.get("UserData", ""), validate=True)
        except ValueError:
            fail("must be in base64", "LaunchTemplateData", "UserData")
        return self


class InstanceState(BaseModel):
    """Its name; the code follows from that."""

    model_config = ConfigDict(alias_generator=to_pascal)

    name: Literal["pending", "running", "shutting-down", "terminated", "stopping", "stopped"] = (
        "running"
    )

    @property
    def code(self) -> int:
        """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html ."""
        return _STATE_CODES[self.name]


class Instance(Entry):
    """An instance, with the image that it runs, whatever its group would launch today."""

    aws_shape = ("ec2", "Instance")

    instance_id: InstanceId
    image_id: ImageId
    state: InstanceState = InstanceState()
    launch_time: Moment = Field(default_factory=_long_ago)
    instance_type: str | None = None
    tags: list[Tag] = []


class Member(Entry):
    """An instance as its group lists it."""

    aws_shape = ("autoscaling", "Instance")

    instance_id: InstanceId
    instance_type: str | None = None
    availability_zone: str | None = None
    lifecycle_state: str = "InService"
    health_status: str = "Healthy"
    protected_from_scale_in: bool = False
    launch_template: dict[str, str] = {}


class Group(Entry):
    """If `Instances` is given, it has these and no others; else it launches its own."""

    aws_shape = ("autoscaling", "AutoScalingGroup")

    auto_scaling_group_name: str = Field(min_length=1)
    auto_scaling_group_arn: str | None = Field(
        default=None, alias="AutoScalingGroupARN", pattern=r":autoScalingGroup:[^:]+:"
    )
    launch_template: dict[str, str] | None = None
    mixed_instances_policy: dict[str, Any] | None = None
    min_size: int = Field(default=0, ge=0)
    desired_capacity: int = Field(default_factory=lambda data: data.get("min_size", 0), ge=0)
    max_size: int = Field(default_factory=lambda data: max(1, data.get("desired_capacity", 0)))
    availability_zones: list[str] = []
    vpc_zone_identifier: str | None = Field(default=None, alias="VPCZoneIdentifier")
    default_cooldown: int = 300
    health_check_type: str = "EC2"
    health_check_grace_period: int = 300
    new_instances_protected_from_scale_in: bool = False
    termination_policies: list[str] = ["Default"]
    created_time: Moment = Field(default_factory=_long_ago)
    instances: list[Member] | None = None
    warm_pool_configuration: dict[str, Any] | None = None
    tags: list[GroupTag] = []

    @property
    def specification(self) -> dict[str, str]:
        """The launch template that it launches from."""
        policy = self.mixed_instances_policy or {}
        return self.launch_template or policy.get("LaunchTemplate", {}).get(
            "LaunchTemplateSpecification", {}
        )


class InstanceRefresh(Entry):
    """A refresh that ended, as DescribeInstanceRefreshes shows it."""

    aws_shape = ("autoscaling", "InstanceRefresh")

    instance_refresh_id: str = Field(min_length=1)
    auto_scaling_group_name: str = Field(min_length=1)
    status: str
    start_time: Moment = Field(default_factory=_long_ago)
