"""What a surviving mutant showed to be untested."""

import pytest

from models.decision import Promote, Reason
from models.image import amis
from models.selectors import Misconfigured, Selectors, read_selectors
from tests.models.test_decision import PLACE, asked, image
from tests.support.builders import FOLLOWS_INSTANCE, NEW, NEWER, OLD, a_volume, at


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


def test_a_first_image_is_not_chosen_among_unlike_ones_that_boot_alike():
    decision = asked(
        image(NEW, 1, Architecture="x86_64", BootMode="uefi"),
        image(NEWER, 2, Architecture="arm64", BootMode="uefi"),
        image_id=None,
    )

    assert decision.reason is Reason.NO_CANDIDATE


@pytest.mark.parametrize(("was", "now"), [("x86_64", "arm64"), ("arm64", "x86_64")])
def test_an_image_of_another_architecture_is_skipped_whichever_comes_first(was, now):
    current = image(OLD, Architecture=was, BootMode="uefi")

    decision = asked(image(NEW, 1, Architecture=now, BootMode="uefi"), current, current=current)

    assert decision.reason is Reason.ALREADY_CURRENT
    assert "skipped: other-architecture" in decision.message


@pytest.mark.parametrize(
    ("count", "more"), [(0, ""), (1, ""), (2, ", as is 1 other"), (3, ", as are 2 others")]
)
def test_newer_images_that_may_not_be_taken_are_counted(count, more):
    current = image(OLD)
    pending = [image(f"ami-{n:017x}", n, State="pending") for n in range(1, count + 1)]

    message = asked(*pending, current, current=current).message

    newest = f"; ami-{count:017x} of {at(count)} is newer, and skipped: not-available"
    assert message == f"{OLD} of {at(0)} is the current image{newest if count else ''}{more}"


def test_only_a_return_is_told_as_one():
    decision = asked(image(NEW, 1), current=image(OLD))

    assert isinstance(decision, Promote)
    assert decision.message == f"{NEW} of {at(1)} replaces {OLD} of {at(0)}"


def test_an_image_without_a_known_root_device_is_not_refused_for_it():
    root = "/dev/xvda"
    mapped = {"BlockDeviceMappings": [{"DeviceName": root, "Ebs": {"VolumeSize": 50}}]}
    for current, candidate in (
        (image(OLD, RootDeviceName=root), image(NEW, 1, RootDeviceName=None)),
        (image(OLD, RootDeviceName=None), image(NEW, 1, RootDeviceName=root)),
    ):
        assert isinstance(asked(candidate, current=current, **mapped), Promote)


def test_the_processor_of_a_mac_is_not_in_its_types_name():
    first = asked(image(NEW, 1, Architecture="arm64"), image_id=None, InstanceType="mac2.metal")

    assert isinstance(first, Promote)


def test_what_names_no_image_is_none():
    assert amis([None, "", "resolve:ssm:/golden", NEW]) == {NEW}


def test_an_image_that_says_nothing_of_ena_lacks_it():
    current = image(OLD, EnaSupport=True)
    silent = image(NEW, 1)
    assert "ena_support" not in silent.model_fields_set

    assert asked(silent, current=current).reason is Reason.INSTANCE_TYPE_UNSUPPORTED


def test_a_device_that_an_image_takes_away_has_no_snapshot():
    ebs = {"SnapshotId": "snap-0a1b2c3d4e5f60718", "VolumeSize": 8}
    gone = {"DeviceName": "/dev/sdb", "NoDevice": "", "Ebs": ebs}

    kept = a_volume("/dev/xvda", 8, "snap-0f0e0d0c0b0a09080")
    made = image(NEW, BlockDeviceMappings=[kept, gone])

    assert made.snapshot_devices == {"/dev/xvda"}
