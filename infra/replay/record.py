"""A world, read from a real account: as much of it as its launch templates can tell or follow."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from handlers.ec2 import Ec2
from handlers.paging import batches, each
from infra.operate.chains import REFRESH, Chain, chain_of
from infra.operate.paging import Gaps, Progress
from infra.replay.anonymize import user_data_in
from models.auto_scaling import Group
from models.aws_limits import FILTER_VALUES
from models.base import Place, Value, printable
from models.image import amis
from models.launch_template import Template
from models.selectors import Selectors, read_selectors

if TYPE_CHECKING:
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_ec2 import EC2Client

Described = dict[str, Any]


class RecordLine(Value):
    """What is in the file of a world, as `record --json` prints it; a public interface.

    Attributes:
        file: Its path.
        launch_templates: How many are in it.
        versions: How many are in it.
        images: How many are in it.
        groups: How many Auto Scaling groups are in it.
        stacks: How many stacks of chains are in it.
        user_data: Of how many versions user data is in it: look before you share the file.
        opaque_user_data: How many of these are compressed or not text.
    """

    file: str
    launch_templates: int
    versions: int
    images: int
    groups: int
    stacks: int
    user_data: int
    opaque_user_data: int


def record_line(file: str, world: Described) -> RecordLine:
    """What is in a world that was recorded."""
    user_data = user_data_in(world)
    return RecordLine(
        file=file,
        launch_templates=len(world["LaunchTemplates"]),
        versions=len(world["LaunchTemplateVersions"]),
        images=len(world["Images"]),
        groups=len(world["AutoScalingGroups"]),
        stacks=len(world.get("Stacks", [])),
        user_data=user_data.versions,
        opaque_user_data=user_data.opaque,
    )


def record_world(
    ec2: "EC2Client",
    auto_scaling: "AutoScalingClient",
    place: Place,
    template_ids: Sequence[str],
    progress: Progress,
) -> tuple[Described, list[str]]:
    """Those templates, all their versions, the images that they name or could follow, their groups.

    And which groups were left out, one line each kind.

    Raises:
        AwsRefused: Some of it may not be read.
        AwsUnavailable: AWS does not answer now.
    """
    images: dict[str, Described] = {}
    gateway = Ec2(ec2, place, partial(_keeping, images))
    progress("launch templates")
    described = [
        found for ids in batches(template_ids, FILTER_VALUES) for found in _described(ec2, ids)
    ]
    versions = [version for id_ in template_ids for version in _versions(ec2, id_, progress)]
    templates = [Template.model_validate(template) for template in described]
    _look_at_images(gateway, templates, versions, progress)
    progress("Auto Scaling groups")
    groups, left_out = _groups(auto_scaling, templates)
    world = {
        "Account": place.account,
        "Region": place.region,
        "Images": list(images.values()),
        "LaunchTemplates": described,
        "LaunchTemplateVersions": versions,
        "AutoScalingGroups": groups,
    }
    printed: Described = json.loads(json.dumps(world, default=_as_the_cli_prints_it))
    return printed, left_out


def _described(client: "EC2Client", template_ids: Sequence[str]) -> Iterator[Described]:
    return each(
        client,
        "describe_launch_templates",
        "LaunchTemplates",
        LaunchTemplateIds=list(template_ids),
    )


def _versions(client: "EC2Client", template_id: str, progress: Progress) -> Iterator[Described]:
    progress(f"the versions of {template_id}")
    return each(
        client,
        "describe_launch_template_versions",
        "LaunchTemplateVersions",
        LaunchTemplateId=template_id,
    )


def _look_at_images(
    gateway: Ec2, templates: list[Template], versions: list[Described], progress: Progress
) -> None:
    """Ask for the images that are named, and for those that could be followed."""
    progress("the images that versions name")
    gateway.images(amis(version["LaunchTemplateData"].get("ImageId") for version in versions))
    for template in templates:
        progress(f"the images that {template.launch_template_name} could follow")
        selectors = read_selectors(template.tags, gateway.place)
        if isinstance(selectors, Selectors):
            gateway.matching_images(selectors)


def _keeping(images: dict[str, Described], *asked: Any, **which: Any) -> Iterator[Any]:
    """The gateway's own questions; EC2's answers about images are kept as they were."""
    for found in each(*asked, **which):
        if "ImageId" in found:
            images[found["ImageId"]] = found
        yield found


def _groups(
    client: "AutoScalingClient", templates: list[Template]
) -> tuple[list[Described], list[str]]:
    """The groups that use one of these launch templates, and a line for each kind of the others."""
    kept: list[Described] = []
    others: dict[str, list[str]] = defaultdict(list)
    for group in each(client, "describe_auto_scaling_groups", "AutoScalingGroups"):
        base = next(Group.of(group).specifications, None)  # the others are overrides
        if base is None:
            others["launch configurations"].append(group["AutoScalingGroupName"])
        elif any(base.is_of(template) for template in templates):
            kept.append(group)
        else:
            others["other launch templates"].append(group["AutoScalingGroupName"])
    return kept, [_left_out(f"left out, groups of {kind}", names) for kind, names in others.items()]


def record_chains(
    client: "CloudFormationClient", world: Described
) -> tuple[list[Described], list[str]]:
    """The chains that refresh groups of this world, and a line if others were left out.

    If the stacks may not be listed, a line that says so: a world is one without them too.
    """
    gaps = Gaps()
    stacks: list[Any] = gaps.read(lambda: list(each(client, "describe_stacks", "Stacks")), [])
    chains = [(stack, chain) for stack in stacks if (chain := chain_of(stack))]
    kept = [stack for stack, chain in chains if _is_runnable(chain, world)]
    others = [chain.stack for _, chain in chains if not _is_runnable(chain, world)]
    notes = [f"not read: {gap}" for gap in gaps]
    if others:
        notes.append(_left_out("left out, chains that a replay of this world cannot run", others))
    return [{field: stack[field] for field in _OF_A_STACK} for stack in kept], notes


_OF_A_STACK = ("StackName", "Parameters", "Outputs")


def _is_runnable(chain: Chain, world: Described) -> bool:
    templates = {one["LaunchTemplateId"] for one in world["LaunchTemplates"]}
    groups = {one["AutoScalingGroupName"] for one in world["AutoScalingGroups"]}
    is_here = chain.launch_template_id in templates and {*chain.targets} <= groups
    is_made = chain.state_machine is not None and not chain.is_failed
    return chain.kind == REFRESH and is_here and is_made


def _left_out(kind: str, names: list[str]) -> str:
    shown = ", ".join(map(printable, names[:_NAMED]))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{kind}: {shown}{more}"


_NAMED = 5


def _as_the_cli_prints_it(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
