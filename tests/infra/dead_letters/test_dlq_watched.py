"""`ami-reactor dlq redrive` watches until the function is done, and says what became of each event.

And `dlq show --latest`, which is what it says to type.
"""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

import pytest
from moto.awslambda.models import LambdaFunction

from infra.embedded.clock import StageClock
from infra.embedded.stage import stage
from infra.embedded.world.seed import read_world
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    HELD,
    NEW,
    a_template,
    a_world,
    backup_completed,
)
from tests.support.guarding import end_refresh, guarded_world, refresh_failed
from tests.support.messages import Queue, a_message, lines, run, throttled
from tests.support.schemas import faults

REDRIVE = ("redrive", "--all", "--yes", "--wait", "9")
FAILS = ("CreateLaunchTemplateVersion", "ServiceUnavailable", 99)


@pytest.fixture
def staged(stage_with):
    return stage_with(a_world())


@pytest.fixture
def queue(staged):
    return Queue(staged)


@pytest.fixture
def never_run(monkeypatch):
    """Lambda accepts, and no attempt comes: for the events with these ids."""
    invoke = LambdaFunction.invoke

    def for_events(*ids):
        def accept(function, body, *how):
            return "" if json.loads(body)["id"] in ids else invoke(function, body, *how)

        monkeypatch.setattr(LambdaFunction, "invoke", accept)

    return for_events


def an_event(id_):
    return throttled(backup_completed() | {"id": id_})


# -- what it says ----------------------------------------------------------------------------------


def test_what_moved_is_told(queue):
    [message_id] = queue.put(throttled())

    result = run(*REDRIVE)

    assert result.exit_code == 0
    assert "watching the function: 1 event\n" in result.stderr
    told = result.stdout.partition("redriven 1 · left 0\n")[2]
    assert told.startswith(f"{message_id}: done\n  promoted  web version 1 → 2  newer-image: {NEW}")
    assert told.endswith("\ndone 1\n")


def test_why_a_template_stays_is_told(stage_with):
    queue = Queue(stage_with(a_world(templates=[a_template(tags=FOLLOWS_INSTANCE | HELD)])))
    queue.put(throttled())

    result = run(*REDRIVE, "--verdict", "blocked")

    assert result.exit_code == 0
    assert "kept      web  held: jane" in result.stdout


def test_an_event_that_fails_again_is_told_with_what_to_type(queue, staged):
    [message_id] = queue.put(throttled())
    staged.faults.inject(*FAILS)

    result = run("redrive", message_id, "--yes", "--wait", "9")

    assert result.exit_code == 1
    ends = [line.partition(": ")[2] for line in result.stdout.splitlines() if message_id in line]
    assert ends[1:] == [
        "failed; Lambda tries again",
        "failed; Lambda tries again",
        "failed again, and goes back to the queue",
    ]
    assert "failed    web  aws-unavailable: creating" in result.stdout
    assert result.stdout.endswith("done 0 · failed again 1\n")
    assert "failed again: ami-reactor dlq show --latest\n" in result.stderr
    assert queue.depth() == (1, 0)
    assert run("show", "--latest").stdout.splitlines()[0].endswith("(on-failure)")


def test_an_attempt_that_fails_is_not_the_end(queue, staged):
    queue.put(throttled())
    staged.faults.inject("CreateLaunchTemplateVersion", "ServiceUnavailable", 4)

    result = run(*REDRIVE)

    assert result.exit_code == 0
    assert result.stdout.index("Lambda tries again") < result.stdout.index(": done")
    assert result.stdout.endswith("\ndone 1\n")


def test_what_comes_back_while_the_queue_is_read_is_told_at_once(queue, staged):
    """As if the function was paused: Lambda tries nothing, and the log tells nothing."""
    [message_id] = queue.put(throttled())
    function = staged.session.client("lambda")
    function.put_function_concurrency(FunctionName="ami-reactor", ReservedConcurrentExecutions=0)

    result = run(*REDRIVE)

    assert result.exit_code == 1
    assert f"{message_id}: failed again, and is back as " in result.stderr
    assert "watching" not in result.stderr
    assert result.stdout.endswith("redriven 1 · left 1 failed again\n")


def test_the_guards_events_are_watched_too(stage_with):
    queue = Queue(stage_with(guarded_world()))
    end_refresh()
    queue.put(throttled(refresh_failed()))

    result = run(*REDRIVE)

    assert result.exit_code == 0
    assert "moved-back  web version 2 → 3" in result.stdout
    assert result.stdout.endswith("\ndone 1\n")


# -- how long, and which lines of the log ----------------------------------------------------------


@pytest.fixture
def at_real_times(monkeypatch):
    """A stage whose clock moves on while a command sleeps: Lambda's attempts are minutes apart."""
    clock = StageClock(stands=True)
    clock.move_to(datetime.now(UTC))
    with stage(read_world(json.dumps(a_world()), "world"), clock=clock) as staged:
        slept, is_running = [], Lock()

        def sleep(seconds):
            if is_running.acquire(blocking=False):  # the command's, not the function's own
                slept.append(seconds)
                staged.advance(timedelta(seconds=seconds * 15))
                is_running.release()

        monkeypatch.setattr("time.sleep", sleep)
        yield staged, slept


def test_it_watches_until_lambdas_last_attempt(at_real_times):
    staged, slept = at_real_times
    Queue(staged).put(throttled())
    staged.faults.inject(*FAILS)

    result = run(*REDRIVE)

    assert result.stdout.count(": failed; Lambda tries again\n") == 2
    assert result.stdout.endswith("done 0 · failed again 1\n")
    assert 180 <= sum(slept) * 15 < 250
    assert run("show", "--latest").exit_code == 0


def test_what_is_left_is_visible_while_it_watches(at_real_times, monkeypatch):
    staged, _ = at_real_times
    queue = Queue(staged)
    queue.put(throttled(), a_message("not json {"))
    staged.faults.inject("CreateLaunchTemplateVersion", "ServiceUnavailable", 4)
    depths, moves_on = [], time.sleep
    monkeypatch.setattr("time.sleep", lambda wait: depths.append(queue.depth()) or moves_on(wait))

    run(*REDRIVE)

    assert depths[-1] == (1, 0)


def test_an_outcome_that_is_not_there_in_time_is_no_success(queue, never_run):
    first, second = queue.put(an_event("one"), an_event("two"))
    never_run("two")

    result = run("redrive", "--all", "--yes", "--wait", "0.01")

    assert result.exit_code == 1
    assert f"{first}: done" in result.stdout
    assert f"{second}: done" not in result.stdout
    assert result.stdout.endswith("done 1 · not done in time 1\n")
    assert f"not done within 0.01 s: {second}\nsee: ami-reactor doctor; ami-re" in result.stderr


def test_the_outcome_of_an_earlier_delivery_of_the_event_is_not_taken(queue, staged, never_run):
    staged.delivery.deliver(backup_completed() | {"id": "one"})
    queue.put(an_event("one"))
    never_run("one")

    result = run("redrive", "--all", "--verdict", "obsolete", "--yes", "--wait", "0.01")

    assert (result.exit_code, result.stdout[-27:]) == (1, "done 0 · not done in time 1\n"[-27:])


def test_a_log_that_may_not_be_read_is_no_success(queue, staged):
    queue.put(throttled())
    staged.faults.inject("FilterLogEvents", "AccessDeniedException", 9)

    result = run(*REDRIVE)

    assert result.exit_code == 1
    assert "not watched: /aws/lambda/ami-reactor cannot be read: " in result.stderr
    assert "missing permission: logs:FilterLogEvents (your credentials)" in result.stderr
    assert result.stdout.endswith("done 0 · not watched 1\n")
    assert queue.depth() == (0, 0)


def test_with_wait_0_it_does_not_watch(queue):
    queue.put(throttled())

    result = run("redrive", "--all", "--yes", "--wait", "0")

    assert (result.exit_code, "watching" in result.stderr) == (0, False)


# -- the options -----------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["list", "show", "save", "drop"])
def test_wait_of_the_other_verbs_is_now_poll(verb):
    result = run(verb, *(["x"] if verb in ("show", "drop") else []), "--wait", "0")

    assert result.exit_code == 2
    assert f"ami-reactor: {verb}: --wait is now --poll: " in result.stderr
    assert "--wait" not in run(verb, "--help").stdout


def test_the_latest_message_is_the_one_that_came_last(queue):
    ids = queue.put(*[an_event(str(n)) for n in range(12)])
    for message, minutes in zip(queue.of_moto, [*range(5), 99, *range(6)], strict=True):
        message.sent_timestamp += minutes * 60_000

    result = run("show", "--latest")

    assert (result.exit_code, result.stdout.split()[0]) == (0, ids[5])
    assert queue.depth() == (12, 0)


def test_of_an_empty_queue_there_is_no_latest_message(staged):  # noqa: ARG001 it must be there
    result = run("show", "--latest")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "no message" in result.stderr


@pytest.mark.parametrize("which", [[], ["one", "--latest"]])
def test_show_takes_an_id_or_latest(which):
    result = run("show", *which)

    assert result.exit_code == 2
    assert "show: pass either a message id or --latest" in result.stderr


# -- as JSON ---------------------------------------------------------------------------------------


def states(result):
    return {line["message_id"]: (line["state"], line["in_queue"]) for line in lines(result)}


def test_each_message_is_one_line_of_json(queue, never_run):
    done, late, left = queue.put(an_event("one"), an_event("two"), a_message("not json {"))
    never_run("two")

    result = run("redrive", "--all", "--yes", "--wait", "0.01", "--json")

    assert result.exit_code == 1
    assert states(result) == {
        done: ("done", False),
        late: ("not-done", False),
        left: ("left", True),
    }
    [outcome] = [line["outcome"] for line in lines(result) if line["outcome"]]
    assert [one["outcome"] for one in outcome["templates"]] == ["promoted"]
    assert {"note": "redriven 2 · left 1 unreadable"} in said(result)


def said(result):
    return [json.loads(line) for line in result.stderr.splitlines()]


def test_what_fails_again_is_told_once_with_its_last_outcome(queue, staged):
    [message_id] = queue.put(throttled())
    staged.faults.inject(*FAILS)

    result = run("redrive", message_id, "--yes", "--wait", "9", "--json")

    assert states(result) == {message_id: ("failed-again", True)}
    assert lines(result)[0]["outcome"]["result"] == "failed"


def test_what_came_back_at_once_is_told_as_the_message_that_it_was(queue, staged):
    [message_id] = queue.put(throttled())
    staged.faults.inject(*FAILS)

    result = run(*REDRIVE, "--json")

    assert states(result) == {message_id: ("failed-again", True)}
    assert "is back as " in lines(result)[0]["why"]


def test_unwatched_it_says_what_lambda_and_the_queue_said(queue, staged):
    ids = queue.put(an_event("one"), an_event("two"), an_event("three"))
    staged.faults.inject("Invoke", "TooManyRequestsException")
    staged.faults.inject("DeleteMessage", "ReceiptHandleIsInvalid")

    result = run(
        "redrive", "--all", "--yes", "--verdict=replayable", "--verdict=obsolete", "--json"
    )

    assert result.exit_code == 1
    assert [states(result)[one] for one in ids] == [
        ("not-redriven", True),
        ("redriven", True),
        ("redriven", False),
    ]


def test_a_plan_says_so(queue):
    chosen, other = queue.put(throttled(), a_message("not json {"))

    result = run("redrive", "--all", "--json")

    assert states(result) == {chosen: ("redriven", True), other: ("left", True)}
    assert all(line["planned"] for line in lines(result))
    assert queue.depth() == (2, 0)


def test_interrupted_it_still_says_what_was_redriven(queue, monkeypatch):
    first, _ = queue.put(an_event("one"), an_event("two"))

    def interrupted(_function, body, *_how):
        if json.loads(body)["id"] == "two":
            raise KeyboardInterrupt
        return ""

    monkeypatch.setattr(LambdaFunction, "invoke", interrupted)

    result = run("redrive", "--all", "--yes", "--json")

    assert (result.exit_code, states(result)) == (1, {first: ("redriven", False)})


def test_show_save_and_drop_name_the_message(queue, tmp_path):
    message_id, other = queue.put(throttled(), a_message("not json {"))

    [shown] = lines(run("show", message_id, "--json"))
    [unreadable] = lines(run("show", other, "--json"))
    saved = lines(run("save", "--all", "--to", str(tmp_path), "--json"))
    copies = str(tmp_path / "copies.jsonl")
    [dropped] = lines(run("drop", other, "--to", copies, "--yes", "--json"))

    assert (shown["event"], shown["body"]) == (backup_completed(), None)
    assert shown["next"] == f"ami-reactor dlq redrive {message_id}"
    assert (unreadable["event"], unreadable["body"]) == (None, "not json {")
    assert {line["message_id"]: line["image_id"] for line in saved} == {
        message_id: NEW,
        other: None,
    }
    assert all(json.loads(Path(line["file"]).read_text()) for line in saved)
    assert dropped == {"message_id": other, "deleted": True, "copy_in": copies}
    assert queue.depth() == (1, 0)


@pytest.mark.parametrize("verb", ["show --latest", "list", "redrive --all --yes --wait 9"])
def test_the_guards_words_are_in_the_schemas(stage_with, verb):
    queue = Queue(stage_with(guarded_world()))
    end_refresh()
    queue.put(throttled(refresh_failed()))

    [line] = lines(run(*verb.split(), "--json"))

    assert faults(f"dlq-{verb.split()[0]}", line) == []
    [template] = (line.get("outcome") or line)["templates"]
    assert template["outcome"] == "moved-back"
