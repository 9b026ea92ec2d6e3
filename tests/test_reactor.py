"""The Lambda entry point: what it returns, logs and raises."""

import io
import json

import pytest

from handlers import reactor
from infra.embedded.delivery import Context
from models.errors import EventRejected
from tests.builders import ACCOUNT, NEW, REGION, a_world, ami_state, backup_completed

NO_IMAGE = "ami-0bbbbbbbbbbbbbbbb"


class Function:
    """As much of a function as its context tells."""

    function_name = "ami-reactor"
    memory_size = 256
    function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:ami-reactor"


@pytest.fixture
def logged():
    """The lines that CloudWatch Logs would get, parsed."""
    stream = io.StringIO()
    reactor.logger.registered_handler.setStream(stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def handle(event):
    return reactor.lambda_handler(event, Context(Function, "e4b46cbf"))


def test_the_outcome_is_the_return_value_and_one_log_line(account_with, logged):
    account_with(a_world())

    outcome = handle(backup_completed())

    [line] = [line for line in logged() if line["message"] == "outcome"]
    assert line["outcome"] == outcome
    assert line["correlation_id"] == backup_completed()["id"]
    assert outcome["templates"][0]["to_image"] == NEW


def test_a_failure_is_logged_and_then_raised(account_with, logged):
    account_with(a_world())

    with pytest.raises(reactor.ReactionFailed) as failure:
        handle(backup_completed(NO_IMAGE))

    [line] = [line for line in logged() if line["message"] == "outcome"]
    assert line["outcome"]["result"] == "failed"
    assert str(failure.value) == line["outcome"]["error"]


def test_what_is_no_event_is_raised_for_lambda_to_dead_letter(account_with, logged):
    account_with(a_world())

    with pytest.raises(EventRejected, match="detail-type: may be"):
        handle({"detail-type": "\x1b[31m\nforged line"})

    assert [line["outcome"]["result"] for line in logged() if "outcome" in line] == ["rejected"]


def test_an_event_about_another_account_than_the_functions_is_not_believed(account_with):
    account_with(a_world())

    assert handle(ami_state() | {"account": "999988887777"})["reason"] == "other-account"


def test_that_a_promotion_could_not_be_announced_changes_nothing(account_with, logged):
    account = account_with(a_world())
    events = reactor.client("events", REGION).meta.events

    def refused(parsed, **_):
        parsed["FailedEntryCount"] = 1
        parsed["Entries"] = [{"ErrorCode": "InternalFailure"}]

    events.register("after-call.events.PutEvents", refused)
    try:
        outcome = handle(backup_completed())
    finally:
        events.unregister("after-call.events.PutEvents", refused)

    assert outcome["result"] == "handled"
    assert account.image_in_force() == NEW
    assert any(line["message"] == "not announced" for line in logged())
