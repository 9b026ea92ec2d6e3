"""`ami-reactor local`: the embedded AWS as a server, with a real client in another process."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.builders import (
    ACCOUNT,
    INSTANCE,
    NEW,
    OLD,
    OTHER_TEMPLATE,
    REGION,
)
from tests.support.fleets import run
from tests.support.paths import ROOT

COMMAND = [sys.executable, "-m", "infra.cli", "local", "--port", "0"]
DEADLINE_SECONDS = 30


@pytest.fixture(scope="module")
def server():
    """The command as users run it; its URL."""
    world = ROOT / "infra" / "stories" / "nightly" / "world.json"
    with subprocess.Popen(
        [*COMMAND, "--world", str(world)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        said = process.stderr.readline()
        yield said.partition(" on ")[2].split()[0]
        process.terminate()
        _, rest = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 0
    assert "Traceback" not in rest


@pytest.fixture
def aws(server):
    """The real AWS CLI, pointed at the server."""
    program = shutil.which("aws", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("the AWS CLI is not installed: pip install awscli")
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": server,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }

    def run(*arguments):
        done = subprocess.run(
            [program, *arguments, "--output", "json"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    return run


def call(url, method, body=None, path="faults"):
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/reactor/{path}", data=data, method=method)
    with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
        return answer.status, answer.read()


def client(server, service):
    return boto3.client(
        service,
        endpoint_url=server,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def test_what_is_done_with_the_aws_cli_moves_the_templates(aws, server):
    """The whole demo: nobody puts an event, or says anything else to the reactor."""
    ec2 = client(server, "ec2")

    def current_image(template):
        asked = {"LaunchTemplateName": template, "Versions": ["$Default"]}
        [version] = ec2.describe_launch_template_versions(**asked)["LaunchTemplateVersions"]
        return version["LaunchTemplateData"]["ImageId"]

    made = aws("ec2", "create-image", "--instance-id", INSTANCE, "--name", "made")["ImageId"]
    show = ["describe-launch-template-versions", "--versions", "$Default"]
    [version] = aws("ec2", *show, "--launch-template-name", "web")["LaunchTemplateVersions"]
    assert (version["VersionNumber"], version["LaunchTemplateData"]["ImageId"]) == (2, made)
    assert current_image("web-canary") == OLD

    tag = ["--resources", OTHER_TEMPLATE, "--tags", "Key=ami-reactor-state:hold"]
    aws("ec2", "delete-tags", *tag)
    assert current_image("web-canary") == made

    aws("ec2", "deregister-image", "--image-id", made)
    assert current_image("web") == current_image("web-canary") == NEW

    pause = ["--function-name", "ami-reactor", "--reserved-concurrent-executions", "0"]
    aws("lambda", "put-function-concurrency", *pause)
    aws("ec2", "create-image", "--instance-id", INSTANCE, "--name", "while paused")
    assert current_image("web") == NEW
    client(server, "lambda").delete_function_concurrency(FunctionName="ami-reactor")
    queue = client(server, "sqs")
    url = queue.get_queue_url(QueueName="ami-reactor-dead-letters")["QueueUrl"]
    [message] = queue.receive_message(QueueUrl=url)["Messages"]
    context = json.loads(message["Body"])["requestContext"]
    assert context["condition"] == "ZeroReservedConcurrency"

    backup, _ = call(server, "POST", {"instance_id": INSTANCE}, "backups")
    assert backup == 200
    assert current_image("web") == current_image("web-canary") not in {OLD, NEW, made}


def test_the_stack_can_be_asked_where_things_are(server):
    [stack] = client(server, "cloudformation").describe_stacks(StackName="ami-reactor")["Stacks"]

    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert outputs["FunctionName"] == "ami-reactor"
    queue = client(server, "sqs").get_queue_attributes(QueueUrl=outputs["DeadLetterQueueUrl"])
    assert queue["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_queue_is_where_its_url_says_whoever_names_it(server, host):
    """The SDK for JavaScript sends a request about a queue to the host of the queue's URL."""
    asked = server.replace("127.0.0.1", host)
    stacks = client(asked, "cloudformation").describe_stacks(StackName="ami-reactor")["Stacks"]
    listed = client(asked, "cloudformation").list_stack_resources(StackName="ami-reactor")
    queue = f"{asked}/{ACCOUNT}/ami-reactor-dead-letters"

    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}
    ids = {r["LogicalResourceId"]: r for r in listed["StackResourceSummaries"]}
    assert outputs["DeadLetterQueueUrl"] == queue
    assert ids["DeadLetters"]["PhysicalResourceId"] == queue
    assert (
        client(asked, "sqs").get_queue_url(QueueName=queue.rpartition("/")[2])["QueueUrl"] == queue
    )


def test_a_deployment_is_refused_in_one_sentence_that_says_what_there_is(server):
    with pytest.raises(
        ClientError, match=r"`aws cloudformation deploy`.* create-stack`"
    ) as refusal:
        client(server, "cloudformation").create_change_set(
            StackName="ami-reactor", ChangeSetName="deploy", TemplateBody="{}"
        )

    assert refusal.value.response["Error"]["Code"] == "UnsupportedOperation"


def test_injected_errors_dead_letter_an_event_and_can_be_cleared(server):
    fault = {"operation": "DescribeLaunchTemplates", "code": "UnauthorizedOperation", "times": 99}
    assert call(server, "POST", fault)[0] == 204
    assert json.loads(call(server, "GET")[1])[0] == fault
    entry = {"Source": "ami-reactor", "DetailType": "Reconcile Requested", "Detail": "{}"}
    client(server, "events").put_events(Entries=[entry])
    assert call(server, "DELETE")[0] == 204

    sqs = client(server, "sqs")
    url = sqs.get_queue_url(QueueName="ami-reactor-dead-letters")["QueueUrl"]
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert (
        "missing permission: ec2:DescribeLaunchTemplates (the function's role)" in message["Body"]
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "must be {"),
        (b"[]", "must be {"),
        (b"not json", "must be {"),
        (b"[" * 100_000, "must be {"),
        (b'{"operation":' * 100_000, "must be {"),
        ({"operation": "CreateTags"}, "must be {"),
        ({"operation": "CreateTags", "code": "x", "time": 3}, "must be {"),
        ({"operation": 1, "code": "x"}, "operation: must be"),
        ({"operation": "CreateTag", "code": "x"}, "did you mean CreateTags"),
        ({"operation": "createlaunchtemplateversion", "code": "x"}, "CreateLaunchTemplateVersion"),
        ({"operation": "Create\x1b[2JTags", "code": "x"}, "AWS has no Create\\x1b[2JTags"),
        ({"operation": "SubmitJob", "code": "x"}, "AWS has no SubmitJob"),
        ({"operation": "CreateTags", "code": "x\x00y"}, "code: must be"),
        ({"operation": "CreateTags", "code": "x\x1b[2J"}, "code: must be"),
        ({"operation": "CreateTags", "code": "x</Code><Code>y"}, "code: must be"),
        ({"operation": "CreateTags", "code": "x\n"}, "code: must be"),
        ({"operation": "CreateTags", "code": ""}, "code: must be"),
        ({"operation": "CreateTags", "code": "x" * 1000}, "code: must be"),
        ({"operation": "CreateTags", "code": None}, "code: must be"),
        ({"operation": "CreateTags", "code": "x", "times": 0}, "times: must be"),
        ({"operation": "CreateTags", "code": "x", "times": True}, "times: must be"),
        ({"operation": "CreateTags", "code": "x", "times": 1.5}, "times: must be"),
        (b'{"operation": "CreateTags", "code": "x", "times": 1' + b"0" * 5000 + b"}", "must be"),
    ],
)
def test_a_fault_that_makes_no_sense_is_answered_with_what_it_may_be(server, body, said):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        call(server, "POST", body)

    assert refusal.value.code == 400
    answer = refusal.value.read().decode()
    assert said in answer
    assert answer.removesuffix("\n").isprintable()
    refusal.value.close()
    assert call(server, "GET")[1] == b"[]"


@pytest.mark.parametrize(
    "path",
    ["//reactor/faults", "/reactor%2ffaults", "/reactor/faults/", "/reactor/./faults", "/reactor"],
)
def test_the_faults_are_at_one_path_only(server, path):
    fault = json.dumps({"operation": "CreateTags", "code": "AccessDenied"}).encode()

    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(f"{server}{path}", data=fault, timeout=DEADLINE_SECONDS)

    assert refusal.value.code in {403, 404}
    refusal.value.close()
    assert call(server, "GET")[1] == b"[]"


def test_the_servers_clock_is_moved_on_and_dates_what_is_made_there(server):
    _, answer = call(server, "POST", {"advance": "2d"}, "clock")
    template = client(server, "ec2").create_launch_template(
        LaunchTemplateName="later", LaunchTemplateData={"ImageId": "ami-0a1b2c3d4e5f60718"}
    )["LaunchTemplate"]

    ahead = template["CreateTime"] - datetime.now(UTC)
    assert timedelta(hours=47) < ahead < timedelta(hours=49)
    assert template["CreateTime"] >= datetime.fromisoformat(json.loads(answer)["now"])
    with pytest.raises(urllib.error.HTTPError) as refusal:
        call(server, "POST", {"advance": "soon"}, "clock")
    assert refusal.value.read() == (
        b"advance: must be minutes, hours or days, such as 45m, 36h or 3d\n"
    )
    refusal.value.close()


def test_a_template_waits_for_its_canary_its_gate_and_its_soak(server, monkeypatch):
    for key, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }.items():
        monkeypatch.setenv(key, value)
    ec2 = client(server, "ec2")
    made = ec2.create_image(InstanceId=INSTANCE, Name="waits")["ImageId"]
    for name in ("first", "second"):
        data = {"ImageId": OLD, "InstanceType": "t3.micro"}
        ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
    follows = ("--source-instance", INSTANCE, "--yes")
    gate, waits = ("--gate", "approved=yes"), ("--soak", "36h", "--after", "first")

    assert run("follow", "second", *follows, *gate, *waits[:2]).status == 0
    assert "awaiting-gate: its tag approved must be yes" in run("explain", "second").words
    assert run("follow", "first", *follows).status == 0
    assert run("follow", "second", *follows, *gate, *waits).status == 0
    ec2.create_tags(Resources=[made], Tags=[{"Key": "approved", "Value": "yes"}])
    shown = {line["launch_template_name"]: line for line in run("status", "--json").lines}
    _, answer = call(server, "POST", {"advance": "37h"}, "clock")

    assert shown["second"]["waiting"][0]["image_id"] == made
    assert shown["second"]["waiting"][0]["reason"] == "soaking"
    assert b'"outcome": "promoted"' in answer
    asked = {"LaunchTemplateName": "second", "Versions": ["$Default"]}
    [default] = ec2.describe_launch_template_versions(**asked)["LaunchTemplateVersions"]
    assert default["LaunchTemplateData"]["ImageId"] == made


def test_the_readmes_faults_are_injected_listed_and_removed(server):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    readme = (ROOT / "infra" / "embedded" / "README.md").read_text()
    commands = [
        line[2:] for line in readme.splitlines() if line.startswith("$ curl ") and "faults" in line
    ]
    environment = {"PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": server}

    injected, listed, removed = (
        subprocess.run(
            ["bash", "-c", command], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for command in commands
    )

    assert (injected, removed) == ("", "")
    [fault] = json.loads(listed)
    assert fault == {
        "operation": "CreateLaunchTemplateVersion",
        "code": "RequestLimitExceeded",
        "times": 3,
    }
    assert json.loads(call(server, "GET")[1]) == []


def test_it_listens_on_the_loopback_address_only(server):
    assert server.startswith("http://127.0.0.1:")


def test_a_port_that_is_taken_is_said_in_one_line(server):
    port = server.rpartition(":")[2]

    started = time.monotonic()
    done = subprocess.run(
        [*COMMAND[:-1], port], capture_output=True, text=True, check=False, timeout=DEADLINE_SECONDS
    )

    assert time.monotonic() - started < DEADLINE_SECONDS
    assert done.returncode == 2
    assert done.stderr == f"ami-reactor: port {port} is taken: name another with --port\n"
    assert "Traceback" not in done.stderr
