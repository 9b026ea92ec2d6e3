"""`ami-reactor capture`: the events that the rules matched, as files."""

import json
import re
import time

import pytest
from moto.logs.models import logs_backends

from infra.embedded.stage import stage
from infra.embedded.world.seed import read_world
from tests.support.builders import (
    ACCOUNT,
    NEW,
    REGION,
    a_world,
    ami_state,
    an_event,
    backup_completed,
)
from tests.support.messages import finish, lines

GROUP = "/aws/events/ami-reactor"
BACKUP_FILE = f"2026-06-15-130000-backup-job-completed-{NEW}.json"
AMI_FILE = f"2026-06-15-130000-ec2-ami-available-{NEW}.json"


@pytest.fixture
def staged(stage_with):
    return stage_with(a_world())


@pytest.fixture
def capture(tmp_path):
    def run(*options):
        folder = tmp_path / "captured"
        result = finish("capture", "--to", str(folder), *options)
        files = sorted(folder.iterdir()) if folder.exists() else []
        return result, {file.name: json.loads(file.read_text()) for file in files}

    return run


def log(message, seconds_ago=0):
    group = logs_backends[ACCOUNT][REGION].groups[GROUP]
    if "other" not in group.streams:
        group.create_log_stream("other")
    timestamp = int((time.time() - seconds_ago) * 1000)
    group.put_log_events("other", [{"timestamp": timestamp, "message": message}])


def test_each_matched_event_is_a_file_named_by_time_type_and_image(staged, capture):
    backup, ami = backup_completed() | {"id": "one"}, ami_state() | {"id": "two"}
    for event in (backup, ami, an_event("aws.s3", "Object Created", None)):
        staged.delivery.deliver(event)

    result, files = capture()

    assert result.exit_code == 0
    assert result.stdout.startswith("2 events written to ")
    assert files == {BACKUP_FILE: backup, AMI_FILE: ami}


def test_a_replay_takes_what_was_captured(capture, tmp_path):
    with stage(read_world(json.dumps(a_world()), "world")) as staged:
        finish("record", "--to", str(tmp_path / "world.json"))
        staged.delivery.deliver(backup_completed())
        capture()

    replayed = finish(
        "replay", str(tmp_path / "captured"), "--world", str(tmp_path / "world.json"), "--json"
    )

    [line] = lines(replayed)
    assert line["templates"][0]["outcome"] == "promoted"


@pytest.mark.usefixtures("staged")
def test_an_event_that_was_delivered_twice_is_written_once(capture):
    log(json.dumps(backup_completed()))
    log(json.dumps(backup_completed()))

    _, files = capture()

    assert list(files) == [BACKUP_FILE]


@pytest.mark.usefixtures("staged")
@pytest.mark.parametrize(("since", "count"), [("30m", 0), ("2h", 1), ("1d", 1)])
def test_only_what_came_since_then_is_written(capture, since, count):
    log(json.dumps(backup_completed()), seconds_ago=3600)

    _, files = capture("--since", since)

    assert len(files) == count


@pytest.mark.usefixtures("staged")
def test_what_else_is_in_the_log_group_is_left_out(capture):
    for message in ("hello", "[1]", "{}", '{"id": "one"}', json.dumps(backup_completed())):
        log(message)

    result, files = capture()

    assert result.exit_code == 0
    assert list(files) == [BACKUP_FILE]


def test_many_events_are_all_written(staged, capture):
    for number in range(120):
        log(json.dumps(backup_completed() | {"id": str(number)}))

    result, files = capture()

    assert staged.place.account == ACCOUNT
    assert len(files) == 120
    assert {event["id"] for event in files.values()} == {str(n) for n in range(120)}
    assert result.stdout.startswith("120 events")


def test_account_ids_are_replaced_unless_that_is_not_wanted(stage_with, capture, tmp_path):
    mine = "123456789012"
    event = json.loads(json.dumps(backup_completed()).replace(ACCOUNT, mine))
    staged = stage_with(json.loads(json.dumps(a_world()).replace(ACCOUNT, mine)))
    staged.delivery.deliver(event)

    _, files = capture()
    finish("capture", "--to", str(tmp_path / "kept"), "--keep-account")

    [kept] = (tmp_path / "kept").iterdir()
    assert files == {BACKUP_FILE: backup_completed()}
    assert json.loads(kept.read_text()) == event


@pytest.mark.usefixtures("staged")
@pytest.mark.parametrize("since", ["", "7", "d", "-1d", "7w", "99999d", "٣d"])
def test_a_time_that_is_none_is_one_line(capture, since):
    result, files = capture("--since", since)

    assert (result.exit_code, files) == (2, {})
    assert "--since: must be days, hours or minutes" in result.stderr


@pytest.mark.usefixtures("staged")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--log-group", "/aws/missing"], "filter log events: ResourceNotFoundException"),
        (["--stack", "missing"], "looking for the stack missing (or pass --log-group)"),
    ],
)
def test_a_log_group_that_is_not_there_is_one_line(capture, options, said):
    result, files = capture(*options)

    assert (result.exit_code, files) == (1, {})
    assert said in result.stderr


@pytest.mark.usefixtures("staged")
@pytest.mark.parametrize("hostile", ["../../x", "/x", "a\\..\\b", "\x00", "..", "x" * 9000])
def test_whatever_an_event_says_of_itself_its_file_stays_in_the_folder(capture, tmp_path, hostile):
    detail = {"State": hostile, "state": hostile}
    log(json.dumps(ami_state() | {"detail-type": hostile, "time": hostile, "detail": detail}))

    _, files = capture()

    [name] = files
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*\.json", name)
    assert len(name) < 200
    assert list(tmp_path.iterdir()) == [tmp_path / "captured"]
