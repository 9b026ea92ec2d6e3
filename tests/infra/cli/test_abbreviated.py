"""Ids may be abbreviated to what no other id begins with, in every verb that takes one."""

import pytest

from tests.infra.operate.test_rollback import promoted_world
from tests.support.builders import (
    NEW,
    NEWER,
    OLD,
    OTHER_TEMPLATE,
    TEMPLATE,
    a_template,
    a_version,
    a_world,
    an_image,
)
from tests.support.fleets import default_image, run, tags_of
from tests.support.messages import Queue, a_message, throttled
from tests.support.messages import run as run_dlq

HOLD = "ami-reactor-state:hold"
QUARANTINE = "ami-reactor-state:quarantine"
BOTH = {
    "templates": [a_template(), a_template(OTHER_TEMPLATE, "batch")],
    "versions": [a_version(), a_version(template_id=OTHER_TEMPLATE)],
}


@pytest.mark.parametrize(
    "verb",
    [
        ("hold", "lt-01", "--reason", "x", "--yes"),
        ("resume", "lt-01"),
        ("prune", "lt-01"),
        ("reconcile", "lt-01"),
        ("follow", "lt-01", "--image-name", "x*"),
        ("explain", "lt-01"),
        ("history", "lt-01"),
    ],
    ids=lambda verb: verb[0],
)
def test_a_template_is_found_by_how_its_id_begins(account_with, verb):
    account_with(a_world(**BOTH))

    ran = run(*verb)

    assert "web" in ran.stdout + ran.stderr
    assert "batch" not in ran.stdout + ran.stderr


def test_one_to_roll_back_too_and_the_image_to_go_back_to(account_with):
    account_with(promoted_world())

    ran = run("rollback", "lt-0123", "--to", OLD[:7], "--yes")

    assert ran.status == 0, ran.stderr
    assert default_image() == OLD


def test_several_templates_are_named_and_none_is_touched(account_with):
    account_with(a_world(**BOTH))

    ran = run("hold", "lt-0", "--reason", "x", "--yes")

    assert (ran.status, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"ami-reactor: lt-0: several ids begin so: {TEMPLATE}, {OTHER_TEMPLATE}\n"
    )
    assert HOLD not in tags_of(TEMPLATE) | tags_of(OTHER_TEMPLATE)


def test_a_template_that_is_named_as_an_id_begins_is_meant_by_its_name(account_with):
    templates = [a_template(), a_template(OTHER_TEMPLATE, "lt-01")]
    account_with(a_world(**BOTH | {"templates": templates}))

    assert run("hold", "lt-01", "--reason", "x", "--yes").status == 0

    assert HOLD in tags_of(OTHER_TEMPLATE)


def test_no_id_begins_so(account_with):
    account_with(a_world())

    for what in ("lt-9", "ami-9"):
        ran = run("explain", what)
        assert (ran.status, ran.stdout, ran.stderr.count("\n")) == (1, "", 1), ran.stderr
        assert what in ran.stderr


def test_an_image_is_found_by_how_its_id_begins(account_with):
    account_with(a_world(an_image(OLD), an_image(NEW, 1), an_image(NEWER, 2)))

    done = run("quarantine", NEW[:6], "--reason", "x", "--yes")
    assert f"{NEW} is quarantined" in done.stdout
    assert QUARANTINE in tags_of(NEW)
    assert NEW in run("explain", NEW[:9]).stdout
    done = run("unquarantine", NEW[:6], "--yes")
    assert f"{NEW} is no longer quarantined" in done.stdout
    assert QUARANTINE not in tags_of(NEW)


def test_several_images_are_named_and_none_is_touched(account_with):
    account_with(a_world(an_image(OLD), an_image(NEW, 1), an_image(NEWER, 2)))

    ran = run("quarantine", "ami-0", "--reason", "x", "--yes")

    assert ran.status == 1
    named = f"ami-reactor: ami-0: several ids begin so: {OLD}, {NEW}, {NEWER}\n"
    assert ran.stderr == named
    assert QUARANTINE not in tags_of(OLD) | tags_of(NEW) | tags_of(NEWER)


# -- messages --------------------------------------------------------------------------------------

FIRST, SECOND = "7d0c9a55-6f0e-4d57-93c7-5a1b8f0c2a41", "7d0c1111-6f0e-4d57-93c7-5a1b8f0c2a42"


@pytest.fixture
def queue(stage_with):
    queue = Queue(stage_with(a_world()))
    queue.put(throttled(), a_message("not json {"))
    for message, message_id in zip(queue.of_moto, (FIRST, SECOND), strict=True):
        message.id = message_id
    return queue


def test_a_message_is_found_by_how_its_id_begins(queue, tmp_path):
    assert run_dlq("show", FIRST[:5]).stdout.startswith(FIRST)
    assert run_dlq("save", FIRST[:5], "--to", str(tmp_path)).exit_code == 0
    assert len(list(tmp_path.iterdir())) == 1
    assert f"redriven {FIRST}" in run_dlq("redrive", FIRST[:5], "--yes").stdout
    dropped = run_dlq("drop", SECOND[:5], "--yes", "--to", str(tmp_path / "copies.jsonl"))
    assert "deleted 1 message" in dropped.stdout
    assert queue.depth() == (0, 0)


@pytest.mark.parametrize(
    "verb",
    [("show",), ("save", "--to", "folder"), ("redrive", "--yes"), ("drop", "--yes")],
    ids=lambda verb: verb[0],
)
def test_several_messages_are_named_and_none_is_touched(queue, verb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    result = run_dlq(*verb, "7d0c")

    assert result.exit_code == 1
    [line] = [line for line in result.stderr.splitlines() if "7d0c" in line]
    assert line == f"ami-reactor: 7d0c: several ids begin so: {SECOND}, {FIRST}"
    assert queue.depth() == (2, 0)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_no_beginning_is_no_message(queue):
    result = run_dlq("show", "")

    assert (result.exit_code, result.stdout) == (1, "")
    assert queue.depth() == (2, 0)
