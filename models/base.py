"""How every value is declared, and the few types that AWS's answers and events share."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)


class Value(BaseModel):
    """An immutable value.

    Fields that AWS sends and we do not read are ignored: AWS adds fields without notice, and its
    own documented samples disagree on the types of fields that we have no use for.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )


class Place(Value):
    """The account and Region that a reactor works in. It believes no event about any other."""

    account: str
    region: str


def _iso_8601(value: object) -> object:
    # pydantic alone would read 1781544300, and even "1781544300", as seconds since 1970
    if isinstance(value, datetime) or (isinstance(value, str) and _ISO_DATE.match(value)):
        return value
    raise ValueError("must be a date such as 2026-06-15T17:00:31.000Z")


_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:")

_IMAGE_ID = r"^ami-[0-9a-f]{8,17}$"
_INSTANCE_ID = r"^i-[0-9a-f]{8,17}$"
_TEMPLATE_ID = r"^lt-[0-9a-f]{8,17}$"
_REPLAY_NAME = r"^[._A-Za-z0-9-]{1,64}$"
_EVENT_ID = r"^[!-~]{1,128}$"
WORDS_OF_PATTERNS = {
    _IMAGE_ID: "an image's id, such as ami-0123456789abcdef0",
    _INSTANCE_ID: "an instance's id, such as i-0123456789abcdef0",
    _TEMPLATE_ID: "a launch template's id, such as lt-0123456789abcdef0",
    _REPLAY_NAME: "the name of a replay",
    _EVENT_ID: "an id of 1 to 128 visible characters",
}
"""What a text must be, for those who do not read patterns."""

ImageId = Annotated[str, StringConstraints(pattern=_IMAGE_ID)]
InstanceId = Annotated[str, StringConstraints(pattern=_INSTANCE_ID)]
TemplateId = Annotated[str, StringConstraints(pattern=_TEMPLATE_ID)]
ReplayName = Annotated[str, StringConstraints(pattern=_REPLAY_NAME)]
EventId = Annotated[str, StringConstraints(pattern=_EVENT_ID)]
Timestamp = Annotated[AwareDatetime, BeforeValidator(_iso_8601)]

_TIMESTAMP: TypeAdapter[datetime] = TypeAdapter(Timestamp)


def date_or_none(value: object) -> datetime | None:
    """The moment in UTC; None if the value is no date: AWS's own samples have others."""
    try:
        return _TIMESTAMP.validate_python(value).astimezone(UTC)
    except (ValidationError, OverflowError):  # the last hours of the year 9999
        return None


def aws_date(moment: datetime) -> str:
    """The moment as EC2 prints a CreationDate: UTC, milliseconds, `Z`."""
    # not strftime: it prints the year 1 as 1
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def printable(text: str) -> str:
    """Text from outside (a tag, a name), made safe for a log line and a terminal."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
