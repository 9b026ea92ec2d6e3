"""`ami-reactor replay --expect`: what is expected, what differs, and the report for CI systems."""

import json
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from infra.cli import app
from infra.replay.expectations import (
    BadExpectations,
    differences,
    named,
    read_expectations,
    write_expectations,
)
from infra.replay.junit import Case, write_junit
from tests.support.builders import NEW, OLD, a_world, ami_state, backup_completed
from tests.support.paths import EVENTS, ROOT

STORIES = ROOT / "infra" / "stories"
WORLD = STORIES / "nightly" / "world.json"
KEPT = [("events", EVENTS, WORLD, EVENTS / "outcomes.jsonl")] + [
    (path.name, path / "events", path / "world.json", path / "outcomes.jsonl")
    for path in sorted(STORIES.iterdir())
]
NO_IMAGE = "ami-0bbbbbbbbbbbbbbbb"
WEB = {
    "launch_template_name": "web",
    "outcome": "promoted",
    "reason": "newer-image",
    "to_image": NEW,
}
COMPARED = {"result": "handled", "reason": None, "templates": [WEB]}
GOT = {
    "a.json": COMPARED | {"attempts": 1, "templates": [WEB | {"to_version": 2}]},
    "b.json": {"result": "ignored", "reason": "no-follower", "attempts": 1, "templates": []},
}
"""What became of two events, shortened."""


def run(*arguments):
    done = CliRunner().invoke(app, ["replay", *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def told(expected):
    """The differences from GOT, as they are printed."""
    found = differences(GOT | expected, GOT)
    return [f"{difference.event} · {difference}" for difference in found]


@pytest.mark.parametrize(("_name", "events", "world", "file"), KEPT, ids=[k[0] for k in KEPT])
def test_every_captured_event_and_every_story_is_as_expected(_name, events, world, file):
    before = file.read_bytes()

    done = run(events, "--world", world, "--expect", file, "--update")

    assert done.exit_code == 0
    assert done.stderr.splitlines()[-1] == f"{file}: unchanged"
    assert file.read_bytes() == before
    names = [json.loads(line)["event"] for line in before.splitlines()]
    names = [name for name in names if not name.startswith("then, at ")]
    assert names == sorted(path.name for path in events.glob("*.json"))


# -- what differs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "fields", "line"),
    [
        ("a.json", {"result": "ignored"}, "result: expected ignored, got handled"),
        ("b.json", {"reason": None}, "reason: expected none, got no-follower"),
        ("b.json", {"attempts": 3}, "attempts: expected 3, got 1"),
        ("b.json", {"color": "red"}, "color: expected red, got no such field"),
        ("a.json", {"templates": []}, "web · outcome: expected none, got promoted"),
        ("b.json", {"templates": [WEB]}, "web · outcome: expected promoted, got none"),
    ],
)
def test_a_difference_names_event_template_and_field(event, fields, line):
    assert told({event: GOT[event] | fields}) == [f"{event} · {line}"]


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        ("outcome", "kept", "outcome: expected kept, got promoted"),
        ("reason", "held", "reason: expected held, got newer-image"),
        ("to_image", OLD, f"to_image: expected {OLD}, got {NEW}"),
        ("to_version", 7, "to_version: expected 7, got 2"),
    ],
)
def test_a_difference_of_a_template_names_it(field, value, line):
    expected = COMPARED | {"templates": [WEB | {field: value}]}

    assert told({"a.json": expected}) == [f"a.json · web · {line}"]


def test_a_field_that_a_line_leaves_out_is_not_compared():
    assert told({"a.json": {}, "b.json": {"result": "ignored"}}) == []


def test_an_event_that_is_new_or_gone_is_a_difference():
    found = differences({"a.json": {}, "c.json": {}}, GOT)

    assert [(d.event, str(d)) for d in found] == [
        ("b.json", "event: expected none, got one"),
        ("c.json", "event: expected one, got none"),
    ]


def test_two_events_of_one_name_are_told_apart():
    results = [("x/a.json", 1), ("y/a.json", 2), ("a.json", 3), ("y/b.jsonl:2", 4)]

    assert named(results) == {"a.json": 1, "a.json (2)": 2, "a.json (3)": 3, "b.jsonl:2": 4}


# -- the file --------------------------------------------------------------------------------------


def test_what_is_written_is_what_is_compared_by_default(tmp_path):
    write_expectations(tmp_path / "file", {}, GOT)

    assert read_expectations(tmp_path / "file") == {
        "a.json": COMPARED,
        "b.json": {"result": "ignored", "reason": "no-follower", "templates": []},
    }


def test_a_line_that_is_written_anew_keeps_its_choice_of_fields(tmp_path):
    chosen = {"launch_template_name": "web", "to_version": 1}
    before = {"a.json": {"templates": [chosen]}, "b.json": {"attempts": 3}}

    write_expectations(tmp_path / "file", before, GOT)

    assert read_expectations(tmp_path / "file") == {
        "a.json": {"templates": [chosen | {"to_version": 2}]},
        "b.json": {"attempts": 1},
    }


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"{", ":1: not JSON: "),
        (b'\n{"event": "a"}\n[]', ':3: must be an object with "event"'),
        (b'{"result": "handled"}', ':1: must be an object with "event"'),
        (b'{"event": "a", "templates": [7]}', ":1: templates: must be a list of objects with"),
        (b"\xff\xfe{\x00}\x00", ": is UTF-16: save it as UTF-8"),
    ],
)
def test_a_file_of_something_else_is_named(content, line, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(content)

    with pytest.raises(BadExpectations) as refusal:
        read_expectations(file)

    assert str(refusal.value).startswith(f"{file}{line}")


# -- the report ------------------------------------------------------------------------------------


def test_the_report_names_the_event_and_the_difference(tmp_path):
    report = tmp_path / "new" / "junit.xml"
    write_junit(
        report, "suite", [Case("a.json"), Case("b.json", ["web · outcome: x", "reason: y"])]
    )

    root = ET.parse(report).getroot()
    assert root.attrib == {"tests": "2", "failures": "1", "errors": "0"}
    good, bad = root.iter("testcase")
    assert (good.get("name"), len(good), bad.get("name")) == ("a.json", 0, "b.json")
    assert bad[0].get("message") == "web · outcome: x"
    assert bad[0].text == "b.json · web · outcome: x\nb.json · reason: y"


def test_the_report_is_xml_whatever_names_and_values_hold(tmp_path):
    odd = "\x00\x1b]\ufffe\ud800<&\u202e\r\n]]>"
    write_junit(tmp_path / "junit.xml", odd, [Case(odd, [odd])])

    [case] = ET.parse(tmp_path / "junit.xml").iter("testcase")
    escaped = r"\x00\x1b]\ufffe\ud800<&\u202e\r\n]]>"
    assert (case.get("classname"), case.get("name")) == (escaped, escaped)
    assert case[0].get("message") == escaped


# -- the command -----------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path):
    """A folder with everything in it: the events, their world, the expected outcomes."""
    tmp_path.joinpath("world.json").write_text(json.dumps(a_world()))
    tmp_path.joinpath("a.json").write_text(json.dumps(backup_completed()))
    tmp_path.joinpath("b.json").write_text(json.dumps(ami_state()))
    return tmp_path


def replay(project, *options):
    world, file = project / "world.json", project / "outcomes.jsonl"
    return run(project, "--world", world, "--expect", file, *options)


def test_the_first_run_writes_the_file_and_later_ones_compare(project):
    file, report = project / "outcomes.jsonl", project / "junit.xml"

    assert f"{file}: 2 expected outcomes written" in replay(project).stderr
    again = replay(project, "--junit", report)
    assert (again.exit_code, again.stderr.splitlines()[-1]) == (
        0,
        f"{file}: 2 outcomes as expected",
    )
    assert [len(case) for case in ET.parse(report).iter("testcase")] == [0, 0]

    file.write_text(file.read_text().replace('"promoted"', '"kept"'))
    line = "web · outcome: expected kept, got promoted"
    differing = replay(project, "--junit", report)
    assert differing.exit_code == 1
    assert differing.stdout.splitlines()[-1] == f"a.json · {line}"
    assert f"{file}: 1 difference; --update writes" in differing.stderr
    assert [c.get("message") for c in ET.parse(report).iter("failure")] == [line]

    as_json = replay(project, "--json")
    assert [json.loads(row)["result"] for row in as_json.stdout.splitlines()] == ["handled"] * 2
    assert f"a.json · {line}" in as_json.stderr

    assert replay(project, "--update").exit_code == 0
    assert '"promoted"' in file.read_text()


def test_a_dead_letter_may_be_expected_and_an_unmatched_event_is_not_if_strict(project):
    project.joinpath("a.json").write_text(json.dumps(backup_completed(NO_IMAGE)))
    project.joinpath("b.json").write_text(json.dumps(ami_state() | {"source": "aws.s3"}))
    assert replay(project).exit_code == 0

    done = replay(project, "--strict")

    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1] == "b.json · --strict: no rule selects it"
    assert "a.json · " not in done.stdout


def test_the_report_of_a_replay_without_expectations_names_what_failed(project):
    report = project / "junit.xml"
    project.joinpath("a.json").write_text(json.dumps(backup_completed(NO_IMAGE)))

    done = run(project, "--world", project / "world.json", "--junit", report)

    assert done.exit_code == 1
    [bad, good] = ET.parse(report).iter("testcase")
    assert (bad.get("name"), good.get("name"), len(good)) == ("a.json", "b.json", 0)
    assert bad[0].get("message").startswith("failed: ")


@pytest.mark.parametrize("options", [(), ("--update",)])
def test_a_file_of_something_else_stops_before_anything_runs(project, options):
    file = project / "outcomes.jsonl"
    file.write_text("{}")

    done = replay(project, *options)

    assert (done.exit_code, done.stdout, file.read_text()) == (2, "", "{}")
    assert 'outcomes.jsonl:1: must be an object with "event"' in done.stderr


def test_update_without_a_file_is_refused(project):
    done = run(project / "a.json", "--update")

    assert (done.exit_code, done.stdout) == (2, "")
    assert "--update needs --expect FILE" in done.stderr
