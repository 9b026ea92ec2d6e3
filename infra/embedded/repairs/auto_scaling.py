"""Auto Scaling: what a group launches, and which version an instance came from."""

import json
from datetime import UTC
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from moto.autoscaling.models import ASG_NAME_TAG, FakeAutoScalingGroup, InstanceState
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError

if TYPE_CHECKING:
    from infra.embedded.repairs.answers import Repair

VERSION_TAG = "aws:ec2launchtemplate:version"
TEMPLATE_TAG = "aws:ec2launchtemplate:id"

_moto_launch = FakeAutoScalingGroup.replace_autoscaling_group_instances
_moto_set_desired_capacity = FakeAutoScalingGroup.set_desired_capacity


def set_desired_capacity(self: FakeAutoScalingGroup, new_capacity: int | None) -> None:
    """The whole capacity is launched, in any split between on-demand and spot.

    moto splits it, and rounds both parts down.
    """
    policy = self.mixed_instances_policy
    try:
        if policy:
            self.mixed_instances_policy = {**policy, "InstancesDistribution": {}}
        _moto_set_desired_capacity(self, new_capacity)
    finally:
        self.mixed_instances_policy = policy


def launch(self: FakeAutoScalingGroup, count_needed: int, propagated_tags: dict[str, str]) -> None:
    """Launch from the version that the group names, as it is resolved now (API model).

    If EC2 refuses the launch, there is a failed activity and no instance; moto would raise, or
    launch nevertheless. The embedded AWS has no networks, keys, profiles or snapshots of its own: a
    launch takes the image, type, volumes, user data and tags. moto would look the rest up, and fail
    on a recorded world.
    """
    template = self.ec2_launch_template
    if template is None:
        _moto_launch(self, count_needed, propagated_tags)
        return
    for _ in range(count_needed):
        try:
            version = template.get_version(self.launch_template_version)
            instance = _start(self, version, propagated_tags)
        except EC2ClientError as refusal:
            record_activity(self, refusal.message)
        else:
            record_activity(self, None, instance.id)
            join(self, instance, version.number)
            self.instance_states.append(
                InstanceState(
                    instance,
                    protected_from_scale_in=self.new_instances_protected_from_scale_in,
                    autoscaling_group=self,
                )
            )


def _start(group: FakeAutoScalingGroup, version: Any, tags: dict[str, str]) -> Any:
    """One instance, of the first of the group's types that EC2 accepts."""
    refusals = []
    for override in _overrides(group) or [{}]:
        type_ = override.get("InstanceType") or version.instance_type or None
        try:
            reservation = group.ec2_backend.run_instances(
                override.get("ImageId") or version.image_id,
                1,
                version.user_data,
                [],
                instance_type=type_ or "m1.small",
                is_instance_type_default=type_ is None,
                block_device_mappings=version.data.get("BlockDeviceMappings", []),
                tags={"instance": {**tags, **version.instance_tags}},
            )
        except EC2ClientError as refusal:
            refusals.append(refusal)
            continue
        (instance,) = reservation.instances
        # not passed above: moto would look for a subnet in it, and it knows no Local Zones
        instance._placement.zone = group.availability_zones[0]
        return instance
    raise refusals[0]


def record_activity(
    group: FakeAutoScalingGroup, refusal: str | None, instance_id: str = ""
) -> None:
    """Keep a scaling activity, newest first; `refusal` is why EC2 did not launch.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/CHAP_Troubleshooting.html
    """
    now, size = utcnow().replace(tzinfo=UTC), len(group.instance_states)
    cause = (
        f"At {now:%Y-%m-%dT%H:%M:%SZ} an instance was started in response to a difference between"
        f" desired and actual capacity, increasing the capacity from {size} to {size + 1}."
    )
    activity = {
        "ActivityId": str(uuid4()),
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        "Cause": cause,
        "Description": f"Launching a new EC2 instance: {instance_id}",
        "Details": json.dumps({"Availability Zone": group.availability_zones[0]}),
        "StartTime": now,
        "EndTime": now,
        "Progress": 100,
        "StatusCode": "Successful",
    }
    if refusal is not None:
        message = f"{refusal.rstrip('.')}. Launching EC2 instance failed."
        activity |= {
            "Description": f"Launching a new EC2 instance.  Status Reason: {message}",
            "StatusCode": "Failed",
            "StatusMessage": message,
        }
    vars(group).setdefault("activities", []).insert(0, activity)


def describe_scaling_activities(self: AutoScalingResponse) -> ActionResult:
    """Those of one group or of all; moto has none."""
    groups = self.autoscaling_backend.autoscaling_groups
    name = self._get_param("AutoScalingGroupName")
    asked = [groups[name]] if name in groups else [] if name else list(groups.values())
    found = [activity for group in asked for activity in vars(group).get("activities", [])]
    return ActionResult({"Activities": found})


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


def _overrides(group: FakeAutoScalingGroup) -> list[dict[str, Any]]:
    policy = group.mixed_instances_policy or {}
    overrides: list[dict[str, Any]] = policy.get("LaunchTemplate", {}).get("Overrides", [])
    return overrides


def launched_from(self: InstanceState) -> dict[str, Any] | None:
    """The version that an instance was launched with; moto gives today's default.

    Source: API model, Instance: "The launch template for the instance".
    """
    template = self.auto_scaling_group.ec2_launch_template if self.auto_scaling_group else None
    if template is None:
        return None
    given = vars(self).get("given_template", {})
    if given.keys() & {"LaunchTemplateId", "LaunchTemplateName"}:
        return dict(given)
    tags = self.instance.ec2_backend.tags.get(self.instance.id, {})
    return {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "Version": tags.get(VERSION_TAG, str(template.default_version_number)),
    }


REPAIRS: "tuple[Repair, ...]" = (
    (AutoScalingResponse, "describe_scaling_activities", describe_scaling_activities),
    (FakeAutoScalingGroup, "set_desired_capacity", set_desired_capacity),
    (FakeAutoScalingGroup, "replace_autoscaling_group_instances", launch),
    (InstanceState, "launch_template", property(launched_from)),
)
