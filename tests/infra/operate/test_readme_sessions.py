"""Operating as people do it: the examples of `--help`, the installed command, the manual."""

import json
import os
import re
import shlex
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.cli import app
from infra.embedded.world.alarm_change import Alarm, write_alarm
from tests.support import command
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    NEW,
    OLD,
    a_template,
    a_version,
    a_world,
    an_image,
)
from tests.support.command import serving
from tests.support.fleets import a_group, run
from tests.support.paths import ROOT

STORIES = ROOT / "infra" / "stories"
VERBS = (
    "status",
    "report",
    "explain",
    "follow",
    "unfollow",
    "reconcile",
    "hold",
    "resume",
    "rollback",
    "quarantine",
    "unquarantine",
    "history",
    "prune",
    "doctor",
    "verify",
)
SECONDS = 60  # until the server listens, or a command has ended


def a_promoted_world() -> dict[str, Any]:
    return a_world(
        an_image(OLD),
        an_image(NEW, 1),
        templates=[a_template(default=2, tags=FOLLOWS_INSTANCE)],
        versions=[a_version(), a_version(NEW, 2, hours=2)],
        AutoScalingGroups=[a_group(instances={"i-0aaaaaaaaaaaaaaa1": "2"})],
    )


# -- the examples of --help ------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_the_example_in_the_help_of_a_verb_runs(stage_with, verb):
    stage_with(a_promoted_world())
    helped = re.sub(r"\s+", " ", run(verb, "--help").stdout)
    [example] = re.findall(r"Example: (ami-reactor .+?) (?:Exit status|╭)", helped)

    ran = run(*shlex.split(example)[1:])

    assert example.startswith(f"ami-reactor {verb}")
    assert ran.status == 0, ran.stderr
    assert ran.stdout


# -- a night ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ami_reactor(tmp_path_factory) -> Iterator[Any]:
    """The command line in processes of its own, pointed at an `ami-reactor local`."""
    world = tmp_path_factory.mktemp("operate") / "world.json"
    world.write_text(json.dumps(a_promoted_world()))
    with serving(world) as url:
        environment = {
            "PATH": os.environ["PATH"],
            "COLUMNS": "160",
            "AWS_ENDPOINT_URL": url,
            "AWS_DEFAULT_REGION": "ap-northeast-2",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }
        yield lambda *arguments: command.run(*arguments, environment=environment)


def test_a_night_with_the_command_line(ami_reactor):
    for arguments, shown in (
        (("status",), f"{NEW}"),
        (("report", "--html", "-"), f'<td class="id">{NEW}</td>'),
        (("hold", "web", "--reason", "panic", "--yes"), "web is held:"),
        (("rollback", "web", "--reason", "panic", "--yes"), f"web launches {OLD} again: version 3"),
        (("explain", "web"), "made the default by a rollback of version 2"),
        (("unquarantine", NEW, "--yes"), f"{NEW} is no longer quarantined"),
        (("resume", "web", "--yes"), "promoted  web version 3 → 4"),
        (("history", "web"), "promoted"),
        (("prune", "web"), "web: nothing to delete"),
        (("reconcile",), "already-current"),
        (("follow", "web", "--image-name", "AwsBackup_i-0b*"), "2 images selected"),
        (("doctor",), "all 7 rules are enabled"),
    ):
        ran = ami_reactor(*arguments)

        assert ran.returncode == 0, ran.stderr
        assert shown in ran.stdout.decode()
        assert b"Traceback" not in ran.stderr


# -- the manual ------------------------------------------------------------------------------------


MANUAL = (ROOT / "infra" / "operate" / "README.md").read_text()
THE_MORNING = "**In the morning: the guard"
"""From here on it is shown in the world of another story."""


def excerpts(text: str) -> tuple[list[str], list[str]]:
    """The verbs of a part of the manual, and what is shown below each."""
    blocks = re.findall(r"```console\n\$ ami-reactor (.+?)\n(.*?)```", text, re.DOTALL)
    found = [(command, shown) for command, shown in blocks if command.split()[0] in VERBS]
    return [command for command, _ in found], [comparable(shown) for _, shown in found]


def printed(commands: list[str]) -> list[str]:
    """What the commands print, one after the other, on the stage at hand."""
    terminal = CliRunner(env={"COLUMNS": "80"})
    return [comparable(terminal.invoke(app, shlex.split(one)).output) for one in commands]


def world_of(story: str) -> dict[str, Any]:
    world: dict[str, Any] = json.loads((STORIES / story / "world.json").read_text())
    return world


def comparable(text: str) -> str:
    """Without what differs each time, or depends on where a line is folded."""
    text = re.sub(r"[\s│├└─]", "", text)
    for pattern in (
        r"\d{4}-\d\d-\d\dT?\d\d:\d\d(:\d\d\.\d+)?Z",
        r"(\d+(days?|h|min)|underaminute)(?=old|,|:|$|made|promoted|rolled)",
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        r"code\S{12}of",
        r"\(event[0-9a-f]{8}\)",
    ):
        text = re.sub(pattern, "~", text)
    return text


def test_the_manual_shows_what_operating_prints(stage_with):
    commands, shown = excerpts(MANUAL.partition(THE_MORNING)[0])
    stage_with(world_of("nightly"))

    assert len(commands) >= 8
    assert printed(commands) == shown


def test_the_manual_shows_the_morning_after_the_guard_moved_a_template_back(stage_with):
    """The night of the story, at today's time: else its hold would look forgotten."""
    commands, shown = excerpts(MANUAL.partition(THE_MORNING)[2])
    staged = stage_with(world_of("guard"))
    [first] = (STORIES / "guard" / "events").glob("01-*.json")
    staged.delivery.deliver(json.loads(first.read_text()))
    write_alarm(Alarm("web-5xx", "ALARM"), staged.place)
    staged.advance(timedelta(minutes=10))
    write_alarm(Alarm("web-5xx", "OK"), staged.place)
    staged.advance(timedelta(minutes=20))

    assert [command.split()[0] for command in commands] == ["status", "unquarantine", "resume"]
    assert printed(commands) == shown
