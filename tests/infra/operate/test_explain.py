"""`ami-reactor explain`, on the embedded AWS."""

from typing import Any

import boto3
import pytest

from tests.support.builders import (
    FOLLOWS_INSTANCE,
    HELD,
    INSTANCE,
    NEW,
    NEWER,
    OLD,
    TEMPLATE,
    a_template,
    a_version,
    a_world,
    an_image,
    at,
    backup_completed,
)
from tests.support.fleets import Ran, a_group, run

MEMBER = "i-0aaaaaaaaaaaaaaa1"
CANARY = "lt-0fedcba9876543210"
OTHER = "ami-0e00e00000000000e"


def said(ran: Ran) -> str:
    """All statements of the tree, whatever the fold."""
    return " ".join(ran.words.replace("├──", "").replace("└──", "").replace("│", "").split())


def images(**of_new: Any) -> list[dict[str, Any]]:
    return [an_image(OLD), an_image(NEW, 1, **of_new), an_image(NEWER, 2)]


def test_a_template_from_its_tags_to_what_would_be_done(account_with):
    account_with(a_world(*images(), AutoScalingGroups=[a_group()]))

    ran = run("explain", "web")

    assert ran.stdout.startswith(f"web ({TEMPLATE})\n")
    for statement in (
        f"follows images made from {INSTANCE}, no copies",
        f"new instances launch {OLD} of 2026-06-15T12:00:00.000Z: version 1",
        "that version was made on 2026-06-14T12:00:00.000Z by root",
        "images that its tags select: 3, of which may be taken: 3",
        "the group web uses $Default; its instances: 0",
        "so the reactor would promote it: newer-image:",
    ):
        assert statement in said(ran)


@pytest.mark.parametrize(
    ("tags", "statements"),
    [
        (
            {"ami-reactor:soak": "30d"},
            ["takes an image only once it is 30d old"],
        ),
        (
            {"ami-reactor:soak": "36h", "ami-reactor:after": "canary"},
            ["takes an image only once canary proved it for 36h", "not-proven by canary"],
        ),
        (
            {"ami-reactor:gate:approved": "yes"},
            [
                "takes an image only once it is tagged approved=yes",
                "awaiting-gate: its tag approved must be yes",
            ],
        ),
        (
            {"ami-reactor-state:window": "closed"},
            [
                "its window is closed: a newer image waits until it opens",
                "so the reactor would keep it: window-closed:",
            ],
        ),
    ],
)
def test_it_says_what_waits_for_what(account_with, tags, statements):
    templates = [a_template(tags=FOLLOWS_INSTANCE | tags), a_template(CANARY, "canary", tags=HELD)]
    templates[1]["Tags"].append({"Key": "ami-reactor", "Value": "on"})
    versions = [a_version(), a_version(template_id=CANARY)]
    account_with(a_world(*images(), templates=templates, versions=versions))

    ran = run("explain", "web")

    for statement in statements:
        assert statement in said(ran)


@pytest.mark.parametrize(
    ("of_new", "verdict"),
    [
        ({}, "newer than the current image, but not the newest"),
        ({"State": "disabled"}, "not-available"),
        ({"Architecture": "arm64"}, "other-architecture"),
        (
            {"tags": {"ami-reactor-state:quarantine": "jane 2026-06-14T03:00Z: panic"}},
            "quarantined: jane since 2026-06-14 03:00Z: panic",
        ),
    ],
)
def test_each_image_with_what_speaks_for_it_or_against_it(account_with, of_new, verdict):
    account_with(a_world(*images(**of_new)))

    statements = said(run("explain", "web"))

    assert f"{NEWER} of {at(2)}: the newest, and it would be taken" in statements
    assert f"{NEW} of {at(1)}: {verdict}" in statements
    assert f"{OLD} of {at(0)}: current image" in statements


def test_a_hold_and_what_it_keeps_away(account_with):
    account_with(a_world(*images(), templates=[a_template(tags=FOLLOWS_INSTANCE | HELD)]))

    statements = said(run("explain", "web"))

    assert "held: jane: load test" in statements
    assert f"{NEWER} of {at(2)}: the newest, but it would not be taken: held" in statements


def test_the_event_that_moved_it_is_named(stage_with):
    staged = stage_with(a_world())
    staged.delivery.deliver(backup_completed())

    statements = said(run("explain", "web"))

    assert "by the event Backup Job State Change dafac799-9b88-0134-26b7-fef4d54a134f" in statements
    assert f"the newest image it was ever on: {NEW} {at(1)}" in statements


def test_what_is_not_in_the_log_is_told_as_far_as_ec2_knows(stage_with):
    stage_with(
        a_world(templates=[a_template(default=2)], versions=[a_version(), a_version(NEW, 2)])
    )

    ran = run("explain", "web")

    assert "made the default; the function's log does not tell: CloudTrail's" in said(ran)
    assert "somebody" not in said(ran)  # EC2 names no one: no one is made up


def test_a_rollback_is_told_as_such(stage_with):
    stage_with(
        a_world(templates=[a_template(default=2)], versions=[a_version(), a_version(NEW, 2)])
    )
    run("rollback", "web", "--yes")

    assert "made the default by a rollback of version 2" in said(run("explain", "web"))


def test_a_log_that_may_not_be_read_is_a_gap(account_with):
    account_with(a_world())

    ran = run("explain", "web")

    assert ran.status == 1
    assert "not read: filter log events: ResourceNotFoundException" in ran.stderr
    assert "so the reactor would promote it" in said(ran)


def test_a_misconfigured_template(account_with):
    account_with(a_world(templates=[a_template(tags={"ami-reactor": "maybe"})]))

    statements = said(run("explain", "web"))

    assert "ami-reactor: must be one of: on, observe" in statements
    assert "so the reactor would refuse: misconfigured" in statements


def test_a_group_and_then_its_template(account_with):
    account_with(a_world(AutoScalingGroups=[a_group("front", "1")]))

    statements = said(run("explain", "front"))

    assert statements.startswith("the group front does not use $Default; its instances: 0")
    assert "fix: aws autoscaling update-auto-scaling-group" in statements
    assert f"web ({TEMPLATE})" in statements


def test_an_instance_that_is_behind(account_with):
    account_with(
        a_world(
            AutoScalingGroups=[a_group("front", instances={MEMBER: "1"})],
            Instances=[{"InstanceId": MEMBER, "ImageId": NEW}],
        )
    )

    statements = said(run("explain", MEMBER))

    assert statements.startswith(f"{MEMBER} runs {NEW}")
    assert f"from version 1 of {TEMPLATE} by the group front" in statements
    assert f"a new instance would launch {OLD} instead" in statements


def test_an_instance_that_no_followed_template_launched(account_with):
    account_with(a_world(Instances=[{"InstanceId": MEMBER, "ImageId": NEW}]))

    assert "no followed template launched it" in said(run("explain", MEMBER))


def test_an_image_and_each_template_that_it_concerns(account_with):
    by_name = {"ami-reactor": "on", "ami-reactor:image-name": "nothing-*"}
    other = "lt-0aaaaaaaaaaaaaaa3"
    account_with(
        a_world(
            *images(),
            templates=[a_template(), a_template(other, "other", tags=by_name)],
            versions=[a_version(), a_version(template_id=other)],
            Instances=[{"InstanceId": MEMBER, "ImageId": NEWER}],
        )
    )

    statements = said(run("explain", NEWER))

    assert f"made from {INSTANCE}" in statements
    assert "instances that run it: 1" in statements
    assert statements.endswith("web: the newest, and it would be taken")


def test_an_image_that_no_template_selects(account_with):
    stranger = an_image(OTHER, Name="golden") | {"SourceInstanceId": "i-0bbbbbbbbbbbbbbb1"}
    account_with(a_world(*images(), stranger))

    assert "no followed template selects it" in said(run("explain", OTHER))


def test_many_images_are_not_all_listed(account_with):
    many = [an_image(f"ami-{n:017x}", n) for n in range(30)]
    account_with(a_world(an_image(OLD, -1), *many))

    assert "and 11 older ones" in said(run("explain", "web"))


def test_json_is_one_object(account_with):
    account_with(a_world())

    [line] = run("explain", "web", "--json").lines

    assert line["what"] == f"web ({TEMPLATE})"
    assert line["below"][-1]["mood"] == "ok"


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("we", "we: there is no such launch template; did you mean web?, and no such group"),
        ("old", "the group old launches from no launch template"),
        ("ami-00000000000000000", "there is no such image"),
        ("i-00000000000000000", "InvalidInstanceID.NotFound"),
        ("lt-00000000000000000", "InvalidLaunchTemplateId.NotFound"),
    ],
)
def test_what_does_not_exist_is_one_line(account_with, what, why):
    account_with(a_world())
    scaling = boto3.client("autoscaling")
    scaling.create_launch_configuration(
        LaunchConfigurationName="old", ImageId=OLD, InstanceType="t3.micro"
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="old",
        LaunchConfigurationName="old",
        MinSize=0,
        MaxSize=0,
        AvailabilityZones=["ap-northeast-2a"],
    )

    ran = run("explain", what)

    assert (ran.status, ran.stdout) == (1, "")
    assert why in ran.stderr
    assert ran.stderr.count("\n") == 1


def nodes(*arguments: str) -> list[dict[str, Any]]:
    """Each node of what is explained, whatever it is below."""

    def below(node: dict[str, Any]) -> list[dict[str, Any]]:
        return [node, *(one for child in node["below"] for one in below(child))]

    return [one for line in run("explain", *arguments, "--json").lines for one in below(line)]


def only(kind: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """The node of that kind, without what is for people."""
    [node] = [one for one in found if one["kind"] == kind]
    return {key: value for key, value in node.items() if key not in ("what", "mood", "below")}


def test_the_nodes_of_a_template_have_kinds_and_fields(account_with):
    tags = {
        **FOLLOWS_INSTANCE,
        **HELD,
        "ami-reactor:soak": "36h",
        "ami-reactor:gate:approved": "yes",
    }
    group = a_group(version="1", instances={MEMBER: "1"})
    account_with(a_world(*images(), templates=[a_template(tags=tags)], AutoScalingGroups=[group]))

    found = nodes("web")

    names = {"launch_template_id": TEMPLATE, "launch_template_name": "web"}
    assert only("template", found) == {"kind": "template", **names}
    follows = {"mode": "on", "source_instances": [INSTANCE]}
    assert only("follows", found) == {"kind": "follows", **follows}
    waits = {"soak": "36h", "gates": {"approved": "yes"}}
    assert only("waits-for", found) == {"kind": "waits-for", **waits}
    assert only("held", found)["stamp"]["why"] == "jane: load test"
    launches = {"image_id": OLD, "image_created": at(0), "version": 1}
    assert only("launches", found) == {"kind": "launches", **launches}
    assert only("made", found) == {"kind": "made", "version": 1, "at": at(-24), "by": "root"}
    assert only("selected", found) == {"kind": "selected", "count": 3, "candidates": 1}
    assert [(one["image_id"], one.get("reason")) for one in found if one["kind"] == "image"] == [
        (NEWER, "awaiting-gate"),
        (NEW, "awaiting-gate"),
        (OLD, None),
    ]
    of_group = {"group": "web", "uses_default": "does not use $Default", "count": 1}
    assert only("group", found) == {"kind": "group", **of_group}
    assert only("finding", found)["uses_default"] == "does not use $Default"
    assert only("fix", found)["fix"].startswith("aws autoscaling update-auto-scaling-group ")
    would = {"outcome": "kept", "reason": "held", "image_id": OLD}
    assert only("would", found) == {"kind": "would", **would}


def test_the_nodes_of_an_image_and_of_an_instance_have_kinds_and_fields(account_with):
    group = a_group(instances={MEMBER: "1"})
    account_with(a_world(*images(), AutoScalingGroups=[group]))

    of_image, of_instance = nodes(NEWER), nodes(MEMBER)

    name = f"AwsBackup_{INSTANCE}_{NEWER}"
    image = {"kind": "image", "image_id": NEWER, "image_name": name}
    assert only("image", of_image) == image
    assert only("source", of_image)["source_instances"] == [INSTANCE]
    assert only("running", of_image)["count"] == 0
    assert only("template", of_image)["launch_template_id"] == TEMPLATE
    instance = {"kind": "instance", "instance_id": MEMBER, "image_id": OLD}
    assert only("instance", of_instance) == instance
    start = {"kind": "from-version", "version": 1, "launch_template_id": TEMPLATE}
    assert only("from-version", of_instance) == start
    assert only("by-group", of_instance)["group"] == "web"
    assert only("instead", of_instance)["image_id"] == OLD
