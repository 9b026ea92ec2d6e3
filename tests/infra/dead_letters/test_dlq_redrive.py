"""`ami-reactor dlq redrive`: a message goes only when Lambda has accepted its event."""

import json
from collections import Counter

import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    ReadTimeoutError,
    SSLError,
)
from moto.awslambda.models import LambdaFunction
from moto.sqs.models import SQSBackend

from tests.support.builders import (
    ACCOUNT,
    FOLLOWS_INSTANCE,
    HELD,
    NEW,
    OLD,
    REGION,
    TEMPLATE,
    a_template,
    a_world,
    backup_completed,
)
from tests.support.messages import (
    Queue,
    a_message,
    a_record,
    aging_by,
    lines,
    run,
    throttled,
    watched,
)

MANY = 1000
ANY = ("--verdict", "replayable", "--verdict", "obsolete")


@pytest.fixture
def staged(stage_with):
    return stage_with(a_world())


@pytest.fixture
def queue(staged):
    return Queue(staged)


def numbered(count):
    """So many messages whose events have the numbers as ids."""
    return [throttled(backup_completed() | {"id": f"event-{n}"}) for n in range(count)]


class Accepted(Counter):
    """The ids of the events whose invocation was accepted, each with how often."""

    def __call__(self, operation, response):
        if operation == "Invoke" and response.response_headers.get("status") == "202":
            self[json.loads(response.body)["id"]] += 1


def current_image(staged):
    ec2 = staged.session.client("ec2")
    [version] = ec2.describe_launch_template_versions(
        LaunchTemplateId=TEMPLATE, Versions=["$Default"]
    )["LaunchTemplateVersions"]
    return version["LaunchTemplateData"]["ImageId"]


# -- what it does ----------------------------------------------------------------------------------


def test_without_yes_it_only_shows_what_it_would_do(queue, staged):
    queue.put(throttled(), a_message("not json {"))

    with watched() as operations:
        result = run("redrive", "--all")

    assert result.exit_code == 0
    assert (
        "1 message would be redriven; nothing was invoked: pass --yes to redrive" in result.stderr
    )
    assert "unreadable" not in result.stdout
    assert "would be left: 1 unreadable\n" in result.stderr
    assert not {"Invoke", "DeleteMessage"} & set(operations)
    assert queue.depth() == (2, 0)
    assert current_image(staged) == OLD


def test_a_redriven_message_promotes_and_is_gone(queue, staged):
    record = a_record(responsePayload={"errorType": "Sandbox.Timedout"})
    ids = queue.put(throttled(), a_message(record))

    result = run("redrive", "--all", "--yes")

    assert result.exit_code == 0
    assert f"account {ACCOUNT} · Region {REGION}" in result.stderr
    assert [row.split()[:2] for row in result.stdout.splitlines()[:2]] == [
        ["redriven", message_id] for message_id in ids
    ]
    assert result.stdout.endswith("redriven 2 · left 0\n")
    assert queue.depth() == (0, 0)
    assert current_image(staged) == NEW


def test_the_function_gets_the_event_as_it_was(queue, monkeypatch):
    event = backup_completed() | {"version": "0", "unknown": [1, 2.5, None, "ü"]}
    queue.put(a_message(a_record(requestPayload=event)))
    got = []

    def invoke(_, body, *__):
        got.append(body)
        return ""

    monkeypatch.setattr(LambdaFunction, "invoke", invoke)

    run("redrive", "--all", "--yes")

    [body] = got
    assert json.loads(body) == event
    assert "ü" in body  # escaped, a great event might grow too great


def test_what_is_not_replayable_is_left_and_counted(stage_with):
    queue = Queue(stage_with(a_world(templates=[a_template(tags=FOLLOWS_INSTANCE | HELD)])))
    queue.put(throttled(), a_message("not json {"), throttled({"id": "one", "detail-type": "x"}))

    result = run("redrive", "--all", "--yes")

    assert result.exit_code == 1
    assert result.stdout == "redriven 0 · left 1 blocked, 1 unreadable, 1 invalid\n"
    assert queue.depth() == (3, 0)


def test_blocked_messages_are_redriven_by_id_or_by_verdict(stage_with):
    queue = Queue(stage_with(a_world(templates=[a_template(tags=FOLLOWS_INSTANCE | HELD)])))
    by_id, by_verdict = queue.put(throttled(), throttled())

    assert run("redrive", by_id, "--yes").exit_code == 0
    assert [line["message_id"] for line in lines(run("list", "--json"))] == [by_verdict]

    assert run("redrive", "--all", "--verdict", "blocked", "--yes").exit_code == 0
    assert queue.depth() == (0, 0)


@pytest.mark.usefixtures("staged")
def test_a_verdict_needs_all():
    assert run("redrive", "one", "--verdict", "blocked").exit_code == 2


def test_without_yes_it_shows_what_it_would_leave_and_how_to_redrive_that(stage_with):
    queue = Queue(stage_with(a_world(templates=[a_template(tags=FOLLOWS_INSTANCE | HELD)])))
    queue.put(throttled(), a_message("not json {"))

    result = run("redrive", "--all")

    assert "0 messages would be redriven\n" in result.stderr
    left = "1 blocked (--verdict blocked redrives these), 1 unreadable"
    assert f"would be left: {left}\n" in result.stderr


def test_garbage_is_never_redriven(queue):
    [message_id] = queue.put(a_message("not json {"))

    with watched() as operations:
        for which in ([message_id], ["--all", "--verdict", "unreadable"]):
            assert "0 messages would be redriven" in run("redrive", *which).stderr
            result = run("redrive", *which, "--yes")
            assert result.exit_code == 1
            assert result.stdout == "redriven 0 · left 1 unreadable\n"

    assert "Invoke" not in operations
    assert queue.depth() == (1, 0)


def test_only_the_messages_whose_ids_are_passed_are_redriven(queue):
    first, second, third = queue.put(*numbered(3))

    result = run("redrive", first, third, "missing", "--yes")

    assert result.exit_code == 1
    assert "missing: not in the queue" in result.stderr
    assert [line["message_id"] for line in lines(run("list", "--json"))] == [second]


def test_invocations_keep_to_the_rate(queue, monkeypatch):
    queue.put(*numbered(4))
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)

    run("redrive", "--all", "--yes", "--rate", "0.1")

    assert [round(wait, -1) for wait in waits if wait > 1] == [10, 20, 30]


def test_messages_in_flight_are_left_too(queue):
    queue.put(throttled(), throttled())
    queue.sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=1)

    assert run("redrive", "--all", "--yes").exit_code == 1


@pytest.mark.parametrize(("answer", "depth"), [("y\n", (1, 0)), ("n\n", (2, 0))])
def test_at_a_terminal_a_person_is_asked_and_only_what_was_shown_is_redriven(
    queue, monkeypatch, answer, depth
):
    chosen, _ = queue.put(throttled(), a_message("not json {"))
    monkeypatch.setattr("typer.testing._NamedTextIOWrapper.isatty", lambda _: True)

    result = run("redrive", "--all", input=answer)

    assert "1 message would be redriven\n" in result.stderr
    assert "Redrive 1 message? [y/N]" in result.stderr
    assert (f"redriven {chosen}" in result.stdout) is (answer == "y\n")
    assert result.exit_code == (1 if answer == "y\n" else 0)  # one is left: unreadable
    assert queue.depth() == depth


def test_what_came_since_a_person_was_asked_is_not_redriven(queue, monkeypatch):
    [first] = queue.put(throttled())
    monkeypatch.setattr("typer.testing._NamedTextIOWrapper.isatty", lambda _: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: queue.put(*numbered(1)) and True)

    result = run("redrive", "--all")

    assert result.stdout.endswith(f"redriven {first}  Backup Job State Change · {NEW}\n" + TALLY)
    assert queue.depth() == (1, 0)


TALLY = "redriven 1 · left 0\n"


# -- what can go wrong on the way ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("TooManyRequestsException", "Invoke: TooManyRequestsException: injected into Invoke"),
        ("ServiceException", "it may have been accepted: Invoke: ServiceException"),
    ],
)
def test_an_invocation_that_fails_leaves_its_message_and_says_so(queue, staged, code, message):
    first, second = queue.put(*numbered(2))
    staged.faults.inject("Invoke", code)

    with watched() as operations:
        result = run("redrive", "--all", "--yes")

    assert result.exit_code == 1
    assert f"{first}: {message}" in result.stderr
    assert result.stdout.endswith("redriven 1 · left 1 not redriven\n")
    assert operations.count("Invoke") == 2
    assert [line["message_id"] for line in lines(run("list", "--json"))] == [first]
    assert second in result.stdout
    assert run("redrive", "--all", *ANY, "--yes").exit_code == 0


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_what_lambda_refuses_to_all_ends_at_the_first(queue, staged, code):
    queue.put(*numbered(3))
    staged.faults.inject("Invoke", code, 9)

    with watched() as operations:
        result = run("redrive", "--all", "--yes")

    assert result.exit_code == 1
    assert result.stderr.splitlines()[1:] == [f"ami-reactor: Invoke: {code}: injected into Invoke"]
    assert operations.count("Invoke") == 1
    assert queue.depth() == (3, 0)


def test_a_function_that_is_not_there_is_one_line(queue):
    queue.put(throttled())

    result = run("redrive", "--all", "--yes", "--function", "missing")

    assert result.exit_code == 1
    assert "ami-reactor: Invoke: ResourceNotFoundException: Function not found" in result.stderr
    assert queue.depth() == (1, 0)


@pytest.mark.parametrize("answer", [200, 204])
def test_an_answer_that_is_no_acceptance_leaves_the_message(queue, answer):
    [message_id] = queue.put(throttled())

    def no_acceptance(operation, response):
        if operation == "Invoke":
            kind = {200: "RequestResponse", 204: "DryRun"}[answer]
            response.headers = {**response.headers, "X-Amz-Invocation-Type": kind}

    with watched(before=no_acceptance):
        result = run("redrive", "--all", "--yes")

    assert result.exit_code == 1
    assert f"{message_id}: Lambda answered {answer} instead of 202" in result.stderr
    assert queue.depth() == (1, 0)


def test_a_message_that_cannot_be_deleted_is_said_to_be_accepted(queue, staged):
    [message_id] = queue.put(throttled())
    staged.faults.inject("DeleteMessage", "ReceiptHandleIsInvalid")

    result = run("redrive", "--all", "--yes")

    assert result.exit_code == 1
    assert f"{message_id}: accepted, but still in the queue: DeleteMessage" in result.stderr
    assert queue.depth() == (1, 0)


def test_a_message_that_vanishes_before_it_is_deleted_is_said_to_be_accepted(queue):
    [message_id] = queue.put(throttled())

    def purge(operation, _):
        if operation == "Invoke":
            queue.sqs.purge_queue(QueueUrl=queue.url)

    with watched(after=purge):
        result = run("redrive", "--all", "--yes")

    assert f"{message_id}: accepted, but still in the queue: DeleteMessage" in result.stderr


def test_a_message_whose_visibility_timeout_is_over_is_not_redriven(queue, monkeypatch):
    [message_id] = queue.put(throttled())
    monkeypatch.setattr("time.monotonic", aging_by(300))

    with watched() as operations:
        result = run("redrive", "--all", "--yes")

    assert f"{message_id}: its visibility timeout is over" in result.stderr
    assert "Invoke" not in operations
    assert (result.exit_code, queue.depth()) == (1, (1, 0))


def test_a_message_that_comes_back_because_it_failed_again_is_redriven_once(queue, staged):
    queue.put(throttled())
    staged.faults.inject("CreateLaunchTemplateVersion", "ServiceUnavailable", 100)

    with watched() as operations:
        result = run("redrive", "--all", "--yes")

    assert result.exit_code == 1
    assert result.stdout.endswith("redriven 1 · left 1 failed again\n")
    assert operations.count("Invoke") == 1
    assert queue.depth() == (1, 0)


def test_a_message_that_one_server_of_sqs_still_has_is_deleted_again(queue, monkeypatch):
    queue.put(throttled())
    receive, given = SQSBackend.receive_message, []

    def receive_twice(*arguments, **more):
        messages = receive(*arguments, **more)
        again, given[:] = given.copy(), messages
        return messages or again

    monkeypatch.setattr(SQSBackend, "receive_message", receive_twice)

    with watched() as operations:
        assert run("redrive", "--all", "--yes").exit_code == 0

    assert (operations.count("Invoke"), operations.count("DeleteMessage")) == (1, 2)


def test_what_was_accepted_and_not_deleted_is_counted_as_that(queue, staged):
    queue.put(throttled())
    staged.faults.inject("DeleteMessage", "ReceiptHandleIsInvalid")

    result = run("redrive", "--all", "--yes")

    assert result.exit_code == 1
    assert "redriven 0 · accepted, but not deleted 1 · left 0" in result.stdout


# -- nothing is lost -------------------------------------------------------------------------------


def test_of_many_messages_none_is_lost_though_every_fifth_invocation_fails(
    queue, staged, monkeypatch
):
    monkeypatch.setattr(  # moto counts the whole queue for every message that it gives
        SQSBackend, "is_message_valid_based_on_retention_period", lambda *_: True
    )
    monkeypatch.setattr(LambdaFunction, "invoke", lambda *_: "")  # accepted; nothing is run
    queue.put(*numbered(MANY))
    accepted, tries = Accepted(), Counter()

    def fail_every_fifth(operation, _):
        tries[operation] += 1
        if operation == "Invoke" and tries["Invoke"] % 5 == 0:
            staged.faults.inject("Invoke", "TooManyRequestsException")

    with watched(before=fail_every_fifth, after=accepted):
        while result := run("redrive", "--all", "--yes", "--rate", "10000"):
            assert sum(accepted.values()) + queue.depth()[0] == MANY
            if result.exit_code == 0:
                break
            assert "TooManyRequestsException" in result.stderr

    assert accepted == Counter(f"event-{n}" for n in range(MANY))
    assert tries["Invoke"] == MANY + tries["Invoke"] // 5
    assert queue.depth() == (0, 0)


# -- no answer -------------------------------------------------------------------------------------

NO_ANSWERS = [
    ReadTimeoutError(endpoint_url="https://lambda"),
    ConnectTimeoutError(endpoint_url="https://lambda"),
    EndpointConnectionError(endpoint_url="https://lambda"),
    ConnectionClosedError(endpoint_url="https://lambda"),
    SSLError(endpoint_url="https://lambda", error="certificate"),
    IncompleteReadError(actual_bytes=0, expected_bytes=1),
]


def no_answer_to(operation, error):
    def fail(asked, _response):
        if asked == operation:
            raise error

    return fail


@pytest.fixture
def no_waiting(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("error", NO_ANSWERS, ids=lambda error: type(error).__name__)
def test_an_invocation_without_an_answer_never_deletes_its_message(queue, error, moment):
    [message_id] = queue.put(throttled())

    with watched(**{moment: no_answer_to("Invoke", error)}) as operations:
        result = run("redrive", "--all", "--yes")

    assert result.exit_code == 1
    assert f"{message_id}: no answer, so it may have been accepted: " in result.stderr
    assert result.stdout.endswith("redriven 0 · left 1 not redriven\n")
    assert "DeleteMessage" not in operations
    assert operations.count("Invoke") == 1
    assert queue.depth() == (1, 0)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("error", NO_ANSWERS, ids=lambda error: type(error).__name__)
def test_a_deletion_without_an_answer_is_said_to_be_none(queue, error):
    ids = queue.put(*numbered(2))

    with watched(before=no_answer_to("DeleteMessage", error)) as operations:
        result = run("redrive", "--all", "--yes")

    assert result.exit_code == 1
    for message_id in ids:
        assert f"{message_id}: accepted, but still in the queue: " in result.stderr
    assert result.stdout.endswith("redriven 0 · accepted, but not deleted 2 · left 0\n")
    assert operations.count("Invoke") == 2
    assert queue.depth() == (2, 0)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("error", NO_ANSWERS, ids=lambda error: type(error).__name__)
def test_messages_whose_visibility_is_not_reset_for_lack_of_an_answer_are_counted(queue, error):
    queue.put(throttled(), a_message("not json {"))

    with watched(before=no_answer_to("ChangeMessageVisibilityBatch", error)):
        result = run("redrive", "--all", "--yes")

    assert "1 message: visibility not reset" in result.stderr
    assert sum(queue.depth()) == 1


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("error", NO_ANSWERS, ids=lambda error: type(error).__name__)
def test_redrive_sends_no_more_once_a_visibility_timeout_that_was_not_extended_is_over(
    queue, error, monkeypatch
):
    queue.put(*numbered(15))
    monkeypatch.setattr("time.monotonic", aging_by(40))
    no_extension = no_answer_to("ChangeMessageVisibilityBatch", error)

    with watched(before=no_extension) as operations:
        result = run("redrive", "--all", "--yes")

    accepted = operations.count("DeleteMessage")
    assert "its visibility timeout is over" in result.stderr
    assert operations.count("Invoke") == accepted
    assert sum(queue.depth()) == 15 - accepted


def test_a_message_within_a_message_is_redriven_as_its_event(queue, staged):
    queue.put(a_message(a_record(requestPayload=a_message(a_record()))))

    assert run("redrive", "--all", "--yes").exit_code == 0
    assert queue.depth() == (0, 0)
    assert current_image(staged) == NEW
