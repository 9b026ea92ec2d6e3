"""From PutEvents to the handler, and into the dead-letter queue in AWS's own shapes."""

import json
from copy import deepcopy

import pytest

from infra.embedded.stack import transformed
from infra.embedded.stage import stage
from infra.embedded.world.seed import read_world
from tests.support.builders import (
    ACCOUNT,
    NEW,
    REGION,
    TEMPLATE,
    a_world,
    ami_state,
    an_event,
    backup_completed,
    image_arn,
    reconcile,
    tags_changed,
    template_arn,
)
from tests.support.paths import EVENTS

NO_IMAGE = "ami-0bbbbbbbbbbbbbbbb"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:ami-reactor"


def sample(name):
    return json.loads((EVENTS / f"{name}.json").read_text())


@pytest.fixture
def staged(stage_with):
    return stage_with(a_world())


def default_version(staged):
    ec2 = staged.session.client("ec2")
    return ec2.describe_launch_templates()["LaunchTemplates"][0]["DefaultVersionNumber"]


# -- rules -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "is_selected"),
    [
        (backup_completed(), True),
        (ami_state(), True),
        (ami_state(state="deregistered"), True),
        (ami_state(state="disabled"), True),
        (ami_state(state="failed"), False),
        (ami_state(state="pending"), False),
        (tags_changed(image_arn(NEW), "Name"), True),
        (tags_changed(template_arn(TEMPLATE), "ami-reactor"), True),
        (tags_changed(template_arn(TEMPLATE), "ami-reactor:image-tag:app"), True),
        (tags_changed(template_arn(TEMPLATE), "Name", "ami-reactor-state:hold"), True),
        (tags_changed(template_arn(TEMPLATE), "Name"), False),
        (tags_changed(template_arn(TEMPLATE), "ami-reactor-state:newest-image"), False),
        (reconcile(), True),
        (an_event("ami-reactor", "Launch Template Promoted", None), True),
        (an_event("ami-reactor", "Promotion Failed", None), False),
        (backup_completed() | {"account": "999988887777"}, False),
        (backup_completed() | {"source": "custom.backup"}, False),
    ],
)
def test_the_rules_select_what_the_handler_acts_on(staged, event, is_selected):
    assert staged.delivery.deliver(event).is_matched is is_selected


def test_an_event_is_selected_by_one_rule_only(staged):
    for event in (
        backup_completed(),
        ami_state(),
        tags_changed(image_arn(NEW), "Name"),
        reconcile(),
    ):
        assert staged.delivery.deliver(event).attempts == 1


def test_an_event_of_put_events_reaches_the_handler(staged):
    entry = {"Source": "ami-reactor", "DetailType": "Reconcile Requested", "Detail": "{}"}

    staged.session.client("events").put_events(Entries=[entry])

    assert default_version(staged) == 2


def test_a_disabled_rule_selects_nothing(staged):
    staged.session.client("events").disable_rule(Name="ami-reactor-backup-completed")

    assert not staged.delivery.deliver(backup_completed()).is_matched


# -- what was captured -----------------------------------------------------------------------------


def captured(staged):
    found = staged.session.client("logs").filter_log_events(logGroupName="/aws/events/ami-reactor")
    return [json.loads(line["message"]) for line in found["events"]]


def test_the_events_that_the_rules_matched_are_kept_as_they_were(staged):
    staged.delivery.deliver(backup_completed())
    staged.delivery.deliver(an_event("aws.s3", "Object Created", None))

    assert captured(staged) == [backup_completed()]


def test_nothing_is_captured_if_no_policy_lets_eventbridge_write(staged):
    logs = staged.session.client("logs")
    logs.delete_resource_policy(policyName="ami-reactor-captured-events")

    staged.delivery.deliver(backup_completed())

    assert captured(staged) == []


# -- the function's message in the dead-letter queue ----------------------------------------------


def test_what_the_handler_fails_on_three_times_is_lambdas_record(staged):
    receipt = staged.delivery.deliver(backup_completed(NO_IMAGE))

    assert (receipt.attempts, receipt.is_dead_lettered) == (3, True)
    [message] = staged.dead_letters()
    record = json.loads(message["Body"])
    documented = json.loads(sample("dlq_lambda_onfailure_destination_python_error")["Body"])
    assert record.keys() == documented.keys()
    for part in ("requestContext", "responseContext", "responsePayload"):
        assert record[part].keys() == documented[part].keys()
    assert record["requestPayload"] == backup_completed(NO_IMAGE)
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responsePayload"]["errorType"] == "ReactionFailed"
    assert "MessageAttributes" not in message


def test_a_handler_that_recovers_leaves_no_dead_letter(staged):
    staged.faults.inject("CreateLaunchTemplateVersion", "RequestLimitExceeded", times=4)

    receipt = staged.delivery.deliver(backup_completed())

    assert (receipt.attempts, receipt.error) == (3, None)
    assert staged.dead_letters() == []
    assert default_version(staged) == 2


def test_reading_dead_letters_leaves_them_in_the_queue(staged):
    staged.delivery.deliver(backup_completed(NO_IMAGE))

    assert len(staged.dead_letters()) == len(staged.dead_letters()) == 1


# -- the rule's message in the dead-letter queue --------------------------------------------------


def attributes(message):
    return {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}


def test_an_event_that_lambda_throttles_for_a_day_is_the_rules_dead_letter(staged):
    staged.faults.inject("Invoke", "TooManyRequestsException")

    receipt = staged.delivery.deliver(backup_completed())

    assert (receipt.attempts, receipt.is_dead_lettered) == (0, True)
    [message] = staged.dead_letters()
    documented = sample("dlq_eventbridge_target_retries_exhausted")
    assert attributes(message) == attributes(documented)
    assert json.loads(message["Body"]) == backup_completed()


def test_a_missing_permission_is_not_retried(staged):
    functions = staged.session.client("lambda")
    policy = json.loads(functions.get_policy(FunctionName="ami-reactor")["Policy"])
    for statement in policy["Statement"]:
        functions.remove_permission(FunctionName="ami-reactor", StatementId=statement["Sid"])

        receipt = staged.delivery.deliver(ami_state())

    assert receipt.is_dead_lettered
    message = staged.dead_letters()[-1]
    documented = sample("dlq_eventbridge_target_no_permissions")
    assert attributes(message) == attributes(documented) | {
        "RULE_ARN": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/ami-reactor-ami-state-changed"
    }


def test_a_function_that_is_gone_is_not_retried(staged):
    staged.session.client("lambda").delete_function(FunctionName="ami-reactor")

    receipt = staged.delivery.deliver(ami_state())

    assert receipt.is_dead_lettered
    [message] = staged.dead_letters()
    assert attributes(message)["ERROR_CODE"] == "NO_RESOURCE"
    assert attributes(message)["RETRY_ATTEMPTS"] == "0"


def test_a_target_queue_that_does_not_exist_stops_no_other_target(staged):
    events = staged.session.client("events")
    events.put_rule(Name="listen", EventPattern=json.dumps({"source": ["aws.ec2"]}))
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:missing"
    events.put_targets(Rule="listen", Targets=[{"Id": "1", "Arn": arn}])

    assert staged.delivery.deliver(ami_state()).outcome["result"] == "handled"


def test_an_archive_keeps_what_is_put_on_the_bus(staged):
    events = staged.session.client("events")
    bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
    events.create_archive(ArchiveName="all", EventSourceArn=bus)
    entry = {"Source": "ami-reactor", "DetailType": "Reconcile Requested", "Detail": "{}"}

    events.put_events(Entries=[entry])

    assert events.describe_archive(ArchiveName="all")["EventCount"] >= 1
    assert default_version(staged) == 2


def _edited(edit):
    template = deepcopy(transformed())
    edit(template["Resources"])
    return template


def _without_policy(resources):
    del resources["DeadLettersPolicy"]


def _policy_for_one_rule(resources):
    [rules, *_] = resources["DeadLettersPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    _keep_one_rule(rules["Condition"]["ArnEquals"])


def _denied_to_all_rules_but_one(resources):
    [_, everyone_else, *_] = resources["DeadLettersPolicy"]["Properties"]["PolicyDocument"][
        "Statement"
    ]
    _keep_one_rule(everyone_else["Condition"]["ArnNotEquals"])


def _keep_one_rule(condition):
    arns = condition["aws:SourceArn"]
    condition["aws:SourceArn"] = [arn for arn in arns if "AmiStateChanged" in json.dumps(arn)]


@pytest.mark.parametrize(
    "edit", [_without_policy, _policy_for_one_rule, _denied_to_all_rules_but_one]
)
def test_a_dead_letter_is_lost_if_the_queues_policy_does_not_let_its_rule_send(edit):
    world = read_world(json.dumps(a_world()), "world")
    with stage(world, template=_edited(edit)) as staged:
        staged.faults.inject("Invoke", "TooManyRequestsException")

        receipt = staged.delivery.deliver(backup_completed())

        assert (receipt.is_lost, receipt.is_dead_lettered) == (True, False)
        assert staged.dead_letters() == []


def test_without_a_destination_the_functions_failures_are_lost():
    def edit(resources):
        del resources["ReactorEventInvokeConfig"]

    world = read_world(json.dumps(a_world()), "world")
    with stage(world, template=_edited(edit)) as staged:
        assert staged.delivery.deliver(backup_completed(NO_IMAGE)).is_lost


# -- Lambda's Invoke -------------------------------------------------------------------------------


def test_an_invocation_of_type_event_goes_through_the_same_queue(staged):
    client = staged.session.client("lambda")

    answer = client.invoke(
        FunctionName="ami-reactor",
        InvocationType="Event",
        Payload=json.dumps(backup_completed(NO_IMAGE)),
    )

    assert answer["StatusCode"] == 202
    [message] = staged.dead_letters()
    record = json.loads(message["Body"])
    assert record["requestContext"]["requestId"] == answer["ResponseMetadata"]["RequestId"]


def test_a_plain_invocation_answers_with_the_outcome(staged):
    client = staged.session.client("lambda")

    answer = client.invoke(FunctionName="ami-reactor", Payload=json.dumps(backup_completed()))

    assert json.loads(answer["Payload"].read())["result"] == "handled"


def test_a_plain_invocation_that_fails_says_so(staged):
    client = staged.session.client("lambda")

    answer = client.invoke(FunctionName="ami-reactor", Payload=json.dumps({"a": 1}))

    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == "EventRejected"


# -- reserved concurrency 0 ------------------------------------------------------------------------


def test_a_paused_function_is_not_tried_and_its_events_are_kept(staged):
    functions = staged.session.client("lambda")
    functions.put_function_concurrency(FunctionName="ami-reactor", ReservedConcurrentExecutions=0)

    receipt = staged.delivery.deliver(backup_completed())

    assert (receipt.attempts, receipt.is_dead_lettered, default_version(staged)) == (0, True, 1)
    [message] = staged.dead_letters()
    record = json.loads(message["Body"])
    assert record["requestPayload"] == backup_completed()
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responsePayload" not in record

    functions.delete_function_concurrency(FunctionName="ami-reactor")
    assert staged.delivery.deliver(backup_completed()).attempts == 1


def test_a_paused_function_cannot_be_invoked(staged):
    functions = staged.session.client("lambda")
    functions.put_function_concurrency(FunctionName="ami-reactor", ReservedConcurrentExecutions=0)

    with pytest.raises(functions.exceptions.TooManyRequestsException):
        functions.invoke(FunctionName="ami-reactor", Payload=json.dumps(backup_completed()))


# -- what the function says ------------------------------------------------------------------------


def test_a_promotion_is_announced_on_the_bus(staged):
    events, sqs = staged.session.client("events"), staged.session.client("sqs")
    url = sqs.create_queue(QueueName="listeners")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    events.put_rule(Name="listen", EventPattern=json.dumps({"source": ["ami-reactor"]}))
    events.put_targets(Rule="listen", Targets=[{"Id": "1", "Arn": arn["QueueArn"]}])

    staged.delivery.deliver(backup_completed())

    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    event = json.loads(message["Body"])
    assert event["detail-type"] == "Launch Template Promoted"
    assert event["detail"]["to_image"] == NEW
