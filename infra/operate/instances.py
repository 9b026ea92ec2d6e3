"""Which groups launch from a template, and what their instances run."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from handlers.aws_errors import translated
from handlers.paging import batches, each
from infra.operate.account import Account
from infra.operate.paging import Gaps, Progress
from infra.operate.versions import read_versions
from models.auto_scaling import Group, Refresh, Specification
from models.aws_limits import FILTER_VALUES, GROUPS_AT_ONCE, INSTANCES_AT_ONCE
from models.launch_template import Template
from models.tags import tags_of

GROUP_TAG = "aws:autoscaling:groupName"
TEMPLATE_TAG = "aws:ec2launchtemplate:id"
VERSION_TAG = "aws:ec2launchtemplate:version"
"""What AWS itself writes on an instance that a group, or a launch template, launched."""


class Instance(NamedTuple):
    """An instance that runs, or is about to.

    Attributes:
        version: Of the launch template that launched it; empty if AWS does not say.
        group: The Auto Scaling group that launched it; empty if none did.
    """

    instance_id: str
    image_id: str
    version: str = ""
    group: str = ""


_Groups = tuple[dict[str, list[Group]], dict[str, int]]
"""The groups by template id, and by group name how likely a refresh is in flight: 2, 1 or 0."""


def read_groups(
    account: Account,
    templates: Iterable[Template],
    gaps: Gaps,
    progress: Progress,
    *,
    asked: int | None = None,
) -> dict[str, list[Group]]:
    """The groups that name one of the templates, by template id, with any refresh in flight.

    Args:
        account: Where to read.
        templates: Those that the groups have to name.
        gaps: Told what could not be read.
        progress: Told what is being read.
        asked: So many groups at most are asked for a refresh, those first whose instances show
            signs of one; `gaps.unasked` says how many others show them. None: every group.
    """
    progress("Auto Scaling groups")
    listed = list(templates)
    nothing: _Groups = ({}, {})
    found, signs = gaps.read(lambda: _groups_of(account, listed), nothing)
    sized = {group.name for groups in found.values() for group in groups if group.size}
    names = sorted(sized, key=lambda name: (-signs[name], name))
    if asked is not None and len(names) > asked:  # of fewer, every one: nothing is guessed
        likely = [name for name in names if signs[name]]
        names, gaps.unasked = likely[:asked], len(likely[asked:])
    nothing_read: dict[str, Refresh | None] = {}
    refreshes = gaps.read(lambda: _last_refreshes(account, names, progress), nothing_read)
    with_refresh = {
        template_id: [_with_refresh(group, refreshes) for group in groups]
        for template_id, groups in found.items()
    }
    return defaultdict(list, with_refresh)


def _groups_of(account: Account, templates: list[Template]) -> _Groups:
    by_id = {template.launch_template_id: template for template in templates}
    by_name = {template.launch_template_name: template for template in templates}
    found: dict[str, list[Group]] = defaultdict(list)
    signs: dict[str, int] = {}
    for described in each(
        account.client("autoscaling"),
        "describe_auto_scaling_groups",
        "AutoScalingGroups",
        PaginationConfig={"PageSize": GROUPS_AT_ONCE},
    ):
        group = Group.of(described)
        signs[group.name] = _signs_of_a_refresh(group, described, by_name | by_id)
        named = (
            by_id.get(one.launch_template_id) or by_name.get(one.launch_template_name)
            for one in group.specifications
        )
        for template_id in sorted({one.launch_template_id for one in named if one}):
            found[template_id].append(group)
    return found, signs


def mark_deleted(
    account: Account, templates: list[Template], found: dict[str, list[Group]], most: int | None
) -> dict[str, list[Group]]:
    """The same groups, with the numbers that they name and that are versions no more.

    Args:
        account: Where to read.
        templates: Those that the groups name.
        found: The groups by template id.
        most: So many templates at most are asked about, as each takes a call. None: all.
    """
    numbered = [
        template
        for template in templates
        if any(_numbers(group, template) for group in found.get(template.launch_template_id, []))
    ]
    marked = defaultdict(list, found)
    for template in numbered[:most]:
        id_ = template.launch_template_id
        existing = {str(v.version_number) for v in read_versions(account, id_)}
        marked[id_] = [
            group.model_copy(update={"deleted": frozenset(_numbers(group, template) - existing)})
            for group in found[id_]
        ]
    return marked


def _numbers(group: Group, template: Template) -> set[str]:
    """The versions of the template, but for its default, that the group names by number."""
    names = {one.version for one in group.specifications if one.is_of(template)}
    return {name for name in names if name.isdigit()} - {str(template.default_version_number)}


def _signs_of_a_refresh(
    group: Group, described: dict[str, Any], templates: dict[str, Template]
) -> int:
    """How likely an instance refresh is in flight: 2, 1, or 0 for not.

    It takes instances out of service and puts others in. If it is to change what the group
    names, or the group's template moved on before it, they also differ from what the group names
    now; so they do in a group that is only waiting for its next scale-out, which is why that is
    the lesser sign. (A refresh shows none before its first instance, and none between two
    instances that it replaces by others of the same version.)
    """
    instances = described.get("Instances", [])
    if any(instance.get("LifecycleState") != "InService" for instance in instances):
        return 2
    launched = [Specification.model_validate(i.get("LaunchTemplate", {})) for i in instances]
    wanted = {_resolved(specification, templates) for specification in group.specifications}
    return int(any(_resolved(one, templates) not in wanted for one in launched))


def _resolved(specification: Specification, templates: dict[str, Template]) -> tuple[str, str]:
    """The template's id and the number; of a template that is not known, as it is written."""
    key = specification.launch_template_id or specification.launch_template_name
    template = templates.get(key)
    if template is None:
        return key, specification.version
    latest, default = template.latest_version_number, template.default_version_number
    numbers = {"$Latest": str(latest), "$Default": str(default)}
    return template.launch_template_id, numbers.get(specification.version, specification.version)


def _with_refresh(group: Group, refreshes: dict[str, Refresh | None]) -> Group:
    last, was_asked = refreshes.get(group.name), group.name in refreshes
    return group.model_copy(update={"last_refresh": last, "was_asked": was_asked})


def _last_refreshes(
    account: Account, names: list[str], progress: Progress
) -> dict[str, Refresh | None]:
    """By group name. AWS answers for one group at a time."""
    client = account.client("autoscaling")
    last: dict[str, Refresh | None] = {}
    for number, name in enumerate(names, start=1):
        progress(f"instance refreshes, group {number} of {len(names)}")
        with translated("reading instance refreshes", service="autoscaling"):
            answer = client.describe_instance_refreshes(AutoScalingGroupName=name, MaxRecords=1)
            found = [Refresh.model_validate(described) for described in answer["InstanceRefreshes"]]
            last[name] = next(iter(found), None)
    return last


def read_running(
    account: Account, templates: Iterable[Template], groups: dict[str, list[Group]]
) -> dict[str, list[Instance]]:
    """By template id, the instances of its groups, and all others that were launched from it."""
    launched = {template.launch_template_id for template in templates}
    grouped = {group.name: id_ for id_, listed in groups.items() for group in listed}
    found: dict[str, list[Instance]] = defaultdict(list)
    for instance, tags in _instances(account, GROUP_TAG, grouped):
        own = tags.get(TEMPLATE_TAG, "")
        template_id = own if own in launched else grouped[tags[GROUP_TAG]]
        found[template_id].append(_instance(instance, tags, template_id))
    for instance, tags in _instances(account, TEMPLATE_TAG, launched):
        if tags.get(GROUP_TAG) not in grouped:
            template_id = tags[TEMPLATE_TAG]
            found[template_id].append(_instance(instance, tags, template_id))
    return found


def _instance(described: dict[str, Any], tags: dict[str, str], template_id: str) -> Instance:
    """Its version only if that is one of this template's."""
    is_its_own = tags.get(TEMPLATE_TAG) == template_id
    version = tags.get(VERSION_TAG, "") if is_its_own else ""
    group = tags.get(GROUP_TAG, "")
    return Instance(described["InstanceId"], described["ImageId"], version, group)


def _instances(
    account: Account, tag: str, values: Iterable[str]
) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    for batch in batches(sorted(values), FILTER_VALUES):
        filters = [
            {"Name": f"tag:{tag}", "Values": list(batch)},
            {"Name": "instance-state-name", "Values": ["pending", "running"]},
        ]
        for reservation in _reservations(account, filters):
            for instance in reservation["Instances"]:
                yield instance, tags_of(instance.get("Tags", []))


def count_running(account: Account, image_id: str) -> int:
    """How many instances run that image, whatever launched them."""
    filters = [
        {"Name": "image-id", "Values": [image_id]},
        {"Name": "instance-state-name", "Values": ["pending", "running"]},
    ]
    found = _reservations(account, filters)
    return sum(len(reservation["Instances"]) for reservation in found)


def _reservations(account: Account, filters: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Without a page size, EC2 would look for all of them in one answer, and may time out."""
    return each(
        account.client("ec2"),
        "describe_instances",
        "Reservations",
        Filters=filters,
        PaginationConfig={"PageSize": INSTANCES_AT_ONCE},
    )
