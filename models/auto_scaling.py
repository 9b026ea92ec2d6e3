"""Auto Scaling groups and their instance refreshes, as AWS describes them."""

from collections.abc import Iterator
from typing import Any

from pydantic import AliasPath, Field
from pydantic.alias_generators import to_pascal

from models.base import Timestamp, Value
from models.launch_template import Template

ENDED = frozenset(
    {"Successful", "Failed", "Cancelled", "RollbackSuccessful", "RollbackFailed"},
)
"""The states of an instance refresh that is over."""

FAILED = frozenset({"Failed", "RollbackFailed"})
"""Of these, those after which the group is left half way."""


class Specification(Value, alias_generator=to_pascal):
    """Which version of which launch template; without a version it is `$Default`."""

    launch_template_id: str = ""
    launch_template_name: str = ""
    version: str = "$Default"

    def is_of(self, template: Template) -> bool:
        return (
            self.launch_template_id == template.launch_template_id
            or self.launch_template_name == template.launch_template_name
        )


class Override(Value, alias_generator=to_pascal):
    """What a mixed instances policy has for one of its instance types."""

    instance_type: str = "some instances"
    image_id: str | None = None
    launch_template_specification: Specification | None = None


class _Mixed(Value, alias_generator=to_pascal):
    launch_template_specification: Specification = Specification()
    overrides: tuple[Override, ...] = ()


class _Policy(Value, alias_generator=to_pascal):
    launch_template: _Mixed = _Mixed()


class _Desired(Value, alias_generator=to_pascal):
    launch_template: Specification | None = None
    mixed_instances_policy: _Policy | None = None


class Refresh(Value, alias_generator=to_pascal):
    """An instance refresh, as DescribeInstanceRefreshes reports it.

    Attributes:
        alarms: The CloudWatch alarms on which it fails.
        rollback_reason: Why it was rolled back, if it was.
    """

    instance_refresh_id: str
    status: str
    status_reason: str = ""
    start_time: Timestamp | None = None
    end_time: Timestamp | None = None
    alarms: tuple[str, ...] = Field(
        default=(), validation_alias=AliasPath("Preferences", "AlarmSpecification", "Alarms")
    )
    rollback_reason: str = Field(
        default="", validation_alias=AliasPath("RollbackDetails", "RollbackReason")
    )
    percentage_complete: int = 0
    desired_configuration: _Desired = _Desired()

    @property
    def is_in_flight(self) -> bool:
        return self.status not in ENDED

    @property
    def specifications(self) -> Iterator[Specification]:
        """What the group will name once the refresh has succeeded, if that is anything else."""
        wanted = self.desired_configuration
        if wanted.launch_template:
            yield wanted.launch_template
        if wanted.mixed_instances_policy:
            yield from _named(wanted.mixed_instances_policy.launch_template)


class Activity(Value, alias_generator=to_pascal):
    """A scaling activity, as DescribeScalingActivities reports it."""

    activity_id: str
    status_code: str
    status_message: str = ""
    start_time: Timestamp


class WarmPool(Value, alias_generator=to_pascal):
    """Instances that are launched ahead, for the next scale-outs.

    Attributes:
        status: `PendingDelete` once it is going away.
    """

    status: str | None = None


class Group(Value, alias_generator=to_pascal):
    """An Auto Scaling group, as DescribeAutoScalingGroups reports it.

    Attributes:
        size: How many instances it has.
        warm_pool_size: How many wait in its warm pool; None if AWS does not say.
        last_refresh: Its last instance refresh; to be read apart, group by group.
        was_asked: Whether AWS was asked for that; it keeps those of six weeks.
        deleted: The numbers that it names and that were deleted; to be read apart.
    """

    name: str = Field(alias="AutoScalingGroupName")
    launch_template: Specification | None = None
    mixed_instances_policy: _Policy | None = None
    size: int = 0
    warm_pool_configuration: WarmPool | None = None
    warm_pool_size: int | None = None
    last_refresh: Refresh | None = None
    was_asked: bool = False
    deleted: frozenset[str] = frozenset()

    @classmethod
    def of(cls, described: dict[str, Any]) -> "Group":
        return cls.model_validate(described | {"size": len(described.get("Instances", []))})

    @property
    def refresh(self) -> Refresh | None:
        """The instance refresh in flight."""
        last = self.last_refresh
        return last if last and last.is_in_flight else None

    @property
    def failed_refresh(self) -> Refresh | None:
        """The last instance refresh, if it failed."""
        last = self.last_refresh
        return last if last and last.status in FAILED else None

    @property
    def specifications(self) -> Iterator[Specification]:
        """Every launch template that it names, and then what a refresh in flight will name."""
        if self.launch_template:
            yield self.launch_template
        if self.mixed_instances_policy:
            yield from _named(self.mixed_instances_policy.launch_template)
        if self.refresh:
            yield from self.refresh.specifications

    @property
    def launches_other_images(self) -> bool:
        """Whether some of its instance types have an image of their own."""
        policy = self.mixed_instances_policy
        return policy is not None and any(one.image_id for one in policy.launch_template.overrides)

    def names(self, template: Template) -> bool:
        return any(specification.is_of(template) for specification in self.specifications)


def _named(mixed: _Mixed) -> Iterator[Specification]:
    yield mixed.launch_template_specification
    for override in mixed.overrides:
        if override.launch_template_specification:
            yield override.launch_template_specification
