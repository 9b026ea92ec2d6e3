"""Whatever goes wrong is said in one line: the command in a process of its own."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.support import command
from tests.support.builders import a_world
from tests.support.paths import TESTS

COMMAND = shutil.which("ami-reactor", path=str(Path(sys.executable).parent)) or "ami-reactor"
EVENT = str(TESTS / "events" / "ami_available.json")
DEADLINE_SECONDS = 60
ONLINE = {
    "AWS_DEFAULT_REGION": "ap-northeast-2",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def run(*arguments, environment=None, cwd=None):
    """Run a command that is about its arguments and its environment."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    return command.run(
        *arguments,
        environment=kept | {"AWS_CONFIG_FILE": os.devnull} | (environment or {}),
        folder=cwd,
    )


def run_installed(*arguments, environment=None, **how):
    """Run a command that is about how its process starts or ends."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    return subprocess.run(
        [COMMAND, *arguments],
        env=kept | {"AWS_CONFIG_FILE": os.devnull} | (environment or {}),
        stdin=subprocess.DEVNULL,
        timeout=DEADLINE_SECONDS,
        check=False,
        **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | how),
    )


def one_line(done):
    """What it said, if that is one line of ours without a raw escape."""
    said = done.stderr.decode()
    assert "Traceback" not in said
    assert said.startswith("ami-reactor: ")
    assert said.count("\n") == 1
    assert said.removesuffix("\n").isprintable()
    return said


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii", "euc-kr"])
def test_an_output_that_has_not_our_characters_gets_plain_ones(encoding):
    done = run_installed("replay", environment={"PYTHONIOENCODING": encoding})

    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    printed = done.stdout.decode(encoding)
    arrow = "→" if encoding == "euc-kr" else ">"
    assert f"version 1 {arrow} 2" in printed


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"AWS_ENDPOINT_URL": "127.0.0.1:5000"}, "Invalid endpoint: 127.0.0.1:5000"),
        ({"AWS_ENDPOINT_URL": "garbage"}, "garbage"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:99999"}, "Port out of range"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:x"}, "Port"),
        ({"AWS_ENDPOINT_URL": "http://\x7f"}, "endpoint"),
        ({"AWS_ENDPOINT_URL_STS": "garbage"}, "garbage"),
        ({"AWS_CA_BUNDLE": "/nowhere", "AWS_ENDPOINT_URL": "https://127.0.0.1:9"}, ""),
        ({"AWS_MAX_ATTEMPTS": "x"}, ""),
        ({"AWS_RETRY_MODE": "x"}, ""),
        ({"AWS_DEFAULT_REGION": "no region/"}, "no region"),
        ({"AWS_PROFILE": "nobody"}, "nobody"),
    ],
)
def test_settings_that_make_no_sense_are_one_line(settings, said):
    done = run("status", environment=ONLINE | settings)

    assert done.returncode in {1, 2}
    assert said in one_line(done)


class _NotAws(BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(403)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_an_answer_that_is_not_of_aws_is_one_line():
    with ThreadingHTTPServer(("127.0.0.1", 0), _NotAws) as proxy:
        Thread(target=proxy.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{proxy.server_port}"
        done = run("status", environment=ONLINE | {"AWS_ENDPOINT_URL": url})
        proxy.shutdown()

    assert done.returncode == 1
    assert "A proxy or AWS_ENDPOINT_URL may lead elsewhere" in one_line(done)


@pytest.mark.parametrize(
    ("process", "said"),
    [
        ("aws-vault-that-is-not-there exec", "aws-vault-that-is-not-there"),
        ("echo no json", "must be JSON"),
        ("echo", "must be JSON"),
        ("echo []", "another shape"),
        ("echo null", "another shape"),
        ("echo {}", "Version"),
        ("false", ""),
        ('echo {"Version":1}', ""),
        ("'", ""),
    ],
)
def test_a_credential_process_that_fails_is_one_line(tmp_path, process, said):
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {process}\n")
    settings = {k: v for k, v in ONLINE.items() if "KEY" not in k}

    done = run("status", environment=settings | {"AWS_CONFIG_FILE": str(config)})

    assert done.returncode in {1, 2}
    assert said in one_line(done)


def test_a_token_file_that_is_not_there_is_one_line():
    settings = {k: v for k, v in ONLINE.items() if "KEY" not in k} | {
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token",
        "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/x",
    }

    assert "/nowhere/token" in one_line(run("status", environment=settings))


def test_a_profile_that_is_not_there_does_not_matter_offline():
    done = run_installed("replay", environment={"AWS_PROFILE": "not-there"})

    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)


@pytest.mark.parametrize("arguments", [["replay"], ["replay", "--json"], ["--help"], ["--version"]])
def test_a_full_disk_is_one_line(arguments):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = run_installed(*arguments, stdout=full)

    assert done.returncode == 1
    if "--json" in arguments:
        assert json.loads(done.stderr) == {
            "error": "the output: No space left on device",
            "verb": "replay",
            "status": 1,
        }
    else:
        assert "No space left on device" in one_line(done)


@pytest.mark.parametrize(
    ("arguments", "stream"),
    [
        (["replay", "--json"], "stdout"),
        (["replay"], "stdout"),
        (["--help"], "stdout"),
        (["replay", "none.json", "--json"], "stderr"),
        (["hold"], "stderr"),
        (["\x1b"], "stderr"),
    ],
)
def test_a_reader_that_goes_away_is_no_failure(arguments, stream):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run_installed(*arguments, **{stream: writing})
    finally:
        os.close(writing)

    assert (done.returncode, done.stdout or b"", done.stderr or b"") == (141, b"", b"")


@pytest.mark.parametrize("closed", [1, 2])
def test_an_output_that_is_closed_is_none(closed):
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" replay --json {closed}>&-', COMMAND],
        capture_output=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )

    assert b"Traceback" not in done.stderr
    assert done.returncode == 0


LINES_OF_OURS = re.compile(rb'File "[^"]*/(?:infra|handlers|models)/[^"]*", line .*\n +(.*)')


@pytest.mark.parametrize("delay", [0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.2])
@pytest.mark.parametrize("verb", [["replay"], ["status"]])
def test_an_interrupt_is_no_traceback_at_any_moment(verb, delay):
    environment = {**os.environ, **ONLINE}
    with subprocess.Popen(
        [COMMAND, *verb],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # a suite that a shell runs in the background ignores ^C, and so would all that it starts
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=DEADLINE_SECONDS)

    if b"Fatal Python error: init_import_site" in said:
        return  # Python itself was still starting: none of the project's lines had run
    if b"Traceback" in said and set(LINES_OF_OURS.findall(said)) <= {b"import signal"}:
        return  # nor any that could have said what ^C does
    assert b"Traceback" not in said
    assert b"KeyboardInterrupt" not in said
    assert process.returncode in {130, -signal.SIGINT, 0, 1}


@pytest.mark.parametrize("argument", ["\x1b[2J\x1b]0;x\x07.json", "a\x9bb", "\u202egnp.exe"])
@pytest.mark.parametrize("verb", [[], ["replay"], ["follow", "web", "--image-tag"], ["status"]])
def test_no_argument_reaches_the_terminal_raw(verb, argument):
    done = run(*verb, argument)

    assert done.returncode == 2
    assert "control characters" in one_line(done)


def test_no_name_of_a_file_reaches_the_terminal_raw(tmp_path):
    (tmp_path / "\x1b[2J\x1b]0;x\x07.json").write_text("no json")

    done = run("replay", str(tmp_path))

    assert done.returncode == 2
    assert "\\x1b[2J" in one_line(done)


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "x" * 300],
        ["replay", EVENT, "--world", "x" * 300],
        ["replay", EVENT, "--world-out", "x" * 300],
        ["replay", EVENT, "--world-out", f"{'x' * 300}/y"],
        ["record", "--to", "x" * 300],
        ["history", "web", "--svg", "x" * 300],
        ["package", "--to", "x" * 300],
    ],
)
def test_a_name_that_is_too_long_is_one_line(arguments, tmp_path):
    done = run(*arguments, cwd=tmp_path, environment=ONLINE)

    assert (done.returncode, done.stdout) == (2, b"")
    assert "File name too long" in one_line(done)


@pytest.mark.parametrize("length", [244, 255])
def test_a_name_may_be_as_long_as_a_name_may_be(tmp_path, length):
    done = run("replay", EVENT, "--world-out", "x" * length, "--json", cwd=tmp_path)

    assert "Traceback" not in done.stderr.decode()
    assert json.loads((tmp_path / ("x" * length)).read_text())["Account"]


@pytest.fixture
def odd(tmp_path):
    """What a name may lead to that is no file."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    (tmp_path / "dangling").symlink_to(tmp_path / "not-yet")
    (tmp_path / "file").write_text("mine")
    return tmp_path


WRITERS = [
    ["record", "--to"],
    ["replay", EVENT, "--world-out"],
    ["history", "web", "--svg"],
    ["package", "--to"],
]


@pytest.mark.parametrize("writer", WRITERS, ids=lambda w: w[0])
@pytest.mark.parametrize("name", ["pipe", "folder", "link", "dangling", "/dev/null", "/dev/stdout"])
@pytest.mark.parametrize("force", [[], ["--force"]], ids=["", "force"])
def test_nothing_but_a_file_is_ever_replaced(odd, writer, name, force):
    done = run(*writer, name, *force, cwd=odd, environment=ONLINE)

    assert (done.returncode, done.stdout) == (2, b"")
    assert "name a file" in one_line(done)
    assert (odd / "victim").read_text() == "mine"
    assert not (odd / "not-yet").exists()
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize("writer", WRITERS, ids=lambda w: w[0])
def test_no_file_is_replaced_without_a_word(odd, writer):
    done = run(*writer, "file", cwd=odd, environment=ONLINE)

    assert (done.returncode, done.stdout) == (2, b"")
    assert "file: exists already: name another file, or pass --force" in one_line(done)
    assert (odd / "file").read_text() == "mine"
    assert not list(odd.glob(".*"))


def test_a_file_is_replaced_on_demand_and_is_its_owners_alone(odd):
    done = run("replay", EVENT, "--world-out", "file", "--force", "--json", cwd=odd)

    assert b"Traceback" not in done.stderr
    assert json.loads((odd / "file").read_text())["Account"]
    assert stat.S_IMODE((odd / "file").stat().st_mode) == 0o600
    assert not list(odd.glob(".*"))


def test_a_link_that_was_planted_is_not_followed(odd):
    """Under the name that an unfinished file had once."""
    (odd / ".w.json.unfinished").symlink_to(odd / "victim")

    run("replay", EVENT, "--world-out", "w.json", cwd=odd)

    assert (odd / "victim").read_text() == "mine"
    assert not (odd / "w.json").is_symlink()


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null"])
@pytest.mark.parametrize("reader", [["replay"], ["replay", EVENT, "--world"], ["local", "--world"]])
def test_a_device_is_not_read(reader, name):
    done = run(*reader, name)

    assert done.returncode == 2
    assert "is a device; name a file" in one_line(done)


def test_a_pipe_is_read_and_one_in_a_folder_is_not(tmp_path):
    world = json.dumps(a_world())
    piped = subprocess.run(
        ["/bin/bash", "-c", f"\"$0\" replay {EVENT} --json --world <(echo '{world}')", COMMAND],
        capture_output=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    os.mkfifo(tmp_path / "a.json")

    assert json.loads(piped.stdout)["event_id"]
    assert "a.json: is not a file" in one_line(run("replay", str(tmp_path)))
