"""From an event to a promoted template, on the embedded AWS."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from models.outcome import Result, as_plan
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    HELD,
    INSTANCE,
    NEW,
    NEWER,
    NOON,
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
from tests.support.ids import reason_first

MARK = "ami-reactor-state:newest-image"
STRANGER = "999988887777"
STRANGERS_IMAGE = "ami-0e1f2a3b4c5d6e7f8"


# -- what moves a template -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(backup_completed(), id="a backup job that names the image"),
        pytest.param(backup_completed(image_id=None), id="a backup job that names no image"),
        pytest.param(ami_state(), id="the image became available"),
        pytest.param(tags_changed(image_arn(NEW), "Name"), id="the image was tagged"),
        pytest.param(tags_changed(template_arn(TEMPLATE), "ami-reactor"), id="the opt-in"),
        pytest.param(reconcile(TEMPLATE), id="a reconcile of the template"),
        pytest.param(reconcile(), id="a reconcile of all"),
    ],
)
def test_a_newer_matching_image_moves_the_template(account_with, event):
    account = account_with(a_world())

    outcome = account.outcome(event)

    assert (outcome.outcome, outcome.reason) == ("promoted", "newer-image")
    assert (outcome.from_image, outcome.to_image) == (OLD, NEW)
    assert (outcome.from_version, outcome.to_version) == (1, 2)
    assert account.template()["DefaultVersionNumber"] == 2
    assert account.image_in_force() == NEW


def test_a_version_differs_from_its_source_in_its_image_alone(account_with):
    data = {"UserData": "aGk=", "TagSpecifications": [{"ResourceType": "instance", "Tags": []}]}
    account = account_with(a_world(versions=[a_version(**data)]))

    account.react(backup_completed())

    versions = account.versions()
    assert versions[2] == versions[1] | {"ImageId": NEW}


def test_the_request_for_a_version_names_its_source_and_its_token(account_with):
    account = account_with(a_world())

    account.react(backup_completed())

    [request] = account.requests("CreateLaunchTemplateVersion")
    token = request.pop("ClientToken")
    assert request == {
        "LaunchTemplateId": TEMPLATE,
        "SourceVersion": "1",
        "LaunchTemplateData": {"ImageId": NEW},
        "VersionDescription": f"ami-reactor: {OLD} -> {NEW}",
    }
    assert len(token) == 64


def test_two_following_templates_are_both_moved(account_with):
    account = account_with(
        a_world(
            templates=[a_template(), a_template(OTHER_TEMPLATE, "api")],
            versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
        )
    )

    outcome = account.react(backup_completed())

    assert [template.outcome for template in outcome.templates] == ["promoted", "promoted"]
    assert account.image_in_force(TEMPLATE) == account.image_in_force(OTHER_TEMPLATE) == NEW


def test_one_template_that_fails_does_not_stop_the_others(account_with):
    account = account_with(
        a_world(
            templates=[a_template(), a_template(OTHER_TEMPLATE, "api")],
            versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
        )
    )
    account.refuse("CreateLaunchTemplateVersion", "InvalidParameterValue")

    outcome = account.react(backup_completed())

    assert outcome.result is Result.FAILED
    assert sorted(template.outcome for template in outcome.templates) == ["failed", "promoted"]


def test_the_event_only_wakes_and_the_newest_image_is_taken(account_with):
    account = account_with(a_world(an_image(OLD), an_image(NEW, 1), an_image(NEWER, 2)))

    account.react(ami_state(NEW))

    assert account.image_in_force() == NEWER


# -- what never moves a template -------------------------------------------------------------------


def test_an_older_match_never_moves_a_template(account_with):
    account = account_with(a_world(an_image(OLD), an_image(NEW, hours=-1)))

    outcome = account.outcome(ami_state(NEW))

    assert (outcome.outcome, outcome.reason) == ("kept", "already-current")
    assert account.image_in_force() == OLD


def test_an_older_match_is_not_newer_where_the_current_image_does_not_match(account_with):
    vendors = an_image(OLD, OwnerId=STRANGER, SourceInstanceId=None) | {"Name": "al2023"}
    vendors.pop("SourceInstanceId")
    account = account_with(a_world(vendors, an_image(NEW, hours=-1)))

    outcome = account.outcome(ami_state(NEW))

    assert (outcome.outcome, outcome.reason) == ("kept", "not-newer")


def test_equal_dates_do_not_move_a_template(account_with):
    account = account_with(a_world(an_image(OLD), an_image(NEW, hours=0)))

    outcome = account.outcome(ami_state(NEW))

    assert (outcome.outcome, outcome.reason) == ("kept", "not-newer")
    assert account.writes() in ([], ["CreateTags"])


def test_of_two_images_made_at_once_the_greater_id_is_taken(account_with):
    low, high = "ami-0aaaaaaaaaaaaaaa1", "ami-0aaaaaaaaaaaaaaa2"
    account = account_with(a_world(an_image(OLD), an_image(high, 1), an_image(low, 1)))

    assert account.outcome(ami_state(low)).to_image == high


@pytest.mark.parametrize("state", ["pending", "failed", "disabled", "transient", "error"])
def test_an_image_that_is_not_available_is_never_taken(account_with, state):
    account = account_with(a_world(an_image(OLD), an_image(NEW, 1, State=state)))

    outcome = account.outcome(reconcile())

    assert (outcome.outcome, outcome.reason) == ("kept", "already-current")
    assert outcome.skipped_images == {NEW: "not-available"}


@pytest.mark.parametrize(
    "tags",
    [FOLLOWS_INSTANCE, {"ami-reactor": "on", "ami-reactor:image-name": "AwsBackup_*"}],
    ids=["by instance", "by name"],
)
def test_a_strangers_image_of_the_same_name_and_tags_is_never_taken(account_with, tags):
    proof = {"Name": "web", "aws:backup:source-resource": f"instance/{INSTANCE}"}
    lookalike = an_image(STRANGERS_IMAGE, 1, OwnerId=STRANGER, Public=True, tags=proof)
    account = account_with(
        a_world(an_image(OLD, tags=proof), lookalike, templates=[a_template(tags=tags)])
    )

    for event in (ami_state(STRANGERS_IMAGE), reconcile()):
        account.react(event)

        assert account.image_in_force() == OLD
        owners = [request.get("Owners") for request in account.requests("DescribeImages")]
        assert owners
        assert all(owner == ["self"] for owner in owners)


def test_a_quarantined_image_is_never_taken(account_with):
    account = account_with(a_world(an_image(OLD), an_image(NEW, 1, tags=QUARANTINED)))

    assert account.outcome(ami_state()).skipped_images == {NEW: "quarantined"}
    assert account.image_in_force() == OLD


def test_a_held_template_is_never_written(account_with):
    account = account_with(a_world(templates=[a_template(tags=FOLLOWS_INSTANCE | HELD)]))

    outcome = account.outcome(backup_completed())

    assert (outcome.outcome, outcome.reason) == ("kept", "held")
    assert "jane" in outcome.message
    assert account.writes() == []


def test_a_template_that_is_only_observed_is_never_written(account_with):
    tags = FOLLOWS_INSTANCE | {"ami-reactor": "observe"}
    account = account_with(a_world(templates=[a_template(tags=tags)]))

    outcome = account.outcome(backup_completed())

    assert (outcome.outcome, outcome.reason) == ("kept", "observed")
    assert "newer-image" in outcome.message
    assert NEW in outcome.message
    assert account.writes() == []


def test_an_image_that_comes_from_a_parameter_is_left_to_the_parameter(account_with):
    account = account_with(a_world(versions=[a_version("resolve:ssm:/golden/web")]))

    outcome = account.outcome(backup_completed())

    assert (outcome.outcome, outcome.reason) == ("kept", "ssm-parameter-image")


def test_a_snapshot_that_ec2_would_drop_is_not_lost(account_with):
    data_volume = [{"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": "snap-0123456789abcdef0"}}]
    account = account_with(a_world(versions=[a_version(BlockDeviceMappings=data_volume)]))

    outcome = account.outcome(backup_completed())

    assert (outcome.outcome, outcome.reason) == ("refused", "snapshot-would-be-lost")
    assert "/dev/sdf" in outcome.message
    assert "CreateLaunchTemplateVersion" not in account.writes()


def test_a_repeated_event_adds_no_version(account_with):
    account = account_with(a_world())

    outcomes = [account.outcome(event) for event in (backup_completed(), ami_state()) * 2]

    assert [outcome.outcome for outcome in outcomes] == ["promoted", "kept", "kept", "kept"]
    assert list(account.versions()) == [2, 1]


# -- people ----------------------------------------------------------------------------------------


def test_a_default_set_back_by_hand_stays_until_a_newer_image_appears(account_with):
    account = account_with(
        a_world(an_image(OLD), an_image(NEW, 1), an_image(NEWER, 2, State="pending"))
    )
    account.react(backup_completed())
    account.make_default(1)

    outcome = account.outcome(backup_completed())

    assert (outcome.outcome, outcome.reason) == ("kept", "default-moved-back")
    assert account.image_in_force() == OLD

    account.set_state(NEWER, "available")

    assert account.outcome(ami_state(NEWER)).outcome == "promoted"
    assert account.image_in_force() == NEWER


def test_a_persons_unreleased_version_is_never_promoted(account_with):
    unreleased = a_version(NEW, 2, InstanceType="t3.large")
    account = account_with(a_world(versions=[a_version(), unreleased]))

    outcome = account.outcome(backup_completed())

    assert outcome.to_version == 3
    assert account.versions()[3] == account.versions()[1] | {"ImageId": NEW}


@pytest.mark.parametrize("default_snapshot", ["snap-0000000000000000b", None])
def test_a_persons_version_with_another_snapshot_is_unreleased_too(account_with, default_snapshot):
    def volume(snapshot):
        ebs = {"SnapshotId": snapshot} if snapshot else {"VolumeSize": 10}
        return [{"DeviceName": "/dev/sdf", "Ebs": ebs}]

    image = an_image(NEW, 1, BlockDeviceMappings=volume("snap-0000000000000000a"))
    account = account_with(
        a_world(
            an_image(OLD),
            image,
            versions=[
                a_version(BlockDeviceMappings=volume(default_snapshot)),
                a_version(NEW, 2, BlockDeviceMappings=volume("snap-0000000000000000c")),
            ],
        )
    )

    assert account.outcome(backup_completed()).to_version != 2


@pytest.mark.parametrize(
    "leave",
    [
        lambda account: account.ec2.delete_tags(
            Resources=[TEMPLATE], Tags=[{"Key": "ami-reactor"}]
        ),
        lambda account: account.tag(TEMPLATE, **{"ami-reactor": "observe"}),
    ],
    ids=["opted out", "only observed"],
)
def test_a_template_that_leaves_between_reading_and_writing_is_let_go(account_with, leave):
    account = account_with(a_world())
    account.after("CreateLaunchTemplateVersion", lambda **_: leave(account))

    outcome = account.outcome(backup_completed())

    assert (outcome.outcome, outcome.reason) == ("kept", "held")
    assert "no longer on" in outcome.message
    assert account.image_in_force() == OLD


@pytest.mark.parametrize("mode", ["observe", "off", None])
def test_a_template_that_leaves_just_before_a_write_is_let_go(account_with, mode):
    account = account_with(a_world())

    def leave(**_):
        if mode:
            account.tag(TEMPLATE, **{"ami-reactor": mode})
        else:
            account.ec2.delete_tags(Resources=[TEMPLATE], Tags=[{"Key": "ami-reactor"}])

    account.before("ModifyLaunchTemplate", leave)
    account.refuse("ModifyLaunchTemplate", "UnauthorizedOperation")

    outcome = account.outcome(backup_completed())

    assert (outcome.outcome, outcome.reason) == ("kept", "held")


def test_what_was_moved_before_aws_failed_is_said(account_with):
    account = account_with(a_world())
    account.refuse("CreateTags", "RequestLimitExceeded", status=503)

    outcome = account.outcome(backup_completed())

    assert (outcome.outcome, outcome.reason) == ("failed", "aws-unavailable")
    assert (outcome.to_image, outcome.to_version) == (NEW, 2)
    assert outcome.message.startswith("moved, but")


def test_a_hold_that_comes_between_reading_and_writing_is_respected(account_with):
    account = account_with(a_world())
    account.after("CreateLaunchTemplateVersion", lambda **_: account.tag(TEMPLATE, **HELD))

    outcome = account.outcome(backup_completed())

    assert (outcome.outcome, outcome.reason) == ("kept", "held")
    assert account.image_in_force() == OLD


def test_a_hold_that_iam_enforces_first_is_no_failure(account_with):
    account = account_with(a_world())
    account.before("ModifyLaunchTemplate", lambda **_: account.tag(TEMPLATE, **HELD))
    account.refuse("ModifyLaunchTemplate", "UnauthorizedOperation")

    outcome = account.outcome(backup_completed())

    assert (outcome.outcome, outcome.reason) == ("kept", "held")


def test_a_permission_that_is_missing_is_named(account_with):
    account = account_with(a_world())
    account.refuse("CreateLaunchTemplateVersion", "UnauthorizedOperation", "Encoded: abc")

    outcome = account.outcome(backup_completed())

    assert (outcome.outcome, outcome.reason) == ("failed", "aws-refused")
    assert outcome.message.endswith(
        "missing permission: ec2:CreateLaunchTemplateVersion (the function's role)"
    )
    assert "Encoded" not in outcome.message


def test_a_template_that_is_current_when_it_opts_in_gets_its_high_water_mark(account_with):
    account = account_with(a_world(an_image(OLD)))

    account.react(tags_changed(template_arn(TEMPLATE), "ami-reactor"))

    assert account.tags()[MARK] == f"{OLD} {at(0)}"


def test_the_high_water_mark_never_moves_down(account_with):
    tags = FOLLOWS_INSTANCE | {MARK: f"{NEWER} {at(2)}"}
    account = account_with(a_world(an_image(NEW, 1), templates=[a_template(tags=tags)]))

    outcome = account.outcome(reconcile())

    assert outcome.reason == "current-image-gone"
    assert account.tags()[MARK] == f"{NEWER} {at(2)}"


# -- images that are gone --------------------------------------------------------------------------


def test_a_template_whose_image_is_gone_is_healed_with_an_older_image(account_with):
    older = an_image(NEW, hours=-5)
    tags = FOLLOWS_INSTANCE | {MARK: f"{OLD} {at(0)}"}
    account = account_with(a_world(older, templates=[a_template(tags=tags)]))

    outcome = account.outcome(ami_state(OLD, "deregistered"))

    assert (outcome.outcome, outcome.reason) == ("promoted", "current-image-gone")
    assert account.image_in_force() == NEW


def test_a_disabled_image_is_gone(account_with):
    account = account_with(a_world(an_image(OLD, State="disabled"), an_image(NEW, -1)))

    assert account.outcome(ami_state(OLD, "disabled")).reason == "current-image-gone"


def test_a_template_is_not_healed_on_what_may_be_a_stale_read(account_with):
    account = account_with(a_world(an_image(NEW, -1), versions=[a_version(OLD, hours=0)]))

    outcome = account.outcome(reconcile(), now=NOON + timedelta(minutes=59))

    assert (outcome.outcome, outcome.reason) == ("failed", "aws-unavailable")
    assert account.writes() == []


def test_the_images_own_event_is_evidence_enough(account_with):
    account = account_with(a_world(an_image(NEW, -1), versions=[a_version(OLD, hours=0)]))
    soon = NOON + timedelta(minutes=59)

    assert account.outcome(ami_state(OLD, "deregistered"), now=soon).outcome == "promoted"


def test_a_loss_that_cannot_be_seen_yet_is_tried_again(account_with):
    account = account_with(a_world())
    at_once = NOON + timedelta(hours=1, seconds=5)

    outcome = account.outcome(ami_state(OLD, "deregistered"), now=at_once)

    assert (outcome.outcome, outcome.reason) == ("failed", "aws-unavailable")


def test_a_lost_image_that_nothing_can_replace_is_refused(account_with):
    account = account_with(a_world(an_image(NEW, State="pending")))

    outcome = account.outcome(reconcile())

    assert (outcome.outcome, outcome.reason) == ("refused", "nothing-launchable")


@pytest.mark.parametrize("state", ["disabled", "pending"])
def test_an_image_that_cannot_be_launched_makes_no_high_water_mark(account_with, state):
    account = account_with(a_world(an_image(OLD, State=state)))

    assert account.outcome(reconcile()).outcome != "promoted"
    assert MARK not in account.tags()


def test_a_reconcile_that_finds_no_image_at_all_is_a_calm_no_candidate(account_with):
    vendors = an_image(OLD, OwnerId=STRANGER)
    account = account_with(a_world(vendors))

    outcome = account.react(reconcile())

    assert outcome.result is Result.HANDLED
    assert [template.reason for template in outcome.templates] == ["no-candidate"]


@pytest.mark.parametrize(
    ("tags", "event", "reason"),
    reason_first(
        (FOLLOWS_INSTANCE, backup_completed(None, "i-0c0c0c0c0c0c0c0c0"), "no-follower"),
        ({}, reconcile(), "no-follower"),
        (FOLLOWS_INSTANCE, ami_state("ami-0bbbbbbbbbbbbbbbb"), "image-not-found"),
    ),
)
def test_an_event_that_no_template_follows_is_ignored(account_with, tags, event, reason):
    account = account_with(a_world(templates=[a_template(tags=tags)]))

    outcome = account.react(event)

    assert (outcome.result, outcome.reason) == (Result.IGNORED, reason)
    assert account.writes() == []


def test_the_images_of_builds_come_and_go(account_with):
    account = account_with(a_world())

    outcome = account.react(ami_state("ami-0bbbbbbbbbbbbbbbb"))

    assert (outcome.result, outcome.reason) == (Result.IGNORED, "image-not-found")


def test_an_image_that_may_be_too_young_to_be_seen_is_tried_again(account_with):
    account = account_with(a_world())
    soon = NOON + timedelta(hours=1, seconds=59)

    outcome = account.react(ami_state("ami-0bbbbbbbbbbbbbbbb"), now=soon)

    assert (outcome.result, outcome.reason) == (Result.FAILED, "aws-unavailable")


def test_the_backup_of_a_followed_instance_whose_image_cannot_be_found_fails(account_with):
    account = account_with(a_world())

    outcome = account.react(backup_completed("ami-0bbbbbbbbbbbbbbbb"))

    assert (outcome.result, outcome.reason) == (Result.FAILED, "aws-unavailable")
    assert "the instance that web follows" in (outcome.error or "")


def test_a_deprecated_image_of_a_vendor_is_not_gone(account_with):
    vendors = an_image(OLD, OwnerId=STRANGER, DeprecationTime=at(-1))
    account = account_with(a_world(vendors, an_image(NEW, hours=-5)))

    outcome = account.outcome(reconcile())

    assert (outcome.outcome, outcome.reason) == ("kept", "not-newer")


# -- crashes, races and reads that lag behind ------------------------------------------------------


class Crash(Exception):
    """The function dies here."""


def _crash(**_):
    raise Crash


@pytest.mark.parametrize("operation", ["ModifyLaunchTemplate", "CreateTags"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_promotion_that_was_cut_off_is_finished_by_the_retry(account_with, operation, when):
    account = account_with(a_world())
    getattr(account, when)(operation, _crash)
    with pytest.raises(Crash):
        account.react(backup_completed())

    account.react(backup_completed())

    assert account.image_in_force() == NEW
    assert list(account.versions()) == [2, 1]
    assert account.tags()[MARK] == f"{NEW} {at(1)}"


def test_a_version_whose_creation_went_unanswered_is_not_made_twice(account_with):
    account = account_with(a_world())
    account.after("CreateLaunchTemplateVersion", _crash)
    with pytest.raises(Crash):
        account.react(backup_completed())

    account.react(backup_completed())

    assert list(account.versions()) == [2, 1]


@pytest.fixture
def overtaken(account_with):
    """Another reactor makes a version with a newer image, just before ours is made the default."""
    account = account_with(
        a_world(an_image(OLD), an_image(NEW, 1), an_image(NEWER, 2, State="pending"))
    )

    def another_reactor_creates(**_):
        account.set_state(NEWER, "available")
        account.ec2.create_launch_template_version(
            LaunchTemplateId=TEMPLATE,
            SourceVersion="1",
            LaunchTemplateData={"ImageId": NEWER},
        )

    account.before("ModifyLaunchTemplate", another_reactor_creates)
    return account


def test_a_newer_version_that_appears_meanwhile_wins(overtaken):
    outcome = overtaken.outcome(backup_completed())

    assert overtaken.image_in_force() == NEWER
    assert (outcome.outcome, outcome.to_image, outcome.to_version) == ("promoted", NEWER, 3)
    assert overtaken.tags()[MARK].startswith(NEWER)


def test_of_two_moves_before_aws_failed_the_last_is_said(overtaken):
    overtaken.refuse("CreateTags", "RequestLimitExceeded", status=503)

    outcome = overtaken.outcome(backup_completed())

    assert (outcome.outcome, outcome.to_image, outcome.to_version) == ("failed", NEWER, 3)


def test_of_two_moves_before_a_hold_came_the_last_is_said(overtaken):
    overtaken.before("CreateTags", lambda **_: overtaken.tag(TEMPLATE, **HELD))
    overtaken.refuse("CreateTags", "UnauthorizedOperation")

    outcome = overtaken.outcome(backup_completed())

    assert (outcome.outcome, outcome.to_image, outcome.to_version) == ("promoted", NEWER, 3)


def test_of_two_moves_the_last_is_believed_when_a_version_appears_again(overtaken):
    def draft(**_):
        overtaken.ec2.create_launch_template_version(
            LaunchTemplateId=TEMPLATE, SourceVersion="1", LaunchTemplateData={"KeyName": "draft"}
        )

    overtaken.after(
        "ModifyLaunchTemplate", lambda **_: overtaken.before("ModifyLaunchTemplate", draft)
    )

    assert overtaken.outcome(backup_completed()).to_version == 3
    assert overtaken.operations().count("ModifyLaunchTemplate") == 2


def test_a_version_that_is_none_of_ours_appears_meanwhile_and_changes_nothing(account_with):
    account = account_with(a_world())
    account.before(
        "ModifyLaunchTemplate",
        lambda **_: account.ec2.create_launch_template_version(
            LaunchTemplateId=TEMPLATE, SourceVersion="1", LaunchTemplateData={"KeyName": "draft"}
        ),
    )

    outcome = account.outcome(backup_completed())

    assert (outcome.outcome, outcome.to_version) == ("promoted", 2)
    assert account.operations().count("DescribeLaunchTemplates") == 3
    assert account.tags()[MARK].startswith(NEW)


def test_a_newer_default_that_another_reactor_set_meanwhile_stays(account_with):
    account = account_with(
        a_world(an_image(OLD), an_image(NEW, 1), an_image(NEWER, 2, State="pending"))
    )

    account.after("CreateLaunchTemplateVersion", account.another_run_promotes(NEWER))

    outcome = account.outcome(backup_completed())

    assert outcome.outcome == "kept"
    assert account.image_in_force() == NEWER


def test_settings_that_a_person_released_meanwhile_are_kept(account_with):
    account = account_with(a_world())

    def a_person_releases(**_):
        account.ec2.create_launch_template_version(
            LaunchTemplateId=TEMPLATE, SourceVersion="1", LaunchTemplateData={"KeyName": "new"}
        )
        account.make_default(3)

    account.after("CreateLaunchTemplateVersion", a_person_releases)

    account.react(backup_completed())

    in_force = account.versions()[account.template()["DefaultVersionNumber"]]
    assert (in_force["ImageId"], in_force["KeyName"]) == (NEW, "new")


def test_the_default_is_not_set_before_the_new_version_can_be_seen(account_with):
    account = account_with(a_world())
    stale = account.ec2.describe_launch_templates(LaunchTemplateIds=[TEMPLATE])

    def lag(parsed, **_):
        parsed["LaunchTemplates"] = stale["LaunchTemplates"]

    account.after(
        "CreateLaunchTemplateVersion", lambda **_: account.after("DescribeLaunchTemplates", lag)
    )

    assert account.outcome(backup_completed()).outcome == "promoted"
    assert account.waits == [0.1]


def test_a_warning_in_an_answer_of_200_is_an_error(account_with):
    account = account_with(a_world())

    def warn(parsed, **_):
        parsed["Warning"] = {"Errors": [{"Code": "InvalidKeyPair.NotFound", "Message": "ops"}]}

    account.after("CreateLaunchTemplateVersion", warn)

    outcome = account.outcome(backup_completed())

    assert (outcome.outcome, outcome.reason) == ("failed", "aws-refused")
    assert "InvalidKeyPair.NotFound" in outcome.message


def test_a_retry_does_not_pass_over_the_warning(account_with):
    account = account_with(a_world())

    def warn(parsed, **_):
        parsed["Warning"] = {"Errors": [{"Code": "InvalidKeyPair.NotFound", "Message": "ops"}]}

    for _ in range(2):
        account.after("CreateLaunchTemplateVersion", warn)

        outcome = account.outcome(backup_completed(), now=datetime.now(UTC))

        assert (outcome.outcome, outcome.reason) == ("failed", "aws-refused")
        assert list(account.versions()) == [2, 1]


@pytest.mark.parametrize(
    ("says", "minutes_old"), [("zzz", 1), (f"ami-reactor: {OLD} -> {NEW}", 61)]
)
def test_a_version_of_others_or_of_long_ago_is_not_asked_for_again(account_with, says, minutes_old):
    """EC2 does not say for how long it remembers a ClientToken: it might make another one."""
    made = a_version(NEW, 2, hours=3) | {"VersionDescription": says}
    account = account_with(a_world(versions=[a_version(), made]))
    now = NOON + timedelta(hours=3, minutes=minutes_old)

    assert account.outcome(backup_completed(), now=now).to_version == 2
    assert "CreateLaunchTemplateVersion" not in account.operations()


def test_a_version_that_came_out_otherwise_is_not_made_the_default(account_with):
    account = account_with(a_world())

    def forget(parsed, **_):
        parsed["LaunchTemplateVersion"]["LaunchTemplateData"] = {"ImageId": NEW}

    account.after("CreateLaunchTemplateVersion", forget)

    assert account.outcome(backup_completed()).reason == "aws-refused"
    assert account.image_in_force() == OLD


def test_a_move_is_reported_though_the_reason_why_the_mark_was_refused_is_not_known(account_with):
    account = account_with(a_world())
    account.refuse("CreateTags", "UnauthorizedOperation", status=403)
    account.before("CreateTags", lambda **_: account.refuse("DescribeLaunchTemplates", "Throttled"))

    outcome = account.outcome(backup_completed())

    assert (outcome.outcome, outcome.to_version, outcome.to_image) == ("failed", 2, NEW)
    assert "ec2:CreateTags" in outcome.message


def test_no_write_is_started_when_the_time_is_nearly_up(account_with):
    account = account_with(a_world())

    outcome = account.outcome(backup_completed(), seconds_left=lambda: 29)

    assert (outcome.outcome, outcome.reason) == ("failed", "aws-unavailable")
    assert account.writes() == []


def test_a_write_is_started_while_there_is_just_time_enough(account_with):
    account = account_with(a_world())

    assert account.outcome(backup_completed(), seconds_left=lambda: 30).outcome == "promoted"


def test_templates_for_which_time_is_too_short_are_handed_on(account_with):
    account = account_with(
        a_world(
            templates=[a_template(), a_template(OTHER_TEMPLATE, "api")],
            versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
        )
    )

    outcome = account.react(backup_completed(), seconds_left=lambda: 40)

    [done] = outcome.templates
    [handed_on] = outcome.handed_on
    assert {done.launch_template_id, handed_on} == {TEMPLATE, OTHER_TEMPLATE}
    assert account.put == [{"detail-type": "Reconcile Requested", "launch_template_id": handed_on}]


def a_fleet_of(count):
    ids = [f"lt-{number:017x}" for number in range(count)]
    return a_world(
        templates=[a_template(id_, f"web-{number}") for number, id_ in enumerate(ids)],
        versions=[a_version(template_id=id_) for id_ in ids],
    )


def test_many_are_handed_on_ten_in_one_call(account_with):
    account = account_with(a_fleet_of(24))
    calls = []
    account.bus.meta.events.register(
        "provide-client-params.events.PutEvents",
        lambda params, **_: calls.append(len(params["Entries"])),
    )

    outcome = account.react(backup_completed(), seconds_left=lambda: 40)

    assert calls == [10, 10, 3]
    assert {put["launch_template_id"] for put in account.put} == set(outcome.handed_on)
    assert len(outcome.handed_on) == 23


def test_what_eventbridge_takes_of_a_call_is_handed_on_and_the_rest_fails(account_with):
    account = account_with(a_fleet_of(4))

    def take_but_the_second(parsed, **_):
        parsed["FailedEntryCount"] = 1
        parsed["Entries"][1] = {"ErrorCode": "ThrottlingException"}

    account.bus.meta.events.register("after-call.events.PutEvents", take_but_the_second)

    outcome = account.react(backup_completed(), seconds_left=lambda: 40)

    failed = [template for template in outcome.templates if template.outcome == "failed"]
    assert outcome.result == "failed"
    assert "ThrottlingException" in failed[0].message
    assert {failed[0].launch_template_id, *outcome.handed_on} == {
        put["launch_template_id"] for put in account.put
    }
    assert len(outcome.handed_on) == 2


@pytest.mark.parametrize(
    "answer", [{"Entries": []}, {"Entries": None}, {"Entries": [None] * 1}, {}]
)
def test_an_answer_of_eventbridge_that_makes_no_sense_fails_what_was_to_be_handed_on(
    account_with, answer
):
    account = account_with(a_fleet_of(2))

    def nonsense(parsed, **_):
        parsed.clear()
        parsed.update(answer)

    account.bus.meta.events.register("after-call.events.PutEvents", nonsense)

    outcome = account.react(backup_completed(), seconds_left=lambda: 40)

    assert (outcome.result, outcome.handed_on) == ("failed", ())
    assert "made no sense" in outcome.error


def test_a_loss_is_not_handed_on_because_it_is_its_own_evidence(account_with):
    """A Reconcile Requested would not be believed that a young version's image is gone."""
    account = account_with(
        a_world(
            templates=[a_template(), a_template(OTHER_TEMPLATE, "api")],
            versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
        )
    )
    account.set_state(OLD, "deregistered")

    outcome = account.react(ami_state(OLD, "deregistered"), seconds_left=lambda: 40)

    assert {template.outcome for template in outcome.templates} == {"promoted", "failed"}
    assert (outcome.result, outcome.handed_on, account.put) == ("failed", (), [])


# -- what the event's own image tells -------------------------------------------------------------


def test_the_events_image_counts_though_no_list_has_it_yet(account_with):
    account = account_with(a_world())

    def lag(parsed, **_):
        if account.operations().count("DescribeImages") > 1:
            parsed["Images"] = [i for i in parsed["Images"] if i["ImageId"] != NEW]

    account.reactors_client.meta.events.register("after-call.ec2.DescribeImages", lag)

    assert account.outcome(ami_state()).to_image == NEW


@pytest.mark.parametrize("event", [ami_state(), backup_completed()], ids=["EC2's", "Backup's"])
@pytest.mark.parametrize(("seconds", "result"), [(59, "failed"), (61, "handled")])
def test_an_image_that_a_read_still_shows_as_pending_is_tried_again(
    account_with, event, seconds, result
):
    account = account_with(a_world())
    account.set_state(NEW, "pending")
    now = datetime.fromisoformat(event["time"]) + timedelta(seconds=seconds)

    outcome = account.react(event, now=now)

    assert outcome.result == result
    assert account.image_in_force() == OLD


def test_no_default_is_set_when_the_time_is_nearly_up(account_with):
    account = account_with(a_world())

    def left():
        return 10 if "CreateLaunchTemplateVersion" in account.operations() else 120

    outcome = account.outcome(backup_completed(), seconds_left=left)

    assert (outcome.outcome, outcome.reason) == ("failed", "aws-unavailable")
    assert account.writes() == ["CreateLaunchTemplateVersion"]


def test_no_high_water_mark_is_written_when_time_is_nearly_up(account_with):
    account = account_with(a_world())

    def left():
        return 10 if "ModifyLaunchTemplate" in account.operations() else 120

    outcome = account.outcome(backup_completed(), seconds_left=left)

    assert (outcome.outcome, outcome.to_image) == ("failed", NEW)
    assert account.writes() == ["CreateLaunchTemplateVersion", "ModifyLaunchTemplate"]


def disable(account, image_id):
    account.set_state(image_id, "disabled")
    return account.outcome(ami_state(image_id, "disabled"))


def enable(account, image_id):
    account.set_state(image_id, "available")
    return account.react(ami_state(image_id))


def test_an_image_that_is_enabled_again_is_taken_again_and_a_person_may_still_move_back(
    account_with,
):
    account = account_with(a_world())
    account.react(backup_completed())
    healed = disable(account, NEW)
    assert (healed.reason, account.image_in_force()) == ("current-image-gone", OLD)
    assert account.tags()[MARK] == f"{NEW} {at(1)}"

    [returned] = enable(account, NEW).templates

    assert (returned.outcome, returned.reason) == ("promoted", "newer-image")
    assert account.image_in_force() == NEW
    assert account.tags()[MARK] == f"{NEW} {at(1)} {returned.to_version}"
    account.make_default(healed.to_version)
    assert account.outcome(reconcile()).reason == "default-moved-back"
    assert account.image_in_force() == OLD


def test_after_a_return_the_high_water_mark_is_written_once(account_with):
    account = account_with(a_world())
    account.react(backup_completed())
    disable(account, NEW)
    enable(account, NEW)

    again = account.outcome(backup_completed())

    assert again.reason == "already-current"
    assert account.writes() == []


def test_images_that_are_lost_one_after_the_other_are_taken_again(account_with):
    account = account_with(a_world(an_image(OLD), an_image(NEW, 1), an_image(NEWER, 2)))
    account.react(backup_completed(NEWER))
    disable(account, NEWER)
    disable(account, NEW)
    assert account.image_in_force() == OLD

    enable(account, NEWER)

    assert account.image_in_force() == NEWER


def test_a_default_that_a_person_moved_back_is_not_taken_for_healing(account_with):
    account = account_with(a_world())
    account.react(backup_completed())
    account.make_default(1)
    account.set_state(NEW, "disabled")

    enable(account, NEW)

    assert account.image_in_force() == OLD


def test_the_order_of_lists_in_an_answer_does_not_matter(account_with):
    groups = ["sg-1", "sg-2"]
    account = account_with(a_world(versions=[a_version(SecurityGroupIds=groups)]))

    def turn(parsed, **_):
        parsed["LaunchTemplateVersion"]["LaunchTemplateData"]["SecurityGroupIds"].reverse()

    account.after("CreateLaunchTemplateVersion", turn)

    assert account.outcome(backup_completed()).outcome == "promoted"


# -- what is read ----------------------------------------------------------------------------------


def test_more_images_than_a_filter_takes_are_asked_for_in_parts(account_with):
    gone = [a_version(f"ami-{n:017x}", n, KeyName="draft") for n in range(2, 260)]
    account = account_with(a_world(versions=[a_version(), *gone]))

    outcome = account.outcome(backup_completed())

    assert outcome.outcome == "promoted"
    for request in account.requests("DescribeImages"):
        assert all(len(filter_["Values"]) <= 200 for filter_ in request["Filters"])
    filters = [f for request in account.requests("DescribeImages") for f in request["Filters"]]
    asked = {value for filter_ in filters for value in filter_["Values"]}
    assert {version["LaunchTemplateData"]["ImageId"] for version in gone} <= asked


def test_a_tags_value_too_long_for_a_filter_is_compared_on_our_side(account_with):
    stars = "*" * 256
    tags = {"ami-reactor": "on", "ami-reactor:image-tag:v": stars}
    images = [
        an_image(OLD),
        an_image(NEW, 1, tags={"v": stars}),
        an_image(NEWER, 2, tags={"v": "1"}),
    ]
    account = account_with(a_world(*images, templates=[a_template(tags=tags)]))

    assert account.outcome(reconcile()).to_image == NEW


def test_wildcards_in_a_tags_value_are_themselves(account_with):
    tags = {"ami-reactor": "on", "ami-reactor:image-tag:v": "1.*?"}
    account = account_with(a_world(templates=[a_template(tags=tags)]))

    account.react(reconcile())

    filters = [f for request in account.requests("DescribeImages") for f in request["Filters"]]
    assert {"Name": "tag:v", "Values": [r"1.\*\?"]} in filters


@pytest.mark.parametrize(
    "head", ["arn:aws:ec2:ap-northeast-2:111122223333:instance/", "instance/", ""]
)
def test_an_image_that_aws_backup_alone_proves_is_found(account_with, head):
    proof = {"aws:backup:source-resource": f"{head}{INSTANCE}"}
    backed_up = an_image(NEW, 1, tags=proof)
    del backed_up["SourceInstanceId"]
    account = account_with(a_world(an_image(OLD), backed_up))

    assert account.outcome(reconcile()).to_image == NEW


def test_images_on_a_second_page_are_seen(account_with):
    images = [an_image(f"ami-{n:017x}", hours=n / 60) for n in range(1, 701)]
    account = account_with(a_world(an_image(OLD, -1), *images))

    assert account.outcome(reconcile()).to_image == images[-1]["ImageId"]


def test_templates_and_versions_on_a_second_page_are_seen(account_with):
    ids = [f"lt-{n:017x}" for n in range(1, 251)]
    templates = [
        a_template(
            id_, f"web-{id_}", tags={"ami-reactor": "on", "ami-reactor:image-name": "none-*"}
        )
        for id_ in ids
    ]
    following = a_template("lt-0ffffffffffffffff", "zzz", default=1)
    drafts = [
        a_version(OLD, n, template_id="lt-0ffffffffffffffff", KeyName=f"draft-{n}")
        for n in range(2, 252)
    ]
    account = account_with(
        a_world(
            templates=[*templates, following],
            versions=[
                *(a_version(template_id=id_) for id_ in ids),
                a_version(template_id="lt-0ffffffffffffffff"),
                *drafts,
            ],
        )
    )

    outcome = account.outcome(backup_completed())

    assert (outcome.launch_template_name, outcome.to_version) == ("zzz", 252)


@pytest.mark.parametrize(
    ("world", "event", "at_most"),
    [
        pytest.param(
            a_world(templates=[], versions=[]), backup_completed(), 1, id="no template opted in"
        ),
        pytest.param(
            a_world(
                templates=[a_template(tags={"ami-reactor": "on", "ami-reactor:image-name": "x"})]
            ),
            backup_completed(),
            2,
            id="no follower",
        ),
        pytest.param(a_world(), ami_state(OLD, "disabled"), 10, id="loss of an image"),
        pytest.param(a_world(), backup_completed(), 10, id="promotion"),
        pytest.param(
            a_world(an_image(OLD, OwnerId=STRANGER), an_image(NEW, 1)),
            backup_completed(),
            10,
            id="first promotion, away from a vendor's image",
        ),
        pytest.param(
            a_world(
                an_image(OLD, OwnerId=STRANGER),
                an_image(NEW, 1),
                versions=[a_version(), a_version(number=3, KeyName="draft")],
            ),
            backup_completed(),
            10,
            id="a version in between was deleted",
        ),
    ],
)
def test_ec2_is_called_no_more_than_it_must(account_with, world, event, at_most):
    account = account_with(world)

    account.react(event)

    assert len(account.calls) <= at_most, account.operations()


def test_a_duplicate_costs_six_calls_at_most(account_with):
    account = account_with(a_world())
    account.react(backup_completed())

    account.react(backup_completed())

    assert len(account.calls) <= 6
    assert account.writes() == []


def test_a_plan_says_what_would_be_done_and_writes_nothing(account_with):
    account = account_with(a_world())

    planned = account.plan(backup_completed())

    assert account.writes() == []
    assert planned == as_plan(account.react(backup_completed()))
    assert [template.planned for template in planned.templates] == [True]


@pytest.mark.parametrize("operation", ["DescribeImages", "DescribeLaunchTemplateVersions"])
def test_what_a_plan_may_not_read_is_unknown_and_what_the_function_may_not_is_failed(
    account_with, operation
):
    account = account_with(a_world())

    account.refuse(operation, "UnauthorizedOperation")
    [planned] = account.plan(reconcile()).templates
    account.refuse(operation, "UnauthorizedOperation")
    [done] = account.react(reconcile()).templates

    assert (planned.outcome, planned.reason) == ("unknown", "not-readable")
    assert planned.message.endswith(f"missing permission: ec2:{operation} (your credentials)")
    assert (done.outcome, done.reason, done.planned) == ("failed", "aws-refused", False)
    assert done.message.endswith(f"missing permission: ec2:{operation} (the function's role)")


def test_a_deed_says_nothing_of_a_plan(account_with):
    account = account_with(a_world())

    assert "planned" in account.plan(backup_completed()).model_dump()["templates"][0]
    assert "planned" not in account.react(backup_completed()).model_dump()["templates"][0]


@pytest.mark.parametrize(
    ("tag", "image", "asked"),
    [
        ({"ami-reactor:image-name": r"a\b*"}, {"Name": r"a\bc"}, r"a\\b*"),
        ({"ami-reactor:image-tag:p": r"a\b"}, {"Tags": [{"Key": "p", "Value": r"a\b"}]}, r"a\\b"),
    ],
    ids=["name", "tag"],
)
def test_a_backslash_is_itself(account_with, tag, image, asked):
    """EC2 reads it as an escape, in the values of its filters."""
    template = a_template(tags={"ami-reactor": "on", **tag})
    account = account_with(
        a_world(an_image(OLD, 0), an_image(NEW, 1, **image), templates=[template])
    )

    assert account.outcome(ami_state()).to_image == NEW
    filters = [f for request in account.requests("DescribeImages") for f in request["Filters"]]
    assert [asked] in [f["Values"] for f in filters]


# -- errors of AWS ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "operation", ["DescribeLaunchTemplateVersions", "DescribeImages", "CreateTags"]
)
@pytest.mark.parametrize(
    ("code", "status", "reason"),
    reason_first(
        ("RequestLimitExceeded", 503, "aws-unavailable"),
        ("InternalError", 500, "aws-unavailable"),
        ("SomethingNew", 500, "aws-unavailable"),
        ("InvalidParameterValue", 400, "aws-refused"),
        ("UnauthorizedOperation", 403, "aws-refused"),
    ),
)
def test_an_error_of_aws_fails_the_template(account_with, operation, code, status, reason):
    account = account_with(a_world())
    refuse = partial(account.refuse, operation, code, status=status)
    if operation == "DescribeImages":  # the second one, which the template needs
        account.after(operation, lambda **_: refuse())
    else:
        refuse()

    outcome = account.react(backup_completed())

    assert outcome.result is Result.FAILED
    assert [template.reason for template in outcome.templates] == [reason]
    assert outcome.error is not None
    assert code in outcome.error


def test_an_answer_that_makes_no_sense_may_be_right_the_next_time(account_with):
    account = account_with(a_world())
    account.after("DescribeLaunchTemplates", lambda parsed, **_: parsed.clear())

    outcome = account.react(backup_completed())

    assert (outcome.result, outcome.reason) == (Result.FAILED, "aws-unavailable")


def test_a_template_that_was_deleted_meanwhile_is_said_in_one_line(account_with):
    account = account_with(a_world())
    account.before(
        "CreateLaunchTemplateVersion",
        lambda **_: account.ec2.delete_launch_template(LaunchTemplateId=TEMPLATE),
    )

    outcome = account.outcome(backup_completed())

    assert outcome.outcome == "failed"
    assert "\n" not in outcome.message
    assert account.react(backup_completed()).result is Result.IGNORED


# -- misconfiguration ------------------------------------------------------------------------------


def test_a_misconfigured_template_appears_in_every_outcome(account_with):
    broken = a_template(OTHER_TEMPLATE, "api", tags={"ami-reactor": "yes"})
    account = account_with(
        a_world(
            templates=[a_template(), broken],
            versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
        )
    )

    outcome = account.react(backup_completed())

    assert {t.launch_template_name: t.outcome for t in outcome.templates} == {
        "web": "promoted",
        "api": "refused",
    }


def test_a_misconfigured_template_appears_beside_the_reason_why_an_event_is_ignored(account_with):
    account = account_with(a_world(templates=[a_template(tags={"ami-reactor": "yes"})]))

    outcome = account.react(ami_state("ami-0bbbbbbbbbbbbbbbb"))

    assert (outcome.result, outcome.reason) == (Result.IGNORED, "image-not-found")
    assert [template.reason for template in outcome.templates] == ["misconfigured"]


def test_misconfigured_templates_are_said_though_the_events_image_cannot_be_seen(account_with):
    account = account_with(
        a_world(
            templates=[
                a_template(),
                a_template(OTHER_TEMPLATE, "api", tags={"ami-reactor": "yes"}),
            ],
            versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
        )
    )

    outcome = account.react(backup_completed("ami-0bbbbbbbbbbbbbbbb"))

    assert outcome.result == "failed"
    assert [(t.launch_template_name, t.reason) for t in outcome.templates] == [
        ("api", "misconfigured")
    ]


def test_misconfigured_templates_are_said_and_not_handed_on(account_with):
    broken = a_template(OTHER_TEMPLATE, "api", tags={"ami-reactor": "yes"})
    account = account_with(
        a_world(
            templates=[broken, a_template()],
            versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
        )
    )

    outcome = account.react(reconcile(), seconds_left=lambda: 40)

    assert outcome.handed_on == ()
    assert sorted(t.outcome for t in outcome.templates) == ["promoted", "refused"]
