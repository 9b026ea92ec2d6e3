"""What a person means by a name or an id."""

import re
from collections.abc import Iterable
from typing import Any

from handlers.paging import each
from infra.operate.account import Account
from models.auto_scaling import Group
from models.base import printable
from models.errors import AwsRefused
from models.launch_template import Template
from models.tags import AFTER

_WHOLE_ID = re.compile(r"[a-z]+-[0-9a-f]{17}")
_TEMPLATE_ID = re.compile(r"lt-[0-9a-f]{1,17}")
_TEMPLATE_NAME = re.compile(r"[a-zA-Z0-9().\-/_]{1,128}")
_SUGGESTIONS = 5


class NotFound(AwsRefused):
    """It does not exist; the message names what is like it."""


class Ambiguous(AwsRefused):
    """Several ids begin so; the message names them."""


def find_template(account: Account, name_or_id: str) -> Template:
    """The launch template with exactly that name, or whose id begins so; without versions.

    Raises:
        NotFound: There is none, even if names of others begin with it.
        Ambiguous: The ids of several begin so.
    """
    client = account.client("ec2")
    is_id = _TEMPLATE_ID.fullmatch(name_or_id)
    if is_id and is_whole(name_or_id):
        [found] = each(
            client, "describe_launch_templates", "LaunchTemplates", LaunchTemplateIds=[name_or_id]
        )
        return Template.model_validate(found)
    alike = templates_like(account, name_or_id)
    if name_or_id in alike:
        return alike[name_or_id]
    if is_id:  # EC2 has no filter for this id
        listed = each(client, "describe_launch_templates", "LaunchTemplates")
        templates = {one["LaunchTemplateId"]: one for one in listed}
        if found := templates.get(whole_id(name_or_id, templates)):
            return Template.model_validate(found)
    raise NotFound(
        f"{printable(name_or_id)}: there is no such launch template{did_you_mean(alike)}"
    )


def is_whole(aws_id: str) -> bool:
    """Whether no id of EC2's can begin so but this one."""
    return _WHOLE_ID.fullmatch(aws_id) is not None


def whole_id(beginning: str, ids: Iterable[str]) -> str:
    """The only one of the ids that begins so; the beginning itself if it is one, or none does.

    Raises:
        Ambiguous: Several of them begin so.
    """
    alike = sorted({one for one in ids if one.startswith(beginning)})
    if beginning in alike or not (beginning and alike):
        return beginning
    if len(alike) > 1:
        more = f" and {len(alike) - _SUGGESTIONS} more" if len(alike) > _SUGGESTIONS else ""
        raise Ambiguous(
            f"{printable(beginning)}: several ids begin so: {', '.join(alike[:_SUGGESTIONS])}{more}"
        )
    return alike[0]


def whole_image_id(account: Account, beginning: str) -> str:
    """The id of the only image of this account whose id begins so; see `whole_id`."""
    if is_whole(beginning) or not re.fullmatch(r"ami-[0-9a-f]+", beginning):
        return beginning
    found = each(
        account.client("ec2"),
        "describe_images",
        "Images",
        Filters=[{"Name": "image-id", "Values": [f"{beginning}*"]}],
        IncludeDisabled=True,
        Owners=["self"],
    )
    return whole_id(beginning, (image["ImageId"] for image in found))


def templates_like(account: Account, name: str) -> dict[str, Template]:
    """The templates whose names begin with it, by name."""
    if not _TEMPLATE_NAME.fullmatch(name):
        return {}
    named = {"Name": "launch-template-name", "Values": [f"{name}*"]}
    found = each(
        account.client("ec2"), "describe_launch_templates", "LaunchTemplates", Filters=[named]
    )
    templates = (Template.model_validate(described) for described in found)
    return {template.launch_template_name: template for template in templates}


def find_group(account: Account, name: str) -> Group | None:
    """The Auto Scaling group with exactly that name."""
    found = each(
        account.client("autoscaling"),
        "describe_auto_scaling_groups",
        "AutoScalingGroups",
        AutoScalingGroupNames=[name],
    )
    return next(map(Group.of, found), None)


def find_instance(account: Account, instance_id: str) -> dict[str, Any]:
    """An instance, as DescribeInstances reports it.

    Raises:
        AwsRefused: There is none.
    """
    found = each(
        account.client("ec2"), "describe_instances", "Reservations", InstanceIds=[instance_id]
    )
    instance: dict[str, Any] = next(found)["Instances"][0]
    return instance


def find_template_or_group(account: Account, name: str) -> tuple[Group | None, list[Template]]:
    """The template with that name or id; else the group with that name, and its templates.

    Raises:
        NotFound: There is neither, or the group launches from no template.
    """
    try:
        return None, [find_template(account, name)]
    except NotFound as nothing:
        group = find_group(account, name)
        if group is None:
            raise NotFound(f"{nothing}, and no such group") from nothing
    ids = dict.fromkeys(one.launch_template_id for one in group.specifications)
    if not ids:
        raise NotFound(f"the group {printable(name)} launches from no launch template")
    return group, [find_template(account, template_id) for template_id in ids]


def did_you_mean(names: Iterable[str]) -> str:
    close = sorted(names)[:_SUGGESTIONS]
    return f"; did you mean {' or '.join(map(printable, close))}?" if close else ""


def with_canaries(account: Account, templates: list[Template]) -> list[Template]:
    """The same, and those that one of them waits for, directly or by way of another."""
    found = list(templates)
    if not any(AFTER in template.tags for template in found):
        return found
    opted_in = account.ec2.opted_in_templates()
    for template in found:  # it grows
        named = template.tags.get(AFTER, "").split()
        found += [
            one
            for one in opted_in
            if one not in found
            and (one.launch_template_id in named or one.launch_template_name in named)
        ]
    return found
