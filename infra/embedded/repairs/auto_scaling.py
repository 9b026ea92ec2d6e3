"""Auto Scaling: what a group launches, which version an instance came from, and refreshes."""

from typing import TYPE_CHECKING, Any

from moto.autoscaling.models import ASG_NAME_TAG, FakeAutoScalingGroup, InstanceState
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult

if TYPE_CHECKING:
    from infra.embedded.repairs.answers import Repair

VERSION_TAG = "aws:ec2launchtemplate:version"
TEMPLATE_TAG = "aws:ec2launchtemplate:id"

_moto_launch = FakeAutoScalingGroup.replace_autoscaling_group_instances


def launch(self: FakeAutoScalingGroup, count_needed: int, propagated_tags: dict[str, str]) -> None:
    """Launch from the version that the group names, as it is resolved now (API model).

    The embedded AWS has no networks, keys, profiles or snapshots of its own: a launch takes the
    image, type, user data and tags. moto would look the rest up, and fail on a recorded world.
    """
    template = self.ec2_launch_template
    if template is None:
        _moto_launch(self, count_needed, propagated_tags)
        return
    version = template.get_version(self.launch_template_version)
    reservation = self.ec2_backend.run_instances(
        version.image_id,
        count_needed,
        version.user_data,
        [],
        instance_type=version.instance_type or _type_of(self),
        is_instance_type_default=True,
        placement=self.availability_zones[0],
        block_device_mappings=[],
        tags={"instance": {**propagated_tags, **version.instance_tags}},
    )
    for instance in reservation.instances:
        join(self, instance, version.number)
        self.instance_states.append(
            InstanceState(
                instance,
                protected_from_scale_in=self.new_instances_protected_from_scale_in,
                autoscaling_group=self,
            )
        )


def join(group: FakeAutoScalingGroup, instance: Any, version_number: int | str) -> None:
    """Give an instance the tags that Auto Scaling and EC2 put on what a group launches.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html
    """
    if group.ec2_launch_template is not None:
        instance.add_tags(
            {
                ASG_NAME_TAG: group.name,
                TEMPLATE_TAG: group.ec2_launch_template.id,
                VERSION_TAG: str(version_number),
            }
        )


def _type_of(group: FakeAutoScalingGroup) -> str:
    overrides = (group.mixed_instances_policy or {}).get("LaunchTemplate", {}).get("Overrides", [])
    types = [o["InstanceType"] for o in overrides if "InstanceType" in o]
    return types[0] if types else "m1.small"


def launched_from(self: InstanceState) -> dict[str, Any] | None:
    """The version that an instance was launched with; moto tells today's default.

    Source: API model, Instance: "The launch template for the instance".
    """
    template = self.auto_scaling_group.ec2_launch_template if self.auto_scaling_group else None
    if template is None:
        return None
    tags = self.instance.ec2_backend.tags.get(self.instance.id, {})
    return {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "Version": tags.get(VERSION_TAG, str(template.default_version_number)),
    }


def describe_instance_refreshes(self: AutoScalingResponse) -> ActionResult:
    """None, but for what a test put into the backend: nothing here can start one."""
    refreshes = vars(self.autoscaling_backend).get("instance_refreshes", {})
    name = self._get_param("AutoScalingGroupName")
    return ActionResult({"InstanceRefreshes": refreshes.get(name, [])})


REPAIRS: "tuple[Repair, ...]" = (
    (AutoScalingResponse, "describe_instance_refreshes", describe_instance_refreshes),
    (FakeAutoScalingGroup, "replace_autoscaling_group_instances", launch),
    (InstanceState, "launch_template", property(launched_from)),
)
