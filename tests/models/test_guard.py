"""What the guard does about a failure, without any AWS."""

import re
from datetime import UTC, datetime

import pytest

from models.auto_scaling import Activity, Refresh, Specification
from models.decision import Reason
from models.errors import AwsRefused, AwsUnavailable, EventRejected
from models.events import Ignored
from models.guard import (
    GUARD,
    GoBack,
    GuardHold,
    GuardIgnored,
    GuardReason,
    Hold,
    Quarantine,
    Stay,
    Weight,
    announced_before,
    guard_unforeseen,
    held,
    is_about_another,
    judge,
    keep_out,
    moved_back,
    of_launch,
    of_refresh,
    of_scan,
    read_guard_hold,
    read_outcome,
    settle,
    stayed,
    why_of,
)
from models.guard_events import parse_guard_event
from models.image import Image
from models.launch_template import Template
from models.tags import stamp
from models.version_description import Promotion, RollbackOf
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    HELD,
    NEW,
    NEWER,
    NOON,
    OLD,
    OTHER_TEMPLATE,
    QUARANTINED,
    TEMPLATE,
    a_template,
    a_version,
    an_event,
    an_image,
    at,
    image_arn,
)

EVENT = "6a7e8feb-b491-4cf7-a9f1-bf3703467718"
GO_BACK = FOLLOWS_INSTANCE | {"ami-reactor:on-trouble": "go-back"}
HOLDS = FOLLOWS_INSTANCE | {"ami-reactor:on-trouble": "hold"}
PROMOTION = str(Promotion(OLD, NEW))
WEB = Specification(launch_template_id=TEMPLATE)
REFRESH = "08b91cf7-8fa6-48af-b6a6-d227f40f1b9b"
RANG = "Instance refresh failed because the alarm web-5xx is in ALARM state."


def a_guarded(tags=GO_BACK, *, image=NEW, description=PROMOTION, made=2.0, default=2):
    """A template that the reactor promoted to NEW two hours after noon."""
    versions = [
        a_version(),
        a_version(image, 2, hours=made) | {"VersionDescription": description},
    ]
    described = a_template(default=default, tags=tags) | {"LatestVersionNumber": 2}
    return Template.model_validate(described | {"versions": versions})


def a_refresh(status="Failed", reason=RANG, *, alarms=("web-5xx",), began=3.0, **more):
    return Refresh.model_validate(
        {
            "InstanceRefreshId": REFRESH,
            "Status": status,
            "StatusReason": reason,
            "StartTime": at(began),
            "Preferences": {"AlarmSpecification": {"Alarms": list(alarms)}},
            **more,
        }
    )


def refreshed(*args, launched=(WEB,), **how):
    return of_refresh(a_refresh(*args, **how), launched)


def an_activity(message, *, code="Failed", began=3.0):
    fields = {"ActivityId": "a", "StatusCode": code, "StatusMessage": message}
    return Activity.model_validate(fields | {"StartTime": at(began)})


def launched(message, **how):
    return of_launch(an_activity(message, **how), (WEB,))


def asked(template, evidence, *, image=None, has_older=True, event=EVENT):
    """All rungs, as the handler asks them."""
    seen = image or Image.model_validate(an_image(NEW, 1))
    return settle(template, evidence, event) or judge(template, evidence, seen, has_older=has_older)


def by_guard(hold, event=EVENT):
    why = str(GuardHold(hold, NEW, event[:8], "it failed"))
    return {"ami-reactor-state:hold": stamp(GUARD, why, NOON)}


# -- the evidence ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refresh", "weight", "reason"),
    [
        pytest.param(a_refresh(), Weight.CONCLUSIVE, "refresh-alarm", id="refresh-alarm"),
        pytest.param(
            a_refresh(alarms=()), Weight.AMBIGUOUS, "refresh-failed", id="refresh-failed, no alarms"
        ),
        pytest.param(
            a_refresh(reason="We currently do not have sufficient t3.micro capacity."),
            Weight.AMBIGUOUS,
            "refresh-failed",
            id="refresh-failed for capacity",
        ),
        pytest.param(
            a_refresh(reason="Falsealarmed"), Weight.AMBIGUOUS, "refresh-failed", id="no such word"
        ),
        pytest.param(
            a_refresh("RollbackSuccessful", RollbackDetails={"RollbackReason": RANG}),
            Weight.CONCLUSIVE,
            "refresh-rolled-back",
            id="refresh-rolled-back",
        ),
        pytest.param(
            a_refresh("RollbackSuccessful", "User requested", alarms=()),
            Weight.CONCLUSIVE,
            "refresh-rolled-back",
            id="refresh-rolled-back by a person",
        ),
        pytest.param(
            a_refresh("RollbackSuccessful", "x", RollbackDetails={"RollbackReason": "No capacity"}),
            Weight.AMBIGUOUS,
            "refresh-rolled-back",
            id="refresh-rolled-back for capacity",
        ),
        pytest.param(
            a_refresh(
                "RollbackSuccessful", RollbackDetails={"RollbackReason": "alarm: low capacity"}
            ),
            Weight.CONCLUSIVE,
            "refresh-rolled-back",
            id="refresh-rolled-back by an alarm about capacity",
        ),
        pytest.param(a_refresh("RollbackFailed"), Weight.AMBIGUOUS, "refresh-failed", id="both"),
        pytest.param(a_refresh("Successful"), Weight.NONE, "refresh-failed", id="none: successful"),
        pytest.param(a_refresh("Cancelled"), Weight.NONE, "refresh-failed", id="none: cancelled"),
    ],
)
def test_a_refresh_proves_what_its_status_and_its_reason_say(refresh, weight, reason):
    evidence = of_refresh(refresh, (WEB,))

    assert (evidence.weight, evidence.reason) == (weight, reason)
    assert REFRESH in evidence.message


THE_IMAGES = [
    f"The image id '[{NEW}]' does not exist. Launching EC2 instance failed.",
    f"The AMI ID {NEW} does not exist. Launching EC2 instance failed.",
    f"AMI {NEW} is pending, and cannot be run. Launching EC2 instance failed.",
    f"The image ID '{NEW}' is no longer available. Launching EC2 instance failed.",
    "InvalidAMIID.Unavailable. Launching EC2 instance failed.",
    "InvalidBlockDeviceMapping: x. Launching EC2 instance failed.",
    "Volume of size 8GB is smaller than snapshot 'snap-0a', expect size >= 16GB. Launching EC2"
    " instance failed.",
    "Client.InternalError: Client error on launch.",
    "InvalidParameterCombination: x",
    f"The instance type 't3.micro' is not supported by the AMI '{NEW}'.",
    "The architecture 'x86_64' of the specified instance type does not match the architecture"
    " 'arm64' of the specified AMI.",
    f"The requested instance type's architecture (t3.micro) does not match the architecture in the"
    f" manifest for {NEW}.",
    "UnsupportedOperation: x",
]
NOT_THE_IMAGES = [
    "We currently do not have sufficient t3.micro capacity in the Availability Zone you requested.",
    "You have requested more vCPU capacity than your current vCPU limit of 32 allows.",
    "There is no Spot capacity available that matches your request.",
    "The requested configuration is currently not supported. Please check the documentation.",
    "The security group 'sg-0a' does not exist. Launching EC2 instance failed.",
    "The key pair 'ops' does not exist. Launching EC2 instance failed.",
    "You are not subscribed to this service.",
    "There are not enough free addresses in subnet 'subnet-0a' to satisfy the requested number.",
    "",
]


@pytest.mark.parametrize("message", THE_IMAGES)
def test_a_launch_that_the_image_made_fail_is_conclusive(message):
    evidence = launched(message)

    assert (evidence.weight, evidence.reason) == (Weight.CONCLUSIVE, "launch-failed")
    assert evidence.image_id == (NEW if NEW in message else None)


@pytest.mark.parametrize("message", NOT_THE_IMAGES)
def test_any_other_failed_launch_is_no_evidence(message):
    assert launched(message).weight is Weight.NONE


@pytest.mark.parametrize("code", ["Cancelled", "Successful", "InProgress"])
def test_a_launch_that_did_not_fail_is_no_evidence(code):
    assert launched(THE_IMAGES[0], code=code).weight is Weight.NONE


# -- the ladder ------------------------------------------------------------------------------------

LADDER = [
    pytest.param({"tags": FOLLOWS_INSTANCE}, {}, "not-guarded", id="not-guarded: no tag"),
    pytest.param(
        {"tags": GO_BACK | {"ami-reactor": "observe"}}, {}, "not-guarded", id="not-guarded: observe"
    ),
    pytest.param(
        {"tags": GO_BACK | {"ami-reactor:on-trouble": "rollback"}},
        {},
        "misconfigured",
        id="misconfigured",
    ),
    pytest.param({"tags": GO_BACK | HELD}, {}, "held", id="held by a person"),
    pytest.param(
        {"tags": GO_BACK | {"ami-reactor-state:hold": f"{GUARD} 2026-06-15T12:00Z: mine"}},
        {},
        "held",
        id="held in the guard's name and in other words",
    ),
    pytest.param({"tags": GO_BACK | by_guard(False)}, {}, "held", id="held where it is"),
    pytest.param({"tags": HOLDS | by_guard(True)}, {}, "held", id="held: the tag says hold by now"),
    pytest.param(
        {"tags": GO_BACK | by_guard(True), "image": NEWER, "description": f"{OLD} -> {NEWER}"},
        {},
        "held",
        id="held: another image is the current one by now",
    ),
    pytest.param(
        {"tags": GO_BACK | by_guard(True)},
        {"evidence": refreshed(reason="capacity")},
        "held",
        id="held: what came now proves nothing",
    ),
    pytest.param({"description": ""}, {}, "not-our-move", id="not-our-move: a person's version"),
    pytest.param(
        {"description": str(RollbackOf(1, 2))}, {}, "not-our-move", id="not-our-move: a rollback"
    ),
    pytest.param(
        {"description": str(Promotion(OLD, NEWER))},
        {},
        "not-our-move",
        id="not-our-move: a promotion's words on another image",
    ),
    pytest.param({"made": 3.01}, {}, "superseded", id="superseded: made after it began"),
    pytest.param(
        {},
        {"evidence": launched(f"The image id '[{NEWER}]' does not exist")},
        "superseded",
        id="superseded: another image failed",
    ),
    pytest.param(
        {},
        {"evidence": refreshed(launched=(WEB.model_copy(update={"version": "1"}),))},
        "superseded",
        id="superseded: the group names another version",
    ),
    pytest.param(
        {},
        {
            "evidence": refreshed(
                DesiredConfiguration={
                    "LaunchTemplate": {"LaunchTemplateId": TEMPLATE, "Version": "1"}
                }
            )
        },
        "superseded",
        id="superseded: the refresh was for another version",
    ),
    pytest.param(
        {},
        {"image": Image.model_validate(an_image(NEW, 1, tags=QUARANTINED))},
        "quarantined-already",
        id="quarantined-already",
    ),
]


@pytest.mark.parametrize(("template", "how", "reason"), LADDER)
def test_the_ladder_stays_where_a_rung_says_so(template, how, reason):
    how = {"evidence": refreshed()} | how

    decision = asked(a_guarded(**template), **how)

    assert isinstance(decision, Stay)
    assert decision.reason == reason


def test_the_rungs_come_in_this_order():
    """Each template fails on its own rung and on all below."""
    bad = {"description": "", "made": 5.0}
    quarantined = Image.model_validate(an_image(NEW, 1, tags=QUARANTINED))
    order = [
        a_guarded(FOLLOWS_INSTANCE | HELD, **bad),
        a_guarded(GO_BACK | HELD | {"ami-reactor:on-trouble": "no"}, **bad),
        a_guarded(GO_BACK | HELD, **bad),
        a_guarded(GO_BACK, **bad),
        a_guarded(GO_BACK, made=5.0),
        a_guarded(GO_BACK),
    ]

    reasons = [asked(one, refreshed(), image=quarantined, has_older=False).reason for one in order]

    assert reasons == [
        "not-guarded",
        "misconfigured",
        "held",
        "not-our-move",
        "superseded",
        "quarantined-already",
    ]


MOVES = [
    pytest.param(refreshed(), "refresh-alarm", id="refresh-alarm"),
    pytest.param(refreshed("RollbackSuccessful"), "refresh-rolled-back", id="refresh-rolled-back"),
    pytest.param(launched(THE_IMAGES[0]), "launch-failed", id="launch-failed"),
    pytest.param(of_scan(NEW), "threats-found", id="threats-found"),
]


@pytest.mark.parametrize(("evidence", "reason"), MOVES)
def test_conclusive_evidence_does_what_the_tag_says(evidence, reason):
    back = asked(a_guarded(GO_BACK), evidence)
    stays = asked(a_guarded(HOLDS), evidence)

    assert (type(back), back.reason) == (GoBack, reason)
    assert (type(stays), stays.reason) == (Hold, reason)
    assert back.message == stays.message == evidence.message


def test_ambiguous_evidence_holds_and_says_why_and_moves_nothing():
    evidence = refreshed(reason="We do not have sufficient capacity.")

    decision = asked(a_guarded(GO_BACK), evidence)

    assert (type(decision), decision.reason) == (Hold, "refresh-failed")
    assert "We do not have sufficient capacity." in decision.message


def test_without_anything_older_it_holds_and_says_so():
    decision = asked(a_guarded(), refreshed(), has_older=False)

    assert (type(decision), decision.reason) == (Hold, "nothing-to-go-back-to")


@pytest.mark.parametrize(
    ("others", "is_moved"),
    [
        pytest.param({"launched": (WEB, Specification(launch_template_id=OTHER_TEMPLATE))}, False),
        pytest.param({"launches_other_images": True}, False),
        pytest.param({"launches_other_images": True, "image_id": NEW}, True),
    ],
    ids=["another template", "other images", "the image is named"],
)
def test_a_group_that_launches_other_things_too_proves_nothing_of_one(others, is_moved):
    evidence = refreshed().model_copy(update=others)

    assert isinstance(asked(a_guarded(), evidence), GoBack if is_moved else Hold)


def test_a_quarantine_of_the_guards_own_is_no_reason_to_stay():
    """It was written for another template that is on the same image, or by a run cut off."""
    tags = {"ami-reactor-state:quarantine": stamp(GUARD, "it failed", NOON)}
    image = Image.model_validate(an_image(NEW, 1, tags=tags))

    assert isinstance(asked(a_guarded(), refreshed(), image=image), GoBack)


def test_an_image_that_cannot_be_seen_is_left_nevertheless():
    assert isinstance(judge(a_guarded(), refreshed(), None, has_older=True), GoBack)


@pytest.mark.parametrize("version", ["$Default", "$Latest", "2"])
def test_a_group_that_names_the_default_in_any_way_launched_it(version):
    spec = WEB.model_copy(update={"version": version})

    assert isinstance(asked(a_guarded(), refreshed(launched=(spec,))), GoBack)


def test_a_version_made_at_the_moment_at_which_the_refresh_began_is_to_blame():
    assert isinstance(asked(a_guarded(made=3.0), refreshed(began=3.0)), GoBack)


# -- threats in an image that is not the current one -----------------------------------------------


@pytest.mark.parametrize("tags", [GO_BACK, HOLDS, GO_BACK | HELD], ids=["go-back", "hold", "held"])
@pytest.mark.parametrize("description", [PROMOTION, ""], ids=["promoted", "not-our-move"])
def test_threats_in_another_image_are_kept_out_whatever_holds_the_template(tags, description):
    """Nothing is moved, so neither a hold nor a person's version stands against it."""
    template, evidence = a_guarded(tags, description=description), of_scan(NEWER)

    assert settle(template, evidence, EVENT) is None
    assert is_about_another(template, evidence)
    decision = keep_out(template, evidence, Image.model_validate(an_image(NEWER, 4)))

    assert (type(decision), decision.reason) == (Quarantine, "threats-found")
    assert decision.image.image_id == NEWER
    assert decision.message == (
        f"AWS Backup found threats in {NEWER}, and {NEW} is the current image"
    )


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        (FOLLOWS_INSTANCE, "not-guarded"),
        (GO_BACK | {"ami-reactor": "observe"}, "not-guarded"),
        (GO_BACK | {"ami-reactor:on-trouble": "no"}, "misconfigured"),
    ],
)
def test_without_a_guard_it_is_left_alone(tags, reason):
    assert settle(a_guarded(tags), of_scan(NEWER), EVENT).reason == reason


def test_an_image_that_is_quarantined_stays_so_and_says_by_whom():
    image = Image.model_validate(an_image(NEWER, 4, tags=QUARANTINED))

    decision = keep_out(a_guarded(), of_scan(NEWER), image)

    assert (type(decision), decision.reason) == (Stay, "quarantined-already")
    assert decision.message.startswith(f"{NEWER} is quarantined: ")


@pytest.mark.parametrize("evidence", [of_scan(NEW), refreshed(), launched(THE_IMAGES[0])])
def test_what_failed_of_the_current_image_is_about_no_other(evidence):
    assert not is_about_another(a_guarded(), evidence)


def test_a_launch_of_another_image_keeps_nothing_out():
    """It is not there: nothing takes it."""
    evidence = launched(f"The image id '[{NEWER}]' does not exist")

    assert not is_about_another(a_guarded(), evidence)


# -- cut off, and again ----------------------------------------------------------------------------


def test_a_run_that_was_cut_off_behind_its_own_hold_goes_on():
    decision = asked(a_guarded(GO_BACK | by_guard(True, "another-event")), refreshed())

    assert isinstance(decision, GoBack)


@pytest.mark.parametrize("goes_back", [True, False])
def test_the_same_event_again_is_told_from_another(goes_back):
    back = {"image": OLD, "description": str(RollbackOf(2, 1))} if goes_back else {}
    template = a_guarded(GO_BACK | by_guard(goes_back), **back)

    same, other = (asked(template, refreshed(), event=event) for event in (EVENT, "b" * 36))

    assert (same.reason, same.repeats) == (Reason.HELD, True)
    assert (other.reason, other.repeats) == (Reason.HELD, False)
    told = announced_before(template)
    assert told.outcome == ("moved-back" if goes_back else "held")
    assert told.from_image == NEW
    assert told.to_image == (OLD if goes_back else NEW)


def test_what_a_person_did_is_announced_by_nobody():
    assert announced_before(a_guarded(GO_BACK | HELD)) is None


@pytest.mark.parametrize("goes_back", [True, False])
@pytest.mark.parametrize("why", ["it failed", "a: (event x): y\nz", ""])
def test_a_hold_of_the_guard_is_read_as_it_was_written(goes_back, why):
    hold = GuardHold(goes_back, NEW, "6a7e8feb", why)
    tags = {"ami-reactor-state:hold": stamp(GUARD, str(hold), NOON)}

    assert read_guard_hold(a_guarded(tags)) == hold
    assert tags["ami-reactor-state:hold"].startswith("ami-reactor-guard ")


def test_a_persons_hold_in_the_guards_words_is_a_persons():
    tags = {"ami-reactor-state:hold": stamp("jane", str(GuardHold(True, NEW, "1", "x")), NOON)}

    assert read_guard_hold(a_guarded(tags)) is None
    assert asked(a_guarded(GO_BACK | tags), refreshed()).reason == "held"


# -- the outcome -----------------------------------------------------------------------------------


def test_an_outcome_says_from_where_to_where():
    template = a_guarded()

    back = moved_back(template, GoBack(reason=GuardReason.REFRESH_ALARM, message="m"), OLD, 3)
    stays = held(template, Hold(reason=GuardReason.REFRESH_FAILED, message="m"))
    nothing = held(template, Hold(reason=GuardReason.NOTHING_TO_GO_BACK_TO, message="m"))
    wrong = stayed(template, Stay(reason=Reason.MISCONFIGURED, message="m"))

    assert (back.outcome, back.from_image, back.to_image) == ("moved-back", NEW, OLD)
    assert (back.from_version, back.to_version) == (2, 3)
    assert (stays.outcome, stays.from_image, stays.to_image) == ("held", NEW, NEW)
    assert [one.outcome for one in (nothing, wrong)] == ["refused", "refused"]


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (AwsRefused("no", unauthorized=True), "unknown", "not-readable"),
        (AwsRefused("no"), "failed", "aws-refused"),
        (AwsUnavailable("later"), "failed", "aws-unavailable"),
    ],
)
def test_what_an_operator_may_not_read_says_nothing_of_what_the_guard_would_do(
    error, outcome, reason
):
    planned = guard_unforeseen(a_guarded(), error)

    assert (planned.outcome, planned.reason) == (outcome, reason)


def test_why_an_event_is_ignored_is_said_in_words():
    assert {reason: reason.in_words for reason in GuardIgnored} == {
        "no-evidence": "nothing in it tells of a bad image",
        "failure-not-found": "Auto Scaling does not show that refresh or launch any more",
    }


def test_why_no_template_was_looked_at_is_said_of_either_function():
    event = {"event_id": "1", "detail_type": "Scan Job State Change", "image_id": NEW}
    ignored = event | {"result": "ignored", "reason": "no-evidence"}
    no_follower = event | {"detail_type": "x", "result": "ignored", "reason": "no-follower"}
    failed = event | {"result": "failed", "reason": "nothing-launchable", "error": "no answer"}

    assert why_of(read_outcome(ignored)) == GuardIgnored.NO_EVIDENCE.in_words
    assert why_of(read_outcome(no_follower)) == Ignored.NO_FOLLOWER.in_words
    assert why_of(read_outcome(failed)) == "no answer"
    assert why_of(read_outcome(event | {"result": "handled"})) == ""


def test_what_is_not_held_was_not_done_before():
    assert not asked(a_guarded(FOLLOWS_INSTANCE), refreshed()).repeats


def test_an_outcome_is_read_as_the_function_that_logged_it_meant_it():
    guards = {"event_id": "1", "detail_type": "Scan Job State Change", "image_id": NEW}
    reactors = guards | {"detail_type": "EC2 AMI State Change"}

    assert read_outcome(guards | {"result": "ignored", "reason": "no-evidence"}).group is None
    assert not hasattr(read_outcome(reactors | {"result": "handled"}), "group")


# -- the events ------------------------------------------------------------------------------------


def failed(detail_type="EC2 Auto Scaling Instance Refresh Failed", **detail):
    arn = "arn:aws:autoscaling:x:111122223333:autoScalingGroup:1:autoScalingGroupName/web"
    wanted = {"InstanceRefreshId": REFRESH, "AutoScalingGroupName": "web"}
    return an_event("aws.autoscaling", detail_type, arn, **(detail or wanted))


def scanned(status="THREATS_FOUND", **detail):
    wanted = {
        "state": "COMPLETED",
        "resourceType": "EC2",
        "scanResult": {"scanResultStatus": status},
    }
    return an_event("aws.backup", "Scan Job State Change", image_arn(NEW), **wanted | detail)


def test_an_event_names_its_group_or_its_image():
    launch = failed("EC2 Instance Launch Unsuccessful", ActivityId="a", AutoScalingGroupName="web")

    assert parse_guard_event(failed()).group_name == "web"
    assert parse_guard_event(launch).group_name == "web"
    assert parse_guard_event(scanned()).image_id == NEW
    moved = scanned(recoveryPointArn=image_arn(NEW)) | {"resources": ["arn:aws:backup:::x"]}
    assert parse_guard_event(moved).image_id == NEW


@pytest.mark.parametrize(
    ("event", "why"),
    [
        pytest.param(scanned("NO_THREATS_FOUND"), Ignored.OTHER_STATE, id="other-state"),
        pytest.param(scanned(resourceType="EBS"), Ignored.NOT_EC2, id="not-ec2"),
        pytest.param(scanned(), None, id="threats"),
        pytest.param(failed(), None, id="refresh"),
    ],
)
def test_an_event_that_needs_nothing_says_so(event, why):
    assert parse_guard_event(event).ignored() == why


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        ([], "event: must be a JSON object"),
        (failed("EC2 Instance Launch Successful"), "detail-type: must be one of: EC2 Auto Scaling"),
        (failed(InstanceRefreshId="x"), "detail.AutoScalingGroupName: is required"),
        (scanned() | {"resources": []}, "resources.0 or detail.recoveryPointArn must be the ARN"),
        (failed() | {"source": "me"}, "source: "),
    ],
)
def test_what_is_no_event_of_the_guards_is_rejected_by_its_field(event, fault):
    with pytest.raises(EventRejected, match=f"^{re.escape(fault)}"):
        parse_guard_event(event)


def test_dates_are_compared_as_auto_scaling_and_ec2_print_them():
    evidence = refreshed()

    assert evidence.began == datetime(2026, 6, 15, 15, tzinfo=UTC)
