"""The stack's roles as the tests put them to an IAM engine: damaged, and one request each."""

import json
import subprocess
from copy import deepcopy
from typing import NamedTuple

import pytest

from infra.embedded.stack import transformed
from infra.operate.iam import Asked, decide
from tests.support.builders import ACCOUNT


def listed(value):
    return value if isinstance(value, list) else [value]


def statements_of(role):
    [policy] = transformed()["Resources"][role]["Properties"]["Policies"]
    return policy["PolicyDocument"]["Statement"]


def damages(statements):
    """Each statement removed, widened to every action or resource, and without each condition."""
    for number, statement in enumerate(statements):
        sid = statement["Sid"]
        yield pytest.param(number, None, id=f"{sid} removed")
        yield pytest.param(number, {"Action": "*"}, id=f"{sid}: any action")
        service = listed(statement["Action"])[0].partition(":")[0]
        yield pytest.param(number, {"Action": f"{service}:*"}, id=f"{sid}: any of {service}")
        if statement["Resource"] != "*":
            yield pytest.param(number, {"Resource": "*"}, id=f"{sid}: any resource")
        for operator, keys in statement.get("Condition", {}).items():
            for key in keys:
                rest = deepcopy(statement["Condition"])
                del rest[operator][key]
                rest = {op: keys for op, keys in rest.items() if keys}
                yield pytest.param(number, {"Condition": rest}, id=f"{sid}: without {key}")


def damaged(policy, number, change):
    statements = policy["Statement"]
    changed = [statements[number] | change] if change else []
    return policy | {"Statement": [*statements[:number], *changed, *statements[number + 1 :]]}


def a_case(action, arn, context, principal=f"arn:aws:iam::{ACCOUNT}:role/reactor"):
    return {
        "principal": principal,
        "action": action,
        "arn": arn,
        "account": arn.split(":")[4] if arn.count(":") > 3 and arn.split(":")[4] else ACCOUNT,
        "context": context,
    }


class Role(NamedTuple):
    """A role of the stack.

    Attributes:
        service: Who may take it.
        may: Requests that are allowed: action, resource, condition keys.
        may_not: Requests that are denied.
    """

    service: str
    may: list
    may_not: list


def questions(role):
    """What to ask of it, and the right answers."""
    cases = [a_case(*case) for case in role.may + role.may_not]
    return cases, [True] * len(role.may) + [False] * len(role.may_not)


def as_doctor_reads(*asked):
    """Whether each case of each question is allowed, as doctor reads a role."""
    return [
        [
            decide([one["identity"]], Asked(case["action"], case["arn"], _lists(case["context"])))
            == "allowed"
            for case in one["cases"]
        ]
        for one in asked
    ]


def _lists(context):
    return {key: listed(value) for key, value in context.items()}


def linted(tools, linter, policy, folder):
    """What a linter of IAM policies says of one: its exit status and its output."""
    file = folder / "policy.json"
    file.write_text(json.dumps(policy))
    options = {
        "parliament": ["--include-community-auditors"],
        "cloudsplaining": ["scan-policy-file", "--input-file", str(file)],
    }
    return subprocess.run(
        [str(tools / "venv" / "bin" / linter), *options[linter]],
        input=file.read_text(),
        capture_output=True,
        text=True,
        check=False,
    )
