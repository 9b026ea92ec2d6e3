"""Images that are wrong in at least one way, however right they look."""

import random
from collections.abc import Iterator
from typing import Any

from tests.support.builders import INSTANCE, OLD, QUARANTINED, an_image, tag_list

STRANGER = "999988887777"
OTHER_INSTANCE = "i-0000000000000bad0"
BACKUP_TAG = "aws:backup:source-resource"

_LOOKS = {"Name": "web", "role": "golden"}
_WRONGS: dict[str, dict[str, Any]] = {
    "a stranger's": {"OwnerId": STRANGER},
    "shared by a stranger": {"OwnerId": STRANGER, "Public": False},
    "Amazon's": {"OwnerId": "137112412989", "ImageOwnerAlias": "amazon"},
    "of another instance": {"SourceInstanceId": OTHER_INSTANCE},
    "of no known instance": {"SourceInstanceId": None},
    "of an instance whose id begins alike": {"SourceInstanceId": INSTANCE[:-1]},
    "pending": {"State": "pending"},
    "failed": {"State": "failed"},
    "disabled": {"State": "disabled"},
    "deregistered": {"State": "deregistered"},
    "of another architecture": {"Architecture": "arm64"},
    "of another boot mode": {"BootMode": "uefi"},
    "of another platform": {"Platform": "windows"},
    "deprecated": {"DeprecationTime": "2020-01-01T00:00:00.000Z"},
    "a copy": {"SourceImageId": OLD, "SourceImageRegion": "eu-west-1"},
    "quarantined": {"Tags": tag_list({**_LOOKS, **QUARANTINED})},
    "made at the same moment": {"hours": 0},
    "older": {"hours": -1},
}


def wrong_images(count: int, seed: int = 6) -> Iterator[dict[str, Any]]:
    """Images that look like the golden instance's newest, each with one to three wrongs."""
    chance = random.Random(seed)
    for number in range(count):
        wrongs = chance.sample(sorted(_WRONGS), chance.choice([1, 1, 1, 2, 3]))
        fields: dict[str, Any] = {"Architecture": "x86_64", "Tags": tag_list(_LOOKS)}
        for wrong in wrongs:
            fields |= _WRONGS[wrong]
        hours = fields.pop("hours", chance.uniform(0.1, 24 * 365))
        image = an_image(f"ami-{chance.getrandbits(40):010x}{number:07x}", hours, **fields)
        image["Tags"] = fields["Tags"]
        yield {key: value for key, value in image.items() if value is not None}


def the_current_image() -> dict[str, Any]:
    return an_image(OLD, Architecture="x86_64", tags=_LOOKS)
