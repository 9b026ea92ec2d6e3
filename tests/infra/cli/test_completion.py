"""What a shell offers: verbs, flags, names and ids from the account; silent on failure."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.cli import app
from tests.support.builders import (
    OTHER_TEMPLATE,
    REGION,
    TEMPLATE,
    a_template,
    a_version,
    a_world,
)
from tests.support.fleets import requests
from tests.support.messages import Queue, a_message, throttled

BASH = shutil.which("bash")
NO_ACCOUNT = {
    "AWS_ACCESS_KEY_ID": None,
    "AWS_SECRET_ACCESS_KEY": None,
    "AWS_PROFILE": None,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_DEFAULT_REGION": REGION,
}


def completed(*words, shell="bash", **environment):
    """What the shell is given for the last word."""
    line = " ".join(("ami-reactor", *words))
    asked = {
        "_AMI_REACTOR_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "\n".join(("ami-reactor", *words)),
        "COMP_CWORD": str(len(words)),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        **environment,
    }
    result = CliRunner().invoke(app, [], env=asked, prog_name="ami-reactor", input="123456\n")
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def offered(*words, **environment):
    return completed(*words, **environment).split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["re"], ["replay", "record", "report", "reconcile", "resume"]),
        (["dlq", ""], ["list", "show", "redrive", "save", "drop"]),
        (["status", "--js"], ["--json"]),
        (["dlq", "drop", "--qu"], ["--queue-url"]),
        (["dlq", "show", "--la"], ["--latest"]),
        (["dlq", "redrive", "--wa"], ["--wait"]),
        (["dlq", "list", "--wa"], []),
        (["report", "--h"], ["--html", "--help"]),
        (["dlq", "redrive", "--all", "--verdict", "o"], ["obsolete"]),
        (["nothing", "x"], []),
    ],
    ids=" ".join,
)
def test_verbs_flags_and_choices_are_offered(words, expected):
    assert offered(*words) == expected


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_told_what_a_verb_does_too(shell):
    shown = completed("unq", shell=shell)

    assert "unquarantine" in shown
    assert "Lift the quarantine of an image" in shown


@pytest.mark.parametrize("verb", ["hold", "resume", "rollback", "follow", "explain", "history"])
def test_the_names_of_templates_are_offered(account_with, verb):
    account_with(
        a_world(
            templates=[
                a_template(),
                a_template(OTHER_TEMPLATE, "worker"),
                a_template("lt-0aaaaaaaaaaaaaaaa", "wiki", tags={}),
            ],
            versions=[
                a_version(template_id=id_)
                for id_ in (TEMPLATE, OTHER_TEMPLATE, "lt-0aaaaaaaaaaaaaaaa")
            ],
        )
    )

    assert sorted(offered(verb, "")) == ["web", "worker"]  # those that opted in
    assert sorted(offered(verb, "w")) == ["web", "wiki", "worker"]
    assert offered(verb, "wo") == ["worker"]
    assert offered(verb, "lt-01") == [TEMPLATE]
    assert offered(verb, "x") == []


def test_names_are_offered_after_the_options_that_say_where(account_with):
    account_with(a_world())

    assert offered("hold", "--region", "eu-west-1", "w") == []
    assert offered("hold", "--region", REGION, "w") == ["web"]
    assert offered("hold", "w", AMI_REACTOR_REGION="eu-west-1") == []
    assert offered("hold", "--reason", '""', "w") == ["web"]


@pytest.mark.parametrize("verb", ["show", "redrive", "save", "drop"])
def test_the_ids_of_messages_are_offered_and_stay_visible(stage_with, verb, monkeypatch):
    queue = Queue(stage_with(a_world()))
    ids = queue.put(throttled(), *(a_message(f"no json {n}") for n in range(4)))
    asked = requests(monkeypatch)

    assert sorted(offered("dlq", verb, "")) == sorted(ids)
    assert offered("dlq", verb, ids[0][:8]) == [ids[0]]
    assert offered("dlq", verb, "--queue-url", queue.url, ids[0][:8]) == [ids[0]]
    assert offered("dlq", verb, "--stack", "another", ids[0][:8]) == []
    assert queue.depth() == (5, 0)
    assert "DeleteMessage" not in asked


WORDS = [["hold", "w"], ["dlq", "show", "1"], ["record", "--template", "w"]]


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_nothing_is_offered_or_said_without_credentials(words):
    assert completed(*words, **NO_ACCOUNT).strip() == ""


def test_nothing_is_offered_or_said_with_a_profile_that_is_not_there():
    assert completed("hold", "--profile", "nobody", "w", **NO_ACCOUNT).strip() == ""


@pytest.mark.filterwarnings("ignore::getpass.GetPassWarning")
def test_no_code_is_asked_for(tmp_path):
    config = tmp_path / "config"
    config.write_text(
        "[profile prod]\nrole_arn = arn:aws:iam::111122223333:role/x\nsource_profile = base\n"
        "mfa_serial = arn:aws:iam::111122223333:mfa/x\n"
        "[profile base]\naws_access_key_id = x\naws_secret_access_key = y\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as sts:
        sts.setblocking(False)
        url = f"http://127.0.0.1:{sts.getsockname()[1]}"
        environment = NO_ACCOUNT | {"AWS_CONFIG_FILE": str(config), "AWS_ENDPOINT_URL": url}

        assert completed("hold", "--profile", "prod", "w", **environment).strip() == ""

        with pytest.raises(BlockingIOError):
            sts.accept()  # it would be asked for the role with the code


def test_an_aws_that_does_not_answer_is_not_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = NO_ACCOUNT | {
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
        }
        start = time.monotonic()

        assert completed("hold", "w", **environment).strip() == ""

    assert time.monotonic() - start < 4


def test_a_flag_that_ends_the_program_does_not_while_the_line_is_typed():
    assert offered("--version", "stat") == ["status"]
    assert offered("hold", "--reason", '""', "web", "--y") == ["--yes"]


IN_BASH = """
eval "$(_AMI_REACTOR_COMPLETE=source_bash "$0")"
COMP_WORDS=("$0" dlq re) COMP_CWORD=2
_ami_reactor_completion "$0"
printf '%s\\n' "${COMPREPLY[@]}"
complete -p ami-reactor
"""


@pytest.mark.skipif(BASH is None, reason="bash is not there")
def test_bash_itself_completes_with_the_script_that_is_installed():
    command = Path(sys.executable).parent / "ami-reactor"

    done = subprocess.run(
        [BASH, "--norc", "-c", IN_BASH, command], capture_output=True, text=True, check=True
    )

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "redrive",
        "complete -o default -F _ami_reactor_completion ami-reactor",
    ]
