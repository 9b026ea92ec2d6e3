"""What a surviving mutant showed to be untested."""

import pytest

from models.decision import Reason
from models.selectors import Misconfigured, Selectors, read_selectors
from tests.models.test_decision import PLACE, asked, image
from tests.support.builders import FOLLOWS_INSTANCE, NEW, NEWER, OLD


def test_a_first_image_is_not_chosen_among_unlike_ones():
    """The template names no image yet, so nothing tells which architecture it is for."""
    decision = asked(
        image(NEW, 1, Architecture="x86_64"),
        image(NEWER, 2, Architecture="arm64"),
        image_id=None,
    )

    assert decision.reason is Reason.NO_CANDIDATE
    assert "differ in architecture" in decision.message


def test_nothing_to_launch_and_unlike_images_are_told_apart():
    nothing = asked()
    unlike = asked(image(NEW, 1, Architecture="x86_64"), image(NEWER, 2, Architecture="arm64"))

    assert nothing.reason is unlike.reason is Reason.NOTHING_LAUNCHABLE
    assert nothing.message == f"{OLD} is gone and no image that the tags select can be launched"
    assert "differ in architecture" in unlike.message


@pytest.mark.parametrize(
    "mark", ["", "nonsense", f"{NEW}", "ami-x 2026-06-15T17:00:31.000Z", f"{NEW} 2026-99-15T17:00Z"]
)
def test_a_malformed_mark_is_named_whatever_is_wrong_with_it(mark):
    tags = FOLLOWS_INSTANCE | {"ami-reactor-state:newest-image": mark}

    assert isinstance(read_selectors(tags, PLACE), Misconfigured)


def test_a_date_that_no_calendar_has_makes_no_mark():
    tags = FOLLOWS_INSTANCE | {"ami-reactor-state:newest-image": f"{NEW} 2026-99-99T17:00:31.000Z"}

    assert isinstance(read_selectors(tags, PLACE), Misconfigured)


def test_copied_images_count_for_nobody_who_did_not_ask():
    assert not Selectors(mode="on", place=PLACE).copied_images
