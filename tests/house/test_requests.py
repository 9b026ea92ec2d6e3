"""What is asked of AWS: no page size beside ids, which EC2 refuses; no more than is needed."""

import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from handlers.ec2 import Ec2
from models.base import Place
from models.selectors import Selectors, read_selectors
from tests.support.builders import (
    ACCOUNT,
    EC2_META,
    FOLLOWS_INSTANCE,
    NEW,
    OLD,
    OTHER_TEMPLATE,
    REGION,
    TEMPLATE,
    a_template,
    a_version,
    a_world,
    ami_state,
    an_image,
    backup_completed,
    image_arn,
    reconcile,
    tags_changed,
    template_arn,
)
from tests.support.fleets import a_group, calls, run

PLACE = Place(account=ACCOUNT, region=REGION)
LAUNCH_TEMPLATES = ("DescribeLaunchTemplates", "DescribeLaunchTemplateVersions")


def faults(made: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """The requests that EC2 might refuse: ids, names or numbers beside a page size.

    DescribeAutoScalingGroups documents names and MaxRecords together; all others are EC2's.
    """
    return [
        (operation, parameters)
        for operation, parameters in made
        if "MaxResults" in parameters
        and (
            operation in LAUNCH_TEMPLATES
            or any(key.endswith(("Ids", "Names")) or key == "Versions" for key in parameters)
        )
    ]


def a_fleet(count: int = 1) -> dict[str, Any]:
    """Templates, each promoted once, and a group of the first."""
    ids = [TEMPLATE, *(f"lt-{n:017x}" for n in range(2, count + 1))]
    templates = [
        a_template(id_, f"web-{id_}" if n else "web", default=2) for n, id_ in enumerate(ids)
    ]
    versions = [
        version
        for id_ in ids
        for version in (
            a_version(template_id=id_),
            a_version(NEW, 2, template_id=id_)
            | {"VersionDescription": f"ami-reactor: {OLD} -> {NEW}"},
        )
    ]
    groups = [a_group(instances={"i-0aaaaaaaaaaaaaaa1": "2"})]
    return a_world(templates=templates, versions=versions, AutoScalingGroups=groups)


@pytest.mark.parametrize(
    "event",
    [
        backup_completed(),
        ami_state(OLD, "disabled"),
        tags_changed(template_arn(TEMPLATE), "ami-reactor"),
        tags_changed(image_arn(NEW), "Name"),
        reconcile(),
        reconcile(TEMPLATE),
    ],
    ids=lambda event: f"{event['detail-type']}-{event['resources']}-{event['detail']}"[:60],
)
def test_the_function_names_no_page_size_beside_ids(account_with, event):
    account = account_with(a_world())

    account.react(event)

    assert account.calls
    assert faults(account.calls) == []


def test_the_function_lists_images_in_pages(account_with):
    """Without a size, DescribeImages answers with everything at once."""
    account = account_with(a_world())

    account.react(backup_completed())

    assert {request["MaxResults"] for request in account.requests("DescribeImages")} == {500}


@pytest.mark.parametrize("count", [1, 12], ids=["one", "many"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("explain", "web"),
        ("explain", NEW),
        ("explain", "i-0aaaaaaaaaaaaaaa1"),
        ("follow", "web", "--image-name", "AwsBackup_*", "--yes"),
        ("reconcile", "--yes"),
        ("reconcile", "web", "--yes"),
        ("hold", "web", "--reason", "r", "--yes"),
        ("resume", "web", "--yes"),
        ("rollback", "web", "--reason", "r", "--yes"),
        ("rollback", "web", "--to", "1", "--reason", "r", "--yes"),
        ("rollback", "web", "--to", OLD, "--reason", "r", "--yes"),
        ("quarantine", NEW, "--reason", "r", "--yes"),
        ("unquarantine", NEW, "--yes"),
        ("history", "web"),
        ("prune", "web", "--yes"),
        ("doctor",),
        ("record", "--to", "world.json"),
        ("dlq", "list"),
    ],
    ids=" ".join,
)
def test_no_verb_names_a_page_size_beside_ids(stage_with, monkeypatch, tmp_path, arguments, count):
    monkeypatch.chdir(tmp_path)
    stage_with(a_fleet(count))
    made = calls(monkeypatch)

    run(*arguments)

    assert any(operation.startswith("Describe") for operation, _ in made)
    assert faults(made) == []


@pytest.mark.parametrize(
    "event", [reconcile(TEMPLATE), tags_changed(template_arn(TEMPLATE), "ami-reactor")]
)
def test_an_event_that_names_its_template_asks_for_that_one(account_with, event):
    world = a_world(
        templates=[a_template(), a_template(OTHER_TEMPLATE, "api", tags={"ami-reactor": "yes"})],
        versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
    )
    account = account_with(world)

    outcome = account.react(event)

    first, *_ = account.requests("DescribeLaunchTemplates")
    assert first == {"LaunchTemplateIds": [TEMPLATE]}
    assert [(t.launch_template_name, t.outcome) for t in outcome.templates] == [("web", "promoted")]


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        pytest.param(a_template(tags={"ami-reactor": "yes"}), None, id="misconfigured"),
        pytest.param(a_template(tags={}), "no-follower", id="none that opted in"),
        pytest.param(a_template(OTHER_TEMPLATE, "api"), "no-follower", id="gone"),
    ],
)
def test_a_template_that_is_named_and_cannot_follow_is_told_so(account_with, template, reason):
    account = account_with(
        a_world(
            templates=[template],
            versions=[a_version(template_id=template["LaunchTemplateId"])],
        )
    )

    outcome = account.react(reconcile(TEMPLATE))

    assert outcome.reason == reason
    assert [t.reason for t in outcome.templates] == ([] if reason else ["misconfigured"])
    assert len(account.calls) == 1


def test_a_named_template_that_may_not_be_read_fails_the_event(account_with):
    account = account_with(a_world())
    account.refuse("DescribeLaunchTemplates", "UnauthorizedOperation", status=403)

    outcome = account.react(reconcile(TEMPLATE))

    assert (outcome.result, outcome.reason) == ("failed", "aws-refused")


class _ManyImages:
    """EC2's client as the gateway uses it: pages of images whose descriptions nobody reads."""

    pages, each = 40, 100
    meta = EC2_META

    def get_paginator(self, operation: str) -> "_ManyImages":
        assert operation == "describe_images"
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        for page in range(self.pages):
            numbers = range(page * self.each, (page + 1) * self.each)
            yield {
                "Images": [an_image(f"ami-{n:017x}", Description=str(n) * 2000) for n in numbers]
            }


def test_no_more_than_one_page_of_answers_is_held():
    """What EC2 says of 4,000 images here is 30 MB; the models of them are a quarter of that."""
    selectors = read_selectors(
        FOLLOWS_INSTANCE | {"ami-reactor:image-name": "*a*"}, PLACE
    ).model_copy(update={"source_instances": frozenset()})
    assert isinstance(selectors, Selectors)
    tracemalloc.start()
    try:
        found = Ec2(_ManyImages(), PLACE).matching_images(selectors)  # type: ignore[arg-type]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(found) == _ManyImages.pages * _ManyImages.each
    assert peak < 20e6
