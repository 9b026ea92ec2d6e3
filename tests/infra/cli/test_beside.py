"""`ami-reactor local -- COMMAND`: a program's tests, beside the embedded AWS."""

import json
import os
import signal
import sys
import time

import pytest

from infra.cli.beside import environment_for
from tests.support import command
from tests.support.builders import OLD, REGION, a_world

URL = "http://127.0.0.1:1"
ASKS = """
import boto3, json, os
images = boto3.client("ec2").describe_images(Owners=["self"])["Images"]
templates = boto3.client("ec2").describe_launch_template_versions(
    LaunchTemplateName="web", Versions=["$Default"])["LaunchTemplateVersions"]
print(json.dumps([templates[0]["LaunchTemplateData"]["ImageId"], os.environ["AWS_REGION"]]))
raise SystemExit(7)
"""


def run(*arguments, **variables):
    environment = {"PATH": os.environ["PATH"], **variables}
    return command.run("local", *arguments, environment=environment)


def test_the_program_talks_to_the_world_and_its_status_is_the_commands(tmp_path):
    (tmp_path / "world.json").write_text(json.dumps(a_world()))

    done = run(
        *("--world", str(tmp_path / "world.json"), "--", sys.executable, "-c", ASKS),
        AWS_PROFILE="production",
        AWS_ENDPOINT_URL_EC2="https://ec2.example.com",
    )

    assert done.returncode == 7, done.stderr
    assert json.loads(done.stdout) == [OLD, REGION]
    assert done.stderr == b""


def test_nothing_that_leads_elsewhere_is_left_in_the_environment():
    before = {
        "HOME": "/home/jane",
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "x",
        "AWS_ENDPOINT_URL_EC2": "https://ec2.example.com",
        "AMI_REACTOR_PROFILE": "production",
        "AMI_REACTOR_STACK": "other",
        "AWS_DEFAULT_REGION": "us-east-1",
    }

    assert environment_for(URL, REGION, before) == {
        "HOME": "/home/jane",
        "AWS_ENDPOINT_URL": URL,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }


@pytest.mark.parametrize(
    ("program", "status", "told"),
    [
        ("no-such-program", 127, b"ami-reactor: no-such-program: No such file or directory\n"),
        ("/", 126, b"ami-reactor: /: Permission denied\n"),
    ],
)
def test_a_program_that_cannot_be_started_is_one_line(program, status, told):
    done = run("--", program)

    assert (done.returncode, done.stdout, done.stderr) == (status, b"", told)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_passed_on_to_the_program(tmp_path, number):
    ready = tmp_path / "ready"
    program = (
        "import pathlib, signal, sys, time\n"
        f"signal.signal({int(number)}, lambda *_: sys.exit(9))\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "time.sleep(60)\n"
    )
    with open(os.devnull, "r+b") as nothing:  # noqa: PTH123
        process = command.Command(
            *("local", "--", sys.executable, "-c", program),
            stdin=nothing.fileno(),
            stdout=nothing.fileno(),
            stderr=nothing.fileno(),
            environment={"PATH": os.environ["PATH"]},
        )
    started = time.monotonic()
    while not ready.exists():
        assert time.monotonic() - started < 60
        time.sleep(0.02)

    process.send(number)

    assert process.wait() == 9
