"""Which versions of a template nobody needs any more. Never images, never snapshots."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from infra.operate.groups import Group
from infra.operate.rollback import NoTarget, plan_rollback
from infra.operate.versions import VersionInfo
from models.base import Place
from models.launch_template import Template

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

YOUNG = timedelta(days=7)
"""A version younger than this may still be gone back to by somebody who remembers its number."""


@dataclass(frozen=True)
class Pruning:
    """What is to be deleted, oldest first, and why the rest stays.

    Attributes:
        kept: How many stay for which reason.
    """

    template: Template
    delete: tuple[int, ...]
    kept: dict[str, int]


def needed_versions(
    client: "EC2Client", place: Place, template: Template, groups: Iterable[Group]
) -> dict[int, str]:
    """The versions that somebody needs, and who: whatever else holds, they stay.

    Args:
        client: An EC2 client.
        place: Where that is.
        template: Without versions.
        groups: All that name the template, with any refresh in flight.
    """
    needed = {
        template.default_version_number: "the default",
        template.latest_version_number: "the latest",
        **dict.fromkeys(_named(template, groups), "named by a group"),
    }
    if (target := _rollback_target(client, place, template)) is not None:
        needed.setdefault(target, "the rollback target")
    return needed


def choose(
    template: Template,
    made: Iterable[VersionInfo],
    needed: dict[int, str],
    keep: int,
    now: datetime,
) -> Pruning:
    """Of all versions, in any order, those to delete."""
    promotions: dict[int, bool] = {}
    kept: dict[str, int] = {}
    for version in made:
        if version.is_promotion:
            promotions[version.version_number] = now - version.create_time < YOUNG
        else:
            _count(kept, "not made by the reactor")
    delete = []
    for place, number in enumerate(sorted(promotions, reverse=True)):
        if number in needed:
            _count(kept, needed[number])
        elif place < keep:
            _count(kept, f"among the newest {keep}")
        elif promotions[number]:
            _count(kept, f"younger than {YOUNG.days} days")
        else:
            delete.append(number)
    return Pruning(template, tuple(reversed(delete)), kept)


def _count(kept: dict[str, int], why: str) -> None:
    kept[why] = kept.get(why, 0) + 1


def _named(template: Template, groups: Iterable[Group]) -> set[int]:
    """The numbers that groups name, or will name once a refresh in flight has succeeded."""
    return {
        int(one.version)
        for group in groups
        for one in group.specifications
        if one.is_of(template) and one.version.isdecimal()
    }


def _rollback_target(client: "EC2Client", place: Place, template: Template) -> int | None:
    try:
        return plan_rollback(client, place, template, None).target.version_number
    except NoTarget:
        return None
