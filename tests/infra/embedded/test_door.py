"""Who may ask `ami-reactor local`: programs of this machine; and what it has for them.

A web page sends what a browser lets it send: the headers here are those of Chrome 131 and
Firefox 133, as they send them to a loopback address from a page elsewhere.
"""

import http.client
import json
import shutil
import socket
import subprocess
from urllib.parse import urlencode, urlsplit

import boto3
import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from moto.awslambda.models import lambda_backends
from typer.testing import CliRunner

from infra.cli import app, dlq_app
from infra.embedded.stage import stage
from infra.embedded.world.file import read_world
from tests.support.builders import ACCOUNT, INSTANCE, OLD, REGION, TEMPLATE, a_world
from tests.support.command import serving

DEADLINE_SECONDS = 30
SECRET = "c2VjcmV0LW9mLXRoZS11c2VyLWRhdGE="

CHROME = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36",
    "sec-ch-ua": '"Chromium";v="131", "Not_A Brand";v="24"',
    "sec-ch-ua-mobile": "?0",
    "sec-ch-ua-platform": '"Linux"',
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-US,en;q=0.9",
}
FIREFOX = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-US,en;q=0.5",
    "Priority": "u=4",
}
ELSEWHERE = "https://evil.example"
FETCHES = {  # what a browser says of itself, by how the page asks
    "fetch": {
        "Origin": ELSEWHERE,
        "Referer": f"{ELSEWHERE}/",
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "cors",
        "Sec-Fetch-Dest": "empty",
    },
    "fetch without a referrer": {
        "Origin": "null",
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "no-cors",
        "Sec-Fetch-Dest": "empty",
    },
    "form": {
        "Origin": ELSEWHERE,
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    },
    "image": {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "no-cors",
        "Sec-Fetch-Dest": "image",
    },
    "page of another port": {
        "Origin": "http://localhost:8888",
        "Sec-Fetch-Site": "same-site",
        "Sec-Fetch-Mode": "cors",
        "Sec-Fetch-Dest": "empty",
    },
    "browser without fetch metadata": {"Origin": ELSEWHERE},
    "old browser's form": {"Referer": f"{ELSEWHERE}/"},
}
BROWSERS = {"Chrome": CHROME, "Firefox": FIREFOX}


@pytest.fixture(scope="module")
def docker():
    """Where a Docker daemon would listen; nothing answers there."""
    with socket.create_server(("127.0.0.1", 0)) as daemon:
        daemon.settimeout(0.2)
        yield daemon


@pytest.fixture(scope="module")
def url(tmp_path_factory, docker):
    """The command as users run it, on a machine that has a Docker."""
    world = tmp_path_factory.mktemp("door") / "world.json"
    start = a_world()
    start["LaunchTemplateVersions"][0]["LaunchTemplateData"]["UserData"] = SECRET
    world.write_text(json.dumps(start))
    with serving(world, DOCKER_HOST=f"tcp://127.0.0.1:{docker.getsockname()[1]}") as url:
        yield url


@pytest.fixture
def client(url):
    """Clients that never try twice, so that a test sees what the first answer was."""

    def of(service, **config):
        return boto3.client(
            service,
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"total_max_attempts": 1}, **config),
        )

    return of


def ask(url, method, path, headers=None, body=None):
    """Exactly this request; http.client adds a Host if none is given."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=DEADLINE_SECONDS)
    connection.request(method, path, body=body, headers=headers or {})
    with connection.getresponse() as answer:
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()


def raw(url, request):
    """What comes back for these bytes."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), DEADLINE_SECONDS) as line:
        line.sendall(request)
        line.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: line.recv(65536), b""))


def signed(url, service, body, content_type, **headers):
    """The headers with which an SDK, or a page that knows the made-up keys, signs a request."""
    request = AWSRequest("POST", f"{url}/", {"Content-Type": content_type, **headers}, body)
    SigV4Auth(Credentials("local", "local"), service, REGION).add_auth(request)
    return dict(request.headers)


FORM = "application/x-www-form-urlencoded"


def query(url, service, **parameters):
    body = urlencode(parameters)
    return "POST", "/", signed(url, service, body, FORM), body


def fault(_url):
    body = json.dumps({"operation": "CreateTags", "code": "AccessDenied"})
    return "POST", "/reactor/faults", {"Content-Type": FORM}, body


def user_data(url):
    version = {"LaunchTemplateId": TEMPLATE, "Version": "2016-11-15"}
    return query(url, "ec2", Action="DescribeLaunchTemplateVersions", **version)


def tags(url):
    tag = {"ResourceId.1": TEMPLATE, "Tag.1.Key": "ami-reactor", "Tag.1.Value": "off"}
    return query(url, "ec2", Action="CreateTags", Version="2016-11-15", **tag)


def subscription(url):
    topic = {"TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:t", "Version": "2010-03-31"}
    return query(url, "sns", Action="Subscribe", Protocol="http", Endpoint=url, **topic)


def container(url):
    body = json.dumps({"jobName": "j", "jobQueue": "q", "jobDefinition": "d"})
    return "POST", "/v1/submitjob", signed(url, "batch", body, "application/json"), body


def reset(_url):
    return "POST", "/moto-api/reset", {}, ""


def settings(_url):
    return "POST", "/moto-api/config", {"Content-Type": "text/plain"}, "{}"


TRIES = [user_data, tags, fault, subscription, container, reset, settings]


@pytest.fixture
def state(url, client):
    """What a page could have changed or read."""

    def now():
        templates = client("ec2").describe_launch_templates()["LaunchTemplates"]
        return templates, ask(url, "GET", "/reactor/faults")[2]

    return now


@pytest.mark.parametrize("browser", BROWSERS)
@pytest.mark.parametrize("how", FETCHES)
@pytest.mark.parametrize("attempt", TRIES)
def test_no_web_page_gets_in(url, state, browser, how, attempt):
    before = state()
    method, path, headers, body = attempt(url)

    status, sent, said = ask(
        url, method, path, {**headers, **BROWSERS[browser], **FETCHES[how]}, body
    )

    assert status == 403
    assert said.startswith(b"a web page may not ask: ")
    assert said.count(b"\n") == 1
    assert not [header for header in sent if header.startswith("access-control")]
    assert SECRET.encode() not in said
    assert state() == before


@pytest.mark.parametrize("browser", BROWSERS)
@pytest.mark.parametrize("attempt", TRIES)
def test_no_preflight_is_granted(url, browser, attempt):
    method, path, _, _ = attempt(url)
    preflight = {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,x-amz-date",
        "Access-Control-Request-Private-Network": "true",
    }

    for headers in (preflight | FETCHES["fetch"], preflight, {}):
        status, sent, _ = ask(url, "OPTIONS", path, {**BROWSERS[browser], **headers})

        assert status == 403
        assert not [header for header in sent if header.startswith("access-control")]
        assert "allow" not in sent


@pytest.mark.parametrize("browser", BROWSERS)
@pytest.mark.parametrize("attempt", TRIES)
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1.evil.example:{port}",
        "localhost.:{port}",
        "127.0.0.1.:{port}",
        "localhost",
        "127.0.0.1",
        "localhost:1",
        "127.0.0.1:{port}@evil.example",
        "evil@127.0.0.1:{port}",
        "0.0.0.0:{port}",
        "127.1:{port}",
        "2130706433:{port}",
        "[::ffff:127.0.0.1]:{port}",
        "ec2.amazonaws.com:{port}",
        "bucket.s3.localhost:{port}",
        "",
    ],
)
def test_no_page_gets_in_that_has_its_own_name_point_here(url, state, browser, attempt, host):
    """DNS rebinding: to the browser the page and the server are one origin."""
    before = state()
    method, path, headers, body = attempt(url)
    same = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
    host = host.format(port=urlsplit(url).port)

    for of_the_page in (same, {}):
        status, _, said = ask(
            url, method, path, {**headers, **BROWSERS[browser], **of_the_page, "Host": host}, body
        )

        assert status == 403
        assert b"the Host must be 127.0.0.1:" in said
        assert SECRET.encode() not in said
    assert state() == before


def test_a_page_of_the_same_origin_is_refused_too(url):
    """Nothing here serves pages, so none is of this origin."""
    status, _, _ = ask(url, "GET", "/reactor/faults", {"Sec-Fetch-Site": "same-origin"})

    assert status == 403


def test_an_address_that_is_typed_into_a_browser_is_answered(url):
    status, sent, said = ask(
        url,
        "GET",
        "/reactor/faults",
        {**CHROME, "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-User": "?1"},
    )

    assert (status, said) == (200, b"[]")
    assert sent["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_the_names_of_the_loopback_address_are_answered(url, host):
    port = urlsplit(url).port

    assert ask(url, "GET", "/reactor/faults", {"Host": f"{host}:{port}"})[0] == 200


@pytest.mark.parametrize(
    "request_of",
    [
        "GET http://127.0.0.1:{port}/reactor/faults HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "GET http://evil.example/reactor/faults HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
        "GET //reactor/faults HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
        "GET /reactor/faults HTTP/1.1\r\nHost: evil.example\r\nHost: 127.0.0.1:{port}\r\n\r\n",
        "GET /reactor/faults HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example\r\n\r\n",
        "GET /reactor/faults HTTP/1.1\r\n\r\n",
        "GET /reactor/faults HTTP/1.0\r\n\r\n",
        "GET /reactor/faults HTTP/1.1\r\nHost: evil.example\r\n"
        "X-Forwarded-Host: 127.0.0.1:{port}\r\nForwarded: host=127.0.0.1:{port}\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
    ],
)
def test_odd_requests_are_refused(url, request_of):
    answer = raw(url, request_of.format(port=urlsplit(url).port).encode())

    assert answer.startswith(b"HTTP/1.1 403 "), answer
    assert b"must be a path" in answer or b"the Host must be" in answer


def test_what_follows_a_refused_request_is_no_request(url):
    """A form can send any text; were the line kept open, the body would be the next request."""
    port = urlsplit(url).port
    fault = '{"operation": "CreateTags", "code": "AccessDenied"}'
    hidden = (
        f"POST /reactor/faults HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Length: {len(fault)}\r\n\r\n{fault}"
    )
    form = (
        f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {ELSEWHERE}\r\n"
        f"Content-Type: text/plain\r\nConnection: keep-alive\r\n"
    )

    for length in (0, len(hidden)):
        answer = raw(url, f"{form}Content-Length: {length}\r\n\r\n{hidden}".encode())
        assert answer.count(b"HTTP/1.1 ") == 1

    assert ask(url, "GET", "/reactor/faults")[2] == b"[]"


def test_a_method_is_what_the_request_line_says(url):
    override = {"X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "DELETE"}
    port = urlsplit(url).port
    assert ask(url, *fault(url))[0] == 204

    assert b"CreateTags" in ask(url, "GET", "/reactor/faults?_method=DELETE", override)[2]
    assert b"CreateTags" in ask(url, "GET", "/reactor/faults", {"Host": f"localhost:{port}"})[2]
    assert ask(url, "PUT", "/reactor/faults", {"Content-Type": FORM}, "{}")[0] == 405
    assert ask(url, "DELETE", "/reactor/faults")[0] == 204


@pytest.mark.parametrize(
    "path",
    [
        "/moto-api/reset",
        "/moto-api/config",
        "/moto-api/data.json",
        "/moto-api/state-manager/set-transition",
        "/moto-api/recorder/start-recording",
        "/moto-api/static/sts/config",
        "/moto-api/",
        "/latest/meta-data/iam/security-credentials/",
        "/latest/api/token",
        "/favicon.ico",
        "/batch_ap-northeast-2/v1/submitjob",
        "/us-east-1_abc/.well-known/jwks.json",
        "/",
    ],
)
def test_what_is_not_awss_api_is_not_there(url, state, path):
    """Not even for a program of this machine."""
    before = state()
    body = urlencode({"Action": "DescribeInstances", "Version": "2009-04-15"})

    for method in ("GET", "POST", "PUT", "DELETE"):
        assert ask(url, method, path)[0] == 403
    assert ask(url, "POST", path, {"Content-Type": FORM}, body)[0] == 403
    for service in ("ec2", "s3", "batch", "moto_api", "instance_metadata"):
        headers = signed(url, service, body, FORM)
        assert 400 <= ask(url, "POST", "/moto-api/reset", headers, body)[0] < 500
    assert state() == before


def test_nothing_is_served_by_its_target_path_or_host_alone(url):
    """The name that a request is signed for decides, not what else it says."""
    body = json.dumps({"jobName": "j"})
    headers = signed(url, "ec2", body, "application/x-amz-json-1.1")

    for path in ("/v1/submitjob", "/v1/createjobqueue", "/2015-03-31/functions/"):
        status, _, said = ask(url, "POST", path, headers, body)
        assert status == 400
        assert b"the embedded AWS does not have" in said


@pytest.mark.parametrize(
    ("service", "call", "arguments"),
    [
        ("batch", "submit_job", {"jobName": "j", "jobQueue": "q", "jobDefinition": "d"}),
        ("sns", "create_topic", {"Name": "t"}),
        ("ecs", "list_clusters", {}),
        ("s3", "list_buckets", {}),
        ("route53", "list_hosted_zones", {}),
        ("dynamodb", "list_tables", {}),
        ("ec2", "restore_image_from_recycle_bin", {"ImageId": "ami-0123456789abcdef0"}),
        ("ec2", "create_capacity_reservation_by_splitting", {
            "SourceCapacityReservationId": "cr-1", "InstanceCount": 1}),
        ("autoscaling", "rollback_instance_refresh", {"AutoScalingGroupName": "web"}),
        ("events", "update_endpoint", {"Name": "e"}),
        ("logs", "test_metric_filter", {"filterPattern": "x", "logEventMessages": ["y"]}),
        ("lambda", "get_account_settings", {}),
        ("sqs", "start_message_move_task", {"SourceArn": "arn"}),
        ("cloudformation", "detect_stack_drift", {"StackName": "ami-reactor"}),
        ("cloudwatch", "describe_anomaly_detectors", {}),
        ("iam", "generate_service_last_accessed_details", {"Arn": "a" * 20}),
        ("sts", "decode_authorization_message", {"EncodedMessage": "x"}),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused_as_aws_refuses(client, service, call, arguments):
    operation = "".join(word.capitalize() for word in call.split("_"))

    with pytest.raises(ClientError) as refused:
        getattr(client(service), call)(**arguments)

    error, meta = (refused.value.response[key] for key in ("Error", "ResponseMetadata"))
    assert error["Code"] == "UnsupportedOperation"
    assert error["Message"].startswith("the embedded AWS does not have ")
    assert meta["HTTPStatusCode"] == 400
    if service in {"s3", "route53", "ecs", "batch"}:  # REST: the path says nothing of it
        assert service in error["Message"]
    else:
        assert operation in error["Message"]


@pytest.mark.parametrize("protocol", ["query", "json", "smithy-rpc-v2-cbor"])
def test_each_protocol_of_a_service_is_answered_in_kind(url, protocol):
    """CloudWatch has three; another SDK takes another."""
    session = botocore.session.get_session()
    model = session.get_service_model("cloudwatch")
    model.metadata["protocols"] = [protocol]
    model.metadata["protocol"] = protocol
    headers = {
        "query": {"Content-Type": FORM},
        "json": {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "G.PutDashboardX"},
        "smithy-rpc-v2-cbor": {
            "Content-Type": "application/cbor",
            "smithy-protocol": "rpc-v2-cbor",
        },
    }[protocol]
    body = {"query": "Action=PutDashboardX", "json": "{}"}.get(protocol, "")
    path = "/service/G/operation/PutDashboardX" if "cbor" in protocol else "/"
    content_type = headers.pop("Content-Type")
    headers = signed(url, "monitoring", body, content_type, **headers)

    status, sent, said = ask(url, "POST", path, headers, body)

    parser = botocore.parsers.create_parser(protocol)
    parsed = parser.parse(
        {"status_code": status, "headers": sent, "body": said},
        model.operation_model("PutDashboard").output_shape,
    )
    assert parsed["Error"]["Code"] == "UnsupportedOperation"
    assert parsed["Error"]["Message"] == "the embedded AWS does not have PutDashboardX"


def test_what_moto_stumbles_over_is_a_refusal_too(url):
    """A crash of moto's is no page of status 500, which SDKs would ask for again."""
    for body in ("Action=CreateFleet", "Action=RunInstances&MinCount=x&MaxCount=", "Action=%00"):
        headers = signed(url, "ec2", body, FORM)

        status, _, said = ask(url, "POST", "/", headers, body)

        assert status == 400
        assert said.startswith(b"<?xml")


def test_nothing_is_sent_elsewhere(docker):
    """Not even by a service that is not served, should another one lead to it."""
    elsewhere = f"http://127.0.0.1:{docker.getsockname()[1]}/x"

    with stage(read_world(json.dumps(a_world()), "")) as staged:
        sns = staged.session.client("sns")
        topic = sns.create_topic(Name="out")["TopicArn"]
        with pytest.raises(NotImplementedError, match="sends no request"):
            sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=elsewhere)
            sns.publish(TopicArn=topic, Message="x")

    with pytest.raises(TimeoutError):
        docker.accept()


def test_no_docker_client_is_ever_made():
    with stage(read_world(json.dumps(a_world()), "")):
        [function] = lambda_backends[ACCOUNT][REGION].list_functions()
        with pytest.raises(NotImplementedError, match="runs no container"):
            function.docker_client  # noqa: B018


def test_another_account_cannot_be_chosen_by_a_header(url):
    method, path, headers, body = query(
        url, "sts", Action="GetCallerIdentity", Version="2011-06-15"
    )

    _, _, said = ask(url, method, path, {**headers, "x-moto-account-id": "999999999999"}, body)

    assert ACCOUNT.encode() in said


def test_curl_goes_on_working(url):
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    faults = f"{url}/reactor/faults"
    body = '{"operation": "CreateTags", "code": "AccessDenied", "times": 2}'

    def said(*arguments):
        return subprocess.run([curl, "-s", *arguments], capture_output=True, check=True).stdout

    assert said(faults, "-d", body) == b""
    assert json.loads(said(faults)) == [json.loads(body)]
    assert said("-X", "DELETE", faults) == b""
    assert said(faults) == b"[]"


VERBS = {
    "status": [],
    "report": [],
    "explain": ["web"],
    "follow": ["web", "--source-instance", INSTANCE, "--yes"],
    "unfollow": ["web", "--yes"],
    "reconcile": ["--yes", "--wait", "1"],
    "hold": ["web", "--reason", "test", "--until", "2099-01-01T00:00Z", "--yes"],
    "resume": ["web", "--yes"],
    "rollback": ["web", "--yes", "--reason", "test"],
    "quarantine": [OLD, "--yes", "--reason", "test"],
    "unquarantine": [OLD, "--yes"],
    "history": ["web"],
    "window": ["web", "--open", "cron(0 2 * * ? *)", "--hours", "3"],
    "prune": ["--yes"],
    "doctor": [],
    "verify": ["--yes"],
    "record": ["--to", "recorded.json"],
    "capture": ["--to", "captured"],
    "dlq list": [],
    "dlq show": ["x"],
    "dlq save": ["--to", "captured"],
    "dlq drop": ["x", "--yes"],
    "dlq redrive": ["--yes"],
}
_WITHOUT_AWS = {"replay", "local", "package", "schema", "template"}


def test_each_verb_that_asks_aws_has_a_row_here():
    named = {_name(command) for command in app.registered_commands}
    of_dlq = {f"dlq {_name(command)}" for command in dlq_app.registered_commands}

    assert set(VERBS) == (named | of_dlq) - _WITHOUT_AWS


def _name(command):
    return command.name or command.callback.__name__


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_asks_for_what_is_not_there(url, tmp_path, monkeypatch, verb):
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "AWS_ENDPOINT_URL": url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }.items():
        monkeypatch.setenv(name, value)

    result = CliRunner().invoke(app, [*verb.split(), *VERBS[verb]])

    said = result.stdout + result.stderr
    assert "does not have" not in said
    assert "UnsupportedOperation" not in said
    assert "No such option" not in said
    assert result.exception is None or isinstance(result.exception, SystemExit)
