"""Instance refreshes on the stage: what they replace, how they end, and what Auto Scaling tells."""

import json
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from infra.embedded.bodies import BadRequest
from infra.embedded.fault_requests import fault_of
from tests.support.builders import (
    ACCOUNT,
    HELD,
    NEW,
    OLD,
    REGION,
    a_chain,
    a_template,
    a_version,
    a_world,
    an_image,
)
from tests.support.fleets import a_group

REFRESH = "EC2 Auto Scaling Instance Refresh"
LAUNCHED, NOT_LAUNCHED = "EC2 Instance Launch Successful", "EC2 Instance Launch Unsuccessful"
ALARM = {"AlarmSpecification": {"Alarms": ["web-5xx"]}}


class Fleet:
    """A group of two instances, one of which runs an older version, and what is told of it."""

    def __init__(self, staged):
        self.staged = staged
        self.scaling, self._sqs = staged.session.client("autoscaling"), staged.session.client("sqs")
        events = staged.session.client("events")
        self._url = self._sqs.create_queue(QueueName="told")["QueueUrl"]
        pattern = {"source": ["aws.autoscaling"]}
        events.put_rule(Name="told", EventPattern=json.dumps(pattern))
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:told"
        events.put_targets(Rule="told", Targets=[{"Id": "told", "Arn": arn}])

    def start(self, **preferences):
        asked = {"AutoScalingGroupName": "web", "Preferences": preferences}
        return self.scaling.start_instance_refresh(**asked)["InstanceRefreshId"]

    def wait(self, **more):
        self.staged.advance(timedelta(**more or {"minutes": 5}))

    @property
    def refresh(self):
        found = self.scaling.describe_instance_refreshes(AutoScalingGroupName="web")
        return found["InstanceRefreshes"][0]

    @property
    def versions(self):
        [group] = self.scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        return sorted(one["LaunchTemplate"]["Version"] for one in group["Instances"])

    def told(self):
        found = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in found.get("Messages", [])]


@pytest.fixture
def fleet(stage_with):
    members = {"i-0000000000000000a": "1", "i-0000000000000000b": "2"}
    world = a_world(
        an_image(OLD),
        an_image(NEW, 1),
        templates=[a_template(default=2, tags=HELD)],  # the reactor would heal it
        versions=[a_version(), a_version(NEW, 2)],
        AutoScalingGroups=[a_group(instances=members)],
    )
    return Fleet(stage_with(world))


def types(told):
    return [event["detail-type"] for event in told]


def test_a_refresh_replaces_what_runs_another_version_and_is_told_of(fleet):
    refresh_id = fleet.start(SkipMatching=True)
    assert (fleet.refresh["Status"], fleet.versions) == ("InProgress", ["1", "2"])

    fleet.wait()

    assert (fleet.refresh["Status"], fleet.refresh["PercentageComplete"]) == ("Successful", 100)
    assert fleet.versions == ["2", "2"]
    told = fleet.told()
    assert types(told) == [f"{REFRESH} Started", LAUNCHED, f"{REFRESH} Succeeded"]
    assert told[-1]["detail"] == {"InstanceRefreshId": refresh_id, "AutoScalingGroupName": "web"}
    assert told[-1]["resources"][0].endswith(":autoScalingGroupName/web")


def test_without_skip_matching_all_are_replaced(fleet):
    fleet.start()
    fleet.wait()

    assert types(fleet.told()).count(LAUNCHED) == 2


def test_its_bake_time_comes_on_top(fleet):
    fleet.start(SkipMatching=True, BakeTime=3600)

    fleet.wait(minutes=64)
    assert fleet.refresh["Status"] == "InProgress"
    fleet.wait(minutes=1)
    assert fleet.refresh["Status"] == "Successful"


def test_it_fails_on_an_alarm_that_rings(fleet):
    alarms = fleet.staged.session.client("cloudwatch")
    alarms.put_metric_alarm(
        AlarmName="web-5xx",
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        MetricName="5xx",
        Namespace="web",
        Period=60,
        Statistic="Sum",
        Threshold=1,
    )
    fleet.start(**ALARM)
    alarms.set_alarm_state(AlarmName="web-5xx", StateValue="ALARM", StateReason="a test")

    fleet.wait()

    assert fleet.refresh["Status"] == "Failed"
    assert "the alarm web-5xx is in ALARM" in fleet.refresh["StatusReason"]
    assert fleet.versions == ["2", "2"]  # the first new instance is what rings it
    assert types(fleet.told()) == [f"{REFRESH} Started", LAUNCHED, f"{REFRESH} Failed"]


def test_an_alarm_lets_it_fail_after_the_first_instance(fleet):
    fleet.staged.faults.inject("InstanceRefresh", "Alarm")
    fleet.start(**ALARM)

    fleet.wait()

    assert types(fleet.told()).count(LAUNCHED) == 1
    assert fleet.refresh["PercentageComplete"] == 50


@pytest.mark.parametrize(
    ("code", "status", "told", "words"),
    [
        ("Alarm", "Failed", "Failed", "the alarm web-5xx is in ALARM"),
        ("Capacity", "Failed", "Failed", "sufficient capacity"),
        ("Rollback", "RollbackSuccessful", "Rollback Succeeded", "the alarm web-5xx is in ALARM"),
    ],
)
def test_a_fault_lets_it_fail(fleet, code, status, told, words):
    fault = fault_of({"operation": "InstanceRefresh", "code": code})
    fleet.staged.faults.inject(fault.operation, fault.code)
    fleet.start(**ALARM)

    fleet.wait()

    assert fleet.refresh["Status"] == status
    assert words in fleet.refresh["StatusReason"]
    assert types(fleet.told())[-1] == f"{REFRESH} {told}"


def test_a_fault_of_another_kind_is_refused():
    with pytest.raises(BadRequest, match="code: must be Alarm or Capacity or Rollback for"):
        fault_of({"operation": "InstanceRefresh", "code": "AccessDenied"})


def test_it_fails_on_the_first_launch_that_ec2_refuses(fleet):
    fleet.staged.session.client("ec2").deregister_image(ImageId=NEW)
    fleet.start(SkipMatching=True)

    fleet.wait()

    assert fleet.refresh["Status"] == "Failed"
    assert NEW in fleet.refresh["StatusReason"]
    assert fleet.versions == ["1", "2"]
    assert types(fleet.told()) == [f"{REFRESH} Started", NOT_LAUNCHED, f"{REFRESH} Failed"]


def test_a_launch_can_be_let_fail(fleet):
    fleet.staged.faults.inject("Launch", "InsufficientInstanceCapacity")

    fleet.scaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=3)

    [told] = fleet.told()
    assert told["detail-type"] == NOT_LAUNCHED
    assert "InsufficientInstanceCapacity" in told["detail"]["StatusMessage"]
    assert len(fleet.versions) == 2


def test_a_second_one_is_refused_until_the_first_is_over_or_cancelled(fleet):
    fleet.start()
    with pytest.raises(ClientError, match="InstanceRefreshInProgress"):
        fleet.start()

    fleet.scaling.cancel_instance_refresh(AutoScalingGroupName="web")
    assert fleet.refresh["Status"] == "Cancelled"
    fleet.start()
    fleet.wait()

    assert types(fleet.told()).count(f"{REFRESH} Succeeded") == 1
    with pytest.raises(ClientError, match="ActiveInstanceRefreshNotFound"):
        fleet.scaling.cancel_instance_refresh(AutoScalingGroupName="web")


def test_what_auto_scaling_refuses(fleet):
    with pytest.raises(ClientError, match="not found"):
        fleet.scaling.start_instance_refresh(AutoScalingGroupName="api")
    with pytest.raises(ClientError, match="AutoRollback"):
        fleet.start(AutoRollback=True)


def test_the_alarms_of_a_chain_are_there_and_quiet(stage_with):
    staged = stage_with(a_world(AutoScalingGroups=[a_group()], Stacks=[a_chain(AlarmNames="a,b")]))

    described = staged.session.client("cloudwatch").describe_alarms(AlarmNames=["a", "b"])

    states = [(one["AlarmName"], one["StateValue"]) for one in described["MetricAlarms"]]
    assert states == [("a", "OK"), ("b", "OK")]
