"""Whatever the reactor promotes, the embedded AWS launches: of any sizes, devices and types."""

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from infra.embedded.stage import stage
from infra.embedded.world.seed import read_world
from tests.support.builders import (
    NEW,
    OLD,
    TEMPLATE,
    a_version,
    a_world,
    an_image,
    backup_completed,
)

DEVICES = ("/dev/xvda", "/dev/sda1", "/dev/sdf")


def mappings(*, has_snapshots: bool) -> st.SearchStrategy[list[dict[str, Any]]]:
    """For some of the devices; an image's volumes have snapshots, a version's may have a size."""
    snapshot = {"SnapshotId": st.just("snap-0123456789abcdef0")} if has_snapshots else {}
    size = st.one_of(st.none(), st.integers(1, 4))
    ebs = st.fixed_dictionaries({**snapshot, "VolumeSize": size, "Encrypted": st.just(False)})
    return st.dictionaries(st.sampled_from(DEVICES), ebs, max_size=3).map(
        lambda devices: [
            {"DeviceName": device, "Ebs": {k: v for k, v in volume.items() if v is not None}}
            for device, volume in devices.items()
        ]
    )


@st.composite
def images(draw: st.DrawFn) -> dict[str, Any]:
    specification = draw(
        st.sampled_from(
            [
                {},
                {"SupportedInstanceTypes": [{"InstanceType": "t3.*"}]},
                {"UnsupportedInstanceTypes": [{"InstanceType": "t3.micro"}]},
            ]
        )
    )
    root = draw(st.sampled_from(DEVICES[:2]))
    others = [m for m in draw(mappings(has_snapshots=True)) if m["DeviceName"] != root]
    size = draw(st.integers(1, 4))  # the root volume of an image always has a snapshot
    return {
        "RootDeviceName": root,
        "BlockDeviceMappings": [*of_size(size, root), *others],
        "InstanceTypeSpecification": specification,
        "EnaSupport": draw(st.booleans()),
    }


ROOT = {"RootDeviceName": "/dev/xvda", "EnaSupport": True}


def of_size(size: int, device: str = "/dev/xvda") -> list[dict[str, Any]]:
    ebs = {"SnapshotId": "snap-0123456789abcdef0", "VolumeSize": size}
    return [{"DeviceName": device, "Ebs": ebs}]


def sized(device: str, **ebs: Any) -> list[dict[str, Any]]:
    return [{"DeviceName": device, "Ebs": ebs}]


SMALL = ROOT | {"BlockDeviceMappings": of_size(1)}
DATA = {"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": "snap-0123456789abcdef1", "VolumeSize": 1}}
WITH_DATA = ROOT | {"BlockDeviceMappings": [*of_size(1), DATA]}
LARGE = ROOT | {"BlockDeviceMappings": of_size(4)}


TYPED = {"InstanceTypeSpecification": {"UnsupportedInstanceTypes": [{"InstanceType": "t3.micro"}]}}


@settings(max_examples=25, deadline=None)
@given(images(), images(), mappings(has_snapshots=False))
@example(SMALL, LARGE, sized("/dev/xvda", VolumeSize=2))
@example(WITH_DATA, LARGE, sized("/dev/sdf", Encrypted=True))
@example(SMALL, LARGE | TYPED, [])
@example(SMALL, LARGE | {"EnaSupport": False}, [])
def test_every_promoted_pair_of_version_and_image_launches(old, new, asked):
    """A version that launched its own image, so that only the promotion can be at fault."""
    world = a_world(
        an_image(OLD, **old),
        an_image(NEW, 1, **new),
        versions=[a_version(BlockDeviceMappings=asked)],
    )
    with stage(read_world(json.dumps(world), "world")) as staged:
        ec2 = staged.session.client("ec2")
        refused_before = refusal(ec2)
        outcome = staged.delivery.deliver(backup_completed()).outcome
        is_promoted = outcome["templates"][0]["outcome"] == "promoted"

        if is_promoted and refused_before is None:
            assert refusal(ec2) is None


def refusal(ec2: Any) -> str | None:
    """Why EC2 does not launch what the template's default names; None: it does."""
    named = {"LaunchTemplateId": TEMPLATE, "Version": "$Default"}
    try:
        ec2.run_instances(LaunchTemplate=named, MinCount=1, MaxCount=1)
    except ec2.exceptions.ClientError as error:
        return str(error)
    return None
