"""`ami-reactor dlq` is interrupted (^C) at every call that it makes; no message is lost."""

import json
from collections import Counter

import pytest
from moto.awslambda.models import LambdaFunction

from tests.support.builders import a_world, backup_completed
from tests.support.messages import Queue, run, throttled, watched

MESSAGES = 2
MORE_THAN_ALL_CALLS = 100


class Interruption:
    """^C at one call: before AWS gets it, or after AWS did it and before the answer is there."""

    def __init__(self, number, moment):
        self.left = number
        self.moment = moment
        self.accepted = Counter()

    def before(self, _operation, _response):
        if self.moment == "before":
            self._count()

    def after(self, operation, response):
        if operation == "Invoke":
            self.accepted[json.loads(response.body)["id"]] += 1
        if self.moment == "after":
            self._count()

    def _count(self):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.fixture
def queue(stage_with, monkeypatch):
    queue = Queue(stage_with(a_world()))
    # accepted; what the function then does is another process's
    monkeypatch.setattr(LambdaFunction, "invoke", lambda *_: "")
    return queue


def in_queue(queue):
    """The event ids of the messages that are in the queue, those in flight too; by message id."""
    return {message.id: json.loads(message.body)["id"] for message in queue.of_moto}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_messages_in_the_queue_and_accepted_invocations_account_for_every_message(queue, moment):
    events = [backup_completed() | {"id": f"event-{n}"} for n in range(MESSAGES)]
    for number in range(1, MORE_THAN_ALL_CALLS):
        queue.of_moto.clear()
        queue.put(*map(throttled, events))
        interruption = Interruption(number, moment)

        with watched(interruption.before, interruption.after):
            result = run("redrive", "--all", "--yes")

        left = in_queue(queue)
        assert set(left.values()) | interruption.accepted.keys() == {e["id"] for e in events}
        for message_id, event_id in left.items():
            assert event_id not in interruption.accepted or message_id in result.stderr
        assert max(interruption.accepted.values(), default=1) == 1
        assert (result.exit_code == 0) == (interruption.left > 0)
        if interruption.left > 0:
            break

    assert number > 4 * MESSAGES
    assert not left


@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_an_interrupted_run_left_the_next_one_finishes(queue, moment):
    events = [backup_completed() | {"id": f"event-{n}"} for n in range(MESSAGES)]
    queue.put(*map(throttled, events))
    accepted = Counter()
    for number in range(1, MORE_THAN_ALL_CALLS):
        if not in_queue(queue):
            break
        interruption = Interruption(number, moment)
        with watched(interruption.before, interruption.after):
            run("redrive", "--all", "--yes")
        accepted += interruption.accepted
        for message in queue.of_moto:
            message.visible_at = 0  # as it would be some minutes later

    assert not in_queue(queue)
    assert accepted.keys() == {event["id"] for event in events}


def test_looking_removes_nothing_wherever_it_is_interrupted(queue):
    queue.put(throttled(), throttled())
    for number in range(1, MORE_THAN_ALL_CALLS):
        interruption = Interruption(number, "after")
        with watched(interruption.before, interruption.after):
            run("list")
        assert len(in_queue(queue)) == 2
        if interruption.left > 0:
            break
        for message in queue.of_moto:
            message.visible_at = 0


@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_is_dropped_is_in_a_file_wherever_it_is_interrupted(queue, moment, tmp_path):
    for number in range(1, MORE_THAN_ALL_CALLS):
        ids = queue.put(throttled(), throttled())
        file = tmp_path / f"{number}.jsonl"
        interruption = Interruption(number, moment)
        with watched(interruption.before, interruption.after):
            run("drop", *ids, "--to", str(file), "--yes")
        left = in_queue(queue).keys()
        kept = file.read_text().splitlines() if file.exists() else []
        assert set(left) | {json.loads(line)["MessageId"] for line in kept} == set(ids)
        queue.of_moto.clear()
        if interruption.left > 0:
            break
