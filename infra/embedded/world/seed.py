"""Put a world into moto, and read it out again."""

import copy
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from unittest import mock

from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, autoscaling_backends
from moto.autoscaling.models import InstanceState as MemberState
from moto.ec2.models import EC2Backend, amis, ec2_backends, launch_templates
from moto.ec2.models import instances as moto_instances

from infra.embedded.repairs.auto_scaling import join
from infra.embedded.repairs.images import describe
from infra.embedded.repairs.launches import moto_run_instances, stand_in
from infra.embedded.world.entries import Group, Image, Instance, Member, Template, Version
from infra.embedded.world.file import BadWorld, World, read_world
from models.auto_scaling import ENDED
from models.base import aws_date

if TYPE_CHECKING:
    from collections.abc import Iterable

    import boto3

    from infra.embedded.world.entries import Tag

INSTANCE_FIELDS = ("InstanceId", "ImageId", "InstanceType", "State", "LaunchTime", "Tags")

__all__ = ["BadWorld", "World", "read_world", "seed", "world_now"]


def seed(world: World) -> None:
    """Put the world into moto's backends, with the ids it has. moto must be repaired."""
    ec2 = ec2_backends[world.account][world.region]
    auto_scaling = autoscaling_backends[world.account][world.region]
    for image in world.images:
        _add_image(ec2, image)
    for template in world.launch_templates:
        versions = world.versions[template.launch_template_id]
        _add_template(ec2, template, versions, world.default_of(template))
    instances = {i.instance_id: _add_instance(ec2, i) for i in world.instances}
    for group in world.auto_scaling_groups:
        _add_group(auto_scaling, group, instances)
    refreshes = vars(auto_scaling).setdefault("instance_refreshes", {})
    for refresh in reversed(world.instance_refreshes):  # newest first, as AWS lists them
        described = refresh.as_aws_prints_it() | {"StartTime": refresh.start_time}
        refreshes.setdefault(refresh.auto_scaling_group_name, []).insert(0, described)


def _as_moto_keeps_it(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _tag(ec2: EC2Backend, resource_id: str, tags: "Iterable[Tag]") -> None:
    # not by create_tags, which would count AWS's own tags towards a resource's 50
    ec2.tags[resource_id].update({tag.key: tag.value for tag in tags})


def _add_image(ec2: EC2Backend, image: Image) -> None:
    ami = amis.Ami(
        ec2,
        image.image_id,
        name=image.name or image.image_id,
        owner_id=image.owner_id,
        public=image.public,
        state=image.state,
        creation_date=_as_moto_keeps_it(image.creation_date),
        architecture=image.architecture,
        platform=image.platform,
        virtualization_type="hvm",
        root_device_name=image.root_device_name,
    )
    _tag(ec2, ami.id, image.tags)
    made_up = {
        "OwnerId": ami.owner_id,
        "ImageType": "machine",
        "RootDeviceType": "ebs",
        "VirtualizationType": "hvm",
        "BlockDeviceMappings": [_made_up_root(ec2, ami)],
    }
    settled = {**made_up, **image.as_aws_prints_it(), "Name": ami.name}
    settled["CreationDate"] = aws_date(image.creation_date)
    if image.deprecation_time:
        settled["DeprecationTime"] = aws_date(image.deprecation_time)
    settled.pop("Tags", None)
    describe(ami, settled)
    ec2.amis[ami.id] = ami


def _made_up_root(ec2: EC2Backend, ami: amis.Ami) -> dict[str, Any]:
    """A root volume for an image that has none in the world: 1 GiB, so that no version is refused.

    moto's own has 15 GiB, which is larger than what many versions ask for.
    """
    del ec2.snapshots[ami.ebs_snapshot.id]
    ebs = {"SnapshotId": ami.ebs_snapshot.id, "VolumeSize": 1, "DeleteOnTermination": True}
    return {"DeviceName": ami.root_device_name, "Ebs": ebs}


def _add_template(
    ec2: EC2Backend, template: Template, versions: list[Version], default: int
) -> None:
    with mock.patch.object(
        launch_templates, "random_launch_template_id", lambda: template.launch_template_id
    ):
        made = ec2.create_launch_template(template.launch_template_name, "", {}, {})
    _tag(ec2, made.id, template.tags)
    made.create_time = _as_moto_keeps_it(template.create_time)
    vars(made)["created_by"] = template.created_by
    vars(made)["given"] = template.model_extra
    made.versions.clear()
    for version in versions:
        vars(made)["greatest_number"] = version.version_number - 1
        added = made.create_version(version.launch_template_data, version.version_description)
        added.create_time = _as_moto_keeps_it(version.create_time)
        vars(added)["created_by"] = version.created_by
        vars(added)["given"] = version.model_extra
    made.default_version_number = default


def _add_instance(ec2: EC2Backend, instance: Instance) -> moto_instances.Instance:
    with mock.patch.object(moto_instances, "random_instance_id", lambda: instance.instance_id):
        reservation = moto_run_instances(  # it exists already: its image is not checked
            ec2,
            instance.image_id,
            1,
            None,
            [],
            instance_type=instance.instance_type or "m1.small",
            is_instance_type_default=True,
            block_device_mappings=[],
        )
    (made,) = reservation.instances
    _tag(ec2, made.id, instance.tags)
    made.launch_time = _as_moto_keeps_it(instance.launch_time)
    made._state = moto_instances.InstanceState(instance.state.name, instance.state.code)
    vars(made)["given"] = instance.as_aws_prints_it()
    return made


def _add_group(
    auto_scaling: AutoScalingBackend, group: Group, instances: dict[str, moto_instances.Instance]
) -> None:
    specification = group.specification.copy()
    if "LaunchTemplateId" in specification:
        specification.pop("LaunchTemplateName", None)  # AWS prints both, and takes one
    policy = copy.deepcopy(group.mixed_instances_policy)
    if policy:
        policy["LaunchTemplate"]["LaunchTemplateSpecification"] = specification
    made = auto_scaling.create_auto_scaling_group(
        name=group.auto_scaling_group_name,
        availability_zones=group.availability_zones or [f"{auto_scaling.region_name}a"],
        desired_capacity=0,
        max_size=group.max_size,
        min_size=group.min_size,
        launch_config_name="",
        launch_template={} if policy else specification,
        mixed_instances_policy=policy,
        vpc_zone_identifier=None,  # set below: moto would look the subnets up
        default_cooldown=group.default_cooldown,
        health_check_period=group.health_check_grace_period,
        health_check_type=group.health_check_type,
        load_balancers=[],
        target_group_arns=[],
        placement_group=None,
        termination_policies=group.termination_policies,
        tags=[tag.model_dump(by_alias=True) for tag in group.tags],
        new_instances_protected_from_scale_in=group.new_instances_protected_from_scale_in,
    )
    if policy and "InstancesDistribution" not in (group.mixed_instances_policy or {}):
        policy.pop("InstancesDistribution", None)  # moto's own defaults
    _show(made, group.model_extra)
    made.vpc_zone_identifier = group.vpc_zone_identifier
    made.created_time = group.created_time.isoformat()
    if pool := group.warm_pool_configuration:
        made.put_warm_pool(
            pool.get("MaxGroupPreparedCapacity"),
            pool.get("MinSize"),
            pool.get("PoolState"),
            pool.get("InstanceReusePolicy"),
        )
    if group.auto_scaling_group_arn:
        made._id = group.auto_scaling_group_arn.split(":")[6]
    if group.instances is None:
        made.set_desired_capacity(group.desired_capacity)
        return
    made.desired_capacity = group.desired_capacity
    for member in group.instances:
        made.instance_states.append(_member_state(made, member, instances))


def _show(made: object, given: dict[str, Any] | None) -> None:
    """Keep the fields that nothing here changes as the world has them: moto prints attributes."""
    vars(made).update(given or {})


def _member_state(
    group: FakeAutoScalingGroup, member: Member, instances: dict[str, moto_instances.Instance]
) -> MemberState:
    """The instance of the world, or a new one that runs the image of its version."""
    template = group.ec2_launch_template
    assert template is not None  # a group of a world has one
    number = member.launch_template.get("Version", str(template.default_version_number))
    instance = instances.get(member.instance_id)
    if instance is None:
        known = {str(version.number): version for version in template.versions}
        # its own version may have been deleted
        version = known.get(number, template.get_version("$Default"))
        seen = {
            "InstanceId": member.instance_id,
            "ImageId": _image_of(version),
            "InstanceType": version.instance_type or "m1.small",
        }
        instance = _add_instance(group.ec2_backend, Instance.model_validate(seen))
    instance.instance_type = member.instance_type or instance.instance_type
    instance._placement.zone = member.availability_zone or group.availability_zones[0]
    join(group, instance, number)
    state = MemberState(
        instance,
        lifecycle_state=member.lifecycle_state,
        health_status=member.health_status,
        protected_from_scale_in=member.protected_from_scale_in,
        autoscaling_group=group,
    )
    _show(state, member.model_extra)
    vars(state)["given_template"] = member.launch_template
    return state


def _image_of(version: Any) -> str:
    """The version's image; a made-up id, always the same, if the version names none.

    A world holds no SSM parameters, and no RunInstances request that named an image itself.
    """
    named = str(version.data.get("ImageId"))
    return named if named.startswith("ami-") else stand_in(f"{version.template.id} {named}")


def world_now(session: "boto3.Session", account: str) -> dict[str, Any]:
    """The world as it is now, as the AWS CLI would print it: `read_world` takes it back.

    Args:
        session: The embedded AWS's.
        account: The world's.
    """
    region = session.region_name
    ec2, auto_scaling = session.client("ec2"), session.client("autoscaling")
    templates = _all(ec2, "describe_launch_templates", "LaunchTemplates")
    groups = _all(auto_scaling, "describe_auto_scaling_groups", "AutoScalingGroups")
    reservations = _all(ec2, "describe_instances", "Reservations")
    found = {
        "Account": account,
        "Region": region,
        "Images": _all(ec2, "describe_images", "Images", IncludeDisabled=True),
        "LaunchTemplates": templates,
        "LaunchTemplateVersions": [
            version
            for template in templates
            for version in _all(
                ec2,
                "describe_launch_template_versions",
                "LaunchTemplateVersions",
                LaunchTemplateId=template["LaunchTemplateId"],
            )
        ],
        "AutoScalingGroups": groups,
        "InstanceRefreshes": [
            refresh
            for group in groups
            for refresh in auto_scaling.describe_instance_refreshes(
                AutoScalingGroupName=group["AutoScalingGroupName"]
            )["InstanceRefreshes"]
            if refresh["Status"] in ENDED
        ],
        "Instances": [
            {field: instance[field] for field in INSTANCE_FIELDS if field in instance}
            | _given(account, region, instance["InstanceId"])
            for reservation in reservations
            for instance in reservation["Instances"]
        ],
    }
    now: dict[str, Any] = json.loads(json.dumps(found, default=_printed))
    return now


def _given(account: str, region: str, instance_id: str) -> dict[str, Any]:
    """The fields of an instance that the world has and moto does not print."""
    instance = ec2_backends[account][region].get_instance(instance_id)
    given: dict[str, Any] = vars(instance).get("given", {})
    changing = {*INSTANCE_FIELDS} - {"LaunchTime"}  # whose milliseconds moto drops
    return {field: value for field, value in given.items() if field not in changing}


def _all(client: Any, operation: str, key: str, **parameters: Any) -> list[dict[str, Any]]:
    pages = client.get_paginator(operation).paginate(**parameters)
    return [item for page in pages for item in page[key]]


def _printed(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
