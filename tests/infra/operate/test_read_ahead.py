"""`ReadAhead`: each question to EC2 once, and memory that stays flat."""

import pytest

from infra.operate.read_ahead import ReadAhead
from models.base import Place
from models.selectors import Selectors, read_selectors
from tests.support.builders import (
    ACCOUNT,
    NEW,
    NEWER,
    OLD,
    REGION,
    a_template,
    a_version,
    a_world,
    an_image,
)
from tests.support.fleets import requests

THREE = a_world(an_image(OLD, 0), an_image(NEW, 1), an_image(NEWER, 2))


@pytest.mark.parametrize(("remembered", "asked"), [(float("inf"), 3), (1, 4)])
def test_an_image_is_asked_for_once_unless_too_many_were_seen_since(
    account_with, monkeypatch, remembered, asked
):
    account = account_with(THREE)
    ahead = ReadAhead(account.ec2, Place(account=ACCOUNT, region=REGION), remembered=remembered)
    calls = requests(monkeypatch)

    read = [[i.image_id for i in ahead.images([image])] for image in (OLD, NEW, NEWER, OLD)]

    assert read == [[OLD], [NEW], [NEWER], [OLD]]
    assert calls.count("DescribeImages") == asked


@pytest.mark.parametrize(("remembered", "asked"), [(float("inf"), 3), (1, 4)])
def test_the_templates_on_an_image_too(account_with, monkeypatch, remembered, asked):
    account = account_with(THREE)
    ahead = ReadAhead(account.ec2, Place(account=ACCOUNT, region=REGION), remembered=remembered)
    calls = requests(monkeypatch)

    found = [bool(ahead.templates_on(image)) for image in (OLD, NEW, NEWER, OLD)]

    assert found == [True, False, False, True]
    assert calls.count("DescribeLaunchTemplateVersions") == asked


NAMED = {"ami-reactor:image-name": "AwsBackup_*"}
"""Beside the instance: then the images of that template are asked for alone."""


@pytest.mark.parametrize(
    ("count", "more", "asked"),
    [
        pytest.param(1, {}, 2, id="one template: both proofs"),
        pytest.param(10, {}, 2, id="ten templates: no more"),
        pytest.param(3, NAMED, 6, id="templates that name more than instances"),
    ],
)
def test_what_was_made_from_a_few_instances_is_asked_for_at_once(
    account_with, monkeypatch, count, more, asked
):
    images = [f"ami-{n:017x}" for n in range(count)]
    instances = [f"i-{n:017x}" for n in range(count)]
    tags = [{"ami-reactor": "on", "ami-reactor:source-instance": one} | more for one in instances]
    made = zip(images, instances, strict=True)
    account = account_with(
        a_world(
            *[an_image(image, SourceInstanceId=instance) for image, instance in made],
            templates=[a_template(f"lt-{n:017x}", f"web-{n}", tags=tags[n]) for n in range(count)],
            versions=[a_version(images[n], template_id=f"lt-{n:017x}") for n in range(count)],
        )
    )
    ahead = ReadAhead(account.ec2, Place(account=ACCOUNT, region=REGION))
    wanted = [read_selectors(template.tags, ahead.place) for template in ahead.opted_in_templates()]
    calls = requests(monkeypatch)

    found = [ahead.matching_images(one) for one in wanted if isinstance(one, Selectors)]

    assert [[image.image_id for image in of_one] for of_one in found] == [[one] for one in images]
    assert calls.count("DescribeImages") == asked
