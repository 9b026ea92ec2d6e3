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

_TEMPLATE_ID = re.compile(r"lt-[0-9a-f]{8,17}")
_TEMPLATE_NAME = re.compile(r"[a-zA-Z0-9().\-/_]{1,128}")
_SUGGESTIONS = 5


class NotFound(AwsRefused):
    """It does not exist; the message names what is like it."""


def find_template(account: Account, name_or_id: str) -> Template:
    """The launch template with exactly that id or name; without versions.

    Raises:
        NotFound: There is none, even if names of others begin with it.
    """
    if _TEMPLATE_ID.fullmatch(name_or_id):
        found = list(
            each(
                account.client("ec2"),
                "describe_launch_templates",
                "LaunchTemplates",
                LaunchTemplateIds=[name_or_id],
            )
        )
        return Template.model_validate(found[0])
    alike = templates_like(account, name_or_id)
    if name_or_id in alike:
        return alike[name_or_id]
    raise NotFound(
        f"{printable(name_or_id)}: there is no such launch template{did_you_mean(alike)}"
    )


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
