"""State machines and one-time schedules: on the stage's clock, and in moto's interpreter."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from moto.stepfunctions.models import StateMachine, stepfunctions_backends

from infra.embedded.clock import StageClock
from infra.embedded.stack import transformed
from infra.embedded.state_machines import StateMachines
from models.base import Place
from tests.support.builders import (
    ACCOUNT,
    FOLLOWS_INSTANCE,
    NEW,
    OLD,
    REGION,
    TEMPLATE,
    a_template,
    a_world,
    an_event,
)
from tests.support.cloudformation import resources_of
from tests.support.fleets import a_group, default_image, run, tags_of
from tests.support.interpreter import execute, interpreting

MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:machine"
HERE = Place(account=ACCOUNT, region=REGION)
HOLD = "ami-reactor-state:hold"
SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=36)


def postponed(until):
    moment = until if isinstance(until, str) else f"{until:%Y-%m-%dT%H:%M:%SZ}"
    detail = {"launch_template_id": TEMPLATE, "until": moment, "reason": "soaking"}
    return an_event("ami-reactor", "Promotion Postponed", None, **detail)


def a_machine(definition):
    backend = stepfunctions_backends[ACCOUNT][REGION]
    return StateMachine(MACHINE, "machine", json.dumps(definition), "", backend)


def put(staged, event):
    entry = {
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
    }
    answer = staged.session.client("events").put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0


# -- on the stage ----------------------------------------------------------------------------------


def test_what_is_postponed_is_looked_at_again_when_it_is_due_and_not_before(stage_with):
    staged = stage_with(a_world())
    put(staged, postponed(SOON))

    assert staged.move_on(SOON - timedelta(seconds=1)) == []
    (moment, event, receipt), _told = staged.move_on(SOON)

    assert (moment.replace(microsecond=0), event["detail-type"]) == (SOON, "Reconcile Requested")
    assert event["detail"] == {"launch_template_id": TEMPLATE}
    assert receipt.outcome["templates"][0]["outcome"] == "promoted"
    assert default_image() == NEW


def test_a_timer_that_is_due_already_asks_with_the_next_move(stage_with):
    staged = stage_with(a_world())
    put(staged, postponed("2026-01-01T00:00:00Z"))

    delivered, _told = staged.advance(timedelta(seconds=1))

    assert delivered.event["detail-type"] == "Reconcile Requested"


def test_what_is_postponed_twice_to_one_moment_is_asked_for_once(stage_with):
    staged = stage_with(a_world())
    for _ in range(2):
        put(staged, postponed(SOON))
    put(staged, postponed(SOON + timedelta(hours=1)))

    delivered = staged.move_on(SOON + timedelta(hours=2))
    asked = [one.event for one in delivered if one.event["detail-type"] == "Reconcile Requested"]
    put(staged, postponed(SOON))

    assert len(asked) == 2
    assert len(staged.advance(timedelta(hours=1))) == 1


@pytest.mark.parametrize("until", ["", "soon", "2026-13-01T00:00:00Z"])
def test_a_timer_without_a_time_fails_and_wakes_nothing(stage_with, until):
    staged = stage_with(a_world())
    put(staged, postponed(until))

    assert staged.advance(timedelta(days=40)) == []
    assert staged.dead_letters() == []


def test_what_cannot_start_the_timer_is_in_the_dead_letter_queue(stage_with):
    staged = stage_with(a_world())
    machines = staged.session.client("stepfunctions")
    [machine] = machines.list_state_machines()["stateMachines"]
    machines.delete_state_machine(stateMachineArn=machine["stateMachineArn"])

    receipt = staged.delivery.deliver(postponed(SOON))

    assert (receipt.is_dead_lettered, receipt.is_lost) == (True, False)
    [message] = staged.dead_letters()
    assert json.loads(message["Body"])["detail-type"] == "Promotion Postponed"
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_RESOURCE"


@pytest.mark.parametrize(
    "state", [{"Type": "Choice"}, {"Type": "Pass", "Result": 1, "ResultPath": "$.a", "End": True}]
)
def test_a_state_of_another_kind_is_refused_and_not_skipped(state):
    definition = {"StartAt": "A", "States": {"A": state}}

    with pytest.raises(NotImplementedError, match="does not run the state A"):
        StateMachines(HERE, StageClock()).start(a_machine(definition), {"detail": {}})


# -- a task that AWS refuses -----------------------------------------------------------------------

IN_PROGRESS = "AutoScaling.InstanceRefreshInProgressException"
SDK = "arn:aws:states:::aws-sdk"


def rolling(*groups, resource=f"{SDK}:autoscaling:startInstanceRefresh", **retrier):
    """A machine like that of infra/chains/refresh.yaml."""
    task = {
        "Type": "Task",
        "Resource": resource,
        "Parameters": {"AutoScalingGroupName.$": "$", "Preferences": {"BakeTime": 0}},
        "Retry": [{"ErrorEquals": [IN_PROGRESS]} | retrier],
        "End": True,
    }
    each = {"StartAt": "Roll", "States": {"Roll": task}}
    return {
        "StartAt": "Groups",
        "States": {
            "Groups": {"Type": "Pass", "Result": list(groups), "Next": "Each"},
            "Each": {"Type": "Map", "ItemProcessor": each, "End": True},
        },
    }


class Rolled:
    """Two groups, web and api; a refresh of web takes an hour more."""

    def __init__(self, staged):
        self.staged, self.scaling = staged, staged.session.client("autoscaling")
        self.machines, self.machine = StateMachines(HERE, staged.clock), a_machine({})
        self.began = staged.clock.now()
        slow = {"BakeTime": 55 * 60}
        self.scaling.start_instance_refresh(AutoScalingGroupName="web", Preferences=slow)

    def start(self, *groups, **how):
        self.machine.definition = json.dumps(rolling(*groups, **how))
        self.machines.start(self.machine, {"detail": {}})

    @property
    def executions(self):
        return [(one.status, one.error) for one in self.machine.executions]

    def started(self, name):
        """After how many minutes each refresh was started."""
        found = self.scaling.describe_instance_refreshes(AutoScalingGroupName=name)
        moments = [one["StartTime"] for one in found["InstanceRefreshes"]]
        return [round((moment - self.began).total_seconds() / 60) for moment in reversed(moments)]


@pytest.fixture
def rolled(stage_with):
    return Rolled(stage_with(a_world(AutoScalingGroups=[a_group(), a_group("api")])))


@pytest.mark.parametrize(
    ("retrier", "after"),
    [
        ({"IntervalSeconds": 300, "BackoffRate": 1, "MaxAttempts": 288}, [0, 60]),
        ({"IntervalSeconds": 60, "MaxAttempts": 9}, [0, 63]),  # 1 + 2 + 4 + 8 + 16 + 32
        ({"IntervalSeconds": 60, "MaxAttempts": 5}, [0]),
        ({"ErrorEquals": ["Ec2.InstanceRefreshInProgressException"]}, [0]),
        ({"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3600}, [0, 60]),
    ],
)
def test_what_aws_refuses_is_tried_again_as_the_state_says(rolled, retrier, after):
    rolled.start("web", **retrier)

    rolled.staged.advance(timedelta(hours=3))

    assert rolled.started("web") == after


def test_an_item_does_not_wait_for_another(rolled):
    rolled.start("web", "api", IntervalSeconds=3600)
    assert rolled.started("api") == [0]

    rolled.staged.advance(timedelta(hours=1))

    assert (rolled.started("web"), rolled.started("api")) == ([0, 60], [0])


def test_an_execution_that_failed_is_over_and_another_one_starts(rolled):
    rolled.start("nowhere", "web", MaxAttempts=0)

    rolled.staged.advance(timedelta(hours=1))
    rolled.start("web")

    assert rolled.started("web") == [0, 60]
    failed = ("FAILED", "autoscaling.ValidationErrorException")
    assert rolled.executions == [failed, ("SUCCEEDED", None)]


def test_an_execution_that_is_stopped_does_nothing_more(rolled):
    rolled.start("web")
    [execution] = rolled.machine.executions
    assert execution.status == "RUNNING"

    execution.stop()
    rolled.staged.advance(timedelta(hours=2))

    assert (rolled.started("web"), execution.status) == ([0], "ABORTED")


@pytest.mark.parametrize("service", ["eks:updateNodegroupVersion", "ssm:putParameter"])
def test_a_service_that_the_stage_has_not_is_refused(rolled, service):
    with pytest.raises(NotImplementedError, match=f"does not run the task {SDK}:{service}"):
        rolled.start("web", resource=f"{SDK}:{service}")


# -- one-time schedules ----------------------------------------------------------------------------


def test_a_hold_ends_at_its_time_and_so_does_its_schedule(stage_with):
    staged = stage_with(a_world())
    run("hold", "web", "--reason", "x", "--until", SOON.isoformat(), "--yes")
    due = SOON.replace(second=0)

    staged.move_on(due - timedelta(seconds=1))
    assert HOLD in tags_of()
    staged.move_on(due)

    assert HOLD not in tags_of()
    assert staged.session.client("scheduler").list_schedules()["Schedules"] == []
    assert default_image() == NEW  # the change of the tag wakes the reactor


def test_a_hold_that_replaced_it_outlives_it(stage_with):
    staged = stage_with(a_world())
    run("hold", "web", "--reason", "x", "--until", SOON.isoformat(), "--yes")
    newer = {"Key": HOLD, "Value": "jane: newer"}
    staged.session.client("ec2").create_tags(Resources=[TEMPLATE], Tags=[newer])

    staged.move_on(SOON)

    assert tags_of()[HOLD] == "jane: newer"


def test_a_schedule_that_was_deleted_does_nothing(stage_with):
    hold = "jane 2026-01-01T00:00Z until 2099-01-01T00:00Z: x"
    staged = stage_with(a_world(templates=[a_template(tags=FOLLOWS_INSTANCE | {HOLD: hold})]))
    ends = {"Resources": [TEMPLATE], "Tags": [{"Key": HOLD, "Value": hold}]}
    scheduler = staged.session.client("scheduler")
    scheduler.create_schedule(
        Name="end",
        ScheduleExpression=f"at({SOON + timedelta(hours=9):%Y-%m-%dT%H:%M:%S})",
        ScheduleExpressionTimezone="Asia/Seoul",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:ec2:deleteTags",
            "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r",
            "Input": json.dumps(ends),
        },
    )
    scheduler.delete_schedule(Name="end")

    staged.move_on(SOON)

    assert tags_of()[HOLD] == hold
    assert default_image() == OLD


# -- the real definition, in moto's interpreter ----------------------------------------------------


def the_definition():
    return resources_of(transformed())["Timer"]["Properties"]["DefinitionString"]


@pytest.fixture
def interpreter(monkeypatch):
    """Run the timer there; how the execution ended, and the events that it put."""

    def interpreted(given):
        with interpreting(monkeypatch) as session:
            queue = session.client("sqs").create_queue(QueueName="all")["QueueUrl"]
            events = session.client("events")
            events.put_rule(Name="all", EventPattern=json.dumps({"source": ["ami-reactor"]}))
            arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:all"
            events.put_targets(Rule="all", Targets=[{"Id": "all", "Arn": arn}])
            status = execute(session, the_definition(), given)
            messages = session.client("sqs").receive_message(QueueUrl=queue).get("Messages", [])
        return status, [json.loads(message["Body"]) for message in messages]

    return interpreted


def test_the_real_definition_asks_to_reconcile_in_motos_interpreter(interpreter):
    began = time.monotonic()

    status, [event] = interpreter(postponed(datetime.now(UTC) + timedelta(seconds=3)))

    assert status == "SUCCEEDED"
    assert time.monotonic() - began > 1  # it waits; moto counts full seconds, down
    assert (event["source"], event["detail-type"]) == ("ami-reactor", "Reconcile Requested")
    assert event["detail"] == {"launch_template_id": TEMPLATE}


@pytest.mark.parametrize("until", ["", "soon"])
def test_the_real_definition_fails_there_without_a_time(interpreter, until):
    status, events = interpreter(postponed(until))

    assert (status, events) == ("FAILED", [])


def test_what_stands_for_it_puts_what_the_interpreter_puts(interpreter, stage_with):
    _, [event] = interpreter(postponed("2026-01-01T00:00:00Z"))
    staged = stage_with(a_world())
    put(staged, postponed("2026-01-01T00:00:00Z"))

    delivered, _told = staged.advance(timedelta(seconds=1))

    same = ("source", "detail-type", "detail")
    assert {key: delivered.event[key] for key in same} == {key: event[key] for key in same}
