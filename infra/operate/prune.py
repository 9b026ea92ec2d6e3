"""Prune: which versions of a template are not needed any more. Never images, never snapshots."""

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import Field

from handlers.rollback import NoTarget, plan_rollback
from infra.operate.account import Account
from infra.operate.find import find_template
from infra.operate.instances import read_groups
from infra.operate.paging import Gaps, Progress
from infra.operate.versions import VersionInfo, read_versions
from models.auto_scaling import Group
from models.base import Value
from models.errors import AwsRefused
from models.launch_template import Template

YOUNG = timedelta(days=7)
"""A version younger than this stays: an operator may remember its number, to go back to it."""


@dataclass(frozen=True)
class Pruning:
    """What is to be deleted, oldest first, and why the rest stays.

    Attributes:
        kept: How many stay for which reason.
    """

    template: Template
    delete: tuple[int, ...]
    kept: dict[str, int]


class PruneLine(Value):
    """The old versions of a launch template, as `prune --json` prints it; a public interface.

    Attributes:
        planned: Nothing was deleted; absent if it was tried.
        to_delete: The numbers of the versions that are not needed, oldest first.
        kept: Why the others stay, and how many for each reason.
        deleted: The numbers of those that were deleted.
        failed: The numbers of those that could not be deleted, and why.
    """

    launch_template_id: str
    launch_template_name: str
    to_delete: tuple[int, ...]
    kept: dict[str, int]
    deleted: tuple[int, ...]
    failed: dict[int, str]
    planned: bool = Field(default=False, exclude_if=operator.not_)


def plan_prunings(
    account: Account, name: str | None, keep: int, progress: Progress
) -> list[Pruning]:
    """What is to be deleted of the template with that name or id; None: of all that opted in.

    Args:
        account: Where the templates are.
        name: The template's name or id.
        keep: How many of the reactor's versions stay.
        progress: Told what is being read.

    Raises:
        AwsRefused: Something may not be read. Without the groups nothing can be planned.
    """
    gaps = Gaps()
    templates = [find_template(account, name)] if name else account.ec2.opted_in_templates()
    groups = read_groups(account, templates, gaps, progress)
    if gaps:
        raise AwsRefused(f"{gaps[0]}: nothing is pruned, because a group may name a version")
    planned = []
    for template in sorted(templates, key=lambda template: template.launch_template_name):
        progress(f"the versions of {template.launch_template_name}")
        needed = needed_versions(account, template, groups[template.launch_template_id])
        made = read_versions(account, template.launch_template_id)
        planned.append(choose(template, made, needed, keep, datetime.now(UTC)))
    return planned


def needed_versions(
    account: Account, template: Template, groups: Iterable[Group]
) -> dict[int, str]:
    """The versions that stay in any case, and what needs them.

    Args:
        account: Where the template is.
        template: Without versions.
        groups: All that name the template, with any refresh in flight.
    """
    needed = {
        template.default_version_number: "the default",
        template.latest_version_number: "the latest",
        **dict.fromkeys(_named(template, groups), "named by a group"),
    }
    if (target := _rollback_target(account, template)) is not None:
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


def _rollback_target(account: Account, template: Template) -> int | None:
    try:
        return plan_rollback(account.ec2, template, None).target.version_number
    except NoTarget:
        return None
