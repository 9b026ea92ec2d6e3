"""Auto Scaling groups, and whether one really launches what its template's default names."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from shlex import quote

from models.auto_scaling import Group, Override
from models.base import Value, printable
from models.launch_template import Template


class UsesDefault(StrEnum):
    """Whether a group launches what its template's default version names."""

    YES = "uses $Default"
    PARTLY = "partly uses $Default"
    NO = "does not use $Default"


class Finding(Value):
    """Why a group does not use $Default, or not for all it launches, and how to fix it."""

    uses_default: UsesDefault
    what: str
    fix: str


def findings(group: Group, template: Template) -> list[Finding]:
    """Why the group launches, or soon will launch, other images than the template's default."""
    return [
        *_of_specifications(group, template),
        *_of_overrides(group, template),
        *_of_refresh(group, template),
        *_of_warm_pool(group),
    ]


def verdict(found: Iterable[Finding]) -> UsesDefault:
    """The worst of the findings."""
    kinds = {finding.uses_default for finding in found}
    worst_first = (UsesDefault.NO, UsesDefault.PARTLY)
    return next((kind for kind in worst_first if kind in kinds), UsesDefault.YES)


def _of_specifications(group: Group, template: Template) -> Iterator[Finding]:
    base = group.launch_template
    if base is None and group.mixed_instances_policy:
        base = group.mixed_instances_policy.launch_template.launch_template_specification
    if base is None or not base.is_of(template):
        return
    if base.version in group.deleted:
        what = f"it cannot launch: its version {printable(base.version)} was deleted"
        yield Finding(uses_default=UsesDefault.NO, what=what, fix=_update(group, template))
    elif found := _of_version(base.version, template, "it launches"):
        yield found.model_copy(update={"fix": _update(group, template)})


def _of_version(version: str, template: Template, launches: str) -> Finding | None:
    default, latest = template.default_version_number, template.latest_version_number
    if version == "$Default":
        return None
    if version == "$Latest":
        differs = f": version {latest} now, not the default {default}" if latest != default else ""
        what = f"{launches} $Latest, so a version goes live as soon as it is saved{differs}"
        uses_default = UsesDefault.NO if differs else UsesDefault.PARTLY
        return Finding(uses_default=uses_default, what=what, fix="")
    same = ", which is the default now" if version == str(default) else ""
    what = f"{launches} version {printable(version)} for ever{same}: no promotion reaches it"
    return Finding(uses_default=UsesDefault.NO, what=what, fix="")


def _of_overrides(group: Group, template: Template) -> Iterator[Finding]:
    policy = group.mixed_instances_policy
    overrides = policy.launch_template.overrides if policy else ()
    fix = f"in the mixed instances policy of {printable(group.name)}, remove that override"
    for override in overrides:
        what = _override(override, template)
        if what:
            kind = printable(override.instance_type)
            yield Finding(uses_default=UsesDefault.PARTLY, what=f"its {kind} {what}", fix=fix)


def _override(override: Override, template: Template) -> str | None:
    if override.image_id:
        return f"always launches {printable(override.image_id)}"
    other = override.launch_template_specification
    if other is None:
        return None
    if not other.is_of(template):
        name = other.launch_template_name or other.launch_template_id
        return f"launches from the template {printable(name)}"
    found = _of_version(other.version, template, "launches")
    return found.what if found else None


def _of_refresh(group: Group, template: Template) -> Iterator[Finding]:
    if group.refresh is None or not group.refresh.is_in_flight:
        return
    for wanted in group.refresh.specifications:
        if not wanted.is_of(template):
            name = printable(wanted.launch_template_name or wanted.launch_template_id)
            what = f"an instance refresh in flight will move it to the template {name}"
        elif wanted.version != "$Default":
            what = (
                f"an instance refresh in flight will pin it to version {printable(wanted.version)}"
            )
        else:
            continue
        yield Finding(uses_default=UsesDefault.NO, what=what, fix=cancel_refresh(group))


def _of_warm_pool(group: Group) -> Iterator[Finding]:
    """A scale-out starts instances of the pool first, and they stay what they were made from.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-warm-pools.html
    """
    pool = group.warm_pool_configuration
    if pool is None or pool.status == "PendingDelete":
        return
    size = "" if group.warm_pool_size is None else f" of {group.warm_pool_size}"
    yield Finding(
        uses_default=UsesDefault.PARTLY,
        what=f"it has a warm pool{size}: the next scale-outs start its instances, which were made"
        " from the version that was the default then",
        fix=f"{start_refresh(group)} (after a promotion: it replaces those in the pool too), or do"
        f" without: aws autoscaling delete-warm-pool --auto-scaling-group-name {_name(group)}",
    )


def _update(group: Group, template: Template) -> str:
    if group.launch_template is None:
        return f"in the mixed instances policy of {printable(group.name)}, name $Default"
    wanted = f"LaunchTemplateId={template.launch_template_id},Version=$Default"
    return (
        "aws autoscaling update-auto-scaling-group --auto-scaling-group-name"
        f" {_name(group)} --launch-template {quote(wanted)}"
    )


def cancel_refresh(group: Group) -> str:
    """The command that ends the instance refresh in flight."""
    return f"aws autoscaling cancel-instance-refresh --auto-scaling-group-name {_name(group)}"


def start_refresh(group: Group) -> str:
    """The command that replaces the running instances."""
    return f"aws autoscaling start-instance-refresh --auto-scaling-group-name {_name(group)}"


def _name(group: Group) -> str:
    return quote(printable(group.name))
