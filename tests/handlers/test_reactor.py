"""The Lambda entry point: what it returns, logs and raises."""

import io
import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from handlers import reactor
from infra.embedded.delivery import Context
from models.errors import EventRejected
from tests.support.builders import (
    ACCOUNT,
    FOLLOWS_INSTANCE,
    NEW,
    NOON,
    OLD,
    REGION,
    TEMPLATE,
    a_template,
    a_world,
    ami_state,
    an_image,
    backup_completed,
)

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

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


def test_what_is_not_an_event_is_raised_for_the_dead_letter_queue(account_with, logged):
    account_with(a_world())

    with pytest.raises(EventRejected, match="detail-type: must be one of"):
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


# -- what others are told --------------------------------------------------------------------------


@pytest.fixture
def told(account_with, request):
    """What is put on the bus: the detail type and the detail."""
    tags = FOLLOWS_INSTANCE | getattr(request, "param", {})
    images = an_image(OLD), an_image(NEW, (TODAY - NOON) / timedelta(hours=1))
    account_with(a_world(*images, templates=[a_template(tags=tags)]))
    put = []

    def keep(params, **_):
        put.extend((e["DetailType"], json.loads(e["Detail"])) for e in params["Entries"])

    events = reactor.client("events", REGION).meta.events
    events.register("provide-client-params.events.PutEvents", keep)
    yield put
    events.unregister("provide-client-params.events.PutEvents", keep)


@contextmanager
def refused(operation, code="ServiceUnavailable", status=503):
    def refuse(parsed, http_response, **_):
        http_response.status_code = status
        parsed.clear()
        parsed["Error"] = {"Code": code, "Message": "refused"}
        parsed["ResponseMetadata"] = {"HTTPStatusCode": status}

    events = reactor.client("ec2", REGION).meta.events
    events.register(f"after-call.ec2.{operation}", refuse)
    try:
        yield
    finally:
        events.unregister(f"after-call.ec2.{operation}", refuse)


def test_a_promotion_is_announced(told):
    outcome = handle(backup_completed())

    assert told == [("Launch Template Promoted", outcome["templates"][0])]


@pytest.mark.parametrize("told", [{"ami-reactor:gate:a": "b"}], indirect=True)
def test_a_wait_for_no_known_moment_is_not_announced(told):
    assert handle(backup_completed())["templates"][0]["outcome"] == "kept"
    assert told == []


@pytest.mark.parametrize("told", [{"ami-reactor:soak": "30d"}], indirect=True)
def test_until_when_a_template_waits_is_told_for_the_timer(told):
    handle(backup_completed())

    assert told == [
        (
            "Promotion Postponed",
            {
                "launch_template_id": TEMPLATE,
                "launch_template_name": "web",
                "image_id": NEW,
                "until": f"{TODAY + timedelta(days=30):%Y-%m-%dT00:00:00Z}",
                "reason": "soaking",
            },
        )
    ]


def test_a_promotion_that_failed_is_announced(told):
    with refused("CreateLaunchTemplateVersion"), pytest.raises(reactor.ReactionFailed):
        handle(backup_completed())

    [(what, detail)] = told
    assert (what, detail["to_image"], detail["outcome"]) == ("Promotion Failed", OLD, "failed")


def test_a_move_after_which_something_failed_is_announced_as_a_promotion(told):
    """The retry finds nothing to do and announces nothing, but instances start from the image."""
    with refused("CreateTags"), pytest.raises(reactor.ReactionFailed):
        handle(backup_completed())
    handle(backup_completed())

    [(what, detail)] = told
    assert (what, detail["to_image"]) == ("Launch Template Promoted", NEW)


def test_what_is_kept_is_not_announced(told):
    handle(backup_completed())
    told.clear()

    assert handle(backup_completed())["templates"][0]["outcome"] == "kept"
    assert told == []


# -- how long it waits -----------------------------------------------------------------------------


def test_a_call_is_given_up_long_before_lambda_ends_the_function():
    for service in ("ec2", "events"):
        config = reactor.client(service, REGION).meta.config
        assert (config.connect_timeout, config.read_timeout) == (2, 5)
        assert config.retries == {"mode": "standard", "total_max_attempts": 2}
