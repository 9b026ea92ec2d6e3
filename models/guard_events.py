"""The events that wake the guard: something that was launched from a new image failed.

As with the reactor's, an event is a hint. Auto Scaling's carry the group and the refresh's or the
activity's id, and the rest is read.
Shapes: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html
and https://docs.aws.amazon.com/aws-backup/latest/devguide/eventbridge.html
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, model_validator
from pydantic.alias_generators import to_camel, to_pascal

from models.base import Value
from models.events import Envelope, Ignored, parsed

REFRESH_FAILED = "EC2 Auto Scaling Instance Refresh Failed"
ROLLED_BACK = "EC2 Auto Scaling Instance Refresh Rollback Succeeded"
LAUNCH_FAILED = "EC2 Instance Launch Unsuccessful"
SCANNED = "Scan Job State Change"

_IMAGE = re.compile(r"arn:[^:]*:ec2:[^:]*:[^:]*:image/(ami-[0-9a-f]{8,17})")


class _Refresh(Value, defer_build=True, alias_generator=to_pascal):
    instance_refresh_id: str
    auto_scaling_group_name: str


class RefreshFailed(Envelope):
    """An instance refresh failed, or was rolled back."""

    source: Literal["aws.autoscaling"]
    detail_type: Literal[
        "EC2 Auto Scaling Instance Refresh Failed",
        "EC2 Auto Scaling Instance Refresh Rollback Succeeded",
    ] = Field(alias="detail-type")
    detail: _Refresh

    @property
    def group_name(self) -> str | None:
        return self.detail.auto_scaling_group_name


class _Launch(Value, defer_build=True, alias_generator=to_pascal):
    activity_id: str
    auto_scaling_group_name: str


class LaunchFailed(Envelope):
    """A group could not start an instance."""

    source: Literal["aws.autoscaling"]
    detail_type: Literal["EC2 Instance Launch Unsuccessful"] = Field(alias="detail-type")
    detail: _Launch

    @property
    def group_name(self) -> str | None:
        return self.detail.auto_scaling_group_name


class _Result(Value, defer_build=True, alias_generator=to_camel):
    scan_result_status: str = ""


class _Scan(Value, defer_build=True, alias_generator=to_camel):
    state: str
    resource_type: str | None = None
    recovery_point_arn: str = ""
    scan_result: _Result = _Result()


class ScanEnded(Envelope):
    """AWS Backup looked for malware in a backup.

    Its `resources` hold the recovery point, which for an instance is the image's ARN.
    """

    source: Literal["aws.backup"]
    detail_type: Literal["Scan Job State Change"] = Field(alias="detail-type")
    detail: _Scan

    @property
    def group_name(self) -> str | None:
        return None

    @property
    def image_id(self) -> str | None:
        named = (_IMAGE.fullmatch(arn) for arn in (*self.resources, self.detail.recovery_point_arn))
        return next((found[1] for found in named if found), None)

    def ignored(self) -> Ignored | None:
        if self.detail.resource_type not in (None, "EC2"):
            return Ignored.NOT_EC2
        found = self.detail.scan_result.scan_result_status == "THREATS_FOUND"
        return None if found else Ignored.OTHER_STATE

    @model_validator(mode="after")
    def _names_an_image(self) -> Self:
        if self.ignored() is None and self.image_id is None:
            raise ValueError(
                "resources.0 or detail.recoveryPointArn must be the ARN of an image if threats"
                " were found"
            )
        return self


GuardEvent = RefreshFailed | LaunchFailed | ScanEnded

_EVENT: TypeAdapter[GuardEvent] = TypeAdapter(
    Annotated[GuardEvent, Field(discriminator="detail_type")]
)
_SOURCES = {
    REFRESH_FAILED: "aws.autoscaling",
    ROLLED_BACK: "aws.autoscaling",
    LAUNCH_FAILED: "aws.autoscaling",
    SCANNED: "aws.backup",
}
GUARD_DETAIL_TYPES = tuple(_SOURCES)


def parse_guard_event(raw: object) -> GuardEvent:
    """Turn what Lambda received into an event of the guard's.

    Raises:
        EventRejected: The payload is none, or not a valid one. The message names the fields at
            fault and never repeats their values.
    """
    return parsed(_EVENT, GUARD_DETAIL_TYPES, raw)


def is_for_the_guard(raw: Mapping[str, Any]) -> bool:
    """Whether it is of a kind that the guard's rules select, valid or not."""
    detail_type = raw.get("detail-type")
    return isinstance(detail_type, str) and _SOURCES.get(detail_type, "") == raw.get("source")
