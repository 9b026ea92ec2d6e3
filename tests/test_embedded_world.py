"""The world file, and the embedded AWS that starts from it."""

import json
import os
from typing import Any

import pytest

from infra.embedded.aws import embedded_aws
from infra.embedded.world import BadWorld, World, read_world, seed, world_now

OLD, NEW = "ami-0123456789abcdef0", "ami-0123456789abcdef1"
MEMBER, OTHER = "i-0123456789abcdef0", "i-0123456789abcdef1"
IMAGE = {"ImageId": OLD, "CreationDate": "2026-06-15T17:00:31.000Z"}
TEMPLATE = {"LaunchTemplateId": "lt-0123456789abcdef0", "LaunchTemplateName": "web"}
VERSION = {
    "LaunchTemplateName": "web",
    "VersionNumber": 1,
    "LaunchTemplateData": {"ImageId": OLD, "InstanceType": "t3.micro"},
}
GROUP = {"AutoScalingGroupName": "web", "LaunchTemplate": {"LaunchTemplateName": "web"}}
A_DATE = "must be a date such as 2026-06-15T17:00:31.000Z"


def a_world(**parts: Any) -> dict[str, Any]:
    return {
        "Images": [IMAGE],
        "LaunchTemplates": [TEMPLATE],
        "LaunchTemplateVersions": [VERSION],
        **parts,
    }


def read(content: object) -> World:
    return read_world(json.dumps(content), "world.json")


def now_of(content: object) -> dict[str, Any]:
    world = read(content)
    with embedded_aws(world):
        return world_now(world.account, world.region)


# ---- what may be left out ------------------------------------------------------------------------


def test_an_empty_world_is_a_world():
    world = read({})

    assert (world.account, world.region) == ("111122223333", "ap-northeast-2")


def test_an_image_needs_only_its_id_and_date():
    [image] = now_of({"Images": [IMAGE]})["Images"]

    [root] = image.pop("BlockDeviceMappings")
    assert root["DeviceName"] == "/dev/xvda"
    assert root["Ebs"]["SnapshotId"].startswith("snap-")
    assert image == {
        **IMAGE,
        "Name": OLD,
        "OwnerId": "111122223333",
        "State": "available",
        "Architecture": "x86_64",
        "ImageType": "machine",
        "Public": False,
        "RootDeviceName": "/dev/xvda",
        "RootDeviceType": "ebs",
        "VirtualizationType": "hvm",
    }


def test_an_image_shows_what_the_world_says_of_it():
    said = {
        **IMAGE,
        "BlockDeviceMappings": [
            {"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": "snap-0123456789abcdef0"}}
        ],
        "BootMode": "uefi-preferred",
        "CreationDate": "2026-06-15T17:00:31.125Z",
        "DeprecationTime": "2028-06-15T17:00:00.000Z",
        "OwnerId": "999988887777",
        "Platform": "windows",
        "Public": True,
        "SourceImageId": NEW,
        "SourceImageRegion": "eu-west-1",
        "SourceInstanceId": MEMBER,
        "State": "disabled",
        "Tags": [{"Key": "aws:backup:source-resource", "Value": f"instance/{MEMBER}"}],
    }

    [image] = now_of({"Images": [said]})["Images"]

    assert image | said == image


@pytest.mark.parametrize(
    ("numbers", "marked", "default"),
    [
        pytest.param([1], [], 1, id="the first"),
        pytest.param([1, 2, 5], [2], 2, id="the one that is marked"),
    ],
)
def test_a_template_s_numbers_follow_from_its_versions(numbers, marked, default):
    versions = [{**VERSION, "VersionNumber": n, "DefaultVersion": n in marked} for n in numbers]

    [template] = now_of(a_world(LaunchTemplateVersions=versions))["LaunchTemplates"]

    assert template["DefaultVersionNumber"] == default
    assert template["LatestVersionNumber"] == numbers[-1]


def test_the_next_version_comes_after_the_greatest_number_even_where_some_are_missing():
    versions = [{**VERSION, "VersionNumber": n, "DefaultVersion": n == 3} for n in (3, 7)]
    with embedded_aws(read(a_world(LaunchTemplateVersions=versions))) as aws:
        made = aws.client("ec2").create_launch_template_version(
            LaunchTemplateName="web", SourceVersion="3", LaunchTemplateData={"ImageId": NEW}
        )["LaunchTemplateVersion"]

    assert made["VersionNumber"] == 8
    assert made["LaunchTemplateData"]["InstanceType"] == "t3.micro"


# ---- groups and instances ------------------------------------------------------------------------


def images_run(world: dict[str, Any]) -> dict[str, str]:
    return {instance["InstanceId"]: instance["ImageId"] for instance in world["Instances"]}


def members(world: dict[str, Any]) -> list[tuple[str, str]]:
    [group] = world["AutoScalingGroups"]
    return [(m["InstanceId"], m["LaunchTemplate"]["Version"]) for m in group["Instances"]]


def test_a_group_whose_instances_are_not_given_launches_its_own():
    world = now_of(a_world(AutoScalingGroups=[{**GROUP, "DesiredCapacity": 2}]))

    assert [version for _, version in members(world)] == ["1", "1"]
    assert list(images_run(world).values()) == [OLD, OLD]


def test_a_group_has_the_instances_that_are_given_and_no_others():
    group = {**GROUP, "DesiredCapacity": 2, "Instances": []}

    assert members(now_of(a_world(AutoScalingGroups=[group]))) == []


def test_an_instance_goes_on_running_its_old_image():
    versions = [VERSION, {**VERSION, "VersionNumber": 2, "LaunchTemplateData": {"ImageId": NEW}}]
    on_version_1 = {"InstanceId": MEMBER, "LaunchTemplate": {"Version": "1"}}
    group = {**GROUP, "DesiredCapacity": 2, "MaxSize": 3}
    world = a_world(
        Images=[IMAGE, {**IMAGE, "ImageId": NEW}],
        LaunchTemplates=[{**TEMPLATE, "DefaultVersionNumber": 2}],
        LaunchTemplateVersions=versions,
        AutoScalingGroups=[{**group, "Instances": [on_version_1, {"InstanceId": OTHER}]}],
        Instances=[{"InstanceId": OTHER, "ImageId": "ami-00000000", "State": {"Name": "stopped"}}],
    )
    with embedded_aws(read(world)) as aws:
        before = world_now("111122223333", "ap-northeast-2")
        aws.client("autoscaling").set_desired_capacity(
            AutoScalingGroupName="web", DesiredCapacity=3
        )
        after = world_now("111122223333", "ap-northeast-2")

    assert images_run(before) == {MEMBER: OLD, OTHER: "ami-00000000"}
    assert {i["InstanceId"]: i["State"]["Name"] for i in before["Instances"]} == {
        MEMBER: "running",
        OTHER: "stopped",
    }
    assert [image for i, image in images_run(after).items() if i not in images_run(before)] == [NEW]
    assert [version for _, version in members(after)] == ["1", "2", "2"]


def test_an_instance_may_outlive_the_version_that_it_came_from():
    deleted = {"InstanceId": MEMBER, "LaunchTemplate": {"Version": "9"}}
    group = {**GROUP, "DesiredCapacity": 1, "Instances": [deleted]}

    assert members(now_of(a_world(AutoScalingGroups=[group]))) == [(MEMBER, "9")]


def test_a_recorded_group_needs_no_network_of_the_world():
    """Subnets, security groups and snapshots have ids that nothing here knows."""
    data = {
        "ImageId": OLD,
        "UserData": "aGVsbG8=",
        "SecurityGroupIds": ["sg-0123456789abcdef0"],
        "KeyName": "key",
        "BlockDeviceMappings": [{"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"}],
    }
    group = {
        **GROUP,
        "LaunchTemplate": {**TEMPLATE, "Version": "$Latest"},
        "VPCZoneIdentifier": "subnet-0123456789abcdef0",
        "AvailabilityZones": ["ap-northeast-2d"],
        "DesiredCapacity": 1,
    }

    world = now_of(
        a_world(
            LaunchTemplateVersions=[{**VERSION, "LaunchTemplateData": data}],
            AutoScalingGroups=[group],
        )
    )

    assert list(images_run(world).values()) == [OLD]
    [shown] = world["AutoScalingGroups"]
    assert shown["VPCZoneIdentifier"] == "subnet-0123456789abcdef0"


# ---- there and back ------------------------------------------------------------------------------


def test_a_groups_warm_pool_is_there_and_is_printed_again():
    pool = {"MinSize": 2, "PoolState": "Running", "InstanceReusePolicy": {"ReuseOnScaleIn": True}}

    [group] = now_of(a_world(AutoScalingGroups=[GROUP | {"WarmPoolConfiguration": pool}]))[
        "AutoScalingGroups"
    ]

    assert group["WarmPoolConfiguration"] == pool


def test_a_world_that_was_printed_is_the_same_world_again():
    policy = {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": {"LaunchTemplateName": "web", "Version": "1"},
            "Overrides": [{"InstanceType": "c7g.large"}],
        }
    }
    mixed = {"AutoScalingGroupName": "mixed", "MixedInstancesPolicy": policy, "MinSize": 1}
    tags = [{"Key": "team", "Value": "web", "PropagateAtLaunch": True}]
    printed = now_of(
        a_world(
            Account="444455556666",
            Region="eu-west-1",
            Images=[{**IMAGE, "Tags": [{"Key": "Name", "Value": "golden"}], "State": "disabled"}],
            LaunchTemplates=[{**TEMPLATE, "Tags": [{"Key": "ami-reactor", "Value": "on"}]}],
            LaunchTemplateVersions=[
                {
                    **VERSION,
                    "CreatedBy": "arn:aws:iam::444455556666:user/me",
                    "VersionDescription": "first",
                    "CreateTime": "2026-06-15T17:00:31+00:00",
                },
                {**VERSION, "VersionNumber": 4},
            ],
            AutoScalingGroups=[{**GROUP, "DesiredCapacity": 2, "Tags": tags}, mixed],
        )
    )

    assert now_of(printed) == printed


def test_what_a_later_version_of_the_world_may_hold_is_passed_over():
    assert read({"Vpcs": [{"VpcId": "vpc-0"}]}).images == []


def test_dead_letters_are_kept_as_they_are():
    letters = [{"Body": "{}", "MessageAttributes": {"ERROR_CODE": {"StringValue": "x"}}}]

    assert read({"DeadLetters": letters}).dead_letters == letters


def test_a_byte_order_mark_does_no_harm():
    assert read_world(b"\xef\xbb\xbf{}", "world.json") == World()


# ---- what is no world ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "must be JSON in UTF-8: EOF while parsing", id="empty"),
        pytest.param("{", "must be JSON in UTF-8: EOF while parsing", id="half"),
        pytest.param("[]", "must be a JSON object", id="a list"),
        pytest.param('"Images"', "must be a JSON object", id="a string"),
        pytest.param('{"Images": NaN}', "must be JSON in UTF-8: expected value", id="NaN"),
        pytest.param("[" * 100_000, "must be JSON in UTF-8: recursion limit", id="too deep"),
        pytest.param('{"a": "\\ud800"}', "must be JSON in UTF-8: ", id="half a character"),
        pytest.param(b"\xff\xfe{\x00}\x00", "is UTF-16: save it as UTF-8", id="UTF-16"),
        pytest.param(b"{\x00}\x00", "is UTF-16: save it as UTF-8", id="UTF-16, no mark"),
        pytest.param(b'{"Images": "\xff"}', "must be JSON in UTF-8: ", id="not UTF-8"),
    ],
)
def test_text_that_is_no_world_is_one_clear_line(text, message):
    with pytest.raises(BadWorld) as raised:
        read_world(text, "world.json")

    assert str(raised.value).startswith(f"world.json: {message}")
    assert "\n" not in str(raised.value)


def with_image(**fields: Any) -> dict[str, Any]:
    return {"Images": [{**IMAGE, **fields}]}


def with_version(**fields: Any) -> dict[str, Any]:
    return a_world(LaunchTemplateVersions=[{**VERSION, **fields}])


def with_data(**fields: Any) -> dict[str, Any]:
    return with_version(LaunchTemplateData=fields)


def with_group(**fields: Any) -> dict[str, Any]:
    return a_world(AutoScalingGroups=[{**GROUP, **fields}])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"images": []}, "images: is not part of a world"),
        ({"Foo": 1}, "Foo: is not part of a world"),
        ({"a\x1b[31m\nb": []}, r"a\x1b[31m\nb: is not part of a world"),
        ({"Account": 111122223333}, "Account: must be a string"),
        ({"Account": "1"}, r"Account: must be text that matches ^\d{12}$"),
        ({"Region": "ap-moon-1"}, "Region: must be a Region such as ap-northeast-2"),
        ({"Images": {}}, "Images: must be a list"),
        ({"Images": [5]}, "Images.0: must be a JSON object"),
        ({"Images": [{"ImageId": OLD}]}, "Images.0.CreationDate: is required"),
        (with_image(CreationDate=1781544300), "Images.0.CreationDate: must be a string"),
        (with_image(CreationDate="1781544300"), f"Images.0.CreationDate: {A_DATE}"),
        (with_image(CreationDate="2026-06-15T17:00:31"), f"Images.0.CreationDate: {A_DATE}"),
        (with_image(CreationDate="0001-01-01T00:00:00+23:00"), f"Images.0.CreationDate: {A_DATE}"),
        (
            with_image(ImageId="ami-x"),
            "Images.0.ImageId: must be an image's id, such as ami-0123456789abcdef0",
        ),
        (with_image(State="gone"), "Images.0.State: must be 'pending', 'available', 'invalid'"),
        (with_image(Tags={"team": "web"}), "Images.0.Tags: must be a list"),
        (with_image(Tags=[{"Value": "web"}]), "Images.0.Tags.0.Key: is required"),
        (
            with_image(BlockDeviceMappings=[{"Ebs": {"VolumeSize": "8"}}]),
            "Images.0.BlockDeviceMappings.0.Ebs.VolumeSize: must be a whole number",
        ),
        ({"Images": [IMAGE, IMAGE]}, f"Images: {OLD} is there more than once"),
        ({"LaunchTemplates": [TEMPLATE]}, "LaunchTemplates.0: lt-0123456789abcdef0 has no version"),
        (
            {"LaunchTemplateVersions": [VERSION]},
            "LaunchTemplateVersions: web is not one of the LaunchTemplates",
        ),
        (
            a_world(LaunchTemplates=[TEMPLATE, TEMPLATE]),
            "LaunchTemplates: lt-0123456789abcdef0 is there more than once",
        ),
        (
            a_world(LaunchTemplateVersions=[VERSION, VERSION]),
            "LaunchTemplateVersions: lt-0123456789abcdef0 1 is there more than once",
        ),
        (
            a_world(LaunchTemplates=[{**TEMPLATE, "DefaultVersionNumber": 7}]),
            "LaunchTemplates.0.DefaultVersionNumber: must be one of its versions",
        ),
        (
            a_world(LaunchTemplates=[{**TEMPLATE, "LatestVersionNumber": 7}]),
            "LaunchTemplates.0.LatestVersionNumber: must be the greatest number of its versions",
        ),
        (
            a_world(
                LaunchTemplateVersions=[
                    {**VERSION, "VersionNumber": n, "DefaultVersion": True} for n in (1, 2)
                ]
            ),
            "LaunchTemplates.0.DefaultVersionNumber: must be the one version of lt-0123",
        ),
        (
            with_version(VersionNumber=0),
            "LaunchTemplateVersions.0.VersionNumber: must be greater than or equal to 1",
        ),
        (
            {"LaunchTemplateVersions": [{"VersionNumber": 1, "LaunchTemplateData": {}}]},
            "LaunchTemplateVersions.0.LaunchTemplateId: is required, or LaunchTemplateName",
        ),
        (
            with_data(UserData="#!/bin/sh"),
            "LaunchTemplateVersions.0.LaunchTemplateData.UserData: must be in base64",
        ),
        (
            with_data(TagSpecifications=[{"ResourceType": "instance"}]),
            "LaunchTemplateVersions.0.LaunchTemplateData.TagSpecifications.0: must have a",
        ),
        (
            with_data(Monitoring={"Enabled": 1}),
            "LaunchTemplateVersions.0.LaunchTemplateData.Monitoring.Enabled: must be true or false",
        ),
        (
            with_group(LaunchTemplate={}),
            "AutoScalingGroups.0.LaunchTemplate: is required, or MixedInstancesPolicy",
        ),
        (
            with_group(LaunchTemplate={"LaunchTemplateName": "other"}),
            "AutoScalingGroups.0.LaunchTemplate: must be one of the LaunchTemplates",
        ),
        (
            with_group(LaunchTemplate={"LaunchTemplateName": "web", "Version": "9"}),
            "AutoScalingGroups.0.LaunchTemplate.Version: must be $Default, $Latest or a version",
        ),
        (
            with_group(MinSize=3, DesiredCapacity=1),
            "AutoScalingGroups.0.DesiredCapacity: must be between MinSize and MaxSize",
        ),
        (
            with_group(AvailabilityZones=["us-east-1a"]),
            "AutoScalingGroups.0.AvailabilityZones: must be zones of ap-northeast-2",
        ),
        (
            with_group(Instances=[{"InstanceId": MEMBER}, {"InstanceId": MEMBER}]),
            f"AutoScalingGroups: {MEMBER} is there more than once",
        ),
        (
            {"Instances": [{"InstanceId": MEMBER, "ImageId": OLD, "State": {"Name": "asleep"}}]},
            "Instances.0.State.Name: must be 'pending', 'running'",
        ),
        ({"DeadLetters": ["{}"]}, "DeadLetters.0: must be a JSON object"),
    ],
)
def test_a_field_that_is_wrong_is_named_with_what_it_may_be(content, message):
    with pytest.raises(BadWorld) as raised:
        read(content)

    assert str(raised.value).startswith(f"world.json: {message}")
    assert "\n" not in str(raised.value)


# ---- the embedded AWS ----------------------------------------------------------------------------


def test_clients_act_as_the_account_of_the_world():
    world = read({"Account": "444455556666", "Region": "eu-west-1", "Images": [IMAGE]})
    with embedded_aws(world) as aws:
        assert aws.region_name == "eu-west-1"
        assert aws.client("sts").get_caller_identity()["Account"] == "444455556666"
        [image] = aws.client("ec2").describe_images(Owners=["self"])["Images"]

    assert image["OwnerId"] == "444455556666"


def test_nothing_of_the_real_environment_comes_through(monkeypatch, tmp_path):
    settings = tmp_path / "config"
    settings.write_text("[default]\nregion = us-east-1\nendpoint_url = http://127.0.0.1:9\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(settings))
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", "http://127.0.0.1:9")
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "999988887777")
    before = dict(os.environ)

    with embedded_aws(read({"Images": [IMAGE]})) as aws:
        assert aws.get_credentials().access_key == "embedded"
        assert len(aws.client("ec2").describe_images(Owners=["self"])["Images"]) == 1

    assert dict(os.environ) == before


def test_one_embedded_aws_leaves_nothing_to_the_next():
    with embedded_aws(read(a_world())):
        pass
    with embedded_aws(World()):
        left = world_now("111122223333", "ap-northeast-2")

    assert not any(value for value in left.values() if isinstance(value, list))


def test_a_world_can_be_added_to_an_embedded_aws_that_runs():
    with embedded_aws(World()):
        seed(read(a_world()))

        assert len(world_now("111122223333", "ap-northeast-2")["LaunchTemplates"]) == 1
