"""The guard at work on the embedded AWS: what it reads, writes and announces."""

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError

from handlers.guarding import HELD as HELD_EVENT
from handlers.guarding import MOVED_BACK
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    HELD,
    NEW,
    NEWER,
    OLD,
    OTHER_TEMPLATE,
    TEMPLATE,
    a_template,
    a_version,
    a_volume,
    an_image,
    at,
    backup_completed,
)
from tests.support.fleets import (
    a_group,
    a_mixed_group,
    before,
    calls,
    default_image,
    tags_of,
    template_of,
    versions_of,
    writes,
)
from tests.support.guarding import (
    CAPACITY,
    GO_BACK,
    HOLD,
    MARK,
    ON_TROUBLE,
    QUARANTINE,
    RANG,
    another,
    ec2_now,
    end_refresh,
    fail_launch,
    guarded_world,
    launch_failed,
    promoted,
    refresh_failed,
    run_guard,
    tag,
    threats_found,
)

HOLDS = GO_BACK | {ON_TROUBLE: "hold"}
ROLLED_BACK = "EC2 Auto Scaling Instance Refresh Rollback Succeeded"


def one(guarded):
    [template] = guarded.outcome.templates
    return template


def told(guarded):
    return [(what, template.outcome) for what, template in guarded.announcements]


# -- it goes back ----------------------------------------------------------------------------------


def test_a_refresh_that_fails_on_its_alarm_is_held_quarantined_and_left(account_with, monkeypatch):
    account_with(guarded_world())
    end_refresh()
    made = calls(monkeypatch)

    guarded = run_guard(refresh_failed())

    outcome = one(guarded)
    assert (outcome.outcome, outcome.reason) == ("moved-back", "refresh-alarm")
    assert (outcome.from_image, outcome.to_image) == (NEW, OLD)
    assert (outcome.from_version, outcome.to_version) == (2, 3)
    assert RANG in outcome.message
    assert guarded.outcome.group == "web"
    assert told(guarded) == [(MOVED_BACK, "moved-back")]
    assert writes(made) == [
        ("CreateTags", TEMPLATE, HOLD),
        ("CreateTags", NEW, QUARANTINE),
        ("CreateLaunchTemplateVersion", TEMPLATE),
        ("ModifyLaunchTemplate", TEMPLATE),
        ("CreateTags", TEMPLATE, MARK),
    ]
    assert (default_image(), sorted(versions_of())) == (OLD, [1, 2, 3])
    assert versions_of()[3] == versions_of()[1]
    assert tags_of()[HOLD].startswith("ami-reactor-guard 2026-06-15T17:00Z: goes back from ")
    assert tags_of(NEW)[QUARANTINE].startswith("ami-reactor-guard 2026-06-15T17:00Z: instance ref")
    assert tags_of()[MARK] == f"{NEW} {at(1)}"


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        pytest.param(refresh_failed(ROLLED_BACK), "refresh-rolled-back", id="refresh-rolled-back"),
        pytest.param(launch_failed(), "launch-failed", id="launch-failed"),
        pytest.param(threats_found(), "threats-found", id="threats-found"),
    ],
)
def test_each_conclusive_evidence_moves_it_back(account_with, event, reason):
    account_with(guarded_world())
    end_refresh("RollbackSuccessful")
    fail_launch()

    guarded = run_guard(event)

    assert (one(guarded).outcome, one(guarded).reason) == ("moved-back", reason)
    assert default_image() == OLD


def test_snapshots_of_the_older_version_are_named_again(account_with):
    disk = a_volume("/dev/sdf", 8, "snap-0123456789abcdef0")
    dropped = a_volume("/dev/sdf", 8)
    versions = [a_version(BlockDeviceMappings=[disk]), promoted(BlockDeviceMappings=[dropped])]
    account_with(guarded_world(versions=versions))
    end_refresh()

    assert one(run_guard(refresh_failed())).outcome == "moved-back"
    assert versions_of()[3]["BlockDeviceMappings"] == [disk]


def test_a_version_with_other_settings_is_not_gone_back_to(account_with):
    """It may never have been the default: a person saved it, and nobody knows whether it works."""
    experiment = a_version(OLD, 2, InstanceType="x9.huge")
    account_with(
        guarded_world(
            templates=[a_template(default=3, tags=GO_BACK)],
            versions=[a_version(), experiment, promoted(3)],
        )
    )
    end_refresh()

    assert one(run_guard(refresh_failed())).outcome == "moved-back"
    assert versions_of()[4] == versions_of()[1]


def test_all_templates_on_an_image_with_threats_are_moved_back_by_one_event(account_with):
    account_with(
        guarded_world(
            templates=[
                a_template(default=2, tags=GO_BACK),
                a_template(OTHER_TEMPLATE, "api", default=2, tags=GO_BACK),
            ],
            versions=[
                a_version(),
                promoted(),
                a_version(template_id=OTHER_TEMPLATE),
                promoted(template_id=OTHER_TEMPLATE),
            ],
        )
    )

    guarded = run_guard(threats_found())

    assert [one.outcome for one in guarded.outcome.templates] == ["moved-back", "moved-back"]
    assert default_image() == default_image(OTHER_TEMPLATE) == OLD
    assert len(guarded.announcements) == 2


# -- threats in an image that is not the current one -----------------------------------------------


def a_waiting_world(tags=GO_BACK, **more):
    """NEW is newer than the current image, and was not taken yet."""
    return guarded_world(
        templates=[a_template(tags=tags)], versions=more.pop("versions", [a_version()]), **more
    )


@pytest.mark.parametrize(
    "tags",
    [GO_BACK, HOLDS, GO_BACK | HELD, GO_BACK | {"ami-reactor:soak": "36h"}],
    ids=["go-back", "hold", "held", "soak"],
)
def test_a_candidate_with_threats_is_quarantined_and_nothing_else(account_with, monkeypatch, tags):
    account = account_with(a_waiting_world(tags))
    made = calls(monkeypatch)

    guarded = run_guard(threats_found())

    assert (one(guarded).outcome, one(guarded).reason) == ("quarantined", "threats-found")
    assert (one(guarded).from_image, one(guarded).to_image) == (OLD, OLD)
    assert writes(made) == [("CreateTags", NEW, QUARANTINE)]
    assert tags_of(NEW)[QUARANTINE].startswith(
        f"ami-reactor-guard 2026-06-15T17:00Z: AWS Backup found threats in {NEW}, and {OLD} is"
    )
    assert guarded.announcements == ()
    assert account.outcome(backup_completed(NEW)).outcome == "kept"
    assert default_image() == OLD


def test_an_older_image_with_threats_is_quarantined_and_not_gone_back_to(account_with):
    account_with(guarded_world())
    end_refresh()

    assert one(run_guard(threats_found(OLD))).outcome == "quarantined"

    assert one(run_guard(refresh_failed())).reason == "nothing-to-go-back-to"
    assert default_image() == NEW


def test_a_version_that_may_be_gone_back_to_counts_whatever_the_tags_select(account_with):
    """The tags follow other images by now."""
    tags = {"ami-reactor": "on", "ami-reactor:image-name": "golden-*", ON_TROUBLE: "go-back"}
    account_with(guarded_world(tags=tags))

    assert one(run_guard(threats_found(OLD))).outcome == "quarantined"


@pytest.mark.parametrize(
    "tags",
    [
        FOLLOWS_INSTANCE,
        GO_BACK | {"ami-reactor": "observe"},
        GO_BACK | {ON_TROUBLE: "no"},
        {"ami-reactor": "on", "ami-reactor:image-name": "golden-*", ON_TROUBLE: "go-back"},
    ],
    ids=["not guarded", "observe", "misconfigured", "neither selected nor in a version"],
)
def test_an_image_that_no_guarded_template_may_take_is_left_alone(account_with, monkeypatch, tags):
    account_with(a_waiting_world(tags))
    made = calls(monkeypatch)

    assert run_guard(threats_found()).outcome.reason == "no-follower"
    assert writes(made) == []


def test_a_vendors_image_cannot_be_quarantined_and_is_left_alone(account_with):
    account_with(guarded_world(an_image(OLD, OwnerId="801119661308"), an_image(NEW, 1)))

    assert run_guard(threats_found(OLD)).outcome.reason == "no-follower"


def test_a_persons_quarantine_of_it_stays(account_with, monkeypatch):
    account_with(a_waiting_world())
    tag(NEW, **{QUARANTINE: "jane 2026-06-15T17:00Z: mine"})
    made = calls(monkeypatch)

    outcome = one(run_guard(threats_found()))

    assert (outcome.outcome, outcome.reason) == ("kept", "quarantined-already")
    assert "jane" in outcome.message
    assert writes(made) == []


def test_an_image_that_is_promoted_meanwhile_is_moved_back(account_with, monkeypatch):
    account = account_with(a_waiting_world())
    reacts = []
    before(monkeypatch, "CreateTags", lambda: reacts.append(account.react(backup_completed(NEW))))

    guarded = run_guard(threats_found())

    assert [one.outcome for one in reacts[0].templates] == ["promoted"]
    assert (one(guarded).outcome, one(guarded).reason) == ("moved-back", "threats-found")
    assert told(guarded) == [(MOVED_BACK, "moved-back")]
    assert (default_image(), HOLD in tags_of()) == (OLD, True)


def test_an_image_that_is_deregistered_meanwhile_is_gone(account_with, monkeypatch):
    account = account_with(a_waiting_world())
    made = calls(monkeypatch)
    before(
        monkeypatch,
        "DescribeLaunchTemplateVersions",
        lambda: before(
            monkeypatch,
            "DescribeLaunchTemplateVersions",
            lambda: account.ec2.deregister_image(ImageId=NEW),
        ),
    )

    outcome = one(run_guard(threats_found()))

    assert (outcome.outcome, outcome.reason) == ("kept", "superseded")
    assert writes(made) == []


def test_one_event_leaves_it_here_and_keeps_it_out_there(account_with):
    account_with(
        guarded_world(
            templates=[
                a_template(default=2, tags=GO_BACK),
                a_template(OTHER_TEMPLATE, "api", tags=GO_BACK),
            ],
            versions=[a_version(), promoted(), a_version(template_id=OTHER_TEMPLATE)],
        )
    )

    web, api = run_guard(threats_found()).outcome.templates

    assert (web.outcome, api.outcome, api.reason) == ("moved-back", "kept", "quarantined-already")
    assert tags_of(NEW)[QUARANTINE].startswith("ami-reactor-guard ")
    assert HOLD not in tags_of(OTHER_TEMPLATE)


def test_the_same_event_again_keeps_it_out_once(account_with):
    account_with(a_waiting_world())
    run_guard(threats_found())
    now = ec2_now()

    again = one(run_guard(threats_found()))

    assert (again.outcome, again.reason) == ("kept", "quarantined-already")
    assert ec2_now() == now


def test_too_little_time_keeps_nothing_out_now(account_with):
    account_with(a_waiting_world())

    assert run_guard(threats_found(), seconds_left=20).outcome.result == "failed"
    assert QUARANTINE not in tags_of(NEW)


CALLS_TO_KEEP_OUT = 7


@pytest.mark.parametrize("number", range(1, CALLS_TO_KEEP_OUT + 1))
def test_every_fault_at_every_call_that_keeps_it_out(account_with, monkeypatch, number):
    account_with(a_waiting_world())
    for error, takes_effect in FAULTS.values():
        boto3.client("ec2").delete_tags(Resources=[NEW], Tags=[{"Key": QUARANTINE}])
        with monkeypatch.context() as patch:
            made = a_failing_call(patch, number, error, takes_effect=takes_effect)
            first = run_guard(threats_found())
        assert first.outcome.result == "failed", made[-1]

        assert run_guard(threats_found()).outcome.result == "handled"
        assert QUARANTINE in tags_of(NEW)


def test_it_makes_as_many_calls_as_were_made_to_fail(account_with, monkeypatch):
    account_with(a_waiting_world())
    made = calls(monkeypatch)

    run_guard(threats_found())

    assert len(made) == CALLS_TO_KEEP_OUT, made


# -- it holds, or does nothing ---------------------------------------------------------------------


def test_a_refresh_that_fails_for_capacity_holds_with_the_reason_and_moves_nothing(
    account_with, monkeypatch
):
    account_with(guarded_world())
    end_refresh(reason=CAPACITY)
    made = calls(monkeypatch)

    guarded = run_guard(refresh_failed())

    assert (one(guarded).outcome, one(guarded).reason) == ("held", "refresh-failed")
    assert writes(made) == [("CreateTags", TEMPLATE, HOLD)]
    assert CAPACITY in tags_of()[HOLD]
    assert default_image() == NEW
    assert told(guarded) == [(HELD_EVENT, "held")]


def test_with_the_tag_hold_it_holds_and_moves_nothing(account_with, monkeypatch):
    account_with(guarded_world(tags=HOLDS))
    end_refresh()
    made = calls(monkeypatch)

    assert (one(run_guard(refresh_failed())).outcome) == "held"
    assert writes(made) == [("CreateTags", TEMPLATE, HOLD)]


def test_without_anything_older_it_is_refused_and_held(account_with):
    account_with(guarded_world(an_image(NEW, 1)))
    end_refresh()

    guarded = run_guard(refresh_failed())

    assert (one(guarded).outcome, one(guarded).reason) == ("refused", "nothing-to-go-back-to")
    assert told(guarded) == [(HELD_EVENT, "refused")]
    assert "no older image can be launched" in tags_of()[HOLD]


UNTOUCHED = [
    pytest.param({"tags": FOLLOWS_INSTANCE}, "not-guarded", id="not-guarded"),
    pytest.param({"tags": GO_BACK | HELD}, "held", id="held"),
    pytest.param(
        {"versions": [a_version(), a_version(NEW, 2, hours=2)]}, "not-our-move", id="not-our-move"
    ),
    pytest.param({"AutoScalingGroups": [a_group(version="1")]}, "superseded", id="superseded"),
]


@pytest.mark.parametrize("event", [refresh_failed(), launch_failed()], ids=["refresh", "launch"])
@pytest.mark.parametrize(("world", "reason"), UNTOUCHED)
def test_a_rung_that_stays_writes_and_announces_nothing(
    account_with, monkeypatch, world, reason, event
):
    account_with(guarded_world(**world))
    end_refresh()
    fail_launch()
    made = calls(monkeypatch)

    guarded = run_guard(event)

    assert (one(guarded).outcome, one(guarded).reason) == ("kept", reason)
    assert (writes(made), guarded.announcements) == ([], ())


def test_a_failure_from_before_the_promotion_is_superseded(account_with):
    account_with(guarded_world())
    end_refresh(began=at(1.9))
    fail_launch(began=at(1.9))

    for event in (refresh_failed(), launch_failed()):
        assert one(run_guard(event)).reason == "superseded"


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        pytest.param(launch_failed(), "no-evidence", id="no-evidence: a launch for capacity"),
        pytest.param(refresh_failed(), "no-evidence", id="no-evidence: a refresh that succeeded"),
        pytest.param(refresh_failed(group="gone"), "no-follower", id="no-follower: no such group"),
        pytest.param(refresh_failed(group="other"), "no-follower", id="no-follower: no template"),
        pytest.param(threats_found(NEWER), "no-follower", id="no-follower: no such image"),
        pytest.param(threats_found(status="NO_THREATS_FOUND"), "other-state", id="other-state"),
        pytest.param(
            refresh_failed() | {"account": "999988887777"}, "other-account", id="other-account"
        ),
        pytest.param(refresh_failed() | {"region": "eu-west-1"}, "other-region", id="other-region"),
    ],
)
def test_what_is_about_no_template_is_ignored(account_with, monkeypatch, event, reason):
    others = a_group("other", template_id=OTHER_TEMPLATE)
    account_with(
        guarded_world(
            templates=[
                a_template(default=2, tags=GO_BACK),
                a_template(OTHER_TEMPLATE, "api", tags={}),
            ],
            versions=[a_version(), promoted(), a_version(template_id=OTHER_TEMPLATE)],
            AutoScalingGroups=[a_group(), others],
        )
    )
    end_refresh("Successful")
    fail_launch(CAPACITY)
    made = calls(monkeypatch)

    outcome = run_guard(event).outcome

    assert (outcome.result, outcome.reason, outcome.templates) == ("ignored", reason, ())
    assert writes(made) == []


@pytest.mark.parametrize("event", [refresh_failed(), launch_failed()], ids=["refresh", "launch"])
def test_a_failure_that_is_shown_no_more_is_ignored(account_with, event):
    account_with(guarded_world())

    assert run_guard(event).outcome.reason == "failure-not-found"


def test_an_event_that_comes_before_the_world_shows_it_is_tried_again(account_with):
    account_with(guarded_world())
    end_refresh("InProgress")

    outcome = run_guard(refresh_failed()).outcome

    assert (outcome.result, outcome.reason) == ("failed", "aws-unavailable")
    assert "still shows InProgress" in outcome.error


def test_a_group_with_images_of_its_own_proves_nothing_and_holds(account_with):
    override = {"InstanceType": "t3.micro", "ImageId": OLD}
    account_with(guarded_world(AutoScalingGroups=[a_mixed_group("web", override)]))
    end_refresh()

    assert one(run_guard(refresh_failed())).outcome == "held"
    assert default_image() == NEW


def test_what_is_no_event_is_rejected(account_with):
    account_with(guarded_world())

    outcome = run_guard(refresh_failed() | {"detail": {}}).outcome

    assert outcome.result == "rejected"
    assert outcome.error.startswith("detail.InstanceRefreshId: is required")


def test_too_little_time_writes_nothing(account_with, monkeypatch):
    account_with(guarded_world())
    end_refresh()
    made = calls(monkeypatch)

    assert run_guard(refresh_failed(), seconds_left=20).outcome.result == "failed"
    assert writes(made) == []


# -- again, and cut off ----------------------------------------------------------------------------


@pytest.mark.parametrize("event", [refresh_failed(), threats_found()], ids=["refresh", "scan"])
@pytest.mark.parametrize("tags", [GO_BACK, HOLDS], ids=["go-back", "hold"])
def test_the_same_event_again_changes_nothing(account_with, tags, event):
    account_with(guarded_world(tags=tags))
    end_refresh()
    first = run_guard(event)
    now = ec2_now()

    again, other = run_guard(event), run_guard(another(event))

    assert ec2_now() == now
    assert one(again).reason == "held"
    assert one(other).reason in ("held", "quarantined-already")  # the latter of an image it left
    assert one(first).outcome == ("moved-back" if tags == GO_BACK else "held")
    assert other.announcements == ()


@pytest.mark.parametrize("event", [refresh_failed(), threats_found()], ids=["refresh", "scan"])
def test_the_same_event_again_is_announced_again(account_with, event):
    """What Lambda tries again because the first announcement failed."""
    account_with(guarded_world())
    end_refresh()
    [(_, first)] = run_guard(event).announcements

    guarded = run_guard(event)

    assert told(guarded) == [(MOVED_BACK, "moved-back")]
    [(_, again)] = guarded.announcements
    assert (again.from_version, again.to_version) == (first.from_version, first.to_version)
    assert (again.from_image, again.to_image) == (first.from_image, first.to_image)


WRITES = 5


def a_dying_client(monkeypatch, survived, *, takes_effect):
    """The function dies at the write after so many; or right after it took effect."""
    call = BaseClient._make_api_call
    done = []

    def dying(client, operation, parameters):
        if operation.startswith("Describe"):
            return call(client, operation, parameters)
        if len(done) == survived:
            if takes_effect:
                call(client, operation, parameters)
            raise SystemExit
        done.append(operation)
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", dying)


@pytest.mark.parametrize("takes_effect", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("survived", range(WRITES))
def test_cut_off_at_any_write_the_same_event_finishes_it(
    account_with, monkeypatch, survived, takes_effect
):
    account_with(guarded_world())
    end_refresh()
    with monkeypatch.context() as patch:
        a_dying_client(patch, survived, takes_effect=takes_effect)
        with pytest.raises(SystemExit):
            run_guard(refresh_failed())

    guarded = run_guard(refresh_failed())

    assert (default_image(), sorted(versions_of())) == (OLD, [1, 2, 3])
    assert tags_of()[MARK].startswith(NEW)
    assert QUARANTINE in tags_of(NEW)
    assert told(guarded) == [(MOVED_BACK, "moved-back")]


def a_failing_call(monkeypatch, number, error, *, takes_effect):
    """The call of that number fails, whatever it is; how many calls there were."""
    call = BaseClient._make_api_call
    made = []

    def failing(client, operation, parameters):
        made.append(operation)
        if len(made) == number:
            if takes_effect:
                call(client, operation, parameters)
            raise error(operation)
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", failing)
    return made


def forbidden(operation):
    return ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, operation)


def silent(_operation):
    return EndpointConnectionError(endpoint_url="https://ec2")


FAULTS = {
    "forbidden": (forbidden, False),
    "no answer": (silent, False),
    "the answer is lost": (silent, True),
}


CALLS = 17
"""Each of a run that moves one template back, reads and writes; the last test is of one more."""


@pytest.mark.parametrize(("error", "takes_effect"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("number", range(1, CALLS + 1))
def test_every_fault_at_every_call_fails_and_the_next_try_finishes(
    account_with, monkeypatch, number, error, takes_effect
):
    account_with(guarded_world())
    end_refresh()
    with monkeypatch.context() as patch:
        made = a_failing_call(patch, number, error, takes_effect=takes_effect)
        first = run_guard(refresh_failed())
    assert len(made) >= number
    assert first.outcome.result == "failed", made[number - 1]

    announced = [*first.announcements, *run_guard(refresh_failed()).announcements]

    assert (default_image(), sorted(versions_of())) == (OLD, [1, 2, 3]), made[number - 1]
    assert tags_of()[MARK].startswith(NEW)
    assert MOVED_BACK in {what for what, _ in announced}


def test_a_run_makes_as_many_calls_as_were_made_to_fail(account_with, monkeypatch):
    account_with(guarded_world())
    end_refresh()
    made = calls(monkeypatch)

    run_guard(refresh_failed())

    assert len(made) == CALLS


def test_two_guards_at_one_time_make_one_copy(account_with, monkeypatch):
    account_with(guarded_world())
    end_refresh()
    inner = []
    before(
        monkeypatch,
        "CreateLaunchTemplateVersion",
        lambda: inner.append(run_guard(another(refresh_failed()))),
    )

    run_guard(refresh_failed())

    assert one(inner[0]).outcome == "moved-back"
    assert (default_image(), sorted(versions_of())) == (OLD, [1, 2, 3])


# -- a person wins ---------------------------------------------------------------------------------

OF_A_PERSON = "jane 2026-06-15T17:00Z: mine"


@pytest.mark.parametrize(
    "operation", ["DescribeInstanceRefreshes", "DescribeLaunchTemplateVersions", "DescribeImages"]
)
def test_a_hold_that_a_person_writes_first_is_not_replaced(account_with, monkeypatch, operation):
    account_with(guarded_world())
    end_refresh()
    before(monkeypatch, operation, lambda: tag(TEMPLATE, **{HOLD: OF_A_PERSON}))

    outcome = one(run_guard(refresh_failed()))

    assert (outcome.outcome, outcome.reason) == ("kept", "held")
    assert tags_of()[HOLD] == OF_A_PERSON
    assert (default_image(), QUARANTINE in tags_of(NEW)) == (NEW, False)


def test_a_hold_that_iam_sees_first_is_no_failure(account_with, monkeypatch):
    """The role may write a hold only where none is: a person's came between read and write."""
    account_with(guarded_world())
    end_refresh()
    call = BaseClient._make_api_call

    def refused(client, operation, parameters):
        if operation == "CreateTags":
            monkeypatch.setattr(BaseClient, "_make_api_call", call)
            tag(TEMPLATE, **{HOLD: OF_A_PERSON})
            raise forbidden(operation)
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", refused)

    outcome = one(run_guard(refresh_failed()))

    assert (outcome.outcome, outcome.reason) == ("kept", "held")
    assert "held meanwhile: jane" in outcome.message


@pytest.mark.parametrize("hold", [OF_A_PERSON, None], ids=["replaced", "lifted"])
def test_a_person_who_changes_the_guards_hold_stops_it(account_with, monkeypatch, hold):
    account_with(guarded_world())
    end_refresh()

    def takes_over():
        if hold:
            tag(TEMPLATE, **{HOLD: hold})
        else:
            boto3.client("ec2").delete_tags(Resources=[TEMPLATE], Tags=[{"Key": HOLD}])

    before(monkeypatch, "CreateLaunchTemplateVersion", takes_over)

    outcome = one(run_guard(refresh_failed()))

    assert (outcome.outcome, outcome.reason) == ("kept", "held")
    assert tags_of().get(HOLD) == hold
    assert template_of()["DefaultVersionNumber"] == 2


def test_a_default_that_a_person_moves_meanwhile_is_not_moved(account_with, monkeypatch):
    account_with(guarded_world())
    end_refresh()
    before(
        monkeypatch,
        "CreateLaunchTemplateVersion",
        lambda: boto3.client("ec2").modify_launch_template(
            LaunchTemplateId=TEMPLATE, DefaultVersion="1"
        ),
    )

    assert run_guard(refresh_failed()).outcome.result == "failed"
    assert one(run_guard(refresh_failed())).reason == "held"
    assert template_of()["DefaultVersionNumber"] == 1
