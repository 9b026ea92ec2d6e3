"""Every captured event against every rule, and how far moto's engine may be trusted with that."""

import json
from pathlib import Path

import pytest
from moto.events.models import EventPattern

from infra.embedded.stack import transformed
from infra.replay.event_reader import read_events
from tests.support.builders import ACCOUNT
from tests.support.paths import EVENTS

HERE = Path(__file__).parent
VERDICTS = json.loads((HERE / "patterns" / "verdicts.json").read_text())

SELECTED_BY = {
    "ami_available": "AmiStateChanged",
    "ami_deregistered": "AmiStateChanged",
    "ami_failed": None,
    "backup_job_completed_ebs": None,
    "backup_job_completed_ec2_ondemand_no_createdby": "BackupCompleted",
    "backup_job_completed_ec2_other_instance": "BackupCompleted",
    "backup_job_completed_ec2_plan": "BackupCompleted",
    "backup_job_created_minimal": None,
    "backup_job_failed_ec2": None,
    "backup_job_running_ec2": None,
    "copy_job_failed_ec2": None,
    "dlq_eventbridge_target_no_permissions": "AmiStateChanged",
    "dlq_eventbridge_target_retries_exhausted": "BackupCompleted",
    "dlq_lambda_legacy_dead_letter_config": "BackupCompleted",
    "dlq_lambda_onfailure_destination_python_error": "BackupCompleted",
    "dlq_lambda_onfailure_destination_timeout": "BackupCompleted",
    "replayed_ami_available": "AmiStateChanged",
    "restore_job_completed_ec2_real_2023": None,
    "tag_change_launch_template_opted_in": "TemplateTagged",
}
NO_EVENT = {"dlq_garbage_body"}

MOTO_DIFFERS = {
    "15 exists true on empty array",
    "21 number 0 vs boolean false",
    "29 array of objects, same element (x,1)",
    "32 unknown operator",
    "39 wildcard with two consecutive stars",
    "40 empty pattern {}",
}
"""Where AWS's Event Ruler and moto disagree: what our patterns must keep clear of."""


def rules():
    """The patterns of the stack, by rule."""
    return {
        name: json.loads(
            json.dumps(resource["Properties"]["EventPattern"]).replace(
                '{"Ref": "AWS::AccountId"}', json.dumps(ACCOUNT)
            )
        )
        for name, resource in transformed()["Resources"].items()
        if resource["Type"] == "AWS::Events::Rule" and "Condition" not in resource
    }


def matches(pattern, event):
    return EventPattern.load(json.dumps(pattern)).matches_event(event)


@pytest.mark.parametrize(("name", "rule"), SELECTED_BY.items())
def test_a_captured_event_is_selected_by_the_rule_that_is_meant_and_no_other(name, rule):
    [captured] = read_events([EVENTS / f"{name}.json"])

    assert [r for r, pattern in rules().items() if matches(pattern, captured.payload)] == (
        [rule] if rule else []
    )


def test_every_captured_event_is_in_the_table():
    assert {path.stem for path in EVENTS.glob("*.json")} == SELECTED_BY.keys() | NO_EVENT


@pytest.mark.parametrize("name", [name for name, rule in SELECTED_BY.items() if rule])
def test_the_same_event_of_another_account_is_selected_by_no_rule(name):
    [captured] = read_events([EVENTS / f"{name}.json"])
    foreign = captured.payload | {"account": "999988887777"}

    assert not [rule for rule, pattern in rules().items() if matches(pattern, foreign)]


# -- the engine ------------------------------------------------------------------------------------


def operators(pattern):
    """The kinds of comparison that a pattern uses."""
    if isinstance(pattern, dict):
        return {op for key, value in pattern.items() for op in _named(key) | operators(value)}
    return {op for test in pattern for op in (test if isinstance(test, dict) else ["exact"])}


def _named(key):
    return {key} if key.startswith("$") else set()


@pytest.mark.parametrize("verdict", VERDICTS, ids=lambda verdict: verdict["name"])
def test_moto_decides_as_awss_event_ruler_where_it_is_said_to(verdict):
    """The verdicts were given by AWS's own event-ruler on the same pattern and event."""
    try:
        answer = matches(json.loads(verdict["pattern"]), json.loads(verdict["event"]))
    except Exception:  # noqa: BLE001 an invalid pattern is refused in many ways
        answer = "invalid"

    assert (answer == verdict["ruler"]) is (verdict["name"] not in MOTO_DIFFERS)


def test_the_rules_use_only_what_moto_decides_as_aws_does():
    trusted = {"exact", "prefix"}
    doubted = {
        op
        for verdict in VERDICTS
        if verdict["name"] in MOTO_DIFFERS
        for op in operators(json.loads(verdict["pattern"]))
    }

    assert {op for pattern in rules().values() for op in operators(pattern)} == trusted
    assert "prefix" not in doubted
