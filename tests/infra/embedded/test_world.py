"""The world file, and the embedded AWS that starts from it."""

import base64
import json
import os
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.embedded.aws import embedded_aws
from infra.embedded.world.seed import BadWorld, World, read_world, seed, world_now
from models.base import aws_date
from tests.support.builders import a_chain

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
    with embedded_aws(world) as session:
        return world_now(session, world.account)


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
        before = world_now(aws, "111122223333")
        aws.client("autoscaling").set_desired_capacity(
            AutoScalingGroupName="web", DesiredCapacity=3
        )
        after = world_now(aws, "111122223333")

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
    messages = [{"Body": "{}", "MessageAttributes": {"ERROR_CODE": {"StringValue": "x"}}}]

    assert read({"DeadLetters": messages}).dead_letters == messages


def test_a_byte_order_mark_does_no_harm():
    assert read_world(b"\xef\xbb\xbf{}", "world.json") == World()


@pytest.mark.parametrize("key", ["ImageIdentity", "AvailabilityZoneId", "Boots"])
def test_a_field_that_aws_may_have_added_is_no_misspelling(key):
    assert read({"Images": [{**IMAGE, key: "x"}]}).images[0].model_extra == {key: "x"}


@pytest.mark.parametrize(
    "date", ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "2024-02-29T00:00:00.001Z"]
)
def test_an_odd_date_comes_out_as_it_went_in(date):
    versions = [{**VERSION, "CreateTime": date}]
    content = {
        **a_world(LaunchTemplateVersions=versions),
        "Images": [{**IMAGE, "CreationDate": date}],
    }

    printed = now_of(content)

    assert printed["Images"][0]["CreationDate"] == date
    assert now_of(printed) == printed


def test_groups_that_no_template_of_the_world_is_for_are_left_out():
    groups = [
        {**GROUP, "AutoScalingGroupName": "old", "LaunchConfigurationName": "old"},
        {**GROUP, "AutoScalingGroupName": "api", "LaunchTemplate": {"LaunchTemplateName": "api"}},
        GROUP,
    ]
    del groups[0]["LaunchTemplate"]

    world = read(a_world(AutoScalingGroups=groups))

    assert [group.auto_scaling_group_name for group in world.auto_scaling_groups] == ["web"]
    assert world.left_out == [
        "old is left out: it launches from a launch configuration",
        "api is left out: its launch template api is not part of this world",
    ]


def test_a_chain_that_the_stage_cannot_run_is_left_out():
    world = read(a_world(Stacks=[a_chain("node-group"), a_chain("notify")]))

    assert world.stacks == []
    assert world.left_out == [
        "web-node-group is left out: the embedded AWS does not run the chain node-group",
        "web-notify is left out: the embedded AWS does not run the chain notify",
    ]


def test_loading_a_world_is_linear():
    """Counted, not timed: a search through all for each one would double the ratio."""

    def calls(number: int) -> int:
        content = json.dumps(a_world_of(number))
        counted = 0

        def count(_frame: object, event: str, _arg: object) -> None:
            nonlocal counted
            counted += event == "call"

        sys.setprofile(count)
        try:
            with embedded_aws(read_world(content, "world.json")):
                pass
        finally:
            sys.setprofile(None)
        return counted

    calls(1)  # what is read only once
    few, many = calls(60), calls(240)

    assert many < 5 * few


def a_world_of(number: int) -> dict[str, Any]:
    """So many templates, each with an image, a version, and a group with or without members."""
    ids = [f"{n:017x}" for n in range(number)]
    member = {"LaunchTemplate": {"Version": "1"}}
    return {
        "Images": [{**IMAGE, "ImageId": f"ami-{id_}"} for id_ in ids],
        "LaunchTemplates": [
            {"LaunchTemplateId": f"lt-{id_}", "LaunchTemplateName": f"web-{id_}"} for id_ in ids
        ],
        "LaunchTemplateVersions": [
            {
                "LaunchTemplateId": f"lt-{id_}",
                "VersionNumber": 1,
                "LaunchTemplateData": {"ImageId": f"ami-{id_}"},
            }
            for id_ in ids
        ],
        "AutoScalingGroups": [
            {
                "AutoScalingGroupName": f"web-{id_}",
                "LaunchTemplate": {"LaunchTemplateId": f"lt-{id_}"},
                "DesiredCapacity": 1,
                **({"Instances": [{"InstanceId": f"i-{id_}", **member}]} if n % 2 else {}),
            }
            for n, id_ in enumerate(ids)
        ],
    }


# ---- what went in comes out ----------------------------------------------------------------------

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co")),
    min_size=1,
    max_size=9,
)
TAGS = st.dictionaries(TEXT, TEXT, max_size=3).map(
    lambda tags: [{"Key": key, "Value": value} for key, value in tags.items()]
)
MOMENTS = st.datetimes().map(lambda at: aws_date(at.replace(tzinfo=UTC)))


def hex_ids(prefix: str) -> st.SearchStrategy[str]:
    return st.integers(0, 16**17 - 1).map(lambda number: f"{prefix}-{number:017x}")


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    """One of everything, as the AWS CLI prints it, of any content."""
    image, template, instance = draw(hex_ids("ami")), draw(hex_ids("lt")), draw(hex_ids("i"))
    numbers = sorted(draw(st.sets(st.integers(1, 99), min_size=1, max_size=3)))
    named = draw(st.sampled_from(["$Default", "$Latest", "1", "7"]))
    data = {
        "ImageId": draw(st.sampled_from([image, "resolve:ssm:/golden", "ami-00000000"])),
        "UserData": base64.b64encode(draw(st.binary(max_size=9))).decode(),
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 9}}],
        "TagSpecifications": [{"ResourceType": "instance", "Tags": draw(TAGS)}],
    }
    ebs = {"SnapshotId": draw(hex_ids("snap")), "VolumeSize": draw(st.integers(1, 9))}
    return {
        "Images": [
            {
                "ImageId": image,
                "CreationDate": draw(MOMENTS),
                "Name": draw(TEXT),
                "State": draw(st.sampled_from(["available", "disabled", "pending"])),
                "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": ebs}],
                "InstanceTypeSpecification": {
                    "UnsupportedInstanceTypes": [{"InstanceType": "t3.nano"}]
                },
                "Tags": draw(TAGS),
            }
        ],
        "LaunchTemplates": [
            {
                "LaunchTemplateId": template,
                "LaunchTemplateName": "web",
                "CreateTime": draw(MOMENTS),
                "DefaultVersionNumber": draw(st.sampled_from(numbers)),
                "Tags": draw(TAGS),
                "Operator": {"Managed": True, "Principal": draw(TEXT)},
            }
        ],
        "LaunchTemplateVersions": [
            {
                "LaunchTemplateId": template,
                "VersionNumber": number,
                "VersionDescription": draw(TEXT),
                "CreateTime": draw(MOMENTS),
                "LaunchTemplateData": data,
            }
            for number in numbers
        ],
        "AutoScalingGroups": [
            {
                "AutoScalingGroupName": draw(TEXT),
                "LaunchTemplate": {"LaunchTemplateId": template, "Version": named},
                "MinSize": 0,
                "MaxSize": 3,
                "DesiredCapacity": 1,
                "AvailabilityZones": [draw(st.sampled_from(ZONES))],
                "MaxInstanceLifetime": draw(st.integers(86400, 99999)),
                "WarmPoolSize": draw(st.integers(0, 3)),
                "CapacityRebalance": draw(st.booleans()),
                "TargetGroupARNs": ["arn:aws:elasticloadbalancing:x:1:targetgroup/web/1"],
                "Instances": [
                    {
                        "InstanceId": instance,
                        "LifecycleState": "Standby",
                        "HealthStatus": "Unhealthy",
                        "AvailabilityZone": ZONES[1],
                        "LaunchTemplate": {"LaunchTemplateName": "web", "Version": "3"},
                        "WeightedCapacity": "2",
                    }
                ],
            }
        ],
        "Instances": [
            {
                "InstanceId": instance,
                "ImageId": draw(st.sampled_from([image, "ami-00000000"])),
                "InstanceType": "c7i.large",
                "State": {"Name": "running"},
                "LaunchTime": draw(MOMENTS),
                "KeyName": "ops",
            }
        ],
    }


ZONES = ["ap-northeast-2a", "ap-northeast-2-wl1-icn-1a"]


def unchanged(went_in: Any, came_out: Any) -> bool:
    """All that went in is there; there may be more beside it."""
    if isinstance(went_in, dict):
        return all(key in came_out and unchanged(v, came_out[key]) for key, v in went_in.items())
    if isinstance(went_in, list):
        pairs = zip(went_in, reversed(came_out) if is_versions(went_in) else came_out, strict=True)
        return all(unchanged(one, other) for one, other in pairs)
    if isinstance(went_in, str) and went_in.endswith("Z") and went_in != came_out:
        return datetime.fromisoformat(went_in) == datetime.fromisoformat(came_out)
    return bool(went_in == came_out)


def is_versions(items: list[Any]) -> bool:
    return bool(items) and isinstance(items[0], dict) and "VersionNumber" in items[0]


def without_empty_tags(content: Any) -> Any:
    """AWS prints no empty list of tags."""
    if isinstance(content, dict):
        return {
            key: without_empty_tags(value)
            for key, value in content.items()
            if not (key == "Tags" and value == [])
        }
    return [without_empty_tags(one) for one in content] if isinstance(content, list) else content


@settings(max_examples=40, deadline=None)
@given(worlds())
def test_nothing_that_went_in_comes_out_changed(content):
    came_out = now_of(content)

    assert unchanged(without_empty_tags(content), came_out), came_out
    assert now_of(came_out) == came_out


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


def with_stack(name: str = "refresh", *, fields: dict[str, Any] | None = None, **given: str) -> Any:
    stack = a_chain(name, **{"LaunchTemplateId": TEMPLATE["LaunchTemplateId"]} | given)
    return a_world(AutoScalingGroups=[GROUP], Stacks=[stack | (fields or {})])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"images": []}, "images: must be spelt Images"),
        ({"Stack": []}, "Stack: must be spelt Stacks"),
        (
            with_stack("refesh"),
            "Stacks.0.Outputs: must have AmiReactorChain, which begins with nod",
        ),
        (with_stack(fields={"Outputs": []}), "Stacks.0.Outputs: must have AmiReactorChain, which"),
        (with_stack(fields={"StackName": "-"}), "Stacks.0.StackName: must be text that matches"),
        (with_stack(fields={"Parameter": []}), "Stacks.0.Parameter: must be spelt Parameters"),
        (
            with_stack(fields={"Parameters": [{"ParameterKey": "Z"}]}),
            "Stacks.0.Parameters.0.ParameterValue: is required",
        ),
        (
            with_stack(Alarms="a"),
            "Stacks.0.Parameters.2.ParameterKey: must be one of: LaunchTemplateId, AutoScalingGr",
        ),
        (
            with_stack(LaunchTemplateId="web"),
            "Stacks.0.Parameters.0.ParameterValue: must match lt-[0-9a-f]+",
        ),
        (with_stack(BakeTime="1h"), r"Stacks.0.Parameters.2.ParameterValue: must match \d+"),
        (
            with_stack(fields={"Parameters": []}),
            "Stacks.0.Parameters: must have LaunchTemplateId",
        ),
        (
            with_stack(LaunchTemplateId="lt-0"),
            "Stacks.0.Parameters: LaunchTemplateId: lt-0 is not one of the LaunchTemplates",
        ),
        (
            with_stack(AutoScalingGroupNames="web,api"),
            "Stacks.0.Parameters: AutoScalingGroupNames: api is not one of the AutoScalingGroups",
        ),
        (
            a_world(Stacks=[a_chain(), a_chain()]),
            "Stacks: web-refresh is there more than once",
        ),
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
            with_group(LaunchTemplate={"LaunchTemplateName": "web", "Version": "latest"}),
            "AutoScalingGroups.0.LaunchTemplate.Version: must be $Default, $Latest or a number",
        ),
        ({"AutoscalingGroup": []}, "AutoscalingGroup: must be spelt AutoScalingGroups"),
        ({"LaunchTemplateVersion": []}, "LaunchTemplateVersion: must be spelt LaunchTemplateVers"),
        (with_image(creation_date="x"), "Images.0.creation_date: must be spelt CreationDate"),
        (with_image(SourceInstanceID="i"), "Images.0.SourceInstanceID: must be spelt SourceInst"),
        (
            with_image(BlockDeviceMappings=[{"Ebs": {"VolumSize": 8}}]),
            "Images.0.BlockDeviceMappings.0.Ebs.VolumSize: must be spelt VolumeSize",
        ),
        (with_data(InstanceTyp="x"), "LaunchTemplateVersions.0.LaunchTemplateData.InstanceTyp: mu"),
        (with_image(Name="a\x00b"), "Images.0.Name: must be text without control characters"),
        (
            with_image(Tags=[{"Key": "a", "Value": "\x1b[2J"}]),
            "Images.0.Tags.0.Value: must be text without control characters",
        ),
        (
            {"DeadLetters": [{"Body": "\x00"}]},
            "DeadLetters.0.Body: must be text without control characters",
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


def test_what_else_is_set_meanwhile_is_the_callers(monkeypatch):
    monkeypatch.setenv("SET_BY_A_TEST", "1")

    with embedded_aws(World()):
        monkeypatch.undo()
        os.environ["AWS_PROFILE"] = "left behind"

    assert "SET_BY_A_TEST" not in os.environ
    assert "AWS_PROFILE" not in os.environ


def test_there_are_no_images_of_others():
    with embedded_aws(World()) as aws:
        assert aws.client("ec2").describe_images()["Images"] == []


def test_one_embedded_aws_leaves_nothing_to_the_next():
    with embedded_aws(read(a_world())):
        pass
    with embedded_aws(World()) as aws:
        left = world_now(aws, "111122223333")

    assert not any(value for value in left.values() if isinstance(value, list))


def test_a_world_can_be_added_to_an_embedded_aws_that_runs():
    with embedded_aws(World()) as aws:
        seed(read(a_world()))

        assert len(world_now(aws, "111122223333")["LaunchTemplates"]) == 1
