"""`ReadAhead`: each question to EC2 once, and memory that stays flat."""

import pytest

from infra.operate.read_ahead import ReadAhead
from models.base import Place
from tests.support.builders import ACCOUNT, NEW, NEWER, OLD, REGION, a_world, an_image
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
