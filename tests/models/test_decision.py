"""The one question, as a table: each rung of the ladder, and what comes before it."""

from datetime import timedelta

import pytest

from models.base import Place
from models.decision import (
    REFUSALS,
    Keep,
    Promote,
    Reason,
    behind_since,
    decide,
    settle,
    settle_misconfigured,
)
from models.image import Image, newest
from models.launch_template import Template, Version
from models.selectors import Misconfigured, read_selectors
from models.version_description import Promotion, RollbackOf, read_promotion, read_rollback
from tests.support.builders import (
    ACCOUNT,
    FOLLOWS_INSTANCE,
    HELD,
    INSTANCE,
    NEW,
    NEWER,
    NOON,
    OLD,
    QUARANTINED,
    REGION,
    a_template,
    a_version,
    a_volume,
    an_image,
    at,
)
from tests.support.ids import reason_first

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
    return answered(template, current, images, NOON + timedelta(days=30))


def answered(template, current, images, now, proofs=None):
    """The two questions, asked as the function asks them."""
    selectors = read_selectors(template.tags, PLACE)
    if isinstance(selectors, Misconfigured):
        return settle_misconfigured(template, selectors)
    return settle(template) or decide(template, selectors, current, images, now, proofs)


CURRENT = image(OLD)


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        pytest.param(asked(image(NEW, 1), tags=HELD), Reason.HELD, id="held: a hold"),
        pytest.param(
            asked(image(NEW, 1), tags=HELD | {"ami-reactor": "nonsense"}),
            Reason.HELD,
            id="held: a hold comes before a misconfiguration",
        ),
        pytest.param(
            asked(image(NEW, 1), image_id="resolve:ssm:/golden"),
            Reason.SSM_PARAMETER_IMAGE,
            id="ssm-parameter-image: the image comes from a parameter",
        ),
        pytest.param(
            asked(image(NEW, 1), current=CURRENT, tags={"ami-reactor:typo": "x"}),
            Reason.MISCONFIGURED,
            id="misconfigured: an unknown tag",
        ),
        pytest.param(
            asked(image(NEW, 1), image_id="ami-00fa360e28f425da0 "),
            Reason.MISCONFIGURED,
            id="misconfigured: an image id with a space behind it",
        ),
        pytest.param(
            asked(), Reason.NOTHING_LAUNCHABLE, id="nothing-launchable: gone, and nothing there"
        ),
        pytest.param(
            asked(image(NEW, 1), image(NEWER, 2, Architecture="arm64")),
            Reason.NOTHING_LAUNCHABLE,
            id="nothing-launchable: gone, and the candidates disagree",
        ),
        pytest.param(
            asked(current=CURRENT), Reason.NO_CANDIDATE, id="no-candidate: nothing matches"
        ),
        pytest.param(
            asked(image(NEW, 1, State="pending"), current=CURRENT),
            Reason.NO_CANDIDATE,
            id="no-candidate: what matches is pending",
        ),
        pytest.param(
            asked(CURRENT, current=CURRENT),
            Reason.ALREADY_CURRENT,
            id="already-current: the newest",
        ),
        pytest.param(
            asked(image(NEW, -1), current=CURRENT),
            Reason.NOT_NEWER,
            id="not-newer: the newest is older",
        ),
        pytest.param(
            asked(image(NEW, 0), current=CURRENT),
            Reason.NOT_NEWER,
            id="not-newer: made at the same moment",
        ),
        pytest.param(
            asked(image(NEW, 1), current=CURRENT, tags=MARKED_AT_2),
            Reason.DEFAULT_MOVED_BACK,
            id="default-moved-back: older than the high-water mark",
        ),
        pytest.param(
            asked(image(NEW, 2), current=CURRENT, tags=MARKED_AT_2),
            Reason.DEFAULT_MOVED_BACK,
            id="default-moved-back: as old as the high-water mark",
        ),
        pytest.param(
            asked(image(NEW, 1), current=CURRENT, tags={"ami-reactor": "observe"}),
            Reason.OBSERVED,
            id="observed: only observed",
        ),
        pytest.param(
            asked(image(NEW, 1), tags={"ami-reactor": "observe"}),
            Reason.OBSERVED,
            id="observed: only observed, though the image is gone",
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
            asked(image(NEW, 1), current=CURRENT),
            Reason.NEWER_IMAGE,
            NEW,
            id="newer-image: a newer image",
        ),
        pytest.param(
            asked(image(NEW, 3), current=CURRENT, tags=MARKED_AT_2),
            Reason.NEWER_IMAGE,
            NEW,
            id="newer-image: newer than the high-water mark too",
        ),
        pytest.param(
            asked(image(NEW, -3), tags=MARKED_AT_2),
            Reason.CURRENT_IMAGE_GONE,
            NEW,
            id="current-image-gone: gone: even an image older than the high-water mark",
        ),
        pytest.param(
            asked(image(NEW, 1), image_id=None),
            Reason.NEWER_IMAGE,
            NEW,
            id="newer-image: the version names no image at all",
        ),
    ],
)
def test_the_template_is_promoted(decision, reason, image_id):
    assert isinstance(decision, Promote)
    assert (decision.reason, decision.image.image_id) == (reason, image_id)


@pytest.mark.parametrize(
    ("candidate", "skip"),
    reason_first(
        (image(NEW, 1, State="pending"), "not-available"),
        (image(NEW, 1, tags=QUARANTINED), "quarantined"),
        (image(NEW, 1, DeprecationTime=at(5)), "deprecated"),
        (image(NEW, 1, SourceImageRegion="us-east-1"), "copied-image"),
        (image(NEW, 1, Architecture="arm64"), "other-architecture"),
        (image(NEW, 1, BootMode="uefi"), "other-boot-mode"),
        (image(NEW, 1, Platform="windows"), "other-platform"),
    ),
)
def test_an_image_that_nearly_matched_is_reported_with_its_reason(candidate, skip):
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


@pytest.mark.parametrize(
    "current",
    [
        pytest.param(CURRENT, id="snapshot-would-be-lost: newer"),
        pytest.param(None, id="snapshot-would-be-lost: gone"),
    ],
)
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


# -- whether an image fits the version -------------------------------------------------------------

ROOT, DATA = "/dev/xvda", "/dev/sdf"
SIZES = {"BlockDeviceMappings": [a_volume(ROOT, 50, "snap-1"), a_volume(DATA, 100, "snap-2")]}
GROWN = image(NEW, 1, RootDeviceName=ROOT, EnaSupport=True, **SIZES)
REGISTERED = image(
    NEW, 1, SourceInstanceId=None, RootDeviceName=ROOT, tags={"golden": "web"}, **SIZES
)
ON_TYPES = {"InstanceTypeSpecification": {"SupportedInstanceTypes": [{"InstanceType": "m5.*"}]}}
OFF_TYPES = {"InstanceTypeSpecification": {"UnsupportedInstanceTypes": [{"InstanceType": "t*"}]}}
BOTH_TYPES = {
    "InstanceTypeSpecification": {
        "SupportedInstanceTypes": [{"InstanceType": "t3.*"}],
        "UnsupportedInstanceTypes": [{"InstanceType": "t3.micro"}],
    }
}
WAS = image(OLD, RootDeviceName=ROOT, EnaSupport=True)


def mapped(*mappings, **data):
    return {"BlockDeviceMappings": list(mappings), **data}


def with_encryption(device):
    return {"DeviceName": device, "Ebs": {"Encrypted": True, "VolumeType": "gp3"}}


@pytest.mark.parametrize(
    ("candidate", "data", "reason", "named"),
    reason_first(
        (GROWN, mapped(a_volume(ROOT, 49)), "volume-too-small", ["/dev/xvda", "49", "50 GiB"]),
        (GROWN, mapped(a_volume(DATA, 8)), "volume-too-small", ["/dev/sdf", "8 GiB", "100"]),
        (
            GROWN,
            mapped(a_volume(ROOT, 50), a_volume(DATA, 99)),
            "volume-too-small",
            ["/dev/sdf", "99 GiB"],
        ),
        (
            image(
                NEW,
                1,
                SourceInstanceId=None,
                tags={"aws:backup:source-resource": f"instance/{INSTANCE}"},
                **SIZES,
            ),
            mapped(a_volume(ROOT, 49)),
            "volume-too-small",
            ["/dev/xvda"],
        ),
        (GROWN, mapped(with_encryption("/dev/sdg")), "volume-without-size", ["/dev/sdg"]),
        (GROWN, mapped({"DeviceName": "/dev/sdg", "Ebs": {}}), "volume-without-size", ["/dev/sdg"]),
        (GROWN, mapped({"DeviceName": "/dev/sdg"}), "volume-without-size", ["/dev/sdg"]),
        (
            image(NEW, 1, RootDeviceName=ROOT, **mapped(a_volume(DATA, 10))),
            mapped(with_encryption(DATA)),
            "volume-without-size",
            [DATA],
        ),
        (
            image(NEW, 1, RootDeviceName=ROOT, **mapped({"DeviceName": DATA, "NoDevice": ""})),
            mapped(with_encryption(DATA)),
            "volume-without-size",
            [DATA],
        ),
        (
            image(NEW, 1, RootDeviceName="/dev/sda1", EnaSupport=True),
            mapped(a_volume(ROOT, 60)),
            "root-device-changed",
            ["/dev/xvda", "/dev/sda1"],
        ),
        (
            image(NEW, 1, EnaSupport=True, **ON_TYPES),
            {},
            "instance-type-unsupported",
            ["only m5.*"],
        ),
        (
            image(NEW, 1, EnaSupport=True, **OFF_TYPES),
            {},
            "instance-type-unsupported",
            ["t3.micro", "not t*"],
        ),
        (
            image(NEW, 1, EnaSupport=True, **BOTH_TYPES),
            {},
            "instance-type-unsupported",
            ["only t3.*"],
        ),
        (image(NEW, 1, EnaSupport=False), {}, "instance-type-unsupported", ["EnaSupport"]),
        (
            image(NEW, 1, EnaSupport=False),
            {"InstanceType": None},
            "instance-type-unsupported",
            ["EnaSupport"],
        ),
    ),
)
def test_an_image_that_ec2_could_not_launch_from_the_version_is_refused(
    candidate, data, reason, named
):
    decision = asked(candidate, current=WAS, **data)

    assert (decision.reason, type(decision)) == (reason, Keep)
    assert [word for word in named if word not in decision.message] == []
    assert decision.reason in REFUSALS
    observed = asked(candidate, current=WAS, tags={"ami-reactor": "observe"}, **data)
    assert observed.reason == reason


@pytest.mark.parametrize(
    ("candidate", "data"),
    [
        pytest.param(GROWN, mapped(a_volume(ROOT, 50)), id="the snapshot's very size"),
        pytest.param(GROWN, mapped(a_volume(ROOT, 51)), id="larger than the snapshot"),
        pytest.param(GROWN, mapped(with_encryption(ROOT)), id="the snapshot's size is inherited"),
        pytest.param(GROWN, mapped(a_volume("/dev/sdg", 1)), id="a volume of the version's own"),
        pytest.param(GROWN, mapped({"DeviceName": DATA, "NoDevice": ""}), id="a volume left out"),
        pytest.param(
            GROWN,
            mapped({**a_volume(DATA, 1), "NoDevice": ""}),
            id="a volume left out, whatever else is said of it",
        ),
        pytest.param(
            GROWN, mapped({"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"}), id="no EBS"
        ),
        pytest.param(
            image(NEW, 1, RootDeviceName=ROOT, EnaSupport=True),
            mapped(with_encryption(ROOT)),
            id="the root volume always has a snapshot",
        ),
        pytest.param(
            image(NEW, 1, RootDeviceName="/dev/sda1", EnaSupport=True),
            mapped(a_volume("/dev/sdg", 1)),
            id="another root device that the version does not map",
        ),
        pytest.param(
            image(NEW, 1, EnaSupport=True, **ON_TYPES),
            {"InstanceType": "m5.large"},
            id="a type that the image allows",
        ),
        pytest.param(
            image(NEW, 1, EnaSupport=True, **ON_TYPES),
            {"InstanceType": None, "InstanceRequirements": {"VCpuCount": {"Min": 2}}},
            id="types that the group chooses",
        ),
        pytest.param(
            image(NEW, 1, EnaSupport=True, InstanceTypeSpecification={}), {}, id="all types"
        ),
    ],
)
def test_an_image_that_ec2_can_launch_from_the_version_is_taken(candidate, data):
    assert isinstance(asked(candidate, current=WAS, **data), Promote)


def test_the_volumes_of_a_registered_image_may_be_larger_than_its_snapshots():
    tags = {"ami-reactor:image-tag:golden": "web", "ami-reactor:source-instance": INSTANCE}
    selectors = read_selectors({"ami-reactor": "on", "ami-reactor:image-tag:golden": "web"}, PLACE)
    version = Version.model_validate(a_version(**mapped(a_volume(ROOT, 20))))
    template = Template.model_validate(
        a_template(tags=tags) | {"LatestVersionNumber": 1, "versions": [version]}
    )

    assert isinstance(decide(template, selectors, CURRENT, [REGISTERED], NOON), Promote)


def test_a_lost_snapshot_is_told_before_anything_else():
    decision = asked(GROWN, current=WAS, **mapped(a_volume("/dev/sdg", None, "snap-3")))

    assert decision.reason is Reason.SNAPSHOT_WOULD_BE_LOST


def test_healing_takes_the_newest_image_that_fits():
    smaller = image(NEWER, -3, **mapped(a_volume(ROOT, 20, "snap-3")))

    decision = asked(GROWN, smaller, **mapped(a_volume(ROOT, 30)))

    assert isinstance(decision, Promote)
    assert (decision.reason, decision.image) == (Reason.CURRENT_IMAGE_GONE, smaller)


@pytest.mark.parametrize(
    ("candidate", "data", "why"),
    [
        (GROWN, mapped(a_volume(ROOT, 30)), "volume-too-small"),
        (GROWN, mapped(with_encryption("/dev/sdg")), "volume-without-size"),
        (image(NEW, 1, **ON_TYPES), {}, "only m5.*"),
        (image(NEW, 1, Architecture="arm64"), {}, "t3.micro has x86_64"),
        (image(NEW, 1, Architecture="x86_64"), {"InstanceType": "c7gd.large"}, "has arm64"),
        (image(NEW, 1, Architecture="x86_64"), {"InstanceType": "a1.large"}, "has arm64"),
    ],
)
def test_healing_with_nothing_that_fits_says_what_is_in_the_way(candidate, data, why):
    decision = asked(candidate, **data)

    assert decision.reason is Reason.NOTHING_LAUNCHABLE
    assert why in decision.message


@pytest.mark.parametrize(
    ("architecture", "instance_type"),
    [
        ("arm64", "t4g.micro"),
        ("arm64", "im4gn.large"),
        ("x86_64", "g4dn.xlarge"),
        ("i386", "t3.micro"),
        ("x86_64_mac", "mac1.metal"),
        ("x86_64", "m7i-flex.large"),
        ("arm64", "p6e-gb200.36xlarge"),
        ("", "t3.micro"),
    ],
)
def test_a_types_name_is_believed_only_as_far_as_it_says_its_processor(architecture, instance_type):
    candidate = image(NEW, 1, Architecture=architecture)

    assert isinstance(asked(candidate, InstanceType=instance_type), Promote)


def test_a_disabled_image_still_tells_what_may_take_its_place():
    """EC2 shows it: its processor, its boot mode and its root device are known."""
    gone = image(OLD, State="disabled", Architecture="arm64", RootDeviceName=ROOT)
    other = image(NEW, 1, Architecture="x86_64")
    same = image(NEWER, -2, Architecture="arm64", RootDeviceName=ROOT)
    graviton = {"InstanceType": "t4g.micro"}

    assert asked(gone, other, same, **graviton).image == same
    assert asked(gone, other, **graviton).reason is Reason.NOTHING_LAUNCHABLE
    renamed = image(NEW, 1, Architecture="arm64", RootDeviceName="/dev/sda1")
    assert (
        "root-device-changed"
        in asked(gone, renamed, **mapped(a_volume(ROOT, 9)), **graviton).message
    )


# -- boot modes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("architecture", "was", "now"),
    [
        ("x86_64", None, "legacy-bios"),
        ("x86_64", "legacy-bios", None),
        ("arm64", None, "uefi"),
        ("arm64", "uefi", None),
        ("x86_64", None, "uefi-preferred"),
        ("x86_64", "legacy-bios", "uefi-preferred"),
        ("x86_64", "uefi", "uefi-preferred"),
        ("x86_64", "uefi-preferred", "legacy-bios"),
        ("x86_64", "uefi-preferred", None),
    ],
)
def test_an_image_that_starts_wherever_the_current_one_does_is_taken(architecture, was, now):
    current = image(OLD, Architecture=architecture, BootMode=was)
    candidate = image(NEW, 1, Architecture=architecture, BootMode=now)

    assert isinstance(asked(candidate, current, current=current), Promote)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("legacy-bios", "uefi"),
        (None, "uefi"),
        ("uefi", "legacy-bios"),
        ("uefi", None),
        ("uefi-preferred", "uefi"),
    ],
)
def test_a_newer_image_that_may_not_be_taken_is_said_beside_the_one_in_force(was, now):
    current = image(OLD, Architecture="x86_64", BootMode=was)
    candidate = image(NEW, 1, Architecture="x86_64", BootMode=now)

    decision = asked(candidate, current, current=current)

    assert decision.reason is Reason.ALREADY_CURRENT
    assert f"{NEW} of {at(1)} is newer, and skipped: other-boot-mode" in decision.message


def test_of_several_newer_images_that_may_not_be_taken_the_newest_is_said():
    skipped = [image(f"ami-{n:017x}", n, State="pending") for n in (1, 3, 2)]

    message = asked(*skipped, CURRENT, current=CURRENT).message
    assert (
        f"ami-{3:017x} of {at(3)} is newer, and skipped: not-available, as are 2 others" in message
    )
    older = asked(*skipped, image(NEW, -1), current=CURRENT)
    assert (older.reason, "as are 2 others" in older.message) == (Reason.NOT_NEWER, True)


@pytest.mark.parametrize(
    ("modes", "reason"),
    [
        ((None, "legacy-bios"), Reason.CURRENT_IMAGE_GONE),
        (("uefi-preferred", "legacy-bios"), Reason.CURRENT_IMAGE_GONE),
        (("uefi", "legacy-bios"), Reason.NOTHING_LAUNCHABLE),
        (("uefi", "legacy-bios", "uefi-preferred"), Reason.NOTHING_LAUNCHABLE),
    ],
)
def test_healing_asks_whether_images_start_alike_not_what_is_written(modes, reason):
    images = [
        image(f"ami-{n:017x}", n, Architecture="x86_64", BootMode=m) for n, m in enumerate(modes, 1)
    ]

    assert asked(*images).reason is reason


# -- deprecated images -----------------------------------------------------------------------------

DEPRECATED = {"DeprecationTime": at(5)}


def test_a_deprecated_image_heals_last_of_all_and_is_named_as_such():
    old_but_sound, deprecated = image(NEWER, -5), image(NEW, 1, **DEPRECATED)

    assert asked(deprecated, old_but_sound).image == old_but_sound
    decision = asked(deprecated)
    assert (decision.reason, decision.image) == (Reason.CURRENT_IMAGE_GONE, deprecated)
    assert "deprecated" in decision.message
    assert decision.skipped == {}


def test_a_deprecated_image_that_fits_comes_before_a_sound_one_that_does_not():
    deprecated = image(NEWER, -5, **DEPRECATED)

    assert asked(GROWN, deprecated, **mapped(a_volume(ROOT, 30))).image == deprecated


@pytest.mark.parametrize("wrong", [{"tags": QUARANTINED}, {"State": "pending"}])
def test_a_deprecated_image_with_another_fault_heals_nothing(wrong):
    decision = asked(image(NEW, 1, **DEPRECATED, **wrong))

    assert decision.reason is Reason.NOTHING_LAUNCHABLE
    assert "deprecated" not in decision.message


def test_what_could_be_launched_and_may_not_be_taken_is_told_by_its_kind():
    decision = asked(
        image(NEW, -1, **DEPRECATED), image(OLD, **DEPRECATED), current=image(OLD, **DEPRECATED)
    )

    assert decision.reason is Reason.NO_CANDIDATE
    assert decision.message.endswith("may be taken: 2 deprecated")


def test_an_image_is_deprecated_at_the_very_moment():
    decision = asked(image(NEW, 1, DeprecationTime=at(24 * 30)), current=CURRENT)

    assert decision.skipped == {NEW: "deprecated"}


def test_a_quarantine_without_a_word_is_one():
    empty = image(NEW, 1, tags={"ami-reactor-state:quarantine": ""})

    assert asked(empty, current=CURRENT).skipped == {NEW: "quarantined"}


def test_a_hold_without_a_word_holds():
    assert asked(image(NEW, 1), tags={"ami-reactor-state:hold": ""}).reason is Reason.HELD


def test_an_image_with_a_source_region_alone_is_a_copy():
    copied = image(
        NEW,
        1,
        SourceInstanceId=None,
        SourceImageRegion=REGION,
        tags={"aws:backup:source-resource": f"instance/{INSTANCE}"},
    )

    assert asked(copied, current=CURRENT).skipped == {NEW: "copied-image"}


# -- back to an image that the reactor had to leave ------------------------------------------------


MARK = f"{NEWER} {at(2)}"


def moved(said, *images, mark=MARK, number=3):
    """Decide about a template that is on OLD by a version which says that of itself."""
    tags = FOLLOWS_INSTANCE | {"ami-reactor-state:newest-image": mark}
    version = Version.model_validate(a_version(OLD, number) | {"VersionDescription": said})
    template = Template.model_validate(
        a_template(default=number, tags=tags)
        | {"LatestVersionNumber": number, "versions": [version]}
    )
    return answered(template, CURRENT, images, NOON)


@pytest.mark.parametrize(
    ("said", "mark"),
    [
        (f"ami-reactor: {NEWER} -> {OLD}", f"{NEWER} {at(2)}"),
        (f"ami-reactor: {NEW} -> {OLD} instead of {NEWER}", f"{NEWER} {at(2)}"),
        (f"ami-reactor: {NEWER} -> {OLD}", f"{NEWER} {at(2)} 3"),
        (f"ami-reactor: {NEWER} -> {OLD}", f"{NEWER} {at(2)} 2"),
    ],
)
@pytest.mark.parametrize("back", [image(NEWER, 2), image(NEW, 1)], ids=["it", "a nearer one"])
def test_an_image_that_the_reactor_had_to_leave_is_taken_again(said, mark, back):
    decision = moved(said, back, mark=mark)

    assert isinstance(decision, Promote)
    assert (decision.image, decision.is_return) == (back, True)


@pytest.mark.parametrize(
    ("said", "mark"),
    [
        pytest.param("", f"{NEWER} {at(2)}", id="a person's version"),
        pytest.param(f"ami-reactor: {NEW} -> {OLD}", f"{NEWER} {at(2)}", id="left another image"),
        pytest.param(
            f"ami-reactor: {NEWER} -> {NEW}",
            f"{NEWER} {at(2)}",
            id="says another image than it has",
        ),
        pytest.param(
            f"ami-reactor: {NEWER} -> {OLD}", f"{NEWER} {at(2)} 4", id="it was back meanwhile"
        ),
        pytest.param(
            "ami-reactor: rollback of version 2 to 1", f"{NEWER} {at(2)}", id="a rollback"
        ),
        pytest.param(
            f"{NEWER} -> {OLD}", f"{NEWER} {at(2)}", id="a description that only looks like it"
        ),
    ],
)
def test_what_others_moved_back_stays(said, mark):
    decision = moved(said, image(NEWER, 2), mark=mark)

    assert decision.reason is Reason.DEFAULT_MOVED_BACK
    assert f"was on {NEWER} of {at(2)} before" in decision.message


def test_an_old_image_that_is_enabled_again_changes_nothing_after_healing_either():
    said = f"ami-reactor: {NEWER} -> {OLD}"

    assert moved(said, image(NEW, -1)).reason is Reason.NOT_NEWER


@pytest.mark.parametrize(
    "said",
    [
        Promotion(None, NEW),
        Promotion(OLD, NEW),
        Promotion(NEWER, OLD, NEW),
        Promotion(OLD, NEW, NEW),
    ],
)
def test_what_a_version_says_of_itself_is_read_as_it_was_written(said):
    assert read_promotion(str(said)) == said


def test_what_a_rollback_says_of_a_version_is_read_as_it_was_written():
    rollback = RollbackOf(version=12, copied=3)

    assert read_rollback(str(rollback)) == rollback
    assert read_rollback(f"{rollback}, by hand") is None
    assert read_promotion(str(rollback)) is None


# -- equal versions --------------------------------------------------------------------------------


def of(**data):
    return Version.model_validate(a_version(**data))


UNLIKE = [
    {"SecurityGroupIds": ["sg-1", "sg-2"]},
    {"BlockDeviceMappings": [a_volume(ROOT, 8), a_volume(DATA, 9)]},
    {
        "TagSpecifications": [
            {"ResourceType": "volume", "Tags": [{"Key": "a", "Value": "1"}]},
            {
                "ResourceType": "instance",
                "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}],
            },
        ]
    },
    {
        "NetworkInterfaces": [
            {"DeviceIndex": 0, "Groups": ["sg-1", "sg-2"]},
            {"DeviceIndex": 1, "Groups": ["sg-3"]},
        ]
    },
]


def turned(value):
    """The same with every list the other way round."""
    if isinstance(value, dict):
        return {key: turned(item) for key, item in value.items()}
    return [turned(item) for item in reversed(value)] if isinstance(value, list) else value


@pytest.mark.parametrize("data", UNLIKE)
def test_lists_in_another_order_are_the_same(data):
    assert of(**turned(data)).equals(of(**data))
    assert of(image_id=NEW, **turned(data)).differs_in_image_alone(of(**data))


@pytest.mark.parametrize("data", UNLIKE)
def test_lists_with_another_item_are_others(data):
    key, [_, *rest] = next(iter(data.items()))

    assert not of(**{key: rest}).equals(of(**data))
    assert not of(image_id=NEW, **{key: rest}).differs_in_image_alone(of(**data))


def test_how_far_a_change_of_the_metadata_options_has_come_is_no_parameter():
    pending = of(MetadataOptions={"HttpTokens": "required", "State": "pending"})

    assert pending.equals(of(MetadataOptions={"HttpTokens": "required"}))
    assert not pending.equals(of(MetadataOptions={"HttpTokens": "optional", "State": "pending"}))


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
        ({"ami-reactor": "yes"}, "ami-reactor: must be one of: on, observe"),
        ({"ami-reactor": "on"}, "no selector"),
        ({}, "ami-reactor: missing"),
        ({"ami-reactor:source-instance": ""}, "ami-reactor:source-instance: must be"),
        ({"ami-reactor:source-instance": "web"}, "ami-reactor:source-instance: must be"),
        ({"ami-reactor:source-instance": "i-0b2e25be910fac823,i-1"}, "separated by a space"),
        ({"ami-reactor:image-name": "*"}, "ami-reactor:image-name: must be"),
        ({"ami-reactor:image-name": "*?*"}, "ami-reactor:image-name: must be"),
        ({"ami-reactor:image-tag:": "x"}, "KEY is missing"),
        ({"ami-reactor:copied-images": "yes"}, "ami-reactor:copied-images: must be allow"),
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


def test_a_template_is_behind_since_the_oldest_image_that_is_newer_and_may_be_taken():
    selectors = read_selectors(FOLLOWS_INSTANCE, PLACE)
    anothers = image(f"ami-{1:017x}", 0.5, SourceInstanceId="i-0fedcba9876543210")
    quarantined = image(f"ami-{2:017x}", 0.7, tags=QUARANTINED)
    older = image(f"ami-{3:017x}", -1)
    rest = [CURRENT, older, anothers, quarantined]

    newer = [image(NEWER, 2), image(NEW, 1)]
    assert behind_since(selectors, CURRENT, [*newer, *rest], NOON) == NOON + timedelta(hours=1)
    assert behind_since(selectors, CURRENT, rest, NOON) is None
