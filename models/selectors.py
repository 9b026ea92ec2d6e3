"""What a launch template says, in its own tags, about the images it follows.

People and Terraform write the `ami-reactor` tags; the reactor and its command line write the
`ami-reactor-state:` tags. A value that is none of the allowed ones is reported, never guessed.
"""

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Literal, cast

from pydantic import ValidationError

from models.base import ImageId, Place, Timestamp, Value, aws_date, printable
from models.image import Image
from models.launch_template import MARK_TAG, OPT_IN_TAG, Version

SOURCE_INSTANCE = "ami-reactor:source-instance"
IMAGE_TAG = "ami-reactor:image-tag:"
IMAGE_NAME = "ami-reactor:image-name"
COPIED_IMAGES = "ami-reactor:copied-images"

_SELECTORS = frozenset({SOURCE_INSTANCE, IMAGE_NAME})
_MARK = re.compile(
    r"(\S+) ([12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z)(?: ([1-9][0-9]{0,17}))?"
)
_INSTANCE_IDS = re.compile(r"i-[0-9a-f]{8,17}( +i-[0-9a-f]{8,17})*")


class Mark(Value):
    """The newest image that a template was ever moved to.

    Attributes:
        version_number: Given once the template came back to that image, or nearer to it, after it
            had to leave it: the version by which it did. An older default is none that the
            function made since.
    """

    image_id: ImageId
    creation_date: Timestamp
    version_number: int | None = None

    def __str__(self) -> str:
        number = "" if self.version_number is None else f" {self.version_number}"
        return f"{self.image_id} {aws_date(self.creation_date)}{number}"

    @property
    def image(self) -> str:
        """Which one it is, in words."""
        return f"{self.image_id} of {aws_date(self.creation_date)}"

    @classmethod
    def of(cls, image: Image) -> "Mark":
        return cls(image_id=image.image_id, creation_date=image.creation_date)

    def was_left_for(self, default: Version) -> bool:
        """Whether the function itself left the marked image for this version's."""
        is_later = default.version_number >= (self.version_number or 0)
        return is_later and default.stands_in_for == self.image_id


class Selectors(Value):
    """Which images a template follows, and how.

    Attributes:
        mode: `on` follows; `observe` decides and reports, never writes.
        source_instances: The image was made from one of these; empty: not asked.
        image_tags: The image carries each of these tags with exactly this value.
        image_name: A glob of `*` and `?` that the image's name matches, case-sensitive.
        copied_images: Whether images made by CopyImage count.
        mark: The newest image this template was ever moved to.
        place: The account that must own the images, and its Region.
    """

    mode: Literal["on", "observe"]
    source_instances: frozenset[str] = frozenset()
    image_tags: dict[str, str] = {}
    image_name: str | None = None
    copied_images: bool = False
    mark: Mark | None = None
    place: Place

    def match(self, image: Image) -> bool:
        """Whether the image is one of those that the template follows, launchable or not."""
        return (
            image.owner_id == self.place.account
            and (not self.source_instances or bool(self.source_instances & image.source_instances))
            and all(image.tags.get(key) == value for key, value in self.image_tags.items())
            and (self.image_name is None or _glob(self.image_name, image.name))
        )


class Misconfigured(Value):
    """The tags make no selectors; the message names each tag at fault and what it may be."""

    message: str


def read_selectors(tags: Mapping[str, str], place: Place) -> Selectors | Misconfigured:
    """What the tags of an opted-in template say."""
    faults = [fault for key, value in sorted(tags.items()) if (fault := _fault(key, value))]
    if OPT_IN_TAG not in tags:
        faults.append(f"{OPT_IN_TAG}: missing; it may be on or observe")
    elif not any(key in _SELECTORS or key.startswith(IMAGE_TAG) for key in tags):
        faults.append(
            f"no selector: add {SOURCE_INSTANCE}, {IMAGE_TAG}KEY or {IMAGE_NAME} to say which"
            " images to follow"
        )
    if faults:
        return Misconfigured(message="; ".join(faults))
    return Selectors(
        mode=cast("Literal['on', 'observe']", tags[OPT_IN_TAG]),
        source_instances=frozenset(tags.get(SOURCE_INSTANCE, "").split()),
        image_tags={
            key.removeprefix(IMAGE_TAG): value
            for key, value in tags.items()
            if key.startswith(IMAGE_TAG)
        },
        image_name=tags.get(IMAGE_NAME),
        copied_images=COPIED_IMAGES in tags,
        mark=read_mark(tags[MARK_TAG]) if MARK_TAG in tags else None,
        place=place,
    )


def _fault(key: str, value: str) -> str | None:
    if key.startswith(IMAGE_TAG):
        return None if key != IMAGE_TAG else f"{IMAGE_TAG}KEY: KEY is missing"
    if key in _ALLOWED:
        is_allowed, what = _ALLOWED[key]
        return None if is_allowed(value) else f"{key}: may be {what}"
    if key.startswith("ami-reactor:"):
        return f"{printable(key)}: no such tag; there are {', '.join(_DECLARED)}"
    return None


def read_mark(value: str) -> Mark | None:
    """The mark in the tag's value; None where it is malformed."""
    found = _MARK.fullmatch(value)
    if found is None:
        return None
    names = ("image_id", "creation_date", "version_number")
    try:
        return Mark.model_validate(dict(zip(names, found.groups(), strict=True)))
    except ValidationError:
        return None


def _glob(pattern: str, name: str) -> bool:
    # fnmatch knows [...] as well; EC2's filters do not
    return fnmatchcase(name, pattern.replace("[", "[[]"))


_ALLOWED: dict[str, tuple[Callable[[str], object], str]] = {
    OPT_IN_TAG: (lambda value: value in ("on", "observe"), "on or observe"),
    SOURCE_INSTANCE: (_INSTANCE_IDS.fullmatch, "instance ids i-..., separated by a space"),
    IMAGE_NAME: (
        lambda value: value.strip("*? "),
        "a name with the wildcards * and ?, and at least one other character",
    ),
    COPIED_IMAGES: (lambda value: value == "allow", "allow, or be left out"),
    MARK_TAG: (read_mark, "an image id and its date: ami-... 2026-06-15T17:00:31.000Z"),
}
_DECLARED = (SOURCE_INSTANCE, f"{IMAGE_TAG}KEY", IMAGE_NAME, COPIED_IMAGES)
