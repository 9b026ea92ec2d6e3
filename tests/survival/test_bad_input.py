"""An outcome or a clear rejection for whatever comes in: no other error, no secret, no write."""

import json
import time

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from typer.testing import CliRunner

from handlers.bus import Bus
from handlers.clock import Clock
from handlers.ec2 import Ec2
from handlers.reaction import react
from infra.cli import app
from infra.replay.event_reader import BadInput, read_events
from models.dead_letter import read_dead_letter
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    NEW,
    NOON,
    OLD,
    a_template,
    a_world,
    ami_state,
    an_image,
)
from tests.survival.bad_input import (
    CORPUS,
    GOOD_EVENTS,
    SECRET,
    WORLD,
    big_events,
    captured_events,
    changed,
    handle,
    is_well_handled,
    json_files,
    mutations,
    naughty_events,
    naughty_strings,
    parsed_files,
    paths,
    put,
)
from tests.survival.replayed import PLACE
from tests.survival.tiny_ec2 import Client, perform, world_of

needs_corpus = pytest.mark.skipif(
    not CORPUS.is_dir(), reason=f"the corpus of bad inputs is not there: {CORPUS}"
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
ANY_CHANGE = st.sampled_from(
    [(event, path) for event in GOOD_EVENTS for path in paths(event)]
).flatmap(lambda at: st.builds(lambda value: changed(*at, put(value)), ANY_JSON))


# -- the handler -----------------------------------------------------------------------------------


@pytest.mark.parametrize("event", captured_events().values(), ids=captured_events())
def test_a_captured_event_with_any_field_changed_is_handled_well(event):
    assert [bad for bad in mutations(event) if not is_well_handled(bad)] == []


@settings(max_examples=300, deadline=None)
@given(ANY_JSON)
def test_any_json_at_all_is_handled_well(payload):
    assert is_well_handled(payload)


@settings(max_examples=300, deadline=None)
@given(ANY_CHANGE)
def test_an_event_with_anything_in_one_field_is_handled_well(event):
    assert is_well_handled(event)


@needs_corpus
def test_every_json_file_that_parses_is_handled_well():
    assert all(is_well_handled(payload) for payload in parsed_files())


@needs_corpus
def test_a_naughty_string_in_any_field_is_handled_well():
    assert [event for event in naughty_events(one_in=12) if not is_well_handled(event)] == []


@needs_corpus
@pytest.mark.long
def test_every_naughty_string_in_every_field_is_handled_well():
    assert [event for event in naughty_events() if not is_well_handled(event)] == []


def test_a_rejection_names_the_field_and_not_its_value():
    event = ami_state() | {"resources": [SECRET], "account": {SECRET: 1}}

    handled = handle(event)

    assert handled.rejection is not None
    assert "account" in handled.rejection
    assert SECRET not in handled.rejection
    assert handled.writes == []


def test_256_kb_cost_less_than_50_ms_of_our_own_time():
    slow = {}
    for name, event in big_events():
        milliseconds = min(_own_milliseconds(event) for _ in range(3))
        if milliseconds > 50:
            slow[name] = milliseconds

    assert slow == {}


def _own_milliseconds(event):
    ec2 = Ec2(Client(lambda operation, asked: perform(WORLD, operation, asked)[1]), PLACE)
    observed = WORLD.templates[0].tagged(**{"ami-reactor": "observe"})
    world = WORLD.with_template(observed)
    ec2 = Ec2(Client(lambda operation, asked: perform(world, operation, asked)[1]), PLACE)
    before = time.process_time()
    outcome = react(event, ec2, Bus(None), Clock(NOON, lambda: 120))
    json.dumps(outcome.model_dump(mode="json"))
    return (time.process_time() - before) * 1000


# -- dead letters and the command line -------------------------------------------------------------


@needs_corpus
def test_every_json_file_as_a_dead_letter_is_read_or_called_unreadable():
    for file in json_files():
        body = file.read_bytes().decode(errors="replace")

        letter = read_dead_letter({"Body": body})

        assert (letter.event is None) == (letter.shape == "unreadable")
        assert letter.event is None or not file.name.startswith("n_"), file.name


def test_a_dead_letter_with_any_field_changed_is_read_or_called_unreadable():
    letters = [item for name, item in captured_events().items() if name.startswith("dlq_")]
    for message in (m for item in letters for m in item.get("Messages", [item])):
        for bad in mutations(message):
            if isinstance(bad.get("Body"), str):
                letter = read_dead_letter(bad)

                assert (letter.event is None) == (letter.shape == "unreadable")


@needs_corpus
def test_every_json_file_for_the_command_line_is_read_or_refused_with_one_line():
    for file in json_files():
        try:
            captured = read_events([file])
        except BadInput as error:
            assert str(error).startswith(str(file))
            assert str(error).isprintable()
        else:
            assert all(c.payload is None or isinstance(c.payload, dict) for c in captured)


def test_replay_says_something_of_every_bad_event(tmp_path):
    bad = [m for event in GOOD_EVENTS[:2] for m in mutations(event) if len(str(m)) < 10_000][::7]
    file = tmp_path / "bad.jsonl"
    file.write_text("\n".join(json.dumps(event, allow_nan=False) for event in _finite(bad)))
    world = tmp_path / "world.json"
    world.write_text(json.dumps(a_world()))

    result = CliRunner().invoke(app, ["replay", str(file), "--world", str(world), "--json"])

    assert isinstance(result.exception, SystemExit), result.exception
    assert len([json.loads(line) for line in result.stdout.splitlines()]) == len(_finite(bad))
    assert SECRET not in json.dumps([json.loads(x)["error"] for x in result.stdout.splitlines()])


def _finite(events):
    return [event for event in events if "NaN" not in json.dumps(event)]


# -- the world -------------------------------------------------------------------------------------


@needs_corpus
def test_naughty_names_and_tags_stay_one_line_and_out_of_the_version_description():
    for text in naughty_strings():
        value = text[:200]
        tags = {"Name": value, value[:100] or "x": value}
        described = []

        def ask(operation, asked, *, world, described=described):
            if operation == "create_launch_template_version":
                described.append(asked["VersionDescription"])
            return perform(world, operation, asked)[1]

        for reactors in (
            {"ami-reactor:image-name": value or "*"},
            {"ami-reactor-state:hold": value},
            {"ami-reactor:image-tag:Name": value},
            {f"ami-reactor:{value}"[:128]: "x"},
            {"ami-reactor-state:newest-image": value},
        ):
            template = a_template(name=value or "web", tags=FOLLOWS_INSTANCE | reactors)
            image = an_image(NEW, 1, tags=tags, Name=value, Description=value)
            world = world_of(a_world(an_image(OLD, tags=tags), image, templates=[template]))
            ec2 = Ec2(Client(lambda o, a, w=world: ask(o, a, world=w)), PLACE)

            outcome = react(ami_state(), ec2, Bus(None), Clock(NOON, lambda: 120, lambda _: None))

            assert "\n" not in json.dumps(outcome.model_dump(mode="json"))
            assert all(o.message.isprintable() for o in outcome.templates), (reactors, outcome)
        assert all(len(d) <= 255 and d.isprintable() and d.isascii() for d in described)
