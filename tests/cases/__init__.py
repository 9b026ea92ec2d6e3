"""Public bug reports as inputs: a folder each, with worlds, events and AWS CLI steps.

`test_NN_*.py` beside a folder says what AWS's facts or the manual demand of it.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from infra.cli import app
from infra.embedded.stage import stage
from infra.embedded.world.file import read_world
from tests.support.builders import REGION
from tests.support.command import run, serving
from tests.support.launching import refusals_at_the_end

HERE = Path(__file__).parent


class Answer(NamedTuple):
    """What a command printed, and its exit status."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self):
        return json.loads(self.stdout)

    @property
    def lines(self):
        """Each line of JSON Lines."""
        return [json.loads(line) for line in self.stdout.splitlines()]


def replayed(case, event="event.json", world="world.json", *options, launches=True):
    """The answer of `ami-reactor replay --json` about files of a case's folder.

    Whatever it promoted must launch in the world that the replay leaves behind; a test says
    False, and why, if its world cannot.
    """
    files = [str(HERE / case / event), "--world", str(HERE / case / world)]
    with TemporaryDirectory() as folder:
        after = Path(folder) / "after.json"
        asked = ["replay", *files, "--json", "--world-out", str(after), *options]
        result = CliRunner().invoke(app, asked)
        error = result.exception
        assert error is None or isinstance(error, SystemExit), error
        if launches and '"outcome":"promoted"' in result.stdout.replace(" ", ""):
            refused = not_launching(after)
            assert refused == {}, refused
    return Answer(result.exit_code, result.stdout, result.stderr)


def not_launching(world):
    """Of the templates that the reactor moved last in that world, those that do not launch."""
    with stage(read_world(world.read_text(), world.name)) as staged:
        return refusals_at_the_end(staged)


def steps_of(case, steps="steps.json", world="world.json"):
    """The answers, by name, of a case's steps: one server, and a process for each step."""
    with served(HERE / case / world) as ask:
        return {
            step["name"]: ask(*(("aws", *step["aws"]) if "aws" in step else _verb(step)))
            for step in json.loads((HERE / case / steps).read_text())
        }


def _verb(step):
    return ("ami-reactor", *step["ami-reactor"])


@contextmanager
def served(world) -> Iterator:
    """`ami-reactor local` on that world; yields what runs `aws` or `ami-reactor` against it."""
    aws = shutil.which("aws", path=str(Path(sys.executable).parent))
    if aws is None:
        pytest.skip("the AWS CLI is not installed: pip install awscli")
    with serving(world) as url:
        environment = {
            "PATH": os.environ["PATH"],
            "COLUMNS": "80",
            "AWS_ENDPOINT_URL": url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_OUTPUT": "json",
            "AWS_MAX_ATTEMPTS": "1",
        }

        def ask(program, *arguments):
            if program == "aws":
                done = subprocess.run(
                    [aws, *arguments], env=environment, capture_output=True, check=False
                )
            else:
                done = run(*arguments, environment=environment)
            return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())

        yield ask
