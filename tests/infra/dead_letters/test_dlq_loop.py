"""The documented loop, by hand: from a fault to an empty queue, on `ami-reactor local`."""

import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import boto3
import pytest

from tests.support.builders import REGION, a_world, backup_completed
from tests.support.command import Command, run, serving
from tests.support.messages import throttled
from tests.support.paths import ROOT

SESSION = Path(__file__).with_name("dead_letters.console")
PROGRAMS = Path(sys.executable).parent
DEADLINE_SECONDS = 60
MESSAGES = 5
VARYING = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d-\d{6}"), "TIME"),
)


@pytest.fixture
def local(tmp_path):
    """Serve a world; the environment of its clients."""
    with ExitStack() as servers:
        yield lambda world: {
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "COLUMNS": "80",
            "AWS_ENDPOINT_URL": servers.enter_context(serving(world)),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }


def steps():
    """Each command of the session, with what it prints; `> ` goes on with a command."""
    for step in f"\n{SESSION.read_text()}".split("\n$ ")[1:]:
        lines = step.splitlines()
        count = 1 + sum(line.startswith("> ") for line in lines)
        command = [lines[0], *(line.removeprefix("> ") for line in lines[1:count])]
        yield "\n".join(command), "\n".join(lines[count:])


def comparable(text):
    for pattern, instead in VARYING:
        text = pattern.sub(instead, text)
    return [line.rstrip() for line in text.splitlines() if line.strip()]


@pytest.mark.skipif(not (PROGRAMS / "aws").exists(), reason="pip install awscli")
@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_loop_prints_what_is_documented(local, tmp_path):
    environment = local(ROOT / "infra" / "stories" / "nightly" / "world.json")

    for command, shown in steps():
        with (tmp_path / "printed").open("w+") as printed:
            status = typed(command, environment, tmp_path, printed.fileno())
            printed.seek(0)
            assert comparable(printed.read()) == comparable(shown), command
        assert status == 0, command


def typed(command, environment, folder, printed):
    """Run one line of the session, both streams into one file; its exit status."""
    if command.startswith("ami-reactor "):
        return Command(
            *shlex.split(command)[1:],
            stdin=printed,
            stdout=printed,
            stderr=printed,
            environment=environment,
            folder=folder,
        ).wait()
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdout=printed,
        stderr=printed,
        timeout=DEADLINE_SECONDS,
        check=False,
    ).returncode


def test_the_manual_shows_the_loop():
    assert SESSION.read_text() in (ROOT / "infra" / "dead_letters" / "README.md").read_text()


def test_a_process_that_is_interrupted_leaves_every_message_that_was_not_accepted(local, tmp_path):
    messages = [throttled(backup_completed() | {"id": f"event-{n}"}) for n in range(MESSAGES)]
    world = tmp_path / "world.json"
    world.write_text(json.dumps(a_world(DeadLetters=messages)))
    environment = local(world)
    # ten seconds between two messages: the signal comes in time, however busy the machine is
    redrive = ("dlq", "redrive", "--all", "--yes", "--rate", "0.1")
    reading, writing = os.pipe()

    with os.fdopen(reading, encoding="utf-8") as printed, (tmp_path / "said").open("w+") as said:
        process = Command(
            *redrive,
            stdin=said.fileno(),
            stdout=writing,
            stderr=said.fileno(),
            environment=environment,
        )
        os.close(writing)
        first = printed.readline()
        process.send(signal.SIGINT)
        status, rest = process.wait(), printed.read()
        said.seek(0)
        errors = said.read()

    redriven = set(re.findall(r"^redriven (\S{36})", first + rest, re.MULTILINE))
    assert status == 1
    assert "interrupted" in rest
    assert "Traceback" not in errors
    assert 0 < len(redriven) < MESSAGES
    assert visible(environment) == MESSAGES - len(redriven)


def test_json_reaches_the_pipe_though_stderr_is_a_terminal(local, tmp_path):
    world = tmp_path / "world.json"
    world.write_text(json.dumps(a_world(DeadLetters=[throttled()])))
    environment = local(world)
    watched, terminal = pty.openpty()

    # the bar is drawn ten times a second: the process must not be as fast as one that is forked
    done = subprocess.run(
        [sys.executable, "-m", "infra.cli", "dlq", "list", "--json"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=terminal,
        timeout=DEADLINE_SECONDS,
        check=True,
    )

    os.close(terminal)
    assert json.loads(done.stdout)["verdict"] == "replayable"
    assert b"reading" in os.read(watched, 10_000)


@pytest.mark.parametrize(("answer", "left", "status"), [("y", 0, 0), ("n", 1, 1)])
def test_messages_are_deleted_once_a_person_has_said_yes(local, tmp_path, answer, left, status):
    world = tmp_path / "world.json"
    world.write_text(json.dumps(a_world(DeadLetters=[throttled()])))
    environment = local(world)
    listed = run("dlq", "list", "--json", environment=environment).stdout
    keyboard, terminal = pty.openpty()
    os.write(keyboard, f"{answer}\n".encode())

    drop = ("dlq", "drop", json.loads(listed)["message_id"], "--to", f"{tmp_path}/dropped.jsonl")
    done = run(*drop, environment=environment, stdin=terminal)

    assert f"Region {REGION}\nDelete 1 message? [y/N]" in done.stderr.decode()
    assert (done.returncode, visible(environment)) == (status, left)
    assert (tmp_path / "dropped.jsonl").exists() == (answer == "y")


def visible(environment):
    sqs = boto3.client(
        "sqs",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    [url] = sqs.list_queues()["QueueUrls"]
    name = "ApproximateNumberOfMessages"
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])
