"""Every shape in which AWS leaves an event that it could not deliver or handle."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.dead_letter import Shape, read_dead_letter
from tests.support.builders import backup_completed
from tests.support.messages import a_message, a_record
from tests.support.paths import EVENTS

SAMPLES = sorted(EVENTS.glob("dlq_*.json"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["requestPayload", "responsePayload", "requestContext", "timestamp", "detail-type", "errorType"]
)


def in_a_lambda_batch(message):
    """The same message as Lambda's SQS event source hands it over."""
    attributes = message["MessageAttributes"].items()
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {
            name: {"stringValue": value["StringValue"], "dataType": value["DataType"]}
            for name, value in attributes
        },
        "eventSource": "aws:sqs",
    }


@pytest.mark.parametrize(
    ("name", "shape", "code", "attempts"),
    [
        ("eventbridge_target_retries_exhausted", Shape.RULE_TARGET, "THROTTLING", 186),
        ("eventbridge_target_no_permissions", Shape.RULE_TARGET, "NO_PERMISSIONS", 1),
        ("lambda_onfailure_destination_python_error", Shape.ON_FAILURE, "ClientError", 3),
        ("lambda_onfailure_destination_timeout", Shape.ON_FAILURE, "Sandbox.Timedout", 3),
        ("lambda_legacy_dead_letter_config", Shape.FUNCTION_DLQ, "200", None),
        ("garbage_body", Shape.UNREADABLE, None, None),
    ],
)
def test_a_captured_dead_letter_is_read(name, shape, code, attempts):
    dead_letter = read_dead_letter(json.loads((EVENTS / f"dlq_{name}.json").read_text()))

    assert dead_letter.shape is shape
    assert (dead_letter.failure.error_code, dead_letter.failure.attempts) == (code, attempts)
    assert (dead_letter.event is None) == (shape is Shape.UNREADABLE)
    assert dead_letter.sent == datetime(2026, 6, 15, 17, 25, tzinfo=UTC)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_it_is_the_same_message_in_a_lambda_batch(path):
    message = json.loads(path.read_text())

    assert read_dead_letter(in_a_lambda_batch(message)) == read_dead_letter(message)


def test_a_rules_message_says_which_rule_gave_up_and_why():
    dead_letter = read_dead_letter(
        a_message(
            backup_completed(),
            RULE_ARN="arn:rule",
            TARGET_ARN="arn:function",
            ERROR_CODE="THROTTLING",
            ERROR_MESSAGE="Rate Exceeded.",
            EXHAUSTED_RETRY_CONDITION="MaximumEventAgeInSeconds",
            RETRY_ATTEMPTS="40",
        )
    )

    failure = dead_letter.failure
    assert (failure.rule, failure.function) == ("arn:rule", "arn:function")
    assert failure.error_message == "Rate Exceeded."
    assert (failure.condition, failure.attempts) == ("MaximumEventAgeInSeconds", 41)


def test_lambdas_record_says_what_the_function_raised():
    stack = ['  File "a.py", line 1, in react\n    raise\n']
    response = {"errorMessage": "boom", "errorType": "ValueError", "stackTrace": stack}

    dead_letter = read_dead_letter(a_message(a_record(responsePayload=response)))

    assert dead_letter.event == backup_completed()
    assert (dead_letter.failure.error_code, dead_letter.failure.error_message) == (
        "ValueError",
        "boom",
    )
    assert dead_letter.failure.stack == ('  File "a.py", line 1, in react', "    raise")
    assert dead_letter.failure.request_id == "e4b46cbf-b738-4a2b-8880-a18cdf61200e"
    assert dead_letter.failure.gave_up == datetime(2026, 6, 15, 17, 27, 41, 568000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("response", "code", "message", "stack"),
    [
        pytest.param(
            {"errorMessage": "RequestId: 1 Process exited before completing request"},
            None,
            "RequestId: 1 Process exited before completing request",
            (),
            id="the process exited",
        ),
        pytest.param(
            {"errorType": "Error", "errorMessage": "x", "trace": ["Error: x", "  at a.js"]},
            "Error",
            "x",
            ("Error: x", "  at a.js"),
            id="Node's trace",
        ),
        pytest.param(
            {"errorMessage": "x", "stackTrace": [["a.py", 1, "react", "raise"]]},
            None,
            "x",
            ("['a.py', 1, 'react', 'raise']",),
            id="lists in the trace",
        ),
        pytest.param(None, None, None, (), id="no response"),
        pytest.param("Bad gateway", None, None, (), id="a response that is text"),
        pytest.param({"errorMessage": {"a": 1}, "stackTrace": "x"}, None, None, (), id="odd types"),
    ],
)
def test_a_response_may_have_any_form(response, code, message, stack):
    failure = read_dead_letter(a_message(a_record(responsePayload=response))).failure

    assert (failure.error_code, failure.error_message, failure.stack) == (code, message, stack)


def test_an_event_that_was_never_handed_over_has_no_response_at_all():
    context = {"condition": "EventAgeExceeded", "approximateInvokeCount": 0}
    record = a_record(requestContext=context)
    del record["responsePayload"], record["responseContext"]

    dead_letter = read_dead_letter(a_message(record))

    assert dead_letter.shape is Shape.ON_FAILURE
    assert (dead_letter.failure.condition, dead_letter.failure.attempts) == ("EventAgeExceeded", 0)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        pytest.param("not json {", "not JSON: expected ident at line 1 column 2", id="no JSON"),
        pytest.param("", "not JSON: EOF while parsing a value at line 1 column 0", id="empty"),
        pytest.param('{"a": NaN}', "not JSON: expected value at line 1 column 7", id="NaN"),
        pytest.param("[" * 10_000, "not JSON: recursion limit exceeded", id="deep nesting"),
        pytest.param('"\ud800"', "not JSON: ", id="a lone surrogate"),
        pytest.param("[]", "not a JSON object", id="a list"),
        pytest.param("null", "not a JSON object", id="null"),
        pytest.param("{}", "there is no event in it", id="an empty object"),
        pytest.param('{"hello": 1}', "there is no event in it", id="another object"),
        pytest.param({"requestPayload": "x"}, "there is no event in it", id="a payload of text"),
    ],
)
def test_what_holds_no_event_is_unreadable_and_says_why(body, fault):
    dead_letter = read_dead_letter(a_message(body))

    assert (dead_letter.shape, dead_letter.event) == (Shape.UNREADABLE, None)
    assert dead_letter.fault.startswith(fault)


def test_an_event_that_was_sent_to_the_queue_by_hand_is_an_event():
    dead_letter = read_dead_letter(a_message(backup_completed()))

    assert (dead_letter.shape, dead_letter.event) == (Shape.FUNCTION_DLQ, backup_completed())


def test_what_aws_says_of_garbage_is_kept():
    dead_letter = read_dead_letter(
        a_message("not json {", RULE_ARN="arn:rule", ERROR_CODE="TIMEOUT")
    )

    assert dead_letter.shape is Shape.UNREADABLE
    assert (dead_letter.failure.rule, dead_letter.failure.error_code) == ("arn:rule", "TIMEOUT")


@given(
    body=JSON | st.dictionaries(FIELDS, JSON),
    attributes=st.dictionaries(st.sampled_from(["RULE_ARN", "RETRY_ATTEMPTS", "ErrorCode"]), JSON),
    sent=st.text() | st.integers().map(str),
)
def test_no_message_is_too_odd_to_be_read(body, attributes, sent):
    message = a_message(body)
    message["MessageAttributes"] = {name: {"StringValue": v} for name, v in attributes.items()}
    message["Attributes"] = {"SentTimestamp": sent, "ApproximateReceiveCount": sent}

    dead_letter = read_dead_letter(message)

    assert (dead_letter.event is None) == (dead_letter.shape is Shape.UNREADABLE)


def text(value):
    return json.dumps(value)


RECORD = a_record(responsePayload={"errorMessage": "boom", "errorType": "ValueError"})
OF_THE_RECORD = (
    "Lambda's record of an invocation of 2026-06-15T17:27:41.568Z:"
    " RetriesExhausted: ValueError: boom"
)


@pytest.mark.parametrize(
    ("body", "shape", "chain"),
    [
        pytest.param(backup_completed(), Shape.FUNCTION_DLQ, (), id="an event"),
        pytest.param(RECORD, Shape.ON_FAILURE, (), id="a record"),
        pytest.param(
            a_record(requestPayload=RECORD), Shape.ON_FAILURE, (OF_THE_RECORD,), id="twice"
        ),
        pytest.param(
            a_record(requestPayload=a_message(RECORD)),
            Shape.ON_FAILURE,
            ("an SQS message", OF_THE_RECORD),
            id="a record of a message",
        ),
        pytest.param(
            a_record(
                requestPayload={"Records": [in_a_lambda_batch(a_message(backup_completed()))]}
            ),
            Shape.ON_FAILURE,
            ("a batch of Lambda", "an SQS message"),
            id="a record of a batch",
        ),
        pytest.param(
            a_record(requestPayload=text(RECORD)), Shape.ON_FAILURE, (OF_THE_RECORD,), id="as text"
        ),
        pytest.param(
            {"Type": "Notification", "Message": text(RECORD)},
            Shape.ON_FAILURE,
            ("an SNS notification", OF_THE_RECORD),
            id="a record by way of SNS",
        ),
        pytest.param(
            {"Messages": [a_message(backup_completed())]},
            Shape.FUNCTION_DLQ,
            ("an answer of ReceiveMessage", "an SQS message"),
            id="an answer of SQS",
        ),
    ],
)
def test_a_message_within_messages_is_opened_to_its_event(body, shape, chain):
    dead_letter = read_dead_letter(a_message(body))

    assert (dead_letter.event, dead_letter.shape) == (backup_completed(), shape)
    assert dead_letter.chain == chain


def test_what_is_known_of_it_is_of_the_last_failure():
    inner = a_record(requestContext={"requestId": "first", "condition": "EventAgeExceeded"})

    dead_letter = read_dead_letter(a_message(a_record(requestPayload=inner)))

    assert dead_letter.failure.request_id == "e4b46cbf-b738-4a2b-8880-a18cdf61200e"
    assert dead_letter.failure.condition == "RetriesExhausted"
    assert "EventAgeExceeded" in dead_letter.chain[0]


def test_the_record_of_a_success_is_no_failure():
    dead_letter = read_dead_letter(a_message(a_success()))

    assert (dead_letter.shape, dead_letter.event) == (Shape.ON_SUCCESS, backup_completed())


def a_success():
    context = RECORD["requestContext"] | {"condition": "Success", "approximateInvokeCount": 1}
    response = {"statusCode": 200, "executedVersion": "$LATEST"}
    return a_record(requestContext=context, responseContext=response, responsePayload={"a": 1})


@pytest.mark.parametrize(
    ("count", "fault"), [(2, "there are 2 events in it"), (0, "there is no event in it")]
)
def test_several_events_are_none_that_can_be_handled(count, fault):
    batch = {"Records": [in_a_lambda_batch(a_message(backup_completed()))] * count}

    dead_letter = read_dead_letter(a_message(a_record(requestPayload=batch)))

    assert (dead_letter.shape, dead_letter.event, dead_letter.event_count) == (
        Shape.UNREADABLE,
        None,
        count,
    )
    assert dead_letter.fault.startswith(fault)


def test_messages_without_end_are_unreadable():
    record = backup_completed()
    for _ in range(60):
        record = a_record(requestPayload=record)

    assert read_dead_letter(a_message(record)).shape is Shape.UNREADABLE
