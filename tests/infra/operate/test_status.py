"""`ami-reactor status`, on the embedded AWS."""

import json
import time
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from moto.autoscaling.models import autoscaling_backends

from infra.embedded.aws import embedded_aws
from infra.embedded.world.seed import read_world
from tests.support.builders import (
    ACCOUNT,
    FOLLOWS_INSTANCE,
    HELD,
    NEW,
    NEWER,
    NOON,
    OLD,
    OTHER_TEMPLATE,
    QUARANTINED,
    REGION,
    TEMPLATE,
    a_template,
    a_version,
    a_world,
    an_image,
)
from tests.support.fleets import a_group, many_templates, requests, run, start_refresh

INSTANCES = {f"i-0aaaaaaaaaaaaaaa{n}": image for n, image in enumerate([OLD, OLD, NEW])}


BY_NAME = "ami-reactor:image-name"


def a_fleet(**more: Any) -> dict[str, Any]:
    """A group of three, of which two run the current image; a newer image is there."""
    return a_world(
        an_image(OLD),
        an_image(NEW, 1),
        AutoScalingGroups=[a_group(instances=dict.fromkeys(INSTANCES, "1"))],
        Instances=[{"InstanceId": id_, "ImageId": image} for id_, image in INSTANCES.items()],
        **more,
    )


def template_status(*arguments: str) -> dict[str, Any]:
    [line] = run("status", "--json", *arguments).lines
    return line


def test_one_template_with_all_that_matters_about_it(account_with):
    account_with(a_fleet())

    shown = template_status()

    assert (shown["account"], shown["region"]) == ("111122223333", "ap-northeast-2")
    assert (shown["launch_template_name"], shown["default_version"]) == ("web", 1)
    assert (shown["image_id"], shown["image_created"]) == (OLD, "2026-06-15T12:00:00.000Z")
    assert shown["instances"] == {OLD: 2, NEW: 1}
    assert shown["newest_candidate"] == NEW
    assert (shown["next"]["outcome"], shown["next"]["reason"]) == ("promoted", "newer-image")
    assert shown["groups"] == [
        {"name": "web", "instances": 3, "follows": "uses $Default", "findings": []}
    ]


def test_people_read_the_same_in_a_table(account_with):
    account_with(a_fleet())

    shown = run("status")

    assert shown.status == 0
    assert shown.stdout.startswith("account 111122223333 · Region ap-northeast-2\n")
    for words in ("ASG web: $Default", OLD, "version 1", "2 of 3 run it", f"1 on {NEW}"):
        assert words in shown.words
    assert "promote: newer-image" in shown.words


@pytest.mark.parametrize("columns", [78, 80])
def test_a_narrow_table_folds_and_crops_nothing(account_with, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    why = "ami-reactor-guard-" + "".join(f"{number:03}" for number in range(40))
    tags = FOLLOWS_INSTANCE | {"ami-reactor-state:hold": why}
    account_with(a_fleet(templates=[a_template(name="web-" * 12, tags=tags)]))

    assert why in "".join(line[52:].strip() for line in run("status").stdout.splitlines())


def test_it_works_before_anything_is_deployed(account_with):
    account_with(a_fleet())

    shown = run("status")

    assert shown.status == 0
    assert "promote: newer-image" in shown.words
    assert "dead-letter queue: looking for the stack ami-reactor" in shown.stderr


def test_messages_in_the_dead_letter_queue_are_counted(stage_with):
    message = {"Body": "{}", "MessageAttributes": {}}
    stage_with(a_fleet(DeadLetters=[message, message]))

    assert "2 messages in the dead-letter queue: ami-reactor dlq list" in run("status").stdout


def test_without_any_opted_in_template_it_says_how_to_begin(account_with):
    account_with(a_world(templates=[a_template(tags={})]))

    shown = run("status")

    assert shown.status == 0
    assert "ami-reactor follow --help" in shown.words


def test_a_hold_shows_who_why_and_since_when(account_with):
    held = {"ami-reactor-state:hold": "jane 2026-06-14T03:00Z: kernel panic"}
    account_with(a_fleet(templates=[a_template(tags=FOLLOWS_INSTANCE | held)]))

    assert "keep: held jane since 2026-06-14 03:00Z: kernel panic" in _column(run("status").stdout)
    assert template_status()["hold"] == {
        "who": "jane",
        "since": "2026-06-14T03:00:00Z",
        "until": None,
        "why": "kernel panic",
    }


def test_a_hold_written_by_hand_is_shown_as_it_is(account_with):
    account_with(a_fleet(templates=[a_template(tags=FOLLOWS_INSTANCE | HELD)]))

    assert template_status()["hold"] == {
        "who": None,
        "since": None,
        "until": None,
        "why": "jane: load test",
    }


def test_the_newest_candidate_is_shown_while_the_template_is_held(account_with):
    account_with(a_fleet(templates=[a_template(tags=FOLLOWS_INSTANCE | HELD)]))

    assert template_status()["newest_candidate"] == NEW


def test_a_quarantined_image_is_no_candidate(account_with):
    world = a_fleet()
    world["Images"] = [an_image(OLD), an_image(NEW, 1), an_image(NEWER, 2, tags=QUARANTINED)]
    account_with(world)

    assert template_status()["newest_candidate"] == NEW


def test_a_group_that_does_not_use_the_default_is_named_with_its_fix(account_with):
    account_with(a_world(AutoScalingGroups=[a_group(version="1")]))

    shown = run("status")

    assert "ASG web: not $Default" in shown.words
    assert "web: it launches version 1 for ever" in shown.stdout
    assert "\n  fix: aws autoscaling update-auto-scaling-group" in shown.stdout


def test_a_refresh_in_flight_with_a_version_of_its_own_is_named(account_with):
    account_with(a_fleet())
    start_refresh("web", LaunchTemplate={"LaunchTemplateId": TEMPLATE, "Version": "1"})

    [group] = template_status()["groups"]

    assert group["follows"] == "does not use $Default"
    assert "will pin it to version 1" in group["findings"][0]["what"]


def test_a_latest_version_that_is_not_the_default_is_named(account_with):
    account_with(a_fleet(versions=[a_version(), a_version(OLD, 2, InstanceType="m5.large")]))

    shown = run("status").words
    assert "web: version 2 is the latest and not the default (1)" in shown
    assert "fix: make version 2 the default, or delete it: aws ec2 modify-launch-template" in shown


def test_a_misconfigured_template_is_shown_with_what_is_wrong(account_with):
    account_with(a_fleet(templates=[a_template(tags={"ami-reactor": "yes"})]))

    shown = run("status")

    assert "refuse: misconfigured" in shown.words
    assert "web: ami-reactor: must be one of: on, observe" in shown.stdout


def test_an_image_that_is_gone_is_no_reason_to_show_nothing(account_with):
    world = a_fleet()
    world["Images"] = [an_image(NEW, 1)]
    account_with(world)

    shown = template_status()

    assert (shown["image_id"], shown["image_created"]) == (OLD, None)
    assert shown["next"]["reason"] == "current-image-gone"


def test_instances_without_a_group_count_for_the_template_they_were_launched_from(account_with):
    world = a_fleet()
    world["Instances"].append(
        {
            "InstanceId": "i-0bbbbbbbbbbbbbbb1",
            "ImageId": OLD,
            "Tags": [{"Key": "aws:ec2launchtemplate:id", "Value": TEMPLATE}],
        }
    )
    account_with(world)

    assert template_status()["instances"] == {OLD: 3, NEW: 1}


def test_outside_text_is_neither_markup_nor_control(account_with):
    tags = {"ami-reactor-state:hold": "[bold]x[/bold] \u202ereversed"}
    account_with(a_fleet(templates=[a_template(tags=FOLLOWS_INSTANCE | tags)]))

    shown = run("status")

    assert "[bold]x[/bold] \\u202ereversed" in _column(shown.stdout)
    assert "\u202e" not in shown.stdout


@pytest.mark.parametrize(
    ("operation", "gap", "still"),
    [
        (
            "DescribeInstances",
            "missing permission: ec2:DescribeInstances (your credentials)",
            "promote: newer-image",
        ),
        (
            "DescribeAutoScalingGroups",
            "missing permission: autoscaling:DescribeAutoScalingGroups (your credentials)",
            "promote: newer-image",
        ),
        ("DescribeInstanceRefreshes", "autoscaling:DescribeInstanceRefreshes", "2 of 3 run it"),
        ("DescribeImages", "ec2:DescribeImages", "ASG web: $Default"),
        ("DescribeStacks", "cloudformation:DescribeStacks", "promote: newer-image"),
        ("GetQueueAttributes", "sqs:GetQueueAttributes", "promote: newer-image"),
    ],
)
def test_what_may_not_be_read_is_named_and_the_rest_is_shown(stage_with, operation, gap, still):
    staged = stage_with(a_fleet())
    staged.faults.inject(operation, "AccessDenied", times=99)

    shown = run("status")

    assert shown.status == 1
    assert gap in shown.stderr.replace("\n", "") + shown.stdout.replace("\n", "")
    assert still in shown.words


@pytest.mark.parametrize("operation", ["DescribeImages", "DescribeLaunchTemplateVersions"])
@pytest.mark.parametrize("many", [False, True])
def test_what_you_may_not_read_is_a_gap_and_no_outcome_of_the_reactors(stage_with, operation, many):
    others = [f"lt-0bbbbbbbbbbbbbb{n:02x}" for n in range(11 if many else 0)]
    world = a_fleet(
        templates=[a_template(), *(a_template(id_, f"t{id_[-2:]}") for id_ in others)],
        versions=[a_version(), *(a_version(template_id=id_) for id_ in others)],
    )
    staged = stage_with(world)
    staged.faults.inject(operation, "UnauthorizedOperation", times=999)

    shown = run("status")
    lines = run("status", "--json").lines

    assert shown.status == 1
    assert "unknown: not-readable" in shown.words
    assert "aws-refused" not in shown.stdout
    assert f"not read: {_doing(operation)}" in shown.stderr
    assert f"missing permission: ec2:{operation} (your credentials)\n" in shown.stderr
    assert {line["next"]["outcome"] for line in lines} == {"unknown"}
    assert all(line["next"]["planned"] for line in lines)


@pytest.mark.parametrize("tags", [FOLLOWS_INSTANCE, {"ami-reactor": "on", BY_NAME: f"*_{NEW}"}])
def test_of_a_read_ahead_that_failed_nothing_is_believed(stage_with, tags):
    """EC2 answers again when the plan asks: no image is taken for gone."""
    others = [f"lt-0bbbbbbbbbbbbbb{n:02x}" for n in range(11)]
    world = a_fleet(
        templates=[
            a_template(tags=tags),
            *(a_template(id_, f"t{id_[-2:]}", tags=tags) for id_ in others),
        ],
        versions=[a_version(), *(a_version(template_id=id_) for id_ in others)],
    )
    staged = stage_with(world)
    staged.faults.inject("DescribeImages", "UnauthorizedOperation", times=1)

    shown = run("status", "--json")

    assert shown.status == 1
    assert {line["next"]["reason"] for line in shown.lines} == {"newer-image"}


def _doing(operation: str) -> str:
    return {"DescribeImages": "describe images"}.get(operation, "describe launch template versions")


def test_without_permission_for_the_templates_there_is_one_line(stage_with):
    staged = stage_with(a_fleet())
    staged.faults.inject("DescribeLaunchTemplates", "UnauthorizedOperation", times=9)

    shown = run("status")

    assert (shown.status, shown.stdout) == (1, "")
    assert shown.stderr.count("\n") == 1


def test_several_profiles_are_shown_one_after_the_other(account_with, tmp_path, monkeypatch):
    account_with(a_fleet())
    keys = "aws_access_key_id = x\naws_secret_access_key = x\nregion = ap-northeast-2\n"
    config = tmp_path / "config"
    config.write_text(f"[profile blue]\n{keys}[profile green]\n{keys}")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))

    assert len(run("status", "--json", "--profile", "blue,green").lines) == 2
    assert run("status", "--profile", "blue,red").status == 2


def test_it_takes_at_most_twice_the_time_of_its_calls(account_with, monkeypatch):
    """Not counted is what it takes to read botocore's models, however many templates there are."""
    account_with(many_templates(200, images_each=5))
    calls = timed(monkeypatch, BaseClient, "_make_api_call")
    models = timed(monkeypatch, boto3.Session, "client")
    began = time.perf_counter()

    shown = run("status", "--json").lines

    assert len(shown) == 200
    assert time.perf_counter() - began - sum(models) < 2 * sum(calls)


def timed(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> list[float]:
    """How long each call of that method takes from now on, in seconds."""
    seconds: list[float] = []
    method = getattr(owner, name)

    def measured(*arguments: Any, **options: Any) -> Any:
        began = time.perf_counter()
        try:
            return method(*arguments, **options)
        finally:
            seconds.append(time.perf_counter() - began)

    monkeypatch.setattr(owner, name, measured)
    return seconds


def test_many_templates_take_few_calls(account_with, monkeypatch):
    """Read one by one, 40 templates would take 160 calls and more."""
    account_with(many_templates(40, images_each=2))
    calls = requests(monkeypatch)

    shown = run("status", "--json").lines

    newest = [f"ami-{n:017x}" for n in range(40, 80)]
    assert [line["newest_candidate"] for line in shown] == newest
    assert {line["next"]["reason"] for line in shown} == {"newer-image"}
    assert len(calls) <= 10, calls


def many_groups(count: int) -> list[Any]:
    """As many more as the group `web`, in moto's backend: to make their instances takes long."""
    groups = autoscaling_backends[ACCOUNT][REGION].autoscaling_groups
    for number in range(count):
        group = copy(groups["web"])
        group.name = f"web-{number:04}"
        group.instance_states = [copy(state) for state in group.instance_states]
        groups[group.name] = group
    return [groups[f"web-{number:04}"] for number in range(count)]


def test_of_a_thousand_groups_those_are_asked_in_which_a_refresh_can_be_in_flight(
    account_with, monkeypatch
):
    account_with(a_world(AutoScalingGroups=[a_group(instances={"i-0aaaaaaaaaaaaaaa1": "1"})]))
    many = many_groups(1000)
    many[999].instance_states[0].lifecycle_state = "Terminating"
    start_refresh("web-0999", LaunchTemplate={"LaunchTemplateId": TEMPLATE, "Version": "7"})
    calls = requests(monkeypatch)

    shown = run("status", "--json")

    assert shown.status == 1  # the refresh will pin a group
    assert "not asked" not in shown.stderr
    assert calls.count("DescribeInstanceRefreshes") == 1
    assert len(calls) <= 150
    pinned = [
        g["name"] for g in shown.lines[0]["groups"] if g["follows"] == "does not use $Default"
    ]
    assert pinned == ["web-0999"]


@pytest.mark.parametrize("verb", ["status", "doctor"])
def test_if_all_groups_wait_for_a_scale_out_few_are_asked_and_that_is_said(
    stage_with, monkeypatch, verb
):
    """Those first in which something is on the move."""
    world = a_world(
        templates=[a_template(default=2)],
        versions=[a_version(), a_version(NEW, 2)],
        AutoScalingGroups=[a_group(instances={"i-0aaaaaaaaaaaaaaa1": "1"})],
    )
    stage_with(world)
    groups = many_groups(999)
    groups[998].instance_states[0].lifecycle_state = "Pending:Wait"
    start_refresh("web-0998", LaunchTemplate={"LaunchTemplateId": TEMPLATE, "Version": "1"})
    calls = requests(monkeypatch)

    shown = run(verb, "--json")

    assert len(calls) <= 150
    assert "will pin it to version 1" in shown.stdout
    said = shown.stderr if verb == "status" else shown.stdout
    assert "950 groups whose instances are not what the group names were not asked" in said
    assert shown.status == 1  # the refresh will pin a group


def test_of_few_groups_each_is_asked(account_with):
    """Even if the instances show nothing yet."""
    account_with(a_world(AutoScalingGroups=[a_group(instances={"i-0aaaaaaaaaaaaaaa1": "1"})]))
    start_refresh("web", LaunchTemplate={"LaunchTemplateId": TEMPLATE, "Version": "1"})

    assert "will pin it to version 1" in run("status").words


def test_instances_are_read_in_pages(account_with, monkeypatch):
    """Asked for all at once, EC2 may not answer in time."""
    account_with(a_fleet())
    sent = sent_by(monkeypatch, "DescribeInstances")

    assert run("status").status == 0
    assert {parameters["MaxResults"] for parameters in sent} == {1000}


def sent_by(monkeypatch: pytest.MonkeyPatch, operation: str) -> list[dict[str, Any]]:
    """The parameters of each call of that operation, from now on."""
    sent: list[dict[str, Any]] = []
    call = BaseClient._make_api_call

    def recorded(client: Any, name: str, parameters: dict[str, Any]) -> Any:
        if name == operation:
            sent.append(parameters)
        return call(client, name, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    return sent


@pytest.mark.parametrize(
    "image",
    [
        pytest.param({"State": "disabled"}, id="not-available: disabled"),
        pytest.param(
            {"OwnerId": "999988887777", "Public": True}, id="no candidate: another account's"
        ),
        pytest.param({}, id="newer-image: of one's own"),
    ],
)
def test_of_many_templates_it_says_what_it_says_of_one(monkeypatch, image):
    """Read ahead or one by one: the same images count, and of the same owner."""
    newest = an_image(NEWER, 2, **image)
    ids = [f"lt-{n:017x}" for n in range(11)]
    asked = sent_by(monkeypatch, "DescribeImages")
    said = []
    for wanted in (ids[:1], ids):
        world = a_world(
            an_image(OLD),
            newest,
            templates=[a_template(id_, f"web-{n:02}") for n, id_ in enumerate(wanted)],
            versions=[a_version(template_id=id_) for id_ in wanted],
        )
        with embedded_aws(read_world(json.dumps(world), "world")):
            said.append(run("status", "--json").lines[0]["next"])

    found = [one for one in asked if one["Filters"][0]["Name"] != "image-id"]
    assert len(found) >= 4  # by both proofs, each time
    assert all(one["Owners"] == ["self"] and one["IncludeDisabled"] for one in found)
    assert said[0] == said[1]


@pytest.mark.parametrize("state", ["shutting-down", "terminated", "stopping", "stopped"])
@pytest.mark.parametrize("tag", ["aws:autoscaling:groupName", "aws:ec2launchtemplate:id"])
def test_instances_that_do_not_run_are_not_counted(account_with, state, tag):
    world = a_fleet()
    code = {"shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}[state]
    value = "web" if tag.endswith("groupName") else TEMPLATE
    world["Instances"].append(
        {
            "InstanceId": "i-0bbbbbbbbbbbbbbb1",
            "ImageId": OLD,
            "State": {"Name": state, "Code": code},
            "Tags": [{"Key": tag, "Value": value}],
        }
    )
    account_with(world)

    assert template_status()["instances"] == {OLD: 2, NEW: 1}


def test_versions_between_default_and_latest_are_read_too(account_with):
    """Read ahead are default and latest alone; here version 2 already has the newer image."""
    ids = [f"lt-{n:017x}" for n in range(11)]
    numbered = [(OLD, 1), (NEW, 2), (OLD, 3)]
    account_with(
        a_world(
            templates=[a_template(id_, f"web-{n}") for n, id_ in enumerate(ids)],
            versions=[
                a_version(image, number, template_id=id_)
                for id_ in ids
                for image, number in numbered
            ],
        )
    )

    assert {line["next"]["to_version"] for line in run("status", "--json").lines} == {2}


def test_a_template_of_another_name_is_not_confused_with_the_group_of_that_name(account_with):
    account_with(
        a_world(
            templates=[a_template(), a_template(OTHER_TEMPLATE, "api")],
            versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
            AutoScalingGroups=[a_group("api")],
        )
    )

    groups = {
        line["launch_template_name"]: [group["name"] for group in line["groups"]]
        for line in run("status", "--json").lines
    }

    assert groups == {"web": ["api"], "api": []}


def _column(table: str) -> str:
    """The last column of a table, unfolded."""
    lines = table.splitlines()
    start = lines[1].index("The reactor would")
    return " ".join(line[start:].strip() for line in lines[2:] if line[start:].strip())


def test_an_image_that_soaks_is_shown_with_its_moment(account_with):
    made = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    newest = an_image(NEW, (made - NOON) / timedelta(hours=1))
    soaks = [a_template(tags=FOLLOWS_INSTANCE | {"ami-reactor:soak": "1d"})]
    account_with(a_world(an_image(OLD), newest, templates=soaks))
    until = f"{made + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"

    [line] = run("status", "--json").lines
    shown = run("status").words

    assert line["waiting"] == [
        {"image_id": NEW, "reason": "soaking", "message": f"soaking until {until}", "until": until}
    ]
    assert (line["next"]["postponed_image"], line["next"]["postponed_until"]) == (NEW, until)
    assert "soaking until" in shown
