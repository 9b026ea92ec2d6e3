"""`ami-reactor verify --stack` and `--report`, on the embedded AWS with the stack deployed."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto.backup.models import backup_backends

from infra.embedded.stage import Stage as Staged
from infra.embedded.stage import stage
from infra.embedded.world.seed import read_world
from infra.operate.account import Account, open_account
from infra.operate.verify import stack
from infra.operate.verify.bench import Bench
from infra.operate.verify.fact import Finding, Stage, Verdict
from infra.operate.verify.facts import FACTS
from infra.operate.verify.permissions import actions
from infra.operate.verify.report import Redacted, names_of
from infra.operate.verify.running import run as ask_about
from tests.support.builders import (
    ACCOUNT,
    INSTANCE,
    NEW,
    REGION,
    a_world,
    ami_state,
    backup_completed,
    image_arn,
)
from tests.support.fleets import calls, run
from tests.support.verifying import always, answered, change_answers, refused

POINT = {
    "RecoveryPointArn": image_arn(NEW),
    "ResourceArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{INSTANCE}",
    "CreationDate": 1781544300,
}
FACTS_OF_STACK = [fact for check in stack.CHECKS for fact in check.facts]


@pytest.fixture(scope="module")
def staged() -> Iterator[Staged]:
    """A stack whose rules have seen one backup."""
    with stage(read_world(json.dumps(a_world()), "world")) as raised:
        raised.delivery.deliver(backup_completed())
        raised.delivery.deliver(ami_state())
        vars(backup_backends[ACCOUNT][REGION])["recovery_points"] = [POINT]
        yield raised


@pytest.fixture
def account(staged) -> Account:  # noqa: ARG001 it is the AWS that answers
    return open_account(None, None)


def findings(account: Account, name: str = "ami-reactor") -> dict[str, Finding]:
    bench = Bench(account, "ami-reactor-verify-0123456789ab", (), name)
    return {one.fact.id: one for one in ask_about(stack.CHECKS, bench)}


def test_every_fact_is_as_believed(account):
    assert {id_: one.verdict for id_, one in findings(account).items()} == {
        fact.id: Verdict.AS_BELIEVED for fact in FACTS_OF_STACK
    }
    assert {fact.id for fact in FACTS_OF_STACK} == {
        fact.id for fact in FACTS.values() if fact.stage is Stage.STACK
    }


def allow(answer: dict[str, Any]) -> None:
    for result in answer["EvaluationResults"]:
        result["EvalDecision"] = "allowed"


def of_backups(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], None]:
    """Each captured event of AWS Backup is changed."""

    def change_lines(answer: dict[str, Any]) -> None:
        for line in answer["events"]:
            event = json.loads(line["message"])
            if event["source"] == "aws.backup":
                change(event)
            line["message"] = json.dumps(event)

    return change_lines


OTHER_ARN = f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:1"
FALSE = {
    "role-is-fenced": ("SimulatePrincipalPolicy", allow),
    "backup-event-names-image": (
        "FilterLogEvents",
        of_backups(lambda event: event.update(resources=[OTHER_ARN])),
    ),
    "backup-sends-available": (
        "FilterLogEvents",
        of_backups(lambda event: event.update(resources=[image_arn("ami-0f00d00000000000b")])),
    ),
    "recovery-point-is-image": (
        "ListRecoveryPointsByResource",
        lambda answer: answer["RecoveryPoints"][0].update(RecoveryPointArn=OTHER_ARN),
    ),
}


@pytest.mark.parametrize("fact", FACTS_OF_STACK, ids=lambda fact: fact.id)
def test_a_fact_that_is_false_differs(account, monkeypatch, fact):
    operation, change = FALSE[fact.id]
    change_answers(monkeypatch, operation, always, answered(change))

    finding = findings(account)[fact.id]

    assert finding.verdict is Verdict.DIFFERS
    assert finding.believed != finding.seen


def test_a_stack_that_is_not_there_tells_nothing(account):
    found = findings(account, "nowhere")

    assert found["role-is-fenced"].verdict is Verdict.UNKNOWN
    assert "nowhere" in found["role-is-fenced"].missing


@pytest.mark.parametrize("operation", ["FilterLogEvents", "SimulatePrincipalPolicy"])
def test_what_may_not_be_read_is_unknown(account, monkeypatch, operation):
    change_answers(monkeypatch, operation, always, refused("AccessDeniedException"))

    unknown = [one for one in findings(account).values() if one.verdict is Verdict.UNKNOWN]

    assert "missing permission: " in unknown[0].missing


def test_it_only_reads_and_the_policy_names_each_call(account, monkeypatch):
    made = calls(monkeypatch)

    findings(account)

    asked = {operation for operation, _ in made}
    assert all(re.match("Describe|Get|List|Filter|Simulate", operation) for operation in asked)
    allowed = {action.partition(":")[2] for action in actions([Stage.TEMPLATES, Stage.STACK])}
    assert asked <= allowed


# -- the report ------------------------------------------------------------------------------------


def test_a_report_is_written_with_nothing_in_it_that_tells_whose_it_is(account, tmp_path):
    file = tmp_path / "report.json"

    ran = run(*("verify", "--stack", "ami-reactor", "--yes", "--wait", "0"), "--report", str(file))

    written = json.loads(file.read_text())
    assert ran.status == 0
    assert {one["fact"] for one in written["findings"]} == {
        fact.id for fact in FACTS.values() if fact.stage in (Stage.TEMPLATES, Stage.STACK)
    }
    assert (written["region"], written["embedded"]) == (REGION, True)
    assert "look at it before you send it" in " ".join(ran.stderr.split())
    assert account


def test_a_report_is_not_written_over_another_file(account, tmp_path):
    file = tmp_path / "report.json"
    file.write_text("mine")

    ran = run("verify", "--yes", "--report", str(file))

    assert (ran.status, file.read_text()) == (2, "mine")
    assert account


@pytest.mark.parametrize(
    ("text", "anonymous"),
    [
        ("missing permission: ec2:CreateTags", "missing permission: ec2:CreateTags"),
        (
            f"(your credentials: arn:aws:sts::{ACCOUNT[::-1]}:assumed-role/Admin/jane)",
            "(your credentials: arn:aws:sts::111122223333:assumed-role/name-1)",
        ),
        ("arn:aws:ec2:eu-west-1::image/ami-…", "arn:aws:ec2:eu-west-1::image/ami-…"),
        (
            "arn:aws-cn:ec2:cn-north-1::image/ami-0123456789abcdef0",
            "arn:aws-cn:ec2:cn-north-1::image/ami-00000000000000001",
        ),
        (
            "arn:aws:backup:eu-west-1:210987654321:recovery-point:1234",
            "arn:aws:backup:eu-west-1:111122223333:recovery-point:name-1",
        ),
        ("arn:aws:sqs:eu-west-1:210987654321:secret", "arn:aws:sqs:eu-west-1:111122223333:name-1"),
        (
            "ami-0123456789abcdef0: i-0123456789abcdef0, ami-0123456789abcdef0",
            "ami-00000000000000001: i-00000000000000001, ami-00000000000000001",
        ),
        ("account 210987654321, 2109-8765-4321", "account 111122223333, 1111-2222-3333"),
        ("by jane@corp.example at 10.1.2.3", "by name@example.com at 192.0.2.1"),
        ("at https://sqs.eu-west-1.amazonaws.com/2/q x", "at https://example.com x"),
        ("from fe80:1:2:3::1 on", "from 2001:db8::1 on"),
        ("jane's stack prod-web, prod", "name-2's stack name-1, prod"),
        ("2026-06-15T17:00:31.000Z", "2026-06-15T17:00:31.000Z"),
    ],
)
def test_ids_names_and_addresses_are_replaced(text, anonymous):
    assert Redacted(["jane", "prod-web"]).text(text) == anonymous


def test_the_names_of_a_caller_are_those_of_the_role_and_the_session():
    assert names_of(f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/jane") == ["Admin", "jane"]
    assert names_of(f"arn:aws:iam::{ACCOUNT}:root") == []
