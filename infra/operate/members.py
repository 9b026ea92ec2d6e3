"""Which groups launch from a template, and what their instances run."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from handlers.aws import translated
from infra.operate.groups import Group, Refresh
from infra.operate.reading import Gaps, Say, batches, each
from models.template import Template

if TYPE_CHECKING:
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_ec2 import EC2Client

GROUP_TAG = "aws:autoscaling:groupName"
TEMPLATE_TAG = "aws:ec2launchtemplate:id"
"""What AWS itself writes on an instance that a group, or a launch template, launched."""


def read_groups(
    client: "AutoScalingClient", templates: Iterable[Template], gaps: Gaps, say: Say
) -> dict[str, list[Group]]:
    """The groups that name one of the templates, by template id, with any refresh in flight."""
    say("Auto Scaling groups")
    listed = list(templates)
    by_id = {template.launch_template_id: template.launch_template_id for template in listed}
    by_name = {template.launch_template_name: template.launch_template_id for template in listed}
    found: dict[str, list[Group]] = defaultdict(list)

    def read() -> None:
        for described in each(
            client,
            "describe_auto_scaling_groups",
            "AutoScalingGroups",
            PaginationConfig={"PageSize": 100},
        ):
            group = Group.of(described)
            concerned = {
                by_id.get(one.launch_template_id) or by_name.get(one.launch_template_name)
                for one in group.specifications
            }
            for template_id in sorted(filter(None, concerned)):
                found[template_id].append(group)

    gaps.unless(read)
    gaps.unless(lambda: _add_refreshes(client, found, say))
    return found


def _add_refreshes(client: "AutoScalingClient", found: dict[str, list[Group]], say: Say) -> None:
    """AWS answers for one group at a time. A group without instances has nothing to refresh."""
    names = {group.name for groups in found.values() for group in groups if group.size}
    in_flight: dict[str, Refresh] = {}
    for number, name in enumerate(sorted(names), start=1):
        say(f"instance refreshes, group {number} of {len(names)}")
        with translated("reading instance refreshes", service="autoscaling"):
            answer = client.describe_instance_refreshes(AutoScalingGroupName=name, MaxRecords=1)
            for described in answer["InstanceRefreshes"]:
                refresh = Refresh.model_validate(described)
                if refresh.is_in_flight:
                    in_flight[name] = refresh
    for groups in found.values():
        groups[:] = [
            group.model_copy(update={"refresh": in_flight.get(group.name)}) for group in groups
        ]


def read_running(
    client: "EC2Client", templates: Iterable[Template], groups: dict[str, list[Group]]
) -> dict[str, Counter[str]]:
    """By template id, how many instances run which image.

    Counted are those of its groups, and all others that were launched from it.
    """
    launched = {template.launch_template_id for template in templates}
    grouped = {group.name: id_ for id_, listed in groups.items() for group in listed}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for instance, tags in _instances(client, GROUP_TAG, grouped):
        own = tags.get(TEMPLATE_TAG, "")
        counts[own if own in launched else grouped[tags[GROUP_TAG]]][instance["ImageId"]] += 1
    for instance, tags in _instances(client, TEMPLATE_TAG, launched):
        if tags.get(GROUP_TAG) not in grouped:
            counts[tags[TEMPLATE_TAG]][instance["ImageId"]] += 1
    return counts


def _instances(
    client: "EC2Client", tag: str, values: Iterable[str]
) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    for batch in batches(sorted(values)):
        filters = [
            {"Name": f"tag:{tag}", "Values": list(batch)},
            {"Name": "instance-state-name", "Values": ["pending", "running"]},
        ]
        for reservation in each(client, "describe_instances", "Reservations", Filters=filters):
            for instance in reservation["Instances"]:
                yield instance, {t["Key"]: t["Value"] for t in instance.get("Tags", [])}


def count_running(client: "EC2Client", image_id: str) -> int:
    """How many instances run that image, whatever launched them."""
    filters = [
        {"Name": "image-id", "Values": [image_id]},
        {"Name": "instance-state-name", "Values": ["pending", "running"]},
    ]
    found = each(client, "describe_instances", "Reservations", Filters=filters)
    return sum(len(reservation["Instances"]) for reservation in found)
