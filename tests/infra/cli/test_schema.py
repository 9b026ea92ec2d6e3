"""`ami-reactor schema`: what the command line prints is what its JSON Schemas say."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from infra.cli import app
from infra.cli.schema import PRINTED
from infra.cli.verbs.schema import Shape
from infra.embedded.stage import stage
from infra.embedded.world.seed import read_world
from models.errors import EventRejected
from models.events import parse_event
from tests.support.builders import NEW, a_world, backup_completed
from tests.support.messages import Queue, finish, lines, run
from tests.support.paths import EVENTS, ROOT
from tests.support.schemas import faults, keys_of, validator

NAMES = [shape.value for shape in Shape]
CAPTURED = [str(path) for path in sorted(EVENTS.glob("*.json"))]
KEYS = Path(__file__).with_name("printed_keys.json")
WORLDS = [
    ROOT / "infra" / "stories" / "nightly" / "world.json",
    *sorted((ROOT / "tests" / "cases").rglob("world*.json")),
]


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_schema_that_refuses_something(name):
    Draft202012Validator.check_schema(validator(name).schema)

    assert faults(name, [])
    assert faults(name, {"Images": 1, "detail-type": "Other"})


@pytest.mark.parametrize("name", PRINTED)
def test_each_key_that_is_printed_is_described(name):
    keys = keys_of(validator(name).schema)

    assert keys
    assert [key for key, described in keys if not described.get("description")] == []


def test_a_key_that_was_printed_is_printed_for_ever():
    """A key that is new is added to the file; one that is gone breaks what others built on it."""
    known = json.loads(KEYS.read_text())
    printed = {name: shapes_of(name) for name in PRINTED}

    assert known.keys() == printed.keys()
    for name, shapes in known.items():
        for shape, keys in shapes.items():
            assert set(keys) <= set(printed[name].get(shape, [])), f"{name}: {shape}"


def shapes_of(name):
    """The keys of each shape that a schema consists of, by the shape's name."""
    schema = validator(name).schema
    shapes = [*schema.get("$defs", {}).values(), schema]
    return {one["title"]: sorted(one["properties"]) for one in shapes if "properties" in one}


def test_another_name_is_refused_with_those_there_are():
    result = CliRunner().invoke(app, ["schema", "template"])

    assert result.exit_code == 2
    assert all(name in result.stderr for name in NAMES)


def test_what_replay_prints_is_an_outcome():
    told = [CliRunner().invoke(app, ["replay", *story, "--json"]) for story in ([], ["guard"])]
    told.append(CliRunner().invoke(app, ["replay", *CAPTURED, "--world", str(WORLDS[0]), "--json"]))

    printed = [json.loads(line) for result in told for line in result.stdout.splitlines()]
    assert {line["result"] for line in printed} >= {"handled", "ignored", "unmatched"}
    for line in printed:
        assert faults("outcome", line) == []
    assert faults("outcome", printed[0] | {"result": "lost"})


def test_what_is_a_valid_event_is_one_by_the_schema_too():
    known = 0
    for path in sorted(EVENTS.glob("*.json")):
        event = json.loads(path.read_text())
        try:
            parse_event(event)
        except EventRejected:
            continue
        known += 1
        assert faults("event", event) == [], path.name
    assert known > 5
    assert faults("event", backup_completed() | {"source": "aws.ec2"})
    assert faults("event", {k: v for k, v in backup_completed().items() if k != "detail"})


@pytest.mark.parametrize("path", WORLDS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_world_of_the_tree_is_one_by_the_schema_too(path):
    text = path.read_bytes()
    encoding = "utf-16" if text[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"

    assert faults("world", json.loads(text.decode(encoding))) == []


def test_what_record_and_a_replay_write_is_a_world(tmp_path):
    recorded, left = tmp_path / "recorded.json", tmp_path / "left.json"

    with stage(read_world(json.dumps(a_world()), "world")):
        assert finish("record", "--to", str(recorded)).exit_code == 0
    finish("replay", *CAPTURED, "--world", str(recorded), "--world-out", str(left))

    for path in (recorded, left):
        assert faults("world", json.loads(path.read_text())) == []
    assert faults("world", {"Images": [{"ImageId": NEW}]}) == [
        "$.Images[0]: 'CreationDate' is a required property"
    ]


def test_what_the_queue_lists_is_a_dead_letter(stage_with):
    messages = [json.loads(path.read_text()) for path in sorted(EVENTS.glob("dlq_*.json"))]
    Queue(stage_with(a_world())).put(*messages)

    printed = lines(run("list", "--json"))
    assert {line["shape"] for line in printed} >= {"rule-target", "on-failure", "unreadable"}
    for line in printed:
        assert faults("dead-letter", line) == []
    assert faults("dead-letter", printed[0] | {"verdict": "fine"})
