"""`ami-reactor rollback`, on the embedded AWS."""

import json
from typing import Any

import boto3
import pytest
from moto.core.responses import BaseResponse

from infra.embedded.stage import Stage
from infra.embedded.world.seed import read_world, seed
from infra.replay.event_reader import read_events
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    HELD,
    NEW,
    NEWER,
    OLD,
    OTHER_TEMPLATE,
    QUARANTINED,
    TEMPLATE,
    a_template,
    a_version,
    a_world,
    ami_state,
    an_image,
    at,
    backup_completed,
    image_arn,
    reconcile,
    tags_changed,
    template_arn,
)
from tests.support.fleets import (
    a_group,
    before,
    calls,
    default_image,
    run,
    start_refresh,
    tags_of,
    template_of,
    versions_of,
    writes,
)
from tests.support.paths import TESTS

HOLD = "ami-reactor-state:hold"
MARK = "ami-reactor-state:newest-image"
QUARANTINE = "ami-reactor-state:quarantine"
OLDEST = "ami-0d00d00000000000d"
CAPTURED = TESTS / "events"
WRITES = ("CreateTags", "DeleteTags", "CreateLaunchTemplateVersion", "ModifyLaunchTemplate")


def promoted_world(*images: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The template was promoted from OLD to NEW, which turned out to be bad."""
    mark = {MARK: f"{NEW} {at(1)}"}
    return a_world(
        *(images or (an_image(OLD), an_image(NEW, 1))),
        **{
            "templates": [a_template(default=2, tags=FOLLOWS_INSTANCE | mark)],
            "versions": [a_version(), a_version(NEW, 2, hours=2)],
            **more,
        },
    )


def the_next_backup(staged: Stage) -> None:
    """A newer image is made."""
    seed(read_world(json.dumps(a_world(an_image(NEWER, 2), templates=[], versions=[])), "more"))
    staged.delivery.deliver(backup_completed(NEWER))


# -- what it does ----------------------------------------------------------------------------------


def test_a_copy_of_the_older_version_becomes_the_default_and_the_latest(account_with):
    account_with(promoted_world())

    ran = run("rollback", "web", "--yes")

    assert ran.status == 0
    template = template_of()
    assert (template["DefaultVersionNumber"], template["LatestVersionNumber"]) == (3, 3)
    versions = versions_of()
    assert versions[3] == versions[1]
    assert ran.stdout == f"web launches {OLD} again: version 3\n"


def test_the_template_is_held_and_the_image_quarantined(account_with):
    account_with(promoted_world())

    run("rollback", "web", "--reason", "kernel panic", "--yes")

    for tag in (tags_of()[HOLD], tags_of(NEW)[QUARANTINE]):
        assert tag.startswith("moto ")
        assert tag.endswith("Z: kernel panic")


def test_before_anything_is_written_it_says_what_will_change(account_with):
    world = promoted_world(
        AutoScalingGroups=[a_group(instances={"i-0aaaaaaaaaaaaaaa1": "2"})],
        versions=[a_version(InstanceType="t2.micro"), a_version(NEW, 2)],
    )
    account_with(world)
    start_refresh("web")

    ran = run("rollback", "web")

    assert ran.status == 2
    said = " ".join(ran.stderr.split())
    assert f"from version 2 {NEW}" in said
    assert f"to version 3, a copy of 1 {OLD}" in said
    assert "also changes InstanceType" in said
    assert f"{NEW} is quarantined; instances still running it: 1" in said
    assert "cancel-instance-refresh --auto-scaling-group-name web" in said
    assert "account 111122223333 · Region ap-northeast-2" in said
    assert sorted(versions_of()) == [1, 2]
    assert HOLD not in tags_of()


def test_afterwards_it_says_how_to_replace_the_running_instances(account_with):
    group = a_group(instances={"i-0aaaaaaaaaaaaaaa1": "2"})
    account_with(promoted_world(AutoScalingGroups=[group, a_group("empty")]))

    ran = run("rollback", "web", "--yes")

    assert "start-instance-refresh --auto-scaling-group-name web\n" in ran.stderr
    assert "empty" not in ran.stderr


def test_snapshots_of_the_older_version_are_kept(account_with):
    """EC2 drops the snapshots of inherited block devices, so they are named again."""
    mapping = {"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": "snap-0123456789abcdef0"}}
    account_with(
        promoted_world(versions=[a_version(BlockDeviceMappings=[mapping]), a_version(NEW, 2)])
    )

    assert run("rollback", "web", "--yes").status == 0
    assert versions_of()[3]["BlockDeviceMappings"] == [mapping]


def test_for_pipes_one_object_a_template(account_with):
    account_with(promoted_world())

    [line] = run("rollback", "web", "--yes", "--json").lines

    assert line == {
        "launch_template_id": TEMPLATE,
        "launch_template_name": "web",
        "from_version": 2,
        "from_image": NEW,
        "to_version": 3,
        "to_image": OLD,
        "copy_of_version": 1,
    }


# -- which version it goes back to -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("in_between", "target"),
    [
        pytest.param(an_image(OLD), 2, id="the next older version"),
        pytest.param(an_image(OLD, tags=QUARANTINED), 1, id="not one that is quarantined"),
        pytest.param(an_image(OLD, State="disabled"), 1, id="not one that cannot be launched"),
        pytest.param(an_image(OLD, hours=3), 1, id="not one that is newer than the bad one"),
    ],
)
def test_it_goes_back_to_the_highest_version_below_with_a_good_older_image(
    account_with, in_between, target
):
    account_with(
        promoted_world(
            an_image(OLDEST, -5),
            in_between,
            an_image(NEW, 1),
            templates=[a_template(default=3)],
            versions=[a_version(OLDEST, 1), a_version(OLD, 2), a_version(NEW, 3)],
        )
    )

    [line] = run("rollback", "web", "--yes", "--json").lines

    assert line["copy_of_version"] == target
    assert default_image() == line["to_image"]


def test_a_version_with_the_bad_image_itself_is_passed_over(account_with):
    account_with(
        promoted_world(
            templates=[a_template(default=3)],
            versions=[a_version(), a_version(NEW, 2), a_version(NEW, 3)],
        )
    )

    assert run("rollback", "web", "--yes", "--json").lines[0]["copy_of_version"] == 1


@pytest.mark.parametrize("to", ["1", OLDEST])
def test_it_goes_to_the_version_or_the_image_that_is_named(account_with, to):
    account_with(
        promoted_world(
            an_image(OLDEST, -5),
            an_image(OLD),
            an_image(NEW, 1),
            templates=[a_template(default=3)],
            versions=[a_version(OLDEST, 1), a_version(OLD, 2), a_version(NEW, 3)],
        )
    )

    assert run("rollback", "web", "--to", to, "--yes").status == 0
    assert default_image() == OLDEST


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("2", "web version 2 is the default already"),
        ("9", "VersionNotFound"),
        (NEWER, f"web: no version below 2 has {NEWER}"),
        ("soon", "soon: must be a version's number or an image's id"),
    ],
)
def test_a_target_that_cannot_be_is_one_line(account_with, to, said):
    account_with(promoted_world())

    ran = run("rollback", "web", "--to", to, "--yes")

    assert ran.status == 1
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert HOLD not in tags_of()


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (an_image(OLD, State="disabled"), f"web version 1: {OLD} is disabled and cannot be"),
        (an_image(OLD, tags=QUARANTINED), f"{OLD} is quarantined: kernel panic"),
    ],
)
def test_a_named_version_whose_image_is_no_good_is_refused(account_with, image, said):
    account_with(promoted_world(image, an_image(NEW, 1)))

    ran = run("rollback", "web", "--to", "1", "--yes")

    assert ran.status == 1
    assert said in ran.stderr


def test_without_any_older_good_version_it_says_so(account_with):
    account_with(promoted_world(an_image(NEW, 1)))

    ran = run("rollback", "web", "--yes")

    assert ran.status == 1
    assert "no version below 2 has an older image that could be launched" in ran.stderr


def test_it_looks_through_thousands_of_versions_page_by_page(account_with):
    numbers = range(2, 402)
    account_with(
        promoted_world(
            templates=[a_template(default=402)],
            versions=[a_version(), *(a_version(NEW, n) for n in numbers), a_version(NEW, 402)],
        )
    )

    assert run("rollback", "web", "--yes", "--json").lines[0]["copy_of_version"] == 1


# -- a hold or a quarantine that is there already --------------------------------------------------


@pytest.mark.parametrize("how", [(), ("--follow-newer",)])
def test_the_hold_of_another_engineer_stays_as_it_is(account_with, how):
    account_with(promoted_world(templates=[a_template(default=2, tags=FOLLOWS_INSTANCE | HELD)]))

    ran = run("rollback", "web", "--reason", "kernel panic", "--yes", *how)

    assert ran.status == 0
    assert "then the template stays held: jane: load test" in " ".join(ran.stderr.split())
    assert tags_of()[HOLD] == HELD[HOLD]
    assert default_image() == OLD


def test_a_hold_that_is_written_while_a_person_decides_stays_as_it_is(account_with, monkeypatch):
    account_with(promoted_world())
    hold = [{"Key": HOLD, "Value": HELD[HOLD]}]
    ec2 = boto3.client("ec2")
    before(
        monkeypatch,
        "DescribeInstances",  # of the plan: afterwards it asks
        lambda: ec2.create_tags(Resources=[TEMPLATE], Tags=hold),
    )

    assert run("rollback", "web", "--yes").status == 0

    assert tags_of()[HOLD] == HELD[HOLD]


def test_an_earlier_quarantine_keeps_who_and_why(account_with):
    account_with(promoted_world(an_image(OLD), an_image(NEW, 1, tags=QUARANTINED)))

    assert run("rollback", "web", "--reason", "mine", "--yes").status == 0

    assert tags_of(NEW)[QUARANTINE] == QUARANTINED[QUARANTINE]


def test_an_image_whose_quarantine_is_lifted_meanwhile_is_quarantined_again(
    account_with, monkeypatch
):
    account_with(promoted_world(an_image(OLD), an_image(NEW, 1, tags=QUARANTINED)))
    before(
        monkeypatch,
        "DescribeInstances",
        lambda: boto3.client("ec2").delete_tags(Resources=[NEW], Tags=[{"Key": QUARANTINE}]),
    )

    assert run("rollback", "web", "--yes").status == 0

    assert QUARANTINE in tags_of(NEW)


# -- other templates on that image -----------------------------------------------------------------


def three_templates() -> dict[str, Any]:
    would_follow = "lt-0aaaaaaaaaaaaaaa3"
    return promoted_world(
        templates=[
            a_template(default=2),
            a_template(OTHER_TEMPLATE, "api", default=2),
            a_template(would_follow, "batch"),
        ],
        versions=[
            a_version(),
            a_version(NEW, 2),
            a_version(template_id=OTHER_TEMPLATE),
            a_version(NEW, 2, template_id=OTHER_TEMPLATE),
            a_version(template_id=would_follow),
        ],
    )


def test_others_on_that_image_are_named_and_left_alone(account_with):
    account_with(three_templates())

    ran = run("rollback", "web", "--yes")

    assert "also the current image, and not rolled back: api (--all includes them)" in ran.stderr
    assert "also selects this image: batch" in ran.stderr
    assert default_image(OTHER_TEMPLATE) == NEW


def test_all_takes_the_others_too(account_with):
    account_with(three_templates())

    ran = run("rollback", "web", "--all", "--yes", "--json")

    assert sorted(line["launch_template_name"] for line in ran.lines) == ["api", "web"]
    assert default_image() == default_image(OTHER_TEMPLATE) == OLD
    assert HOLD in tags_of(OTHER_TEMPLATE)


# -- it survives -----------------------------------------------------------------------------------


def everything_again() -> list[dict[str, Any]]:
    """Every captured event, and every event there may be about these images and templates."""
    files = sorted(f for f in CAPTURED.glob("*.json") if not f.name.startswith("dlq_"))
    captured = [event.payload for event in read_events(files) if event.payload]
    return [
        *captured,
        backup_completed(NEW),
        backup_completed(OLD),
        backup_completed(None),
        ami_state(NEW),
        ami_state(OLD),
        tags_changed(image_arn(NEW), QUARANTINE),
        tags_changed(template_arn(TEMPLATE), HOLD),
        reconcile(TEMPLATE),
        reconcile(),
    ]


@pytest.mark.parametrize("how", [(), ("--follow-newer",)])
def test_a_rollback_survives_every_event(stage_with, how):
    message = {"Body": json.dumps(backup_completed(NEW)), "MessageAttributes": {}}
    staged = stage_with(promoted_world(DeadLetters=[message] * 3))
    run("rollback", "web", "--yes", *how)

    for event in everything_again():
        staged.delivery.deliver(event)
    run("reconcile", "--yes")
    verdicts = [f"--verdict={verdict}" for verdict in ("replayable", "blocked", "obsolete")]
    redriven = run(
        "dlq", "redrive", "--all", *verdicts, "--yes", "--wait=0", "--poll=0", "--rate=99"
    )

    assert redriven.status == 0
    assert staged.dead_letters() == []
    assert default_image() == OLD
    assert template_of()["LatestVersionNumber"] == 3


def test_the_next_backup_moves_nothing_while_it_is_held(stage_with):
    staged = stage_with(promoted_world())
    run("rollback", "web", "--yes")

    the_next_backup(staged)

    assert default_image() == OLD


def test_with_follow_newer_the_next_newer_image_is_taken(stage_with):
    staged = stage_with(promoted_world())
    run("rollback", "web", "--yes", "--follow-newer")

    the_next_backup(staged)

    assert HOLD not in tags_of()
    assert default_image() == NEWER


def test_without_a_mark_it_is_written_so_that_the_bad_image_stays_out(account_with):
    account_with(promoted_world(templates=[a_template(default=2)]))

    run("rollback", "web", "--yes")

    assert tags_of()[MARK] == f"{NEW} {at(1)}"


def test_a_later_mark_is_left_as_it_is(account_with):
    mark = {MARK: f"{NEWER} {at(5)}"}
    account_with(promoted_world(templates=[a_template(default=2, tags=FOLLOWS_INSTANCE | mark)]))

    run("rollback", "web", "--yes")

    assert tags_of()[MARK] == mark[MARK]


@pytest.mark.parametrize("survived", range(4))
@pytest.mark.parametrize("how", [(), ("--follow-newer",)])
def test_cut_off_between_two_writes_it_is_safe_and_can_be_done_again(
    stage_with, monkeypatch, survived, how
):
    staged = stage_with(promoted_world(templates=[a_template(default=2)]))
    with monkeypatch.context() as patch:
        _cut_off_after(patch, survived)
        try:
            run("rollback", "web", "--yes", *how)
        except ConnectionAbortedError:
            pass
        else:
            pytest.fail("there are fewer writes than that")
    for event in (backup_completed(NEW), ami_state(OLD), reconcile()):
        staged.delivery.deliver(event)
    assert default_image() == NEW

    run("rollback", "web", "--yes", *how)

    assert default_image() == OLD
    assert template_of()["LatestVersionNumber"] == 3


def _cut_off_after(patch: pytest.MonkeyPatch, writes: int) -> None:
    """The command dies at the write after so many."""
    answer = BaseResponse.call_action
    done: list[str] = []

    def call_action(response: BaseResponse) -> Any:
        operation = response._get_action()
        if operation in WRITES:
            if len(done) == writes:
                raise ConnectionAbortedError
            done.append(operation)
        return answer(response)

    patch.setattr(BaseResponse, "call_action", call_action)


# -- the order of its writes, which is what makes it safe ------------------------------------------


@pytest.mark.parametrize("how", [(), ("--follow-newer",)])
def test_first_the_hold_then_the_quarantine_and_only_then_anything_moves(
    account_with, monkeypatch, how
):
    account_with(promoted_world(templates=[a_template(default=2)]))
    made = calls(monkeypatch)

    run("rollback", "web", "--yes", *how)

    hold = [] if how else [("CreateTags", TEMPLATE, HOLD)]
    assert writes(made) == [
        *hold,
        ("CreateTags", TEMPLATE, MARK),
        ("CreateTags", NEW, QUARANTINE),
        ("CreateLaunchTemplateVersion", TEMPLATE),
        ("ModifyLaunchTemplate", TEMPLATE),
    ]


def test_all_templates_are_held_before_the_image_is_quarantined(account_with, monkeypatch):
    account_with(three_templates())
    made = calls(monkeypatch)

    run("rollback", "web", "--all", "--yes")

    done = writes(made)
    quarantined = done.index(("CreateTags", NEW, QUARANTINE))
    held = [done.index(("CreateTags", one, HOLD)) for one in (TEMPLATE, OTHER_TEMPLATE)]
    moved = [place for place, write in enumerate(done) if write[0] == "ModifyLaunchTemplate"]
    assert max(held) < quarantined < min(moved)
    assert len(moved) == 2


def test_it_looks_again_between_the_hold_and_the_quarantine(account_with, monkeypatch):
    account_with(promoted_world())
    made = calls(monkeypatch)

    run("rollback", "web", "--yes")

    operations = [operation for operation, _ in made]
    held = operations.index("CreateTags")
    assert operations[held : held + 3] == ["CreateTags", "DescribeLaunchTemplates", "CreateTags"]
    assert operations[-2:] == ["DescribeLaunchTemplates", "ModifyLaunchTemplate"]


def test_a_newer_image_that_was_promoted_before_the_hold_is_not_left_unseen(
    stage_with, monkeypatch
):
    staged = stage_with(promoted_world())
    before(monkeypatch, "CreateTags", lambda: the_next_backup(staged))

    ran = run("rollback", "web", "--reason", "kernel panic", "--yes")

    assert (ran.status, ran.stdout) == (1, "")
    assert (
        f"web: version 3 with {NEWER} has become the default since the plan was made;"
        " it is held, and nothing else was written" in ran.stderr
    )
    assert default_image() == NEWER
    assert tags_of()[HOLD].endswith("kernel panic")
    assert tags_of()[MARK].startswith(NEWER)
    assert QUARANTINE not in tags_of(NEW)
    assert QUARANTINE not in tags_of(NEWER)

    assert run("rollback", "web", "--yes").status == 0
    assert QUARANTINE in tags_of(NEWER)


def test_with_follow_newer_a_promotion_before_the_first_write_stops_it_too(stage_with, monkeypatch):
    staged = stage_with(promoted_world(templates=[a_template(default=2)]))
    made = calls(monkeypatch)
    before(monkeypatch, "DescribeAutoScalingGroups", lambda: the_next_backup(staged))

    ran = run("rollback", "web", "--yes", "--follow-newer")

    assert ran.status == 1
    assert "nothing was written: look at it" in ran.stderr
    assert ("CreateTags", NEW, QUARANTINE) not in writes(made)
    assert default_image() == NEWER


def test_a_promotion_while_the_copy_is_made_stops_it_before_it_moves(stage_with, monkeypatch):
    staged = stage_with(promoted_world())
    before(monkeypatch, "CreateLaunchTemplateVersion", lambda: the_next_backup(staged))

    ran = run("rollback", "web", "--yes", "--follow-newer")

    assert ran.status == 1
    assert "the copy, was not made the default: look at it" in ran.stderr
    assert default_image() == NEWER


@pytest.mark.parametrize("to", ["1", OLD])
def test_the_current_image_is_not_quarantined_to_go_back_to_it(account_with, to):
    account_with(promoted_world())
    assert run("rollback", "web", "--to", to, "--yes").status == 0

    again = run("rollback", "web", "--to", to, "--yes")

    assert again.status == 1
    assert f"web version 1 has the current image, {OLD}" in again.stderr
    assert QUARANTINE not in tags_of(OLD)
    assert template_of()["LatestVersionNumber"] == 3


def warns(answer: dict[str, Any]) -> None:
    answer["Warning"] = {"Errors": [{"Code": "InvalidSnapshot.NotFound", "Message": "x"}]}


def differs(answer: dict[str, Any]) -> None:
    answer["LaunchTemplateVersion"]["LaunchTemplateData"]["InstanceType"] = "x9.huge"


@pytest.mark.parametrize(
    ("changed", "said"), [(warns, "EC2 warned: InvalidSnapshot.NotFound"), (differs, "no faithful")]
)
def test_a_copy_that_is_not_faithful_is_not_believed(account_with, monkeypatch, changed, said):
    account_with(promoted_world())
    made = calls(monkeypatch, CreateLaunchTemplateVersion=changed)

    ran = run("rollback", "web", "--yes")

    assert ran.status == 1
    assert said in ran.stderr
    assert [write[0] for write in writes(made)] == [
        "CreateTags",
        "CreateTags",
        "CreateLaunchTemplateVersion",
    ]
    assert default_image() == NEW
