"""The tags on launch templates and images: every key, and the format of what is written in a value.

People and Terraform write the `ami-reactor` tags. The function and the command line write the
`ami-reactor-state:` tags. AWS Backup writes its own.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, ValidationError

from models.aws_limits import TAG_VALUE_CHARACTERS
from models.base import ImageId, Timestamp, Value, aws_date, date_or_none, printable

if TYPE_CHECKING:
    from models.image import Image
    from models.launch_template import Version

OPT_IN_TAG = "ami-reactor"
SELECTOR_PREFIX = "ami-reactor:"
SOURCE_INSTANCE = f"{SELECTOR_PREFIX}source-instance"
IMAGE_TAG = f"{SELECTOR_PREFIX}image-tag:"
IMAGE_NAME = f"{SELECTOR_PREFIX}image-name"
COPIED_IMAGES = f"{SELECTOR_PREFIX}copied-images"
SOAK = f"{SELECTOR_PREFIX}soak"
AFTER = f"{SELECTOR_PREFIX}after"
GATE = f"{SELECTOR_PREFIX}gate:"
ON_TROUBLE = f"{SELECTOR_PREFIX}on-trouble"

STATE_PREFIX = "ami-reactor-state:"
HOLD_TAG = f"{STATE_PREFIX}hold"
HIGH_WATER_MARK_TAG = f"{STATE_PREFIX}newest-image"
WINDOW_TAG = f"{STATE_PREFIX}window"
CLOSED = "closed"
QUARANTINE_TAG = f"{STATE_PREFIX}quarantine"

BACKUP_SOURCE_TAG = "aws:backup:source-resource"
"""AWS Backup's own tag on the images that it makes. Only AWS can write an `aws:` tag."""

_HIGH_WATER_MARK = re.compile(
    r"(\S+) ([12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z)(?: ([1-9][0-9]{0,17}))?"
)
_MINUTE = r"\d{4}-\d\d-\d\dT\d\d:\d\dZ"
_STAMP = re.compile(rf"(\S+) ({_MINUTE})(?: until ({_MINUTE}))?: (.*)", re.DOTALL)


def tags_of(listed: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags by key, from AWS's list of `{"Key", "Value"}`."""
    return {tag["Key"]: tag.get("Value", "") for tag in listed}


def _tags(value: object) -> object:
    return tags_of(value) if isinstance(value, list) else value


Tags = Annotated[dict[str, str], BeforeValidator(_tags)]
"""Tags by key; AWS's own list of `{"Key", "Value"}` is accepted."""


class HighWaterMark(Value):
    """The newest image that a template was ever moved to.

    Attributes:
        version_number: Set when the template came back to that image, or nearer to it, after the
            function had to leave it: the version by which it came back. If the default version is
            older than that, the function did not set it.
    """

    image_id: ImageId
    creation_date: Timestamp
    version_number: int | None = None

    def __str__(self) -> str:
        number = "" if self.version_number is None else f" {self.version_number}"
        return f"{self.image_id} {aws_date(self.creation_date)}{number}"

    @property
    def image(self) -> str:
        """Which image it is, in words."""
        return f"{self.image_id} of {aws_date(self.creation_date)}"

    @classmethod
    def of(cls, image: "Image") -> "HighWaterMark":
        return cls(image_id=image.image_id, creation_date=image.creation_date)

    def was_left_for(self, default: "Version") -> bool:
        """Whether the function itself left the marked image for this version's."""
        is_later = default.version_number >= (self.version_number or 0)
        return is_later and default.stands_in_for == self.image_id


def read_high_water_mark(value: str) -> HighWaterMark | None:
    """The high-water mark in the tag's value; None if it is malformed."""
    found = _HIGH_WATER_MARK.fullmatch(value)
    if found is None:
        return None
    names = ("image_id", "creation_date", "version_number")
    try:
        return HighWaterMark.model_validate(dict(zip(names, found.groups(), strict=True)))
    except ValidationError:
        return None


class Stamp(Value):
    """What the tag of a hold or a quarantine says: who, since when, and why.

    Attributes:
        who: None if the tag was written by hand, in other words than ours.
        since: As `who`.
        until: When a schedule deletes the tag; None: it stays until a person does.
    """

    who: str | None
    since: Timestamp | None
    until: Timestamp | None = None
    why: str

    def __str__(self) -> str:
        if self.since is None:
            return printable(self.why) or "no reason given"
        until = f" until {self.until:%Y-%m-%d %H:%M}Z" if self.until else ""
        return printable(f"{self.who} since {self.since:%Y-%m-%d %H:%M}Z{until}: {self.why}")


def stamp(who: str, why: str, now: datetime, until: datetime | None = None) -> str:
    """The tag's value."""
    end = f" until {until.astimezone(UTC):%Y-%m-%dT%H:%M}Z" if until else ""
    return f"{who} {now.astimezone(UTC):%Y-%m-%dT%H:%M}Z{end}: {why}"[:TAG_VALUE_CHARACTERS]


def read_stamp(value: str) -> Stamp:
    """What the tag's value says; all of it is the reason if it is not in our format."""
    found = _STAMP.fullmatch(value)
    since = date_or_none(found[2]) if found else None
    if found is None or since is None:
        return Stamp(who=None, since=None, why=value)
    until = date_or_none(found[3]) if found[3] else None
    return Stamp(who=found[1], since=since, until=until, why=found[4])
