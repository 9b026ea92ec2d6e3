"""What a launch template says, in its own tags, about the images it follows.

A value that is not one of the allowed ones is reported, never guessed.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any, Literal, cast

from models.base import Place, Value, printable
from models.image import Image
from models.tags import (
    AFTER,
    CLOSED,
    COPIED_IMAGES,
    GATE,
    HIGH_WATER_MARK_TAG,
    IMAGE_NAME,
    IMAGE_TAG,
    ON_TROUBLE,
    OPT_IN_TAG,
    SELECTOR_PREFIX,
    SOAK,
    SOURCE_INSTANCE,
    WINDOW_TAG,
    read_high_water_mark,
)

_SELECTORS = frozenset({SOURCE_INSTANCE, IMAGE_NAME})
_INSTANCE_IDS = re.compile(r"i-[0-9a-f]{8,17}( +i-[0-9a-f]{8,17})*")


class Selectors(Value):
    """Which images a template follows, and how.

    Attributes:
        mode: `on` follows; `observe` decides and reports, never writes.
        source_instances: The image was made from one of these; empty: not asked.
        image_tags: The image carries each of these tags with exactly this value.
        image_name: A glob of `*` and `?` that the image's name matches, case-sensitive.
        copied_images: Whether images made by CopyImage count.
        soak: How old an image must be; with `after`, how long ago it must have been proved.
        after: The names or ids of the launch templates that must have proved an image first.
        gates: The image must carry each of these tags with exactly this value before it is taken.
        place: The account that must own the images, and its Region.
    """

    mode: Literal["on", "observe"]
    source_instances: frozenset[str] = frozenset()
    image_tags: dict[str, str] = {}
    image_name: str | None = None
    copied_images: bool = False
    soak: timedelta | None = None
    after: tuple[str, ...] = ()
    gates: dict[str, str] = {}
    place: Place

    @property
    def ripens(self) -> bool:
        """Whether an image that matches may have to wait before it is taken."""
        return bool(self.soak or self.after or self.gates)

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
        faults.append(f"{OPT_IN_TAG}: missing; must be one of: on, observe")
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
        **_ripening(tags),
        place=place,
    )


def _ripening(tags: Mapping[str, str]) -> dict[str, Any]:
    """What the tags say of when an image is ripe; most templates have none of them."""
    if not any(map(_is_about_ripeness, tags)):
        return {}
    from models.ripening import read_soak

    return {
        "soak": read_soak(tags[SOAK]) if SOAK in tags else None,
        "after": tuple(dict.fromkeys(tags.get(AFTER, "").split())),
        "gates": {k.removeprefix(GATE): v for k, v in tags.items() if k.startswith(GATE)},
    }


def _is_about_ripeness(key: str) -> bool:
    return key in (SOAK, AFTER) or key.startswith(GATE)


def _fault(key: str, value: str) -> str | None:
    if key.startswith(IMAGE_TAG):
        return None if key != IMAGE_TAG else f"{IMAGE_TAG}KEY: KEY is missing"
    if _is_about_ripeness(key):
        from models.ripening import fault

        return fault(key, value)
    if key in _ALLOWED:
        is_allowed, what = _ALLOWED[key]
        return None if is_allowed(value) else f"{key}: must be {what}"
    if key.startswith(SELECTOR_PREFIX):
        return f"{printable(key)}: no such tag; there are {', '.join(_DECLARED)}"
    return None


def _glob(pattern: str, name: str) -> bool:
    # fnmatch knows [...] as well; EC2's filters do not
    return fnmatchcase(name, pattern.replace("[", "[[]"))


_ALLOWED: dict[str, tuple[Callable[[str], object], str]] = {
    OPT_IN_TAG: (lambda value: value in ("on", "observe"), "one of: on, observe"),
    SOURCE_INSTANCE: (_INSTANCE_IDS.fullmatch, "instance ids i-..., separated by a space"),
    IMAGE_NAME: (
        lambda value: value.strip("*? "),
        "a name with the wildcards * and ?, and at least one other character",
    ),
    COPIED_IMAGES: (lambda value: value == "allow", "allow, or the tag must be removed"),
    ON_TROUBLE: (lambda value: value in ("hold", "go-back"), "one of: hold, go-back"),
    WINDOW_TAG: (lambda value: value == CLOSED, f"{CLOSED}, or the tag must be removed"),
    HIGH_WATER_MARK_TAG: (
        read_high_water_mark,
        "an image id and its date: ami-... 2026-06-15T17:00:31.000Z",
    ),
}
_DECLARED = (
    SOURCE_INSTANCE,
    f"{IMAGE_TAG}KEY",
    IMAGE_NAME,
    COPIED_IMAGES,
    SOAK,
    AFTER,
    f"{GATE}KEY",
    ON_TROUBLE,
)
