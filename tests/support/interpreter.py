"""moto's interpreter of state machines: the whole language, in real time."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.support.builders import ACCOUNT, REGION

_PATIENCE = 20  # seconds


@contextmanager
def interpreting(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    """Yield a session of a bare moto which runs what is started."""
    pytest.importorskip("antlr4")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "embedded")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        yield boto3.Session(region_name=REGION)


def execute(session: boto3.Session, definition: str, given: object) -> str:
    """Run a state machine to its end; the status that it ends in."""
    machines = session.client("stepfunctions")
    role = f"arn:aws:iam::{ACCOUNT}:role/machine"
    made: Any = machines.create_state_machine(name="machine", definition=definition, roleArn=role)
    started = machines.start_execution(
        stateMachineArn=made["stateMachineArn"], input=json.dumps(given)
    )
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        described = machines.describe_execution(executionArn=started["executionArn"])
        if described["status"] != "RUNNING":
            break
        time.sleep(0.02)
    return described["status"]
