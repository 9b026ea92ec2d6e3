"""What the README shows is what happens."""

import re

import pytest
from typer.testing import CliRunner

from infra.cli import app
from models.decision import Reason, Skip
from models.events import Ignored
from models.outcome import Result
from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text()
CI = (ROOT / ".ci" / "run").read_text()
INSTANCE_ID = re.compile(r"(?<![a-z])i-[0-9a-f]{17}")


def test_the_first_run_prints_what_the_readme_shows():
    shown = README.split("$ pip install -e . && ami-reactor replay\n")[1].split("```")[0]

    printed = CliRunner().invoke(app, ["replay"]).stdout

    assert _comparable(printed) == _comparable(shown)


def _comparable(text):
    """Without what differs each time: the id of the launched instance, blanks at a line's end."""
    return [INSTANCE_ID.sub("i-", line.rstrip()) for line in text.strip().splitlines()]


@pytest.mark.parametrize("word", [*Reason, *Skip, *Ignored, *Result])
def test_every_reason_and_result_is_explained(word):
    assert f"`{word.value}`" in README


def test_ci_runs_the_readmes_test_command():
    assert "pip install -e '.[dev]' && pytest -n auto\n" in README
    assert "pip install --quiet -e '.[dev]'\npytest -n auto\n" in CI


def test_every_verb_is_in_the_readme():
    verbs = [command.name or command.callback.__name__ for command in app.registered_commands]

    assert [verb for verb in verbs if f"ami-reactor {verb}" not in README] == []


def test_the_readme_shows_the_loop_that_a_test_runs():
    assert (ROOT / "tests" / "dead_letters.console").read_text().strip() in README
