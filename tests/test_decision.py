"""The one question, as a table: each rung of the ladder, and what comes before it."""

from datetime import timedelta

import pytest

from models.base import Place
from models.decision import Keep, Promote, Reason, decide
from models.image import Image, newest
from models.selectors import Misconfigured, read_selectors
from models.template import Template, Version
from tests.builders import (
    ACCOUNT,
    FOLLOWS_INSTANCE,
    HELD,
    NEW,
    NEWER,
    NOON,
    OLD,
    QUARANTINED,
    REGION,
    a_template,
    a_version,
    an_image,
    at,
)

PLACE = Place(account=ACCOUNT, region=REGION)
MARKED_AT_2 = {"ami-reactor-state:newest-image": f"{NEWER} {at(2)}"}


def image(image_id: str, hours: float = 0, **fields) -> Image:
    return Image.model_validate(an_image(image_id, hours, **fields))


def asked(*images, current=None, tags=None, image_id=OLD, **data):
    """Decide about a template on OLD, of noon, that follows the golden instance."""
    tags = FOLLOWS_INSTANCE | (tags or {})
    version = Version.model_validate(a_version(image_id, **data))
    template = Template.model_validate(
        a_template(tags=tags) | {"LatestVersionNumber": 1, "versions": [version]}
    )
    selectors = read_selectors(tags, PLACE)
    return decide(template, selectors, current, images, NOON + timedelta(days=30))


CURRENT = image(OLD)


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        pytest.param(asked(image(NEW, 1), tags=HELD), Reason.HELD, id="a hold"),
        pytest.param(
            asked(image(NEW, 1), tags=HELD | {"ami-reactor": "nonsense"}),
            Reason.HELD,
            id="a hold comes before a misconfiguration",
        ),
        pytest.param(
            asked(image(NEW, 1), image_id="resolve:ssm:/golden"),
            Reason.IMAGE_BY_PARAMETER,
            id="the image comes from a parameter",
        ),
        pytest.param(
            asked(image(NEW, 1), current=CURRENT, tags={"ami-reactor:typo": "x"}),
            Reason.MISCONFIGURED,
            id="an unknown tag",
        ),
        pytest.param(
            asked(image(NEW, 1), image_id="ami-00fa360e28f425da0 "),
            Reason.MISCONFIGURED,
            id="an image id with a space behind it",
        ),
        pytest.param(asked(), Reason.NOTHING_LAUNCHABLE, id="gone, and nothing there"),
        pytest.param(
            asked(image(NEW, 1), image(NEWER, 2, Architecture="arm64")),
            Reason.NOTHING_LAUNCHABLE,
            id="gone, and the candidates disagree",
        ),
        pytest.param(asked(current=CURRENT), Reason.NO_CANDIDATE, id="nothing matches"),
        pytest.param(
            asked(image(NEW, 1, State="pending"), current=CURRENT),
            Reason.NO_CANDIDATE,
            id="what matches is pending",
        ),
        pytest.param(asked(CURRENT, current=CURRENT), Reason.ALREADY_CURRENT, id="the newest"),
        pytest.param(
            asked(image(NEW, -1), current=CURRENT), Reason.NOT_NEWER, id="the newest is older"
        ),
        pytest.param(
            asked(image(NEW, 0), current=CURRENT), Reason.NOT_NEWER, id="made at the same moment"
        ),
        pytest.param(
            asked(image(NEW, 1), current=CURRENT, tags=MARKED_AT_2),
            Reason.DEFAULT_MOVED_BACK,
            id="older than the mark",
        ),
        pytest.param(
            asked(image(NEW, 2), current=CURRENT, tags=MARKED_AT_2),
            Reason.DEFAULT_MOVED_BACK,
            id="as old as the mark",
        ),
        pytest.param(
            asked(image(NEW, 1), current=CURRENT, tags={"ami-reactor": "observe"}),
            Reason.OBSERVED,
            id="only observed",
        ),
        pytest.param(
            asked(image(NEW, 1), tags={"ami-reactor": "observe"}),
            Reason.OBSERVED,
            id="only observed, though the image is gone",
        ),
    ],
)
def test_the_template_is_left_alone(decision, reason):
    assert isinstance(decision, Keep)
    assert decision.reason is reason
    assert decision.message


@pytest.mark.parametrize(
    ("decision", "reason", "image_id"),
    [
        pytest.param(
            asked(image(NEW, 1), current=CURRENT), Reason.NEWER_IMAGE, NEW, id="a newer image"
        ),
        pytest.param(
            asked(image(NEW, 3), current=CURRENT, tags=MARKED_AT_2),
            Reason.NEWER_IMAGE,
            NEW,
            id="newer than the mark too",
        ),
        pytest.param(
            asked(image(NEW, -3), tags=MARKED_AT_2),
            Reason.CURRENT_IMAGE_GONE,
            NEW,
            id="gone: even an image older than the mark",
        ),
        pytest.param(
            asked(image(NEW, 1), image_id=None),
            Reason.NEWER_IMAGE,
            NEW,
            id="the version names no image at all",
        ),
    ],
)
def test_the_template_is_promoted(decision, reason, image_id):
    assert isinstance(decision, Promote)
    assert (decision.reason, decision.image.image_id) == (reason, image_id)


@pytest.mark.parametrize(
    ("candidate", "skip"),
    [
        (image(NEW, 1, State="pending"), "not-available"),
        (image(NEW, 1, tags=QUARANTINED), "quarantined"),
        (image(NEW, 1, DeprecationTime=at(5)), "deprecated"),
        (image(NEW, 1, SourceImageRegion="us-east-1"), "copied-image"),
        (image(NEW, 1, Architecture="arm64"), "other-architecture"),
        (image(NEW, 1, BootMode="uefi"), "other-boot-mode"),
        (image(NEW, 1, Platform="windows"), "other-platform"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_image_that_nearly_matched_is_said_with_its_reason(candidate, skip):
    decision = asked(candidate, current=CURRENT)

    assert decision.reason is Reason.NO_CANDIDATE
    assert decision.skipped == {NEW: skip}


def test_an_image_is_deprecated_from_its_deprecation_time_on():
    not_yet = image(NEW, 1, DeprecationTime=at(24 * 31))

    assert isinstance(asked(not_yet, current=CURRENT), Promote)


def test_an_image_made_by_create_image_in_this_region_is_no_copy():
    made_here = image(NEW, 1, SourceImageId=OLD, SourceImageRegion=REGION)

    assert isinstance(asked(made_here, current=CURRENT), Promote)


def test_a_copied_image_counts_where_the_template_says_so():
    source = {
        "aws:backup:source-resource": f"instance/{FOLLOWS_INSTANCE['ami-reactor:source-instance']}"
    }
    copied = image(NEW, 1, SourceInstanceId=None, SourceImageId=OLD, tags=source)

    assert asked(copied, current=CURRENT).skipped == {NEW: "copied-image"}
    allowed = asked(copied, current=CURRENT, tags={"ami-reactor:copied-images": "allow"})
    assert isinstance(allowed, Promote)


def test_an_image_of_another_owner_does_not_even_nearly_match():
    decision = asked(image(NEW, 1, OwnerId="999988887777"), current=CURRENT)

    assert (decision.reason, decision.skipped) == (Reason.NO_CANDIDATE, {})


SNAPSHOT = {"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": "snap-0123456789abcdef0"}}


@pytest.mark.parametrize("current", [CURRENT, None], ids=["newer", "gone"])
def test_a_promotion_that_would_lose_a_data_volumes_snapshot_is_refused(current):
    decision = asked(image(NEW, 1), current=current, BlockDeviceMappings=[SNAPSHOT])

    assert decision.reason is Reason.SNAPSHOT_WOULD_BE_LOST


def test_a_snapshot_that_the_image_maps_itself_is_not_lost():
    mapped = image(NEW, 1, BlockDeviceMappings=[{**SNAPSHOT, "Ebs": {"SnapshotId": "snap-1"}}])

    assert isinstance(asked(mapped, current=CURRENT, BlockDeviceMappings=[SNAPSHOT]), Promote)


@pytest.mark.parametrize(
    "mapping", [{"VirtualName": "ephemeral0"}, {"Ebs": {"VolumeSize": 10}}, {"NoDevice": ""}]
)
def test_a_device_that_the_image_maps_without_a_snapshot_has_no_data(mapping):
    bare = image(NEW, 1, BlockDeviceMappings=[{"DeviceName": "/dev/sdf", **mapping}])

    decision = asked(bare, current=CURRENT, BlockDeviceMappings=[SNAPSHOT])

    assert decision.reason is Reason.SNAPSHOT_WOULD_BE_LOST


def test_of_images_made_at_one_moment_the_greatest_id_is_the_newest():
    low, high = image("ami-0aaaaaaaaaaaaaaa1"), image("ami-0aaaaaaaaaaaaaaa2")

    assert newest([low, high]) == newest([high, low]) == high


def test_the_order_of_the_images_does_not_matter():
    images = [image(NEW, 1), image(NEWER, 2), CURRENT]

    assert asked(*images, current=CURRENT) == asked(*reversed(images), current=CURRENT)


# -- tags ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "named"),
    [
        ({"ami-reactor": "yes"}, "ami-reactor: may be on or observe"),
        ({"ami-reactor": "on"}, "no selector"),
        ({}, "ami-reactor: missing"),
        ({"ami-reactor:source-instance": ""}, "ami-reactor:source-instance: may be"),
        ({"ami-reactor:source-instance": "web"}, "ami-reactor:source-instance: may be"),
        ({"ami-reactor:source-instance": "i-0b2e25be910fac823,i-1"}, "separated by a space"),
        ({"ami-reactor:image-name": "*"}, "ami-reactor:image-name: may be"),
        ({"ami-reactor:image-name": "*?*"}, "ami-reactor:image-name: may be"),
        ({"ami-reactor:image-tag:": "x"}, "KEY is missing"),
        ({"ami-reactor:copied-images": "yes"}, "ami-reactor:copied-images: may be allow"),
        ({"ami-reactor:image-tags:app": "web"}, "ami-reactor:image-tags:app: no such tag"),
        ({"ami-reactor:\x1b[31mred": "x"}, r"ami-reactor:\x1b[31mred: no such tag"),
        ({"ami-reactor-state:newest-image": "yesterday"}, "an image id and its date"),
        ({"ami-reactor-state:newest-image": f"{NEW} 1781544300"}, "an image id and its date"),
        (
            {"ami-reactor-state:newest-image": f"{NEW} 9999-12-31T23:59:59-14:00"},
            "an image id and its date",
        ),
    ],
)
def test_tags_that_make_no_selectors_are_named(tags, named):
    said = read_selectors(tags, PLACE)

    assert isinstance(said, Misconfigured)
    assert named in said.message
    assert said.message.isprintable()


def test_several_instances_are_separated_by_a_space():
    one, other = "i-0b2e25be910fac823", "i-09bba03659a0990da"
    selectors = read_selectors(
        {"ami-reactor": "on", "ami-reactor:source-instance": f"{one} {other}"}, PLACE
    )

    assert selectors.source_instances == {one, other}
    assert selectors.match(image(NEW, SourceInstanceId=other))
    assert not selectors.match(image(NEW, SourceInstanceId="i-00000000000000001"))


@pytest.mark.parametrize(
    "tag",
    [
        "arn:aws:ec2:ap-northeast-2:111122223333:instance/i-0b2e25be910fac823",
        "instance/i-0b2e25be910fac823",
        "i-0b2e25be910fac823",
    ],
)
def test_the_backup_services_tag_proves_the_source_in_each_form(tag):
    selectors = read_selectors(FOLLOWS_INSTANCE, PLACE)

    assert selectors.match(
        image(NEW, SourceInstanceId=None, tags={"aws:backup:source-resource": tag})
    )


def test_a_name_proves_no_source():
    selectors = read_selectors(FOLLOWS_INSTANCE, PLACE)

    assert not selectors.match(image(NEW, SourceInstanceId=None, tags={"Name": "web"}))


@pytest.mark.parametrize(
    ("glob", "name", "matches"),
    [
        ("web-*", "web-2026-06-15", True),
        ("web-*", "Web-2026-06-15", False),
        ("web-?", "web-1", True),
        ("web-?", "web-12", False),
        ("web-[12]", "web-1", False),
        ("web-[12]", "web-[12]", True),
    ],
)
def test_a_name_is_matched_as_ec2_does(glob, name, matches):
    selectors = read_selectors({"ami-reactor": "on", "ami-reactor:image-name": glob}, PLACE)

    assert selectors.match(image(NEW, Name=name)) is matches


def test_all_selectors_must_hold():
    tags = FOLLOWS_INSTANCE | {"ami-reactor:image-tag:app": "web", "ami-reactor:image-tag:v": "2"}
    selectors = read_selectors(tags, PLACE)

    assert selectors.match(image(NEW, tags={"app": "web", "v": "2"}))
    assert not selectors.match(image(NEW, tags={"app": "web"}))
    assert not selectors.match(image(NEW, tags={"app": "*", "v": "2"}))
