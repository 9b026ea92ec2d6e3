"""What AWS's own services put when something is done: the same shapes as captured, to the function.

Each event is read where every one goes: in a log group that a rule of the test copies all into.
"""

import json

import pytest
from werkzeug.wrappers import Request

from infra.embedded.backups import answer_of_backups
from infra.embedded.bodies import BadRequest
from tests.support.builders import (
    ACCOUNT,
    INSTANCE,
    NEW,
    OLD,
    REGION,
    TEMPLATE,
    a_template,
    a_version,
    a_world,
    an_image,
    image_arn,
    template_arn,
)
from tests.support.paths import EVENTS

GOLDEN = {"InstanceId": INSTANCE, "ImageId": OLD, "Tags": [{"Key": "Name", "Value": "golden"}]}
AMI, TAGS = "EC2 AMI State Change", "Tag Change on Resource"
GROUP = {"AutoScalingGroupName": "web", "LaunchTemplate": {"LaunchTemplateId": TEMPLATE}}
QUEUE = "everything"


def sample(name):
    return json.loads((EVENTS / f"{name}.json").read_text())


class Watched:
    """A stage, and every event that its default bus saw."""

    def __init__(self, staged):
        self.staged, self.ec2 = staged, staged.session.client("ec2")
        sqs, events = staged.session.client("sqs"), staged.session.client("events")
        self._sqs, self._url = sqs, sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
        events.put_rule(Name="all", EventPattern=json.dumps({"account": [ACCOUNT]}))
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{QUEUE}"
        events.put_targets(Rule="all", Targets=[{"Id": "all", "Arn": arn}])

    def events(self):
        """Those since the last time, without the reactor's own."""
        seen = []
        while found := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in found:
                seen.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return [event for event in seen if event["source"] != "ami-reactor"]

    def current_image(self):
        [version] = self.ec2.describe_launch_template_versions(
            LaunchTemplateId=TEMPLATE, Versions=["$Default"]
        )["LaunchTemplateVersions"]
        return version["LaunchTemplateData"]["ImageId"]


@pytest.fixture
def watched(stage_with):
    def enter(**more):
        world = a_world(an_image(OLD), Instances=[GOLDEN], **more)
        return Watched(stage_with(world))

    return enter


def like(event, captured):
    """The shape of a captured event: the same keys, and values of the same types."""
    if isinstance(captured, dict) and captured:
        return event.keys() == captured.keys() and all(like(event[k], captured[k]) for k in event)
    return type(event) is type(captured)


def states(events):
    return [(event["detail"]["State"], event["resources"]) for event in events]


# -- images ----------------------------------------------------------------------------------------


def test_an_image_made_of_the_golden_instance_moves_the_template(watched):
    stage = watched()

    image = stage.ec2.create_image(InstanceId=INSTANCE, Name="made")["ImageId"]

    assert stage.current_image() == image
    [event] = stage.events()[:1]
    assert like(event, sample("ami_available"))
    assert event["detail"]["ImageId"] == image


def test_each_operation_on_an_image_emits_its_state(watched):
    stage = watched()
    ec2 = stage.ec2
    registered = ec2.register_image(Name="registered")["ImageId"]
    copied = ec2.copy_image(Name="copied", SourceImageId=OLD, SourceRegion=REGION)["ImageId"]
    ec2.disable_image(ImageId=copied)
    ec2.enable_image(ImageId=copied)
    ec2.deregister_image(ImageId=registered)

    events = stage.events()

    assert states(events) == [
        ("available", [image_arn(registered)]),
        ("available", [image_arn(copied)]),
        ("disabled", [image_arn(copied)]),
        ("available", [image_arn(copied)]),
        ("deregistered", [image_arn(registered)]),
    ]
    assert all(like(event, sample("ami_deregistered")) for event in events)


def test_a_deregistered_current_image_is_replaced(watched):
    stage = watched()
    first = stage.ec2.create_image(InstanceId=INSTANCE, Name="made")["ImageId"]

    stage.ec2.deregister_image(ImageId=first)

    assert stage.current_image() == OLD


def test_what_is_refused_or_a_dry_run_emits_nothing(watched):
    stage = watched()
    for call, which in (
        (stage.ec2.disable_image, {"ImageId": NEW}),
        (stage.ec2.create_image, {"InstanceId": INSTANCE, "Name": "made", "DryRun": True}),
        (
            stage.ec2.create_tags,
            {"Resources": [TEMPLATE], "Tags": [{"Key": "a", "Value": ""}], "DryRun": True},
        ),
    ):
        with pytest.raises(stage.ec2.exceptions.ClientError):
            call(**which)

    assert stage.events() == []


# -- tags ------------------------------------------------------------------------------------------


def test_tags_of_one_call_are_one_event_a_resource_with_all_tags_afterwards(watched):
    stage = watched(templates=[a_template(tags={"Name": "web", "a": "1"})])
    tags = [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "2"}, {"Key": "Name", "Value": "web"}]

    stage.ec2.create_tags(Resources=[TEMPLATE, OLD], Tags=tags)
    stage.ec2.create_tags(Resources=[TEMPLATE], Tags=tags)  # changes nothing
    stage.ec2.delete_tags(Resources=[TEMPLATE])

    of_template, of_image, deleted = stage.events()
    assert of_template["detail"] == {
        "changed-tag-keys": ["a", "b"],
        "service": "ec2",
        "resource-type": "launch-template",
        "version": 4.0,
        "tags": {"Name": "web", "a": "2", "b": "2"},
    }
    assert of_template.keys() == sample("tag_change_launch_template_opted_in").keys()
    assert of_template["resources"] == [template_arn(TEMPLATE)]
    assert of_image["resources"] == [image_arn(OLD)]
    assert of_image["detail"]["resource-type"] == "image"
    assert sorted(deleted["detail"]["changed-tag-keys"]) == ["Name", "a", "b"]
    assert deleted["detail"]["tags"] == {}


def test_tags_at_creation_come_before_the_image_is_available(watched):
    stage = watched()
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]

    stage.ec2.create_image(
        InstanceId=INSTANCE,
        Name="made",
        TagSpecifications=[{"ResourceType": "image", "Tags": tags}],
    )

    tagged, available, *_ = stage.events()
    assert tagged["detail"]["tags"] == {"a": "1", "b": "2"}
    assert available["detail-type"] == AMI


def test_a_template_that_opts_in_and_one_whose_hold_ends_are_moved_at_once(watched):
    held = {"ami-reactor": "on", "ami-reactor-state:hold": "jane: load test"}
    stage = watched(templates=[a_template(tags=held)])
    image = stage.ec2.create_image(InstanceId=INSTANCE, Name="made")["ImageId"]

    follow = [{"Key": "ami-reactor:source-instance", "Value": INSTANCE}]
    stage.ec2.create_tags(Resources=[TEMPLATE], Tags=follow)
    assert stage.current_image() == OLD
    stage.ec2.delete_tags(Resources=[TEMPLATE], Tags=[{"Key": "ami-reactor-state:hold"}])
    assert stage.current_image() == image


def test_the_reactors_own_high_water_mark_is_selected_by_no_rule_of_the_stack(watched):
    stage = watched()
    with stage.staged.delivery.watched() as reached:
        stage.ec2.create_image(InstanceId=INSTANCE, Name="made")

    emitted = [event["detail-type"] for event in stage.events()]
    assert emitted == [AMI, TAGS]
    assert {one.event["detail-type"] for one in reached} == {AMI, "Launch Template Promoted"}


# -- the kill switch -------------------------------------------------------------------------------


def test_a_paused_function_moves_nothing_and_the_event_is_kept(watched):
    stage = watched()
    functions = stage.staged.session.client("lambda")
    functions.put_function_concurrency(FunctionName="ami-reactor", ReservedConcurrentExecutions=0)

    stage.ec2.create_image(InstanceId=INSTANCE, Name="made")

    assert stage.current_image() == OLD
    [message] = stage.staged.dead_letters()
    assert json.loads(message["Body"])["requestPayload"]["detail-type"] == AMI


# -- AWS Backup ------------------------------------------------------------------------------------


def test_a_backup_makes_an_image_of_its_own_name_and_tags_with_its_events_in_order(watched):
    stage = watched()
    request = Request.from_values(method="POST", data=json.dumps({"instance_id": INSTANCE}))

    made = answer_of_backups(request, stage.staged)

    image_id = made["image_id"]
    assert stage.current_image() == image_id
    [image] = stage.ec2.describe_images(ImageIds=[image_id])["Images"]
    assert image["Name"] == f"AwsBackup_{INSTANCE}_{made['backup_job_id']}"
    instance_arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{INSTANCE}"
    tags = {tag["Key"]: tag["Value"] for tag in image["Tags"]}
    assert tags == {"Name": "golden", "aws:backup:source-resource": instance_arn}
    created, running, tagged, available, *_, completed = stage.events()
    assert like(created, sample("backup_job_created_minimal"))
    assert running["detail"]["state"] == "RUNNING"
    assert (tagged["detail-type"], available["detail-type"]) == (TAGS, AMI)
    assert like(completed, sample("backup_job_completed_ec2_ondemand_no_createdby"))
    assert completed["resources"] == [image_arn(image_id)]
    assert completed["detail"]["resourceArn"] == instance_arn


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "must be {"),
        ([], "must be {"),
        ({"instance_id": 7}, "instance_id: must be an instance's id"),
        ({"instance_id": "i-1\n"}, r"there is no i-1\n"),
    ],
)
def test_a_backup_of_nothing_is_one_line(watched, body, said):
    request = Request.from_values(method="POST", data=json.dumps(body))

    with pytest.raises(BadRequest) as refusal:
        answer_of_backups(request, watched().staged)

    assert said in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


# -- Auto Scaling ----------------------------------------------------------------------------------


def test_each_launch_is_told_and_one_that_ec2_refuses_too(watched):
    version = a_version(OLD, 1, SecurityGroupIds=[])
    stage = watched(versions=[version], AutoScalingGroups=[GROUP | {"MaxSize": 9}])
    groups = stage.staged.session.client("autoscaling")

    groups.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
    stage.ec2.deregister_image(ImageId=OLD)
    launched = [e for e in stage.events() if e["source"] == "aws.autoscaling"]
    groups.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=3)
    [failed] = [e for e in stage.events() if e["source"] == "aws.autoscaling"]

    assert [e["detail-type"] for e in launched] == ["EC2 Instance Launch Successful"] * 2
    ids = {event["detail"]["EC2InstanceId"] for event in launched}
    [group] = groups.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert ids == {instance["InstanceId"] for instance in group["Instances"]}
    assert launched[0]["resources"][0] == group["AutoScalingGroupARN"]
    assert failed["detail-type"] == "EC2 Instance Launch Unsuccessful"
    assert failed["detail"]["StatusCode"] == "Failed"
    assert "no longer available" in failed["detail"]["StatusMessage"]
    assert failed["resources"] == [group["AutoScalingGroupARN"]]
