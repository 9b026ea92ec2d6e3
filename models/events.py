"""The events that the reactor acts on.

An event is a hint: it says which templates to look at, never what to do with them. So the models
ask for no more than that, and are strict about it.
Shapes: https://docs.aws.amazon.com/aws-backup/latest/devguide/eventbridge.html,
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitor-ami-events.html and
https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-tag.html
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BeforeValidator, FailFast, Field, TypeAdapter, ValidationError, model_validator
from pydantic.alias_generators import to_camel, to_pascal

from models.base import EventId, ImageId, Place, ReplayName, TemplateId, Value, date_or_none
from models.errors import EventRejected
from models.faults import in_plain_words


class Ignored(StrEnum):
    """Why an event concerns no template. Part of the public interface."""

    NO_FOLLOWER = "no-follower"
    IMAGE_NOT_FOUND = "image-not-found"
    NOT_EC2 = "not-ec2"
    OTHER_STATE = "other-state"
    OTHER_ACCOUNT = "other-account"
    OTHER_REGION = "other-region"

    @property
    def in_words(self) -> str:
        return _IN_WORDS[self]


_IN_WORDS = {
    Ignored.NO_FOLLOWER: "no template follows it",
    Ignored.IMAGE_NOT_FOUND: "this account owns no image with that id",
    Ignored.NOT_EC2: "it is not a backup of an EC2 instance",
    Ignored.OTHER_STATE: "its state needs no action",
    Ignored.OTHER_ACCOUNT: "it is about another account",
    Ignored.OTHER_REGION: "it is about another Region",
}

_IMAGE_ARN = re.compile(r"arn:[^:]*:ec2:[^:]*:[^:]*:image/(ami-[0-9a-f]{8,17})")
_INSTANCE_ARN = re.compile(r"arn:[^:]*:ec2:[^:]*:[^:]*:instance/(i-[0-9a-f]{8,17})")
_TEMPLATE_ARN = re.compile(r"arn:[^:]*:ec2:[^:]*:[^:]*:launch-template/(lt-[0-9a-f]{8,17})")


class Envelope(Value, defer_build=True):  # _EVENT is built for all of them
    """What EventBridge puts around every event.

    Attributes:
        time: None if it is no date, as in AWS's own samples. No decision rests on it; it only
            tells how long to wait for an image that cannot be seen yet.
        replay_name: Set if an archive was replayed; such an event is handled like any other.
    """

    id: EventId
    account: str
    region: str
    time: Annotated[datetime | None, BeforeValidator(date_or_none)]
    resources: Annotated[tuple[str, ...], FailFast()] = ()  # one fault, not one for each item
    replay_name: ReplayName | None = Field(default=None, alias="replay-name")

    @property
    def image_id(self) -> str | None:
        """The image that the event speaks of."""
        return self._first(_IMAGE_ARN)

    @property
    def instance_id(self) -> str | None:
        """The instance that was backed up."""
        return None

    @property
    def template_id(self) -> str | None:
        """The one launch template that the event speaks of."""
        return None

    @property
    def lost_image_id(self) -> str | None:
        """The image that cannot be launched any more, as the event reports."""
        return None

    def ignored(self) -> Ignored | None:
        """Why no template needs to act on the event, as far as the event alone can tell."""
        return None

    def _first(self, arn: re.Pattern[str]) -> str | None:
        found = arn.fullmatch(self.resources[0]) if self.resources else None
        return found and found[1]


class _BackupJob(Value, defer_build=True, alias_generator=to_camel):
    state: str
    resource_type: str | None = None  # absent in CREATED
    resource_arn: str | None = None


class BackupJobStateChange(Envelope):
    """A backup job went on; once COMPLETED, its image is there or will be within the minute.

    That `resources[0]` is the image's ARN is composed from several of AWS's samples; no capture
    of this very event is public. If it names no image, the instance is enough.
    """

    source: Literal["aws.backup"]
    detail_type: Literal["Backup Job State Change"] = Field(alias="detail-type")
    detail: _BackupJob

    @property
    def instance_id(self) -> str | None:
        found = _INSTANCE_ARN.fullmatch(self.detail.resource_arn or "")
        return found and found[1]

    def ignored(self) -> Ignored | None:
        if self.detail.state != "COMPLETED":
            return Ignored.OTHER_STATE
        return None if self.detail.resource_type == "EC2" else Ignored.NOT_EC2

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.detail.state == "COMPLETED" and self.detail.resource_type is None:
            raise ValueError("detail.resourceType: is required when detail.state is COMPLETED")
        if self.ignored() is None and not (self.image_id or self.instance_id):
            raise ValueError(
                "resources.0 must be the ARN of an image, or detail.resourceArn that of an instance"
            )
        return self


class _Ami(Value, defer_build=True, alias_generator=to_pascal):
    image_id: ImageId
    state: str


class AmiStateChange(Envelope):
    """An image became available, or cannot be launched any more."""

    source: Literal["aws.ec2"]
    detail_type: Literal["EC2 AMI State Change"] = Field(alias="detail-type")
    detail: _Ami

    @property
    def image_id(self) -> str | None:
        return self.detail.image_id

    @property
    def lost_image_id(self) -> str | None:
        return self.image_id if self.detail.state in ("deregistered", "disabled") else None

    def ignored(self) -> Ignored | None:
        is_ours = self.lost_image_id or self.detail.state == "available"
        return None if is_ours else Ignored.OTHER_STATE


class _TagChange(Value, defer_build=True, alias_generator=lambda name: name.replace("_", "-")):
    service: Literal["ec2"]
    resource_type: Literal["launch-template", "image"]


class TagChange(Envelope):
    """The tags of a launch template or of an image changed; they are read anew, not believed."""

    source: Literal["aws.tag"]
    detail_type: Literal["Tag Change on Resource"] = Field(alias="detail-type")
    detail: _TagChange

    @property
    def template_id(self) -> str | None:
        return self._first(_TEMPLATE_ARN)

    @model_validator(mode="after")
    def _names_it(self) -> Self:
        if not (self.template_id or self.image_id):
            raise ValueError("resources.0 must be the ARN of a launch template or an image")
        return self


class _OwnDetail(Value, defer_build=True):
    launch_template_id: TemplateId | None = None
    launch_template_name: str | None = None


class OwnEvent(Envelope):
    """An event of the reactor's own source; one model, for each more takes time in a cold start.

    `Reconcile Requested`: an operator, a timer, the schedule or the function asks to look at one
    template, or at all. `Launch Template Promoted`: the function moved a template, and those that
    wait for it may have something to do. `Promotion Postponed` is handed to the function by no
    rule: redriven from the dead-letter queue, where it is if its timer could not be started, it
    starts that timer again.
    """

    source: Literal["ami-reactor"]
    detail_type: Literal[
        "Reconcile Requested", "Launch Template Promoted", "Promotion Postponed"
    ] = Field(alias="detail-type")
    detail: _OwnDetail

    @property
    def is_promotion(self) -> bool:
        return self.detail_type == "Launch Template Promoted"

    @property
    def template_id(self) -> str | None:
        return None if self.is_promotion else self.detail.launch_template_id

    def wakes(self, after: tuple[str, ...]) -> bool:
        """Whether a template that waits for those names and ids may have something to do."""
        named = {self.detail.launch_template_id, self.detail.launch_template_name}
        return not self.is_promotion or not named.isdisjoint(after)


Event = BackupJobStateChange | AmiStateChange | TagChange | OwnEvent

_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="detail_type")])
_FAULTS = 5  # as many as an engineer reads, and as an error's text has room for
_SOURCES = {
    "Backup Job State Change": "aws.backup",
    "EC2 AMI State Change": "aws.ec2",
    "Tag Change on Resource": "aws.tag",
    "Reconcile Requested": "ami-reactor",
    "Launch Template Promoted": "ami-reactor",
    "Promotion Postponed": "ami-reactor",
}
DETAIL_TYPES = tuple(_SOURCES)

FOLLOW_UPS = frozenset({"Launch Template Promoted", "Promotion Postponed"})
"""What the function itself puts, and only if something was to be told."""


def parse_event(raw: object) -> Event:
    """Turn what Lambda received into an event.

    Raises:
        EventRejected: The payload is not one of our events, or not a valid one. The message names
            the fields at fault and never repeats their values.
    """
    return parsed(_EVENT, DETAIL_TYPES, raw)


_E = TypeVar("_E")


def parsed(adapter: TypeAdapter[_E], detail_types: Collection[str], raw: object) -> _E:
    """The event of one of those kinds; raises as `parse_event` does."""
    if not isinstance(raw, Mapping):
        raise EventRejected("event: must be a JSON object")
    try:
        return adapter.validate_python(raw)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        faults = [_fault(fault, detail_types) for fault in found]
        more = [f"and {len(faults) - _FAULTS} more"] if len(faults) > _FAULTS else []
        raise EventRejected("; ".join([*faults[:_FAULTS], *more])) from None


def _fault(fault: Any, detail_types: Collection[str]) -> str:
    if fault["type"].startswith("union_tag"):  # pydantic's message would repeat the value
        return f"detail-type: must be one of: {', '.join(detail_types)}"
    field = ".".join(str(part) for part in fault["loc"] if part not in detail_types)
    message = in_plain_words(fault)
    return f"{field}: {message}" if field else message


def is_selected(raw: Mapping[str, Any]) -> bool:
    """Whether it is of a kind that the stack's rules select, valid or not."""
    detail_type = raw.get("detail-type")
    return isinstance(detail_type, str) and _SOURCES.get(detail_type, "") == raw.get("source")


def claimed_image(raw: object) -> str | None:
    """The image that a payload names as its resource, whether or not it is one of our events."""
    resources = raw.get("resources") if isinstance(raw, Mapping) else None
    first = resources[0] if isinstance(resources, list) and resources else None
    found = _IMAGE_ARN.fullmatch(first) if isinstance(first, str) else None
    return found and found[1]


def template_named(raw: object) -> str | None:
    """The one launch template that a payload is about, if it is one of our events."""
    try:
        return parse_event(raw).template_id
    except EventRejected:
        return None


def elsewhere(event: Envelope, place: Place) -> Ignored | None:
    """Why the event is not about this account and Region."""
    if event.account != place.account:
        return Ignored.OTHER_ACCOUNT
    return None if event.region == place.region else Ignored.OTHER_REGION
