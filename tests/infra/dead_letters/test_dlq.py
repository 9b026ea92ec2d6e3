"""`ami-reactor dlq`: look, understand, save, drop; and what can go wrong on the way."""

import json
import re
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ReadTimeoutError
from moto.sqs.models import SQSBackend

from infra.replay.event_reader import read_events
from models.base import aws_date
from tests.support.builders import (
    ACCOUNT,
    FOLLOWS_INSTANCE,
    HELD,
    NEW,
    OLD,
    OTHER_TEMPLATE,
    REGION,
    TEMPLATE,
    a_template,
    a_version,
    a_world,
    ami_state,
    an_image,
    backup_completed,
    image_arn,
    reconcile,
    tags_changed,
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
from tests.support.paths import EVENTS

SAMPLES = sorted(EVENTS.glob("dlq_*.json"))
GONE = "ami-0bbbbbbbbbbbbbbbb"
ESCAPE = "\x1b[2J"
KEYS = {
    "message_id",
    "shape",
    "verdict",
    "why",
    "cause",
    "error_code",
    "error_message",
    "event_id",
    "detail_type",
    "image_id",
    "sent",
    "age_seconds",
    "attempts",
    "receive_count",
    "wrapped_in",
    "templates",
}


@pytest.fixture
def staged(stage_with):
    return stage_with(a_world())


@pytest.fixture
def queue(staged):
    return Queue(staged)


def listed(*options):
    return lines(run("list", "--json", *options))


# -- list ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "is_current", "verdict"),
    [
        pytest.param(
            FOLLOWS_INSTANCE, False, "replayable", id="replayable: an older image is current"
        ),
        pytest.param(FOLLOWS_INSTANCE, True, "obsolete", id="obsolete: the image is current"),
        pytest.param(FOLLOWS_INSTANCE | HELD, False, "blocked", id="blocked: the template is held"),
    ],
)
def test_every_captured_message_gets_the_verdict_that_the_readme_gives(
    stage_with, tags, is_current, verdict
):
    version = a_version(NEW if is_current else OLD)
    staged = stage_with(a_world(templates=[a_template(tags=tags)], versions=[version]))
    samples = [json.loads(path.read_text()) for path in SAMPLES]
    ids = Queue(staged).put(*samples)

    verdicts = {line["message_id"]: line["verdict"] for line in listed()}

    garbage = SAMPLES.index(EVENTS / "dlq_garbage_body.json")
    expected = [verdict] * len(ids)
    expected[garbage] = "unreadable"
    assert len(ids) == 6
    assert [verdicts[message_id] for message_id in ids] == expected


def test_a_line_has_all_keys_whatever_the_message(queue):
    queue.put(throttled(), a_message(a_record()), a_message("not json {"), a_message({"id": 1}))

    assert all(line.keys() == KEYS for line in listed())


def test_a_line_says_what_is_known(queue):
    [message_id] = queue.put(throttled())

    [line] = listed()

    assert line["message_id"] == message_id
    assert (line["shape"], line["verdict"]) == ("rule-target", "replayable")
    assert (line["error_code"], line["error_message"]) == ("THROTTLING", "Rate Exceeded.")
    assert line["event_id"] == backup_completed()["id"]
    assert (line["detail_type"], line["image_id"]) == ("Backup Job State Change", NEW)
    assert (line["attempts"], line["receive_count"]) == (186, 1)
    assert line["age_seconds"] < 60
    assert [t["outcome"] for t in line["templates"]] == ["promoted"]


def test_messages_with_one_cause_are_one_line_with_a_count(queue):
    queue.put(*[throttled()] * 12, a_message("not json {"))

    result = run("list")

    rows = [row.split()[:2] for row in result.stdout.splitlines() if not row.startswith(" ")]
    assert rows[1:] == [["replayable", "12"], ["unreadable", "1"]]
    assert "THROTTLING: Rate" in result.stdout
    assert "12 replayable: ami-reactor dlq redrive --all" in result.stderr
    assert result.exit_code == 0


def test_each_message_has_a_line_of_its_own(queue):
    ids = queue.put(throttled(), a_message("not json {"))

    result = run("list", "--each")

    assert [line.split()[:2] for line in result.stdout.splitlines()] == [
        [ids[0], "replayable"],
        [ids[1], "unreadable"],
    ]


@pytest.mark.usefixtures("staged")
def test_an_empty_queue_is_said_to_be_empty():
    result = run("list")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "0 messages in the dead-letter queue" in result.stderr


def test_reading_removes_nothing_and_resets_the_visibility_of_every_message(queue):
    queue.put(*[throttled()] * 25)

    assert len(listed()) == 25
    assert queue.depth() == (25, 0)
    assert len(listed()) == 25


def test_reading_ends_with_the_third_empty_answer_in_a_row(queue, monkeypatch):
    """SQS asks some of its servers only, so an empty answer proves nothing."""
    queue.put(*[throttled()] * 15)
    receive, answers = SQSBackend.receive_message, []

    def receive_at_times(*arguments, **more):
        answers.append(len(answers))
        return [] if len(answers) in (1, 2, 4, 5) else receive(*arguments, **more)

    monkeypatch.setattr(SQSBackend, "receive_message", receive_at_times)

    assert len(listed()) == 15
    assert len(answers) == 9


def test_messages_in_flight_to_another_consumer_are_counted(queue):
    queue.put(throttled(), throttled())
    queue.sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=1)

    result = run("list", "--json")

    assert len(lines(result)) == 1
    assert "1 more message in flight: received by another consumer" in result.stderr


def test_a_message_that_sqs_gives_twice_is_listed_once(queue, monkeypatch):
    queue.put(throttled())
    receive = SQSBackend.receive_message

    def received_and_visible_again(*arguments, **more):
        messages = receive(*arguments, **more)
        for message in queue.of_moto:
            message.visible_at = 0
        return messages

    monkeypatch.setattr(SQSBackend, "receive_message", received_and_visible_again)

    assert len(listed()) == 1


def test_messages_that_come_again_do_not_keep_the_others_away(queue, monkeypatch):
    """As if a pager holds the reading up for longer than the visibility timeout."""
    queue.put(*[throttled(backup_completed() | {"id": str(n)}) for n in range(60)])
    receive, polls = SQSBackend.receive_message, []

    def all_visible_again_once(*arguments, **more):
        polls.append(1)
        if len(polls) == 5:
            for message in queue.of_moto:
                message.visible_at = 0
        return receive(*arguments, **more)

    monkeypatch.setattr(SQSBackend, "receive_message", all_visible_again_once)

    assert len(listed()) == 60
    assert queue.depth() == (60, 0)


def test_messages_stay_in_flight_for_as_long_as_the_reading_takes(queue, monkeypatch):
    queue.put(*[throttled(backup_completed() | {"id": str(n)}) for n in range(15)])
    monkeypatch.setattr("time.monotonic", aging_by(40))

    with watched() as operations:
        run("list")

    first, last = operations.index("ReceiveMessage"), len(operations) - 3
    assert "ChangeMessageVisibilityBatch" in operations[first:last]
    assert queue.depth() == (15, 0)


def test_all_messages_are_judged_by_one_reading_of_the_world(queue):
    queue.put(*[throttled(backup_completed() | {"id": str(n)}) for n in range(30)])

    with watched() as operations:
        assert {line["verdict"] for line in listed()} == {"replayable"}

    assert operations.count("DescribeLaunchTemplates") == 1
    assert operations.count("DescribeImages") <= 4


def test_images_are_looked_up_for_many_messages_at_once(queue):
    images = [f"ami-0{number:016x}" for number in range(30)]
    queue.put(*[throttled(ami_state(image)) for image in images])

    with watched() as operations:
        assert {line["verdict"] for line in listed()} == {"obsolete"}

    assert operations.count("DescribeImages") <= 4


def test_control_characters_and_markup_of_others_do_nothing_on_a_terminal(queue):
    event = backup_completed() | {"detail-type": f"[red]{ESCAPE}", "resources": [ESCAPE]}
    record = a_record(
        requestPayload=event,
        responsePayload={"errorMessage": f"[/bold]{ESCAPE}", "errorType": "[link=x]y"},
    )
    ids = queue.put(a_message(record), a_message(f"[bold]{ESCAPE}"))

    for result in (run("list"), run("list", "--each"), *(run("show", id_) for id_ in ids)):
        assert "\x1b[2J" not in result.output
        assert result.exit_code == 0
    assert "[/bold]\\x1b[2J" in run("list", "--each").stdout


def test_obsolete_is_the_backup_of_a_lost_image_once_a_newer_one_is_current(stage_with):
    queue = Queue(stage_with(a_world(an_image(NEW), versions=[a_version(NEW)])))
    queue.put(throttled(backup_completed(GONE)))

    [line] = listed()

    assert (line["verdict"], line["image_id"]) == ("obsolete", GONE)
    assert line["why"].startswith("web: already-current")


def test_blocked_is_the_backup_of_a_lost_image_while_the_template_is_behind(queue):
    queue.put(throttled(backup_completed(GONE)))

    [line] = listed()

    assert line["verdict"] == "blocked"
    assert f"{GONE} cannot be seen" in line["why"]


def test_blocked_is_an_image_that_may_be_too_young_to_be_seen(stage_with):
    queue = Queue(stage_with(a_world(an_image(NEW), versions=[a_version(NEW)])))
    just_now = aws_date(datetime.now(UTC))
    queue.put(throttled(backup_completed(GONE) | {"time": just_now}))

    [line] = listed()

    assert line["verdict"] == "blocked"


def test_blocked_is_what_ec2_does_not_answer_now(queue, staged):
    queue.put(throttled())
    staged.faults.inject("DescribeLaunchTemplates", "UnauthorizedOperation", 9)

    [line] = listed()

    assert line["verdict"] == "blocked"
    missing = "missing permission: ec2:DescribeLaunchTemplates (your credentials)"
    assert line["why"].endswith(missing)


def test_a_moments_throttling_is_no_verdict(queue, staged):
    queue.put(throttled())
    staged.faults.inject("DescribeLaunchTemplates", "RequestLimitExceeded", 2)

    assert [line["verdict"] for line in listed()] == ["replayable"]


@pytest.mark.parametrize(
    ("event", "verdict"),
    [
        pytest.param(reconcile(TEMPLATE), "obsolete", id="obsolete: about another template"),
        pytest.param(reconcile(OTHER_TEMPLATE), "blocked", id="blocked: about that template"),
        pytest.param(ami_state(GONE), "obsolete", id="obsolete: about a lost image"),
        pytest.param(ami_state(), "blocked", id="blocked: it may be for that template"),
    ],
)
def test_a_mistyped_tag_blocks_what_it_may_have_to_do_with(stage_with, event, verdict):
    mistyped = a_template(OTHER_TEMPLATE, "api", tags={"ami-reactor": "yes"})
    queue = Queue(
        stage_with(
            a_world(
                templates=[a_template(), mistyped],
                versions=[a_version(NEW), a_version(template_id=OTHER_TEMPLATE)],
            )
        )
    )
    queue.put(throttled(event))

    assert [line["verdict"] for line in listed()] == [verdict]


# -- show ------------------------------------------------------------------------------------------


def test_show_tells_everything_about_one_message(queue):
    record = a_record(responsePayload={"errorMessage": "boom", "stackTrace": ["  File a.py\n"]})
    _, message_id = queue.put(throttled(), a_message(record))

    shown = run("show", message_id).stdout

    for part in (
        f"{message_id} (on-failure)",
        f"replayable: web would be promoted to {NEW} (newer-image)",
        "2026-06-15T13:00:00.000Z  event: Backup Job State Change",
        "invocation 3 failed",
        "2026-06-15T17:27:41.568Z  Lambda gave up: RetriesExhausted",
        "message: boom",
        "File a.py",
        '"detail-type": "Backup Job State Change"',
        f"ami-reactor dlq redrive {message_id}",
    ):
        assert part in shown
    assert queue.depth() == (2, 0)


def test_the_beginning_of_an_id_is_enough_to_show_its_message(queue):
    _, message_id = queue.put(throttled(), a_message("not json {"))

    shown = run("show", message_id[:8]).stdout

    assert shown.startswith(f"{message_id} (unreadable)")
    assert f"ami-reactor dlq drop {message_id}" in shown
    assert queue.depth() == (2, 0)


def test_show_tells_how_often_the_message_was_received(queue):
    [message_id] = queue.put(throttled())

    assert "received 1 time, this one included" in run("show", message_id).stdout
    assert "received 2 times, this one included" in run("show", message_id).stdout


def test_a_command_that_is_shown_can_be_pasted(stage_with):
    queue = Queue(stage_with(a_world(templates=[a_template(tags=FOLLOWS_INSTANCE | HELD)])))
    queue.put(throttled())

    result = run("list", "--queue-url", queue.url, "--region", REGION)

    wanted = f"--verdict blocked --region {REGION} --queue-url {queue.url}  (after the fix)"
    assert any(line.endswith(wanted) for line in result.stderr.splitlines())


def test_the_next_command_asks_the_same_queue(queue):
    [message_id] = queue.put(throttled())

    shown = run("show", message_id, "--queue-url", queue.url, "--region", REGION).stdout

    command = f"ami-reactor dlq redrive {message_id} --region {REGION} --queue-url {queue.url}"
    assert command in shown


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_date_that_utc_cannot_tell_is_none(queue, time):
    [message_id] = queue.put(throttled(backup_completed() | {"time": time}))

    assert run("show", message_id).exit_code == 0


def test_a_long_body_is_cut(queue):
    [message_id] = queue.put(a_message("x" * 5000))

    shown = run("show", message_id).stdout

    assert "x" * 2000 in shown
    assert "x" * 2001 not in shown
    assert "and 3000 characters more" in shown


def test_a_message_that_is_not_there_is_said_to_be_missing(queue):
    queue.put(throttled())

    result = run("show", "missing")

    assert (result.exit_code, result.stdout) == (1, "")
    missing = "missing: not in the queue, or in flight to another consumer"
    assert f"ami-reactor: {missing}" in result.stderr
    assert queue.depth() == (1, 0)


# -- save ------------------------------------------------------------------------------------------


def saved(folder):
    return {path.name: json.loads(path.read_text()) for path in sorted(folder.iterdir())}


def test_save_writes_the_events_named_by_time_type_image_and_error(queue, tmp_path):
    queue.put(throttled(), a_message(a_record(requestPayload=ami_state())))

    result = run("save", "--all", "--to", str(tmp_path / "captured"))

    assert result.stdout.startswith("2 messages written")
    assert saved(tmp_path / "captured") == {
        f"2026-06-15-130000-backup-job-completed-{NEW}-throttling.json": backup_completed(),
        f"2026-06-15-130000-ec2-ami-available-{NEW}-valueerror.json": ami_state(),
    }
    assert queue.depth() == (2, 0)


def test_a_message_without_an_event_is_saved_as_it_is(queue, tmp_path):
    [message_id] = queue.put(a_message("not json {"))

    run("save", message_id, "--to", str(tmp_path))

    [(name, message)] = saved(tmp_path).items()
    assert name == f"unreadable-{message_id}.json"
    assert message["Body"] == "not json {"
    assert "ReceiptHandle" not in message


@pytest.mark.parametrize(
    ("response", "ending"),
    [
        pytest.param(
            {
                "errorType": "ReactionFailed",
                "errorMessage": f"web ({TEMPLATE}): aws-unavailable: Throttling",
            },
            "aws-unavailable",
            id="aws-unavailable: of the first template on which the function failed",
        ),
        pytest.param(
            {"errorType": "Sandbox.Timedout", "errorMessage": "no aws-refused in it"},
            "sandbox-timedout",
            id="the error's type",
        ),
        pytest.param({}, "dlq", id="nothing is known"),
    ],
)
def test_a_saved_event_is_named_by_its_error(queue, tmp_path, response, ending):
    queue.put(a_message(a_record(responsePayload=response)))

    run("save", "--all", "--to", str(tmp_path))

    assert list(saved(tmp_path)) == [f"2026-06-15-130000-backup-job-completed-{NEW}-{ending}.json"]


def test_the_same_event_is_saved_once_and_another_beside_it(queue, tmp_path):
    other = backup_completed() | {"id": "another"}
    queue.put(throttled(), throttled(), throttled(other))

    result = run("save", "--all", "--to", str(tmp_path))
    again = run("save", "--all", "--to", str(tmp_path))

    assert len(saved(tmp_path)) == 2
    assert (result.stdout.split()[0], again.stdout.split()[0]) == ("2", "0")


def test_what_is_saved_carries_no_account_id_unless_that_is_wanted(stage_with, tmp_path):
    account = "123456789012"

    def of_the_account(value):
        return json.loads(json.dumps(value).replace(ACCOUNT, account))

    Queue(stage_with(of_the_account(a_world()))).put(throttled(of_the_account(backup_completed())))

    run("save", "--all", "--to", str(tmp_path / "without"))
    run("save", "--all", "--to", str(tmp_path / "with"), "--keep-account")

    [without], [as_it_was] = saved(tmp_path / "without").values(), saved(tmp_path / "with").values()
    assert without == backup_completed()
    assert as_it_was["account"] == account


def test_a_folder_that_cannot_be_written_is_one_line(queue, tmp_path):
    (tmp_path / "file").write_text("")
    queue.put(throttled())

    result = run("save", "--all", "--to", str(tmp_path / "file"))

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert queue.depth() == (1, 0)


def test_a_file_that_is_no_text_is_left_alone(queue, tmp_path):
    queue.put(throttled())
    assert run("save", "--all", "--to", str(tmp_path)).exit_code == 0
    [saved] = tmp_path.iterdir()
    saved.write_bytes(b"\xff")

    assert run("save", "--all", "--to", str(tmp_path)).exit_code == 0

    assert saved.read_bytes() == b"\xff"
    assert len(list(tmp_path.iterdir())) == 2


# -- drop ------------------------------------------------------------------------------------------


def test_drop_writes_the_messages_to_a_file_and_deletes_them(queue, tmp_path):
    ids = queue.put(throttled(), a_message("not json {"), throttled())
    file = tmp_path / "new" / "dropped.jsonl"

    result = run("drop", *ids[:2], "--to", str(file), "--yes")

    kept = [json.loads(line) for line in file.read_text().splitlines()]
    assert result.exit_code == 0
    assert [captured.payload for captured in read_events([file])] == [backup_completed(), None]
    assert [message["MessageId"] for message in kept] == ids[:2]
    assert kept[0]["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "THROTTLING"
    assert [line["message_id"] for line in listed()] == ids[2:]


def test_a_message_with_a_binary_attribute_can_be_saved_and_dropped(queue, tmp_path):
    binary = {"Blob": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}
    ids = queue.put(a_message("not json {") | {"MessageAttributes": binary})
    file = tmp_path / "dropped [b] friday.jsonl"

    assert run("save", *ids, "--to", str(tmp_path / "saved")).exit_code == 0
    result = run("drop", *ids, "--to", str(file), "--yes")

    assert f"deleted 1 message; copies in {file}" in result.stdout
    assert json.loads(file.read_text())["MessageAttributes"]["Blob"]["BinaryValue"] == "AP8="
    assert queue.depth() == (0, 0)


def test_nothing_is_dropped_without_a_terminal_to_ask_on(queue, tmp_path):
    ids = queue.put(throttled())

    result = run("drop", *ids, "--to", str(tmp_path / "dropped.jsonl"))

    assert result.exit_code == 2
    assert f"account {ACCOUNT} · Region {REGION}" in result.stderr
    assert not list(tmp_path.iterdir())
    assert queue.depth() == (1, 0)


def test_nothing_is_dropped_that_cannot_be_written_first(queue, tmp_path):
    ids = queue.put(throttled())
    file = tmp_path / "dropped.jsonl"
    file.write_text("of an earlier drop")

    result = run("drop", *ids, "--to", str(file), "--yes")

    assert result.exit_code == 2
    assert "File exists: nothing was deleted" in result.stderr
    assert file.read_text() == "of an earlier drop"
    assert queue.depth() == (1, 0)


def test_a_message_whose_visibility_timeout_is_over_is_not_dropped(queue, tmp_path, monkeypatch):
    [message_id] = queue.put(throttled())
    monkeypatch.setattr("time.monotonic", aging_by(300))

    result = run("drop", message_id, "--to", str(tmp_path / "dropped.jsonl"), "--yes")

    assert result.exit_code == 1
    assert f"{message_id}: not deleted: its visibility timeout is over" in result.stderr
    assert queue.depth() == (1, 0)


def test_a_message_that_cannot_be_deleted_is_said_to_be_left(queue, staged, tmp_path):
    [message_id] = queue.put(throttled())
    staged.faults.inject("DeleteMessage", "ReceiptHandleIsInvalid")

    result = run("drop", message_id, "--to", str(tmp_path / "dropped.jsonl"), "--yes")

    assert result.exit_code == 1
    assert f"{message_id}: still in the queue: DeleteMessage: Receipt" in result.stderr
    assert queue.depth() == (1, 0)


def test_a_message_whose_deletion_has_no_answer_is_said_to_be_left(queue, tmp_path, monkeypatch):
    ids = queue.put(throttled(), throttled())
    monkeypatch.setattr("time.sleep", lambda _: None)  # botocore's before it tries again

    def answer_nothing(operation, _):
        if operation == "DeleteMessage":
            raise ReadTimeoutError(endpoint_url="https://sqs")

    with watched(before=answer_nothing):
        result = run("drop", *ids, "--to", str(tmp_path / "dropped.jsonl"), "--yes")

    assert result.exit_code == 1
    for message_id in ids:
        assert f"{message_id}: still in the queue: " in result.stderr
    assert queue.depth() == (2, 0)


def passing_after_each_poll(monkeypatch, *seconds):
    """So many seconds after the first poll, the second, …; no time passes otherwise."""
    now, left = [0.0], list(seconds)
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    def wait(operation, _):
        if operation == "ReceiveMessage" and left:
            now[0] += left.pop(0)

    return watched(after=wait)


@pytest.mark.parametrize(("seconds", "left"), [(230, 0), (250, 1)])
def test_a_message_is_not_deleted_in_the_last_minute_of_its_timeout(
    queue, tmp_path, monkeypatch, seconds, left
):
    """A call may take as long as that, and meanwhile another consumer may have it."""
    [message_id] = queue.put(throttled())

    with passing_after_each_poll(monkeypatch, seconds):
        result = run("drop", message_id, "--to", str(tmp_path / "dropped.jsonl"), "--yes")

    assert (result.exit_code, queue.depth()) == (left, (left, 0))


@pytest.mark.parametrize("is_extended", [True, False])
def test_only_a_timeout_that_was_extended_is_relied_upon(
    queue, staged, tmp_path, monkeypatch, is_extended
):
    """The first poll answers ten, the second five; then the first ten need the extension."""
    ids = queue.put(*[throttled(backup_completed() | {"id": str(n)}) for n in range(15)])
    left = 0 if is_extended else 10
    if not is_extended:
        staged.faults.inject("ChangeMessageVisibilityBatch", "OverLimit")

    with passing_after_each_poll(monkeypatch, 150, 120) as operations:
        result = run("drop", *ids, "--to", str(tmp_path / "dropped.jsonl"), "--yes")

    assert operations.count("ReceiveMessage") == 2
    assert result.stderr.count("its visibility timeout is over") == left
    assert queue.depth() == (left, 0)


# -- what can go wrong on the way ------------------------------------------------------------------


def errors(result):
    return [line for line in result.stderr.splitlines() if line.startswith("ami-reactor: ")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--queue-url", "https://sqs/1/no"], "GetQueueAttributes: AWS.SimpleQueueService.NonEx"),
        (["--queue-url", "nonsense"], "GetQueueAttributes: "),
        (["--stack", "missing"], "looking for the stack missing (or pass --queue-url): Validation"),
    ],
)
@pytest.mark.usefixtures("staged")
def test_a_queue_that_is_not_there_is_one_line(options, message):
    result = run("list", *options)

    [error] = errors(result)
    assert result.exit_code == 1
    assert error.startswith(f"ami-reactor: {message}")
    assert "Traceback" not in result.output


@pytest.mark.parametrize("operation", ["GetCallerIdentity", "GetQueueAttributes", "ReceiveMessage"])
def test_a_permission_that_the_operator_lacks_is_one_line(staged, operation):
    staged.faults.inject(operation, "AccessDenied", 9)

    result = run("list")

    [error] = errors(result)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{operation}: AccessDenied" in error


@pytest.mark.parametrize("verb", ["redrive", "save"])
@pytest.mark.usefixtures("staged")
def test_either_message_ids_or_all_must_be_passed(verb, tmp_path):
    to = ["--to", str(tmp_path)] if verb == "save" else []

    assert run(verb, *to).exit_code == 2
    assert run(verb, "one", "--all", *to).exit_code == 2


def test_a_queue_that_is_emptied_meanwhile_is_no_error(queue):
    queue.put(*[throttled()] * 3)

    def purge(operation, _):
        if operation == "DescribeImages":
            queue.sqs.purge_queue(QueueUrl=queue.url)

    with watched(after=purge):
        result = run("list", "--json")

    assert (result.exit_code, len(lines(result))) == (0, 3)
    assert "3 messages: visibility not reset" in result.stderr


def test_a_message_whose_visibility_is_not_reset_is_counted_though_sqs_answers_200(queue):
    ids = queue.put(*[throttled()] * 3)

    def remove_one(operation, _):
        if operation == "DescribeImages":
            queue.of_moto[:] = [message for message in queue.of_moto if message.id != ids[1]]

    with watched(after=remove_one):
        result = run("list")

    assert "1 message: visibility not reset" in result.stderr
    assert queue.depth() == (2, 0)


def test_messages_whose_visibility_may_not_be_reset_are_counted(queue, staged):
    queue.put(*[throttled()] * 3)
    staged.faults.inject("ChangeMessageVisibilityBatch", "AccessDenied")

    result = run("list")

    assert result.exit_code == 0
    assert "3 messages: visibility not reset; visible again within 5 minutes" in result.stderr


def test_visibility_is_reset_if_reading_fails_half_way(queue, staged):
    queue.put(*[throttled()] * 15)

    def fail(operation, _):
        if operation == "DescribeLaunchTemplateVersions":
            staged.faults.inject("ReceiveMessage", "AccessDenied", 9)

    with watched(before=fail):
        result = run("list")

    assert result.exit_code == 1
    assert queue.depth() == (15, 0)


def test_a_template_that_is_held_does_not_wait_for_a_replayable_message(stage_with):
    held = a_template(OTHER_TEMPLATE, "api", tags=FOLLOWS_INSTANCE | HELD)
    versions = [a_version(), a_version(template_id=OTHER_TEMPLATE)]
    queue = Queue(stage_with(a_world(templates=[a_template(), held], versions=versions)))
    queue.put(throttled())

    shown = run("list").stdout

    assert "web" in shown
    assert "api" not in shown


# -- messages within messages, and what is no failure ----------------------------------------------


def test_show_opens_a_message_within_a_message_to_its_event(queue):
    inner = a_record(responsePayload={"errorMessage": "boom", "errorType": "ValueError"})
    outer = a_record(
        requestPayload=inner,
        responsePayload={
            "errorMessage": "detail-type: must be one of",
            "errorType": "EventRejected",
        },
    )
    [message_id] = queue.put(a_message(outer))

    [line] = listed()
    shown = run("show", message_id).stdout

    assert (line["verdict"], line["event_id"]) == ("replayable", backup_completed()["id"])
    assert "RetriesExhausted: ValueError: boom" in line["wrapped_in"][0]
    assert "Wrapped in\n  Lambda's record of an invocation" in shown
    assert f"ami-reactor dlq redrive {message_id}" in shown


def test_the_record_of_a_success_is_shown_as_that(stage_with):
    queue = Queue(stage_with(a_world(versions=[a_version(NEW)])))
    context = {"condition": "Success", "approximateInvokeCount": 1}
    [message_id] = queue.put(a_message(a_record(requestContext=context, responsePayload={"a": 1})))

    [line] = listed()
    shown = run("show", message_id).stdout

    assert (line["shape"], line["verdict"]) == ("on-success", "obsolete")
    assert line["why"] == "the function handled it: this is the record of a success"
    assert line["cause"] == "none: the record of a success"
    assert "2026-06-15T17:27:41.568Z  invocation 1 succeeded" in shown
    assert "came into the queue" in shown
    assert not {"failed", "gave", "dead"} & set(shown.split())


def test_a_message_of_several_events_is_to_be_saved_and_not_dropped(queue, tmp_path):
    batch = {"Records": [{"body": json.dumps(event)} for event in (ami_state(), ami_state(OLD))]}
    [message_id] = queue.put(a_message(a_record(requestPayload=batch)))

    shown = run("show", message_id).stdout
    run("save", message_id, "--to", str(tmp_path))

    assert f"ami-reactor dlq save --to captured {message_id}" in shown
    assert [c.payload for c in read_events([tmp_path])] == [ami_state(), ami_state(OLD)]


SELECTED = [backup_completed(), ami_state(), tags_changed(image_arn(NEW), "x"), reconcile(TEMPLATE)]


@pytest.mark.parametrize("event", SELECTED, ids=lambda event: event["detail-type"])
@pytest.mark.parametrize("detail", ["{}", {}, {"state": ["a newer form"]}, None, [1]])
def test_no_event_of_a_kind_that_the_rules_select_is_advised_to_be_dropped(queue, event, detail):
    messages = [throttled(event | {"detail": detail}), throttled(event | {"resources": "a newer"})]
    ids = queue.put(*messages)

    for line, message_id in zip(listed(), ids, strict=True):
        assert line["verdict"] in ("blocked", "replayable")
        assert "dlq drop" not in run("show", message_id).stdout


@pytest.mark.parametrize(
    "event",
    [
        backup_completed() | {"source": "mine"},
        backup_completed() | {"detail-type": "Object Created"},
        backup_completed() | {"detail-type": ["x"]},
        {"id": "one", "detail-type": "x"},
    ],
)
def test_an_event_that_no_rule_selects_is_invalid(queue, event):
    queue.put(throttled(event))

    assert [line["verdict"] for line in listed()] == ["invalid"]


# -- names of files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hostile",
    ["../../etc/passwd", "/etc/passwd", "a\\..\\b", "\x00", "\x1b[2J", "..", "~", "-rf", "CON", ""],
)
def test_whatever_an_event_says_of_itself_its_file_stays_in_the_folder(queue, tmp_path, hostile):
    event = backup_completed() | {"detail-type": hostile, "time": hostile, "id": hostile}
    event["detail"] = {"state": hostile, "State": hostile}
    record = a_record(requestPayload=event, responsePayload={"errorType": hostile})
    queue.put(a_message(record))

    assert run("save", "--all", "--to", str(tmp_path / "captured")).exit_code == 0

    [file] = (tmp_path / "captured").rglob("*")
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*\.json", file.name)
    assert list(tmp_path.iterdir()) == [tmp_path / "captured"]


def test_a_file_name_is_no_longer_than_a_folder_takes(queue, tmp_path):
    event = backup_completed() | {"detail-type": "x" * 10_000}
    queue.put(a_message(a_record(requestPayload=event, responsePayload={"errorType": "y" * 9000})))

    assert run("save", "--all", "--to", str(tmp_path)).exit_code == 0
    assert len(next(tmp_path.iterdir()).name) < 200
