"""What is an event of ours, and what is said of one that is not."""

import json

import pytest

from models.base import Place
from models.errors import EventRejected
from models.events import Ignored, claimed_image, elsewhere, parse_event
from tests.support.builders import (
    ACCOUNT,
    INSTANCE,
    NEW,
    REGION,
    TEMPLATE,
    ami_state,
    backup_completed,
    image_arn,
    reconcile,
    tags_changed,
    template_arn,
)
from tests.support.ids import reason_first
from tests.support.paths import EVENTS


def changed(event, **fields):
    """The event with some fields of its envelope and its detail replaced; None removes one."""
    detail = {**event["detail"], **fields.pop("detail", {})}
    event = {**event, **fields, "detail": detail}
    for part in (event, event["detail"]):
        for key in [key for key, value in part.items() if value is None]:
            del part[key]
    return event


@pytest.mark.parametrize(
    ("event", "image_id", "instance_id", "template_id"),
    [
        (backup_completed(), NEW, INSTANCE, None),
        (backup_completed(image_id=None), None, INSTANCE, None),
        (ami_state(), NEW, None, None),
        (ami_state(state="deregistered"), NEW, None, None),
        (tags_changed(template_arn(TEMPLATE), "ami-reactor"), None, None, TEMPLATE),
        (tags_changed(image_arn(NEW), "Name"), NEW, None, None),
        (reconcile(), None, None, None),
        (reconcile(TEMPLATE), None, None, TEMPLATE),
    ],
)
def test_an_event_says_what_to_look_at(event, image_id, instance_id, template_id):
    parsed = parse_event(event)

    said = (parsed.image_id, parsed.instance_id, parsed.template_id)
    assert said == (image_id, instance_id, template_id)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(changed(backup_completed(), time="yyyy-mm-ddThh:mm:ssZ"), id="no date"),
        pytest.param(changed(backup_completed(), account="0123456789012"), id="13 digits"),
        pytest.param(
            changed(backup_completed(), detail={"backupSizeInBytes": 22548578304}),
            id="a size that is a number",
        ),
        pytest.param(
            changed(backup_completed(), detail={"expectedCompletionDate": "Jul 15, 2020 9:39 PM"}),
            id="a date that is none",
        ),
        pytest.param(changed(backup_completed(), surprise={"a": [1]}), id="an unknown field"),
        pytest.param(changed(backup_completed(), detail={"resourceArn": None}), id="no instance"),
        pytest.param(changed(ami_state(), **{"replay-name": "redrive"}), id="a replayed event"),
    ],
)
def test_what_aws_varies_does_no_harm(event):
    assert parse_event(event).image_id == NEW


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        (None, "event: must be a JSON object"),
        ([1, 2], "event: must be a JSON object"),
        ({}, "detail-type: must be one of: Backup Job State Change"),
        (changed(ami_state(), **{"detail-type": "Secret"}), "detail-type: must be one of"),
        (changed(ami_state(), id=None), "id: is required"),
        (changed(ami_state(), source="aws.ebs"), "source: must be 'aws.ec2'"),
        (changed(ami_state(), detail={"ImageId": "ami-../../x"}), "detail.ImageId"),
        (changed(ami_state(), detail={"ImageId": ["x"]}), "detail.ImageId"),
        (changed(ami_state(), detail={"State": None}), "detail.State: is required"),
        (changed(ami_state(), resources={"a": 1}), "resources"),
        (changed(backup_completed(), detail={"resourceType": None}), "detail.resourceType"),
        (
            changed(backup_completed(image_id=None), detail={"resourceArn": "volume/vol-1"}),
            "resources.0 must be the ARN of an image",
        ),
        (changed(tags_changed(image_arn(NEW)), resources=[]), "resources.0 must be the ARN"),
        (reconcile("lt-*"), "detail.launch_template_id"),
        (changed(ami_state(), id="\ud800"), "id"),
    ],
)
def test_an_event_that_is_not_valid_is_rejected_by_the_fields_at_fault(event, fault):
    with pytest.raises(EventRejected) as rejection:
        parse_event(event)

    assert fault in str(rejection.value)
    assert "\n" not in str(rejection.value)


def test_a_rejection_repeats_no_value():
    event = changed(ami_state(), account=["hunter2"], detail={"ImageId": "hunter2", "State": 7})
    event["detail-type"] = "EC2 AMI State Change"

    for raw in (event, {**event, "detail-type": "hunter2"}, {**event, "source": "hunter2"}):
        with pytest.raises(EventRejected) as rejection:
            parse_event(raw)

        assert "hunter2" not in str(rejection.value)


@pytest.mark.parametrize(
    ("event", "ignored"),
    reason_first(
        (ami_state(), None),
        (ami_state(state="disabled"), None),
        (ami_state(state="failed"), Ignored.OTHER_STATE),
        (changed(backup_completed(), detail={"state": "RUNNING"}), Ignored.OTHER_STATE),
        (changed(backup_completed(), detail={"resourceType": "EBS"}), Ignored.NOT_EC2),
    ),
)
def test_an_event_that_concerns_no_template_is_ignored_and_not_rejected(event, ignored):
    assert parse_event(event).ignored() is ignored


def test_the_smallest_backup_event_of_aws_is_valid():
    created = json.loads((EVENTS / "backup_job_created_minimal.json").read_text())

    assert parse_event(created).ignored() is Ignored.OTHER_STATE


@pytest.mark.parametrize(
    ("fields", "ignored"),
    reason_first(
        ({}, None),
        ({"account": "999988887777"}, Ignored.OTHER_ACCOUNT),
        ({"region": "us-east-1"}, Ignored.OTHER_REGION),
    ),
)
def test_no_event_about_another_account_or_region_is_believed(fields, ignored):
    event = parse_event(changed(ami_state(), **fields))

    assert elsewhere(event, Place(account=ACCOUNT, region=REGION)) is ignored


@pytest.mark.parametrize(
    "event",
    [
        tags_changed(image_arn(NEW) + "/x"),
        tags_changed(template_arn(TEMPLATE) + "0" * 20),
        backup_completed(None, INSTANCE + "/x"),
        {**backup_completed(None, "web"), "resources": [image_arn(NEW) + ":1"]},
    ],
)
def test_an_arn_with_anything_behind_it_names_nothing(event):
    with pytest.raises(EventRejected):
        parse_event(event)


def test_an_arn_with_anything_behind_it_is_not_claimed():
    assert claimed_image({"resources": [image_arn(NEW) + "/x"]}) is None
    assert claimed_image({"resources": [image_arn(NEW)]}) == NEW


@pytest.mark.parametrize(("length", "is_valid"), [(128, True), (129, False)])
def test_an_events_id_has_128_characters_at_most(length, is_valid):
    event = {**ami_state(), "id": "x" * length}

    if is_valid:
        assert parse_event(event).id == "x" * length
    else:
        with pytest.raises(EventRejected, match=r"^id: "):
            parse_event(event)
