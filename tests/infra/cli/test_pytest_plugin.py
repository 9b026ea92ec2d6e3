"""The pytest plugin, on the installed command. house/test_installed.py has a foreign project."""

import json
import subprocess
import sys
import time

import pytest

from infra.cli.ami_reactor.pytest_plugin import AmiReactor, ReactorError, _Pool, _Process
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    NEW,
    OLD,
    a_template,
    a_world,
    ami_state,
    backup_completed,
)
from tests.support.paths import ROOT

SOAKING = a_world(templates=[a_template(tags=FOLLOWS_INSTANCE | {"ami-reactor:soak": "36h"})])


@pytest.fixture(scope="module")
def pool():
    made = _Pool(60)
    yield made
    made.close()


@pytest.fixture
def reactor(pool, tmp_path):
    made = AmiReactor(pool, (tmp_path / "tests", tmp_path))
    yield made
    made.close()


def test_an_outcome_says_what_became_of_a_template(reactor, tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "world.json").write_text(json.dumps(a_world()))
    (tmp_path / "event.json").write_text(json.dumps(backup_completed()))
    world = reactor.world("world.json")
    assert world.template("web").default_image == OLD

    outcome = world.replay("event.json")

    assert (outcome.result, outcome.dead_lettered, outcome.attempts) == ("handled", False, 1)
    web = outcome.template("web")
    assert (web.promoted_to, web.from_image, web.to_version) == (NEW, OLD, 2)
    assert world.template("web").default_image == NEW
    again = world.replay(ami_state())
    assert again.template("web").promoted_to is None
    assert repr(again).startswith(f"<handled: <web: kept, already-current: {NEW} of ")


def test_each_world_begins_anew_and_two_of_them_do_not_disturb_each_other(reactor):
    first, second = reactor.world(a_world()), reactor.world(a_world())
    first.replay(backup_completed())

    assert second.template("web").default_image == OLD
    assert first.template("web").default_image == NEW


def test_one_process_serves_one_test_after_the_other(pool):
    served = set()
    for _ in range(2):
        reactor = AmiReactor(pool, ())
        assert reactor.world(a_world()).template("web").default_image == OLD
        served.add(reactor._used[0]._popen.pid)
        reactor.close()

    assert len(served) == 1


def test_time_passes_when_it_is_told_to(reactor):
    world = reactor.world(SOAKING)
    event = ami_state() | {"time": "2026-06-15T18:00:00Z"}
    assert world.replay(event).template("web").skipped_images == {NEW: "soaking"}

    [due] = world.advance(hours=36)

    assert due.at and due.template("web").promoted_to == NEW


def test_a_fault_dead_letters_an_event(reactor):
    world = reactor.world(a_world())
    world.fault("DescribeLaunchTemplates", "UnauthorizedOperation", times=4)

    outcome = world.replay(backup_completed())
    world.clear_faults()

    assert (outcome.result, outcome.dead_lettered) == ("failed", True)
    assert outcome.error and "missing permission: ec2:DescribeLaunchTemplates" in outcome.error
    assert world.replay(backup_completed()).template("web").promoted_to == NEW


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda world: world.template("wbe"), "no launch template is called wbe; there are: web"),
        (
            lambda world: world.replay(backup_completed()).template("wbe"),
            "the outcome has no launch template wbe; it has: web, the event was handled",
        ),
        (
            lambda world: world.replay(ami_state() | {"source": "aws.s3"}).template("web"),
            "it has: none, the event was unmatched",
        ),
        (lambda world: world.replay("none.json"), "none.json: there is no such file, neither in "),
        (lambda world: world.replay({"hello": "world"}), "events: is no event: an event of"),
        (
            lambda world: world.replay({"Messages": [{"Body": json.dumps(ami_state())}] * 2}),
            "there are 2 events in it: replay_all takes several",
        ),
        (lambda world: world.fault("CreateTag", "x"), "did you mean CreateTags"),
        (lambda world: world.advance(hours=-1), "the clock never goes back"),
    ],
)
def test_what_cannot_be_done_says_what_can_be(reactor, ask, told):
    world = reactor.world(a_world())

    with pytest.raises(ReactorError) as refusal:
        ask(world)

    assert told in str(refusal.value)


def test_a_bad_world_is_named(reactor):
    with pytest.raises(ReactorError, match=r"world: .*Account"):
        reactor.world({"Account": "7"})


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("import time; time.sleep(60)", "no answer to world within 0.5 s: it said nothing"),
        ("import sys; print('why', file=sys.stderr); sys.exit(3)", "ended with status 3: why"),
        ("import os; os.close(1); os._exit(0)", "ended with status 0: it said nothing"),
    ],
)
def test_a_process_that_does_not_answer_hangs_no_test(program, told):
    started = time.monotonic()
    process = _Process(0.5 if "sleep" in program else 20, (sys.executable, "-c", program))

    with pytest.raises(ReactorError) as refusal:
        process.ask("world", world={"x": "y" * 1_000_000})

    assert told in str(refusal.value)
    assert time.monotonic() - started < 20
    assert not process.is_alive


def test_the_plugin_imports_nothing_that_pytest_does_not():
    program = (
        "import sys, pytest, _pytest.config; _pytest.config.get_config(); before = set(sys.modules)"
        "; sys.path.insert(0, 'infra/cli'); import ami_reactor.pytest_plugin"
        "; print({name.partition('.')[0] for name in set(sys.modules) - before}"
        " - sys.stdlib_module_names)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout == "{'ami_reactor'}\n"
