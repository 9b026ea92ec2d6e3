"""What people type without thinking, because the other tools of their day have it."""

import json
import os
import re
import subprocess
import sys
from urllib import request

import pytest

from tests.support import command
from tests.support.builders import NEW, a_world, backup_completed
from tests.support.paths import ROOT

DEMO = ROOT / "infra" / "stories" / "nightly" / "world.json"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-to-be-shown"}
NOWHERE = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "COLUMNS": "200",
}


@pytest.fixture(scope="module")
def aws():
    """The environment of a shell that talks to `ami-reactor local`, but for the Region."""
    with command.serving(DEMO) as url:
        yield {**NOWHERE, **KEYS, "AWS_ENDPOINT_URL": url}


def run(*arguments, environment, **how):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "AMI_REACTOR_"))}
    return command.run(*arguments, environment=kept | environment, **how)


def test_h_is_help_at_every_level():
    for arguments in ((), ("status",), ("dlq",), ("dlq", "list")):
        short = run(*arguments, "-h", environment=NOWHERE)
        long = run(*arguments, "--help", environment=NOWHERE)

        assert (short.returncode, short.stdout) == (0, long.stdout)
        assert b"Usage: ami-reactor" in short.stdout


def test_the_region_is_read_from_where_other_sdks_read_it(aws):
    done = run("status", environment={**aws, "AWS_REGION": "ap-northeast-2"})

    assert done.returncode == 0, done.stderr
    assert b"Region ap-northeast-2" in done.stdout


def test_the_region_that_is_typed_is_the_one(aws):
    environment = {**aws, "AWS_REGION": "eu-west-1", "AMI_REACTOR_REGION": "eu-central-1"}

    done = run("status", "--region", "ap-northeast-2", environment=environment)

    assert b"Region ap-northeast-2" in done.stdout


def test_no_region_at_all_names_each_place_where_it_may_be():
    done = run("status", environment={**NOWHERE, **KEYS})

    assert done.returncode == 2
    for name in (b"--region", b"AWS_REGION", b"AWS_DEFAULT_REGION"):
        assert name in done.stderr


def test_what_is_typed_again_and_again_may_be_a_variable(aws):
    environment = {**aws, "AMI_REACTOR_REGION": "ap-northeast-2", "AMI_REACTOR_STACK": "another"}

    done = run("doctor", environment=environment)

    assert b"another" in done.stdout
    profile = {**NOWHERE, "AMI_REACTOR_PROFILE": "not-there", "AMI_REACTOR_REGION": "eu-west-1"}
    assert b"not-there" in run("status", environment=profile).stderr


def test_debug_shows_each_call_with_its_duration_and_nothing_of_it(aws):
    environment = {**aws, "AWS_REGION": "ap-northeast-2"}

    done = run("--debug", "explain", "web", environment=environment)

    shown = done.stderr.decode()
    calls = [line for line in shown.splitlines() if line.startswith("debug: ")]
    assert {line.split(":")[1] for line in calls} >= {
        " sts GetCallerIdentity",
        " ec2 DescribeLaunchTemplates",
        " autoscaling DescribeAutoScalingGroups",
    }
    assert all(re.fullmatch(r"debug: [a-z0-9]+ \w+: 200 in \d+\.\d{3} s", line) for line in calls)
    assert not re.search("AKIAEXAMPLE|not-to-be-shown|lt-0123456789abcdef0|ami-0", shown)
    assert b"debug: " not in run("explain", "web", environment=environment).stderr


def test_a_call_without_an_answer_is_shown_too():
    environment = {**NOWHERE, **KEYS, "AWS_REGION": "eu-west-1", "AWS_MAX_ATTEMPTS": "1"}

    done = run("--debug", "status", environment=environment)

    assert b"debug: sts GetCallerIdentity: no answer in " in done.stderr


SSO = """
[profile prod]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-west-1
sso_account_id = 111122223333
sso_role_name = admin
region = eu-west-1
"""


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [(("--profile", "prod"), {}), ((), {"AWS_PROFILE": "prod"})],
)
def test_a_login_that_is_missing_says_the_command_that_helps(tmp_path, arguments, variables):
    config = tmp_path / "config"
    config.write_text(SSO)
    environment = {**NOWHERE, "AWS_CONFIG_FILE": str(config), "HOME": str(tmp_path), **variables}

    done = run("status", *arguments, environment=environment)

    assert done.returncode == 1
    assert b"aws sso login --profile prod" in done.stderr


def test_credentials_that_have_expired_say_the_command_that_helps(aws):
    with command.serving(DEMO) as url:
        environment = {**aws, "AWS_REGION": "ap-northeast-2", "AWS_ENDPOINT_URL": url}
        fault = {"operation": "GetCallerIdentity", "code": "ExpiredToken"}
        request.urlopen(f"{url}/reactor/faults", json.dumps(fault).encode(), timeout=10).close()

        done = run("status", environment=environment)

    assert done.returncode == 1
    assert b"expired: aws sso login, or assume the role again" in done.stderr


def test_events_come_from_standard_input(tmp_path):
    events = tmp_path / "events.jsonl"
    world = tmp_path / "world.json"
    events.write_text(json.dumps(backup_completed()) + "\n")
    world.write_text(json.dumps(a_world()))
    with events.open("rb") as stdin:
        done = run(
            *("replay", "-", "--world", str(world), "--json"),
            environment=NOWHERE,
            stdin=stdin.fileno(),
        )

    assert done.returncode == 0, done.stderr
    [line] = map(json.loads, done.stdout.splitlines())
    assert [one["to_image"] for one in line["templates"]] == [NEW]


MODULES = """
import sys
from ami_reactor import main
sys.argv[0] = "ami-reactor"
try:
    main()
finally:
    print(sorted({"moto", "flask", "werkzeug"} & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize("verb", [["status"], ["dlq", "list", "--poll", "0"]], ids=" ".join)
def test_an_operators_verb_imports_no_moto_and_no_web_server(aws, verb):
    done = subprocess.run(
        [sys.executable, "-c", MODULES, *verb],
        env={**os.environ, **aws, "AWS_REGION": "ap-northeast-2"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "[]"), done.stderr
