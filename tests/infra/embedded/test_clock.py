"""The clock of the embedded AWS: what is dated by it, and what becomes due on it."""

import ctypes
import gc
import json
import os
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from unittest import mock

import pytest
from typer.testing import CliRunner
from werkzeug.wrappers import Request

from infra.cli import app
from infra.embedded.bodies import BadRequest
from infra.embedded.clock import StageClock
from infra.embedded.clock_requests import answer_of_clock
from infra.embedded.replayer import replayed
from infra.embedded.stage import stage
from infra.embedded.world.seed import read_world
from infra.replay.event_reader import Captured
from tests.support.builders import (
    NEW,
    NOON,
    TEMPLATE,
    a_version,
    a_world,
    ami_state,
    backup_completed,
    reconcile,
)
from tests.support.paths import ROOT

NO_IMAGE = "ami-0bbbbbbbbbbbbbbbb"
ONE = NOON + timedelta(hours=1)
"""The time of the events of the builders."""

MINUTE = timedelta(minutes=1)


@contextmanager
def raised(world=None, *, stands=True):
    clock = StageClock(stands=stands)
    if stands:
        clock.move_to(NOON)
    with stage(read_world(json.dumps(world or a_world()), "world"), clock=clock) as staged:
        yield staged


def replay(staged, *events, until=None):
    return list(replayed(staged, [Captured(f"{n}", e, ()) for n, e in enumerate(events)], until))


# -- the clock itself ------------------------------------------------------------------------------


def test_what_is_due_is_done_in_order_each_at_its_own_moment_and_by_the_moment_alone():
    clock, done = StageClock(stands=True), []
    clock.move_to(NOON)
    for minutes in (3, 1, 2, 1, 5):
        clock.at(NOON + minutes * MINUTE, lambda m=minutes: done.append((m, clock.now())))

    clock.move_to(NOON + 4 * MINUTE)

    assert done == [(minutes, NOON + minutes * MINUTE) for minutes in (1, 1, 2, 3)]
    assert clock.now() == NOON + 4 * MINUTE


def test_what_a_job_puts_is_done_in_the_same_move_if_it_is_due_by_then():
    clock, done = StageClock(stands=True), []
    clock.move_to(NOON)

    def recurs():
        done.append(clock.now())
        clock.at(clock.now() + MINUTE, recurs)

    clock.at(NOON + MINUTE, recurs)
    clock.move_to(NOON + 3 * MINUTE)

    assert done == [NOON + minutes * MINUTE for minutes in (1, 2, 3)]


@pytest.mark.parametrize("stands", [True, False])
def test_it_never_goes_back_and_what_was_due_in_the_past_is_done_with_the_next_move(stands):
    clock, done = StageClock(stands=stands), []
    clock.move_to(datetime.now(UTC))
    before = clock.now()
    clock.at(before - MINUTE, lambda: done.append(clock.now()))

    clock.move_to(before - 2 * MINUTE)
    assert (done, clock.now() >= before) == ([], True)
    clock.move_to(before)
    assert done[0] >= before


def test_the_first_move_of_a_clock_that_stands_goes_anywhere_and_a_sleep_takes_no_time():
    clock = StageClock(stands=True)
    clock.move_to(NOON)
    clock.sleep(3600)

    assert clock.now() == NOON + 60 * MINUTE


def test_a_real_clock_is_ahead_by_what_it_was_moved_on_and_does_what_is_due_by_itself():
    clock, done = StageClock(), Event()
    clock.move_to(clock.now() + timedelta(days=2))
    assert abs(clock.now() - datetime.now(UTC) - timedelta(days=2)) < MINUTE

    thread = Thread(target=clock.run)
    thread.start()
    clock.at(clock.now() + timedelta(days=1), lambda: None)
    clock.at(clock.now() + timedelta(milliseconds=20), done.set)

    assert done.wait(10)
    clock.stop()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_an_event_of_any_date_can_be_replayed(moment):
    with raised() as staged:
        [line] = replay(staged, backup_completed(NO_IMAGE) | {"time": moment})

    assert line.receipt.is_dead_lettered


# -- what is dated by it ---------------------------------------------------------------------------


def test_a_promotion_is_dated_by_its_event():
    with raised() as staged:
        replay(staged, ami_state())
        ec2, logs = staged.session.client("ec2"), staged.session.client("logs")
        versions = ec2.describe_launch_template_versions(LaunchTemplateId=TEMPLATE)
        [new] = [v for v in versions["LaunchTemplateVersions"] if v["VersionNumber"] == 2]
        [mark] = [
            tag["Value"]
            for tag in ec2.describe_launch_templates()["LaunchTemplates"][0]["Tags"]
            if tag["Key"] == "ami-reactor-state:newest-image"
        ]
        events = logs.filter_log_events(logGroupName="/aws/events/ami-reactor")["events"]
        image = ec2.create_image(Name="made", InstanceId=_instance(staged))["ImageId"]
        [made] = ec2.describe_images(ImageIds=[image])["Images"]

    assert new["CreateTime"] == ONE
    assert NEW in mark
    assert [event["timestamp"] for event in events] == [ONE.timestamp() * 1000]
    assert made["CreationDate"] == "2026-06-15T13:00:00.000Z"


def _instance(staged):
    run = staged.session.client("ec2").run_instances(ImageId=NEW, MinCount=1, MaxCount=1)
    return run["Instances"][0]["InstanceId"]


def test_lambdas_attempts_are_one_and_two_minutes_apart():
    with raised() as staged:
        replay(staged, backup_completed(NO_IMAGE))
        [message], again = staged.dead_letters(), staged.dead_letters()
        logs = staged.session.client("logs")
        lines = logs.filter_log_events(logGroupName="/aws/lambda/ami-reactor")["events"]

    attempts = [line["timestamp"] for line in lines if '"message":"outcome"' in line["message"]]
    assert attempts == [(ONE + m * MINUTE).timestamp() * 1000 for m in (0, 1, 3)]
    assert json.loads(message["Body"])["timestamp"] == "2026-06-15T13:03:00.000Z"
    assert [message["Body"]] == [one["Body"] for one in again]
    sent = int(message["Attributes"]["SentTimestamp"])
    assert sent == (ONE + 3 * MINUTE).timestamp() * 1000


def test_a_long_poll_ends_although_the_clock_stands():
    with raised() as staged:
        queue = {"QueueUrl": staged.stack.queue_url, "WaitTimeSeconds": 1}
        answer = staged.session.client("sqs").receive_message(**queue)

    assert "Messages" not in answer


def test_what_is_due_between_two_attempts_is_delivered_between_them():
    with raised() as staged:
        # a canary's image is the newest, once that template is reconciled
        staged.delivery.deliver_at(ONE + 2 * MINUTE, reconcile(TEMPLATE))
        first, then = replay(staged, backup_completed(NO_IMAGE))

    assert (first.receipt.attempts, first.at) == (3, None)
    assert (then.at, then.outcome.detail_type) == (ONE + 2 * MINUTE, "Reconcile Requested")


def test_on_the_real_clock_the_attempts_follow_each_other_at_once():
    with raised(stands=False) as staged:
        receipt = staged.delivery.deliver(backup_completed(NO_IMAGE))

    assert (receipt.attempts, receipt.is_dead_lettered) == (3, True)


def test_a_missing_image_is_believed_a_minute_after_its_event():
    with raised() as staged:
        [line] = replay(staged, ami_state(NO_IMAGE))

    assert (line.outcome.reason, line.receipt.attempts) == ("image-not-found", 2)


def test_an_image_of_a_future_event_that_is_not_there_is_not_waited_for_in_vain():
    with raised(stands=False) as staged:
        receipt = staged.delivery.deliver(ami_state(NO_IMAGE) | {"time": "2999-01-01T00:00:00Z"})

    assert receipt.is_dead_lettered
    assert "time is not in the past" in receipt.error


def test_an_image_that_is_gone_is_replaced_though_the_world_is_newer_than_the_event():
    world = a_world(versions=[a_version(NO_IMAGE, hours=100)])
    with raised(world) as staged:
        [line] = replay(staged, reconcile() | {"time": "2026-06-15T13:00:00Z"})

    assert line.outcome.templates[0].reason == "current-image-gone"


# -- what becomes due in a replay ------------------------------------------------------------------


def test_what_becomes_due_is_delivered_when_it_comes_and_the_rest_after_the_last_event():
    later = ami_state() | {"time": "2026-06-15T15:00:00Z"}
    with raised() as staged:
        for hours in (3, 2, 1.5, 24 * 30, 24 * 32):
            event = reconcile(TEMPLATE) | {"id": f"after-{hours}"}
            staged.delivery.deliver_at(NOON + timedelta(hours=hours), event)
        lines = replay(staged, ami_state(), later)

    assert [line.event["id"] for line in lines if line.at] == [
        "after-1.5", "after-2", "after-3", "after-720",
    ]  # fmt: skip
    assert [bool(line.at) for line in lines] == [False, True, True, True, False, True]
    assert lines[1].source == "then, at 2026-06-15T13:30:00Z"
    assert lines[1].as_json()["at"] == "2026-06-15T13:30:00Z"
    assert "at" not in lines[0].as_json()


def test_until_a_moment():
    with raised() as staged:
        for hours in (2, 3):
            staged.delivery.deliver_at(NOON + timedelta(hours=hours), reconcile(TEMPLATE))
        lines = replay(staged, ami_state(), until=NOON + timedelta(hours=2.5))

        assert [line.at for line in lines if line.at] == [NOON + timedelta(hours=2)]
        assert staged.clock.now() == NOON + timedelta(hours=2.5)


def test_advance_returns_what_reached_the_function():
    with raised(stands=False) as staged:
        due = staged.clock.now() + timedelta(hours=36)
        staged.delivery.deliver_at(due, reconcile(TEMPLATE))

        assert staged.advance(timedelta(hours=35)) == []
        delivered, told = staged.advance(timedelta(hours=1))

    assert told.event["detail-type"] == "Launch Template Promoted"
    assert delivered.receipt.outcome["templates"][0]["outcome"] == "promoted"
    assert abs(delivered.moment - due) < MINUTE


def test_an_event_without_a_time_comes_at_the_moment_that_it_is():
    with raised() as staged:
        entry = {key: value for key, value in reconcile(TEMPLATE).items() if key != "time"}
        replay(staged, ami_state())
        [line] = replayed(staged, [Captured("entry", entry, ("time",))])

    assert line.event["time"] == "2026-06-15T13:00:00Z"


# -- at the server ---------------------------------------------------------------------------------


def asked(staged, method, body=None):
    request = Request.from_values(method=method, data=json.dumps(body), content_type="")
    return answer_of_clock(request, staged)


def test_the_server_moves_the_clock_on_and_tells_what_reached_the_function():
    with raised(stands=False) as staged:
        before = datetime.fromisoformat(asked(staged, "GET")["now"])
        staged.delivery.deliver_at(before + timedelta(hours=30), reconcile(TEMPLATE))
        answer = asked(staged, "POST", {"advance": "36h"})

        delivered, *_ = answer["delivered"]
        assert delivered["detail_type"] == "Reconcile Requested"
        assert delivered["outcome"]["templates"][0]["outcome"] == "promoted"
        assert delivered["at"] < answer["now"]
        assert abs(staged.clock.now() - before - timedelta(hours=36)) < MINUTE
        assert asked(staged, "PUT").status_code == 405


@pytest.mark.parametrize(
    "body",
    [
        None, [], {}, {"advance": 36}, {"advance": "36"}, {"advance": "-3d"}, {"advance": "0m"},
        {"advance": "1h\n"}, {"advance": "99999d"}, {"advance": "1h", "to": "3d"},
    ],
)  # fmt: skip
def test_a_duration_that_is_none_is_one_line_and_moves_nothing(body):
    with raised(stands=False) as staged:
        with pytest.raises(BadRequest, match="must be") as refusal:
            asked(staged, "POST", body)

        assert staged.clock.now() - datetime.now(UTC) < MINUTE
    assert len(str(refusal.value).splitlines()) == 1


# -- the same at any time --------------------------------------------------------------------------


@contextmanager
def _the_real_time_is(shift, zone):
    """In this process, at the lowest place: datetime.now, time.time and the time zone."""
    now, real_time = datetime.now, time.time
    methods = gc.get_referents(datetime.__dict__)[0]
    original = methods["now"]

    def shifted(_class, tz=None):
        return (now(UTC) + shift).astimezone(tz).replace(tzinfo=tz)

    def put(method):
        methods["now"] = method
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime))

    with (
        mock.patch.dict(os.environ, TZ=zone),
        mock.patch.object(time, "time", lambda: real_time() + shift.total_seconds()),
    ):
        time.tzset()
        put(classmethod(shifted))
        try:
            yield
        finally:
            put(original)
    time.tzset()


@pytest.mark.parametrize("story", sorted(p.name for p in (ROOT / "infra/stories").iterdir()))
def test_a_story_prints_the_same_on_another_day_in_another_year_and_time_zone(story, tmp_path):
    folder = ROOT / "infra" / "stories" / story

    def told(name, *options):
        run = ["replay", str(folder / "events"), "--world", str(folder / "world.json"), *options]
        after = tmp_path / f"{name}.json"
        result = CliRunner().invoke(app, [*run, "--world-out", str(after)])
        return result.stdout, result.exit_code, after.read_text()

    here = told("here"), told("here-json", "--json")
    with _the_real_time_is(timedelta(days=1234, hours=5), "Pacific/Chatham"):
        assert datetime.now(UTC).year > NOON.year + 2
        there = told("there"), told("there-json", "--json")

    assert here == there
