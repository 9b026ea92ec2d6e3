"""`ami-reactor replay - --json`: events and commands line by line, each answered at once."""

import gc
import io
import json
import os
import select

import pytest

from infra.embedded.stream import lines_of, streaming
from infra.embedded.world.seed import read_world
from tests.support import command
from tests.support.builders import (
    ACCOUNT,
    FOLLOWS_INSTANCE,
    NEW,
    OLD,
    REGION,
    a_template,
    a_world,
    ami_state,
    backup_completed,
)
from tests.support.paths import EVENTS
from tests.support.schemas import faults

MOST_OBJECTS_AN_EVENT = 50  # 40 today: the event and the function's lines in the log groups
NO_IMAGE = "ami-0bbbbbbbbbbbbbbbb"


@pytest.fixture(scope="module")
def stream():
    with streaming(read_world(json.dumps(a_world()), "world"), strict=True) as made:
        yield made


@pytest.fixture(autouse=True)
def _anew(stream):
    """Each test begins in the same world; nothing is remembered of the one before."""
    list(stream.answers(b'{"reactor": "world", "world": %s}' % json.dumps(a_world()).encode()))
    stream.has_failed = stream.has_refused = False


def ask(stream, value):
    return answers(stream, json.dumps(value).encode() + b"\n")


def answers(stream, line):
    """As they are printed, and as `ami-reactor schema replay` says."""
    printed = [answer.model_dump(mode="json") for answer in stream.answers(line)]
    assert [fault for answer in printed for fault in faults("replay", answer)] == []
    return printed


def test_an_event_is_answered_by_its_outcome_and_a_command_by_one_line(stream):
    before = ask(stream, {"reactor": "template", "name": "web"})
    [outcome] = ask(stream, backup_completed())
    after = ask(stream, {"reactor": "template", "name": "web"})

    assert [t["outcome"] for t in outcome["templates"]] == ["promoted"]
    assert "reactor" not in outcome
    assert [(one["default_version"], one["default_image"]) for one in before + after] == [
        (1, OLD),
        (2, NEW),
    ]
    assert (stream.has_failed, stream.has_refused) == (False, False)


def test_a_template_says_what_it_launches_and_its_tags(stream):
    [answer] = ask(stream, {"reactor": "template", "name": "web"})

    assert answer["launch_template_id"].startswith("lt-")
    assert answer["tags"]["ami-reactor"] == "on"
    assert ask(stream, {"reactor": "template", "name": answer["launch_template_id"]}) == [answer]


def test_another_world_has_nothing_of_the_one_before(stream, tmp_path):
    file = tmp_path / "world.json"
    file.write_text(json.dumps(a_world()))
    ask(stream, backup_completed())

    [answer] = ask(stream, {"reactor": "world", "file": str(file)})

    assert answer == {"reactor": "world", "account": ACCOUNT, "region": REGION, "left_out": []}
    [template] = ask(stream, {"reactor": "template", "name": "web"})
    assert template["default_image"] == OLD


def test_the_events_of_a_file_or_of_a_value_are_one_answer(stream, tmp_path):
    (tmp_path / "events.json").write_text(json.dumps([ami_state(), ami_state()]))
    wrapped = {"Messages": [{"Body": json.dumps(ami_state())}]}

    [first] = ask(stream, {"reactor": "replay", "file": str(tmp_path)})
    [second] = ask(stream, {"reactor": "replay", "events": wrapped})

    outcomes = [one["templates"][0]["outcome"] for one in first["outcomes"] + second["outcomes"]]
    assert outcomes == ["promoted", "kept", "kept"]


def test_an_injected_fault_is_met_by_the_reactor_and_not_by_the_test(stream):
    fault = {"operation": "DescribeLaunchTemplates", "code": "UnauthorizedOperation", "times": 3}
    assert ask(stream, {"reactor": "fault", **fault}) == [{"reactor": "fault", "pending": [fault]}]
    [template] = ask(stream, {"reactor": "template", "name": "web"})
    assert template["default_image"] == OLD

    [outcome] = ask(stream, backup_completed())

    assert (outcome["result"], outcome["dead_lettered"]) == ("failed", True)
    assert stream.has_failed
    ask(stream, {"reactor": "fault", **fault})
    assert ask(stream, {"reactor": "clear-faults"}) == [{"reactor": "clear-faults", "pending": []}]


def test_the_clock_stands_at_the_events_time_and_is_moved_on(stream):
    ask(stream, ami_state() | {"time": "2026-06-15T18:00:00Z"})

    [answer] = ask(stream, {"reactor": "advance", "days": 1, "minutes": 1.5})

    assert answer == {"reactor": "advance", "now": "2026-06-16T18:01:30Z", "outcomes": []}


def test_what_is_due_is_an_outcome_with_its_own_time(stream):
    tags = FOLLOWS_INSTANCE | {"ami-reactor:soak": "36h"}
    ask(stream, {"reactor": "world", "world": a_world(templates=[a_template(tags=tags)])})
    [kept] = ask(stream, ami_state() | {"time": "2026-06-15T18:00:00Z"})

    [answer] = ask(stream, {"reactor": "advance", "hours": 36})

    assert [t["skipped_images"] for t in kept["templates"]] == [{NEW: "soaking"}]
    [then] = answer["outcomes"]
    assert [t["to_image"] for t in then["templates"]] == [NEW]
    assert then["at"] < answer["now"] == "2026-06-17T06:00:00Z"


def test_an_event_that_no_rule_selects_is_a_failure_of_a_strict_stream(stream):
    [outcome] = ask(stream, ami_state() | {"source": "aws.s3"})

    assert (outcome["result"], stream.has_failed) == ("unmatched", True)


@pytest.mark.parametrize(
    ("line", "name", "error"),
    [
        (b"{", "error", "not JSON: "),
        (b'{"hello": "world"}', "error", "is no event: "),
        (b'[{"detail-type": "x", "source": "y"}, 7]', "error", ":2: must be a JSON object"),
        (b'{"reactor": "promote"}', "promote", "reactor: must be one of: world, replay, "),
        (b'{"reactor": ["x\\u001b"]}', r"['x\x1b']", "reactor: must be one of: "),
        (b'{"reactor": "template"}', "template", "template: must have name"),
        (b'{"reactor": "template", "name": 7}', "template", "name: must be text"),
        (b'{"reactor": "template", "name": "wbe"}', "template", "is called wbe; there are: web"),
        (b'{"reactor": "replay", "fil": "x"}', "replay", "replay: must have file"),
        (b'{"reactor": "replay", "file": "/none.json"}', "replay", "/none.json: No such file"),
        (b'{"reactor": "replay", "events": {}}', "replay", "events: is no event"),
        (b'{"reactor": "advance"}', "advance", "must have days, hours, minutes, seconds"),
        (b'{"reactor": "advance", "weeks": 1}', "advance", "must have days, hours"),
        (b'{"reactor": "advance", "hours": "36"}', "advance", "as numbers"),
        (b'{"reactor": "advance", "hours": -1}', "advance", "never goes back"),
        (b'{"reactor": "advance", "days": 1e300}', "advance", "is too long"),
        (b'{"reactor": "world", "file": "/none.json"}', "world", "/none.json: No such file"),
        (b'{"reactor": "world", "world": {"Account": 7}}', "world", "Account"),
        (b'{"reactor": "world", "world": 7}', "world", "world"),
        (b'{"reactor": "fault", "operation": "CreateTag", "code": "x"}', "fault", "CreateTags"),
    ],
)
def test_a_line_that_cannot_be_done_is_answered_and_changes_nothing(stream, line, name, error):
    [answer] = answers(stream, line)

    assert answer["reactor"] == name
    assert error in answer["error"]
    assert answer["error"].isprintable()
    assert stream.has_refused
    [outcome] = ask(stream, ami_state())
    assert [t["outcome"] for t in outcome["templates"]] == ["promoted"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b'\n{"a": 1}\n{"b": 2}\n', [b'{"a": 1}\n', b'{"b": 2}\n']),
        (b'{"a":\n1}\n', [b'{"a":\n1}\n']),
        (b"[\n1,\n2]", [b"[\n1,\n2]"]),
    ],
)
def test_a_value_on_many_lines_is_one(text, lines):
    assert list(lines_of(io.BytesIO(text))) == lines


def test_the_command_answers_each_line_before_it_gets_the_next_one(tmp_path):
    """Its exit status tells the worst of what it met: 1 a failure, 2 a line that is nothing."""
    world = tmp_path / "world.json"
    world.write_text(json.dumps(a_world()))
    (stdin, our_end), (answers, stdout) = os.pipe(), os.pipe()
    with open(os.devnull, "wb") as nothing:  # noqa: PTH123
        process = command.Command(
            *("replay", "-", "--json", "--world", str(world)),
            stdin=stdin,
            stdout=stdout,
            stderr=nothing.fileno(),
            environment={"PATH": os.environ["PATH"]},
        )
    os.close(stdin)
    os.close(stdout)
    event = json.loads((EVENTS / "ami_available.json").read_text())
    asked = [event, {"reactor": "template", "name": "web"}, backup_completed(NO_IMAGE), {}]
    with os.fdopen(our_end, "wb", 0) as to, os.fdopen(answers, "rb") as said:
        got = []
        for value in asked:
            to.write(json.dumps(value).encode() + b"\n")
            assert select.select([said], [], [], 60)[0], "no answer, and the next line waits for it"
            got.append(json.loads(said.readline()))
        to.close()
        assert said.read() == b""

    assert [one.get("result") for one in got] == ["handled", None, "failed", None]
    assert "is no event" in got[3]["error"]
    assert process.wait() == 2


def test_of_an_event_it_keeps_what_the_logs_keep_and_no_more(stream, caplog):
    """The rate and the memory of 1,000 events: tests/bench/stream.py."""
    lines = [json.dumps(event).encode() for event in (ami_state(), backup_completed())]
    kept = []
    for _ in range(3):
        _answer(stream, lines * 4)
        caplog.clear()
        gc.collect()
        kept.append(len(gc.get_objects()))

    assert kept[2] - kept[1] < 8 * MOST_OBJECTS_AN_EVENT


def _answer(stream, lines):
    for line in lines:
        assert [one["result"] for one in answers(stream, line)] == ["handled"]


def test_standard_input_without_anything_in_it_is_an_error():
    done = command.run("replay", "-", "--json", environment={"PATH": os.environ["PATH"]})

    assert done.returncode == 2
    assert done.stdout == b""
    assert b"-: is empty" in done.stderr
