"""The verdict on a message, its reason, and how causes are grouped."""

from datetime import UTC, datetime

import pytest

from infra.dead_letters.causes import MessageGroups
from infra.dead_letters.verdict import judge
from infra.dead_letters.verdicts import Verdict
from models.dead_letter import DeadLetter, Failure, Shape
from models.outcome import Outcome
from tests.support.builders import NEW, OLD, OTHER_TEMPLATE, TEMPLATE, backup_completed

NEEDS_CREATE = (
    "UnauthorizedOperation: missing permission: ec2:CreateLaunchTemplateVersion"
    " (the function's role)"
)


OF_ANOTHER_SOURCE = backup_completed() | {"source": "mine"}


def a_dead_letter(shape=Shape.ON_FAILURE, *, event=None, fault=None, sent=None, **failure):
    return DeadLetter(
        message_id="one",
        shape=shape,
        event=None if fault else event or backup_completed(),
        fault=fault,
        failure=Failure(**failure),
        sent=sent,
        receive_count=1,
    )


def a_template(outcome, reason, message="so it is", template_id=TEMPLATE, name="web"):
    return {
        "launch_template_id": template_id,
        "launch_template_name": name,
        "outcome": outcome,
        "reason": reason,
        "message": message,
        "from_image": OLD,
        "to_image": NEW if outcome == "promoted" else OLD,
        "from_version": 1,
        "to_version": 2 if outcome == "promoted" else 1,
    }


def an_outcome(*templates, result="handled", **more):
    return Outcome(
        event_id="one",
        detail_type="Backup Job State Change",
        image_id=NEW,
        result=result,
        templates=templates,
        **more,
    )


PROMOTED = a_template("promoted", "newer-image")
HELD = a_template("kept", "held", "jane: load test")
CURRENT = a_template("kept", "already-current", f"{NEW} is current")
OTHER = {"template_id": OTHER_TEMPLATE, "name": "api"}


@pytest.mark.parametrize(
    ("outcome", "verdict", "why"),
    [
        pytest.param(
            an_outcome(result="rejected", error="detail.state: is required"),
            Verdict.INVALID,
            "detail.state: is required",
            id="invalid: says which field",
        ),
        pytest.param(
            an_outcome(PROMOTED),
            Verdict.REPLAYABLE,
            f"web would be promoted to {NEW} (newer-image)",
            id="replayable: says which template and image",
        ),
        pytest.param(
            an_outcome(a_template("kept", "held", **OTHER), PROMOTED),
            Verdict.REPLAYABLE,
            f"web would be promoted to {NEW} (newer-image)",
            id="replayable: one is promoted though another is held",
        ),
        pytest.param(
            an_outcome(HELD), Verdict.BLOCKED, "web: held: jane: load test", id="blocked: held"
        ),
        pytest.param(
            an_outcome(a_template("refused", "snapshot-would-be-lost", "/dev/sdf")),
            Verdict.BLOCKED,
            "web: snapshot-would-be-lost: /dev/sdf",
            id="blocked: refused",
        ),
        pytest.param(
            an_outcome(CURRENT, a_template("refused", "misconfigured", "tag x", **OTHER)),
            Verdict.BLOCKED,
            "api: misconfigured: tag x",
            id="blocked: refused, though another is current",
        ),
        pytest.param(
            an_outcome(result="failed", reason="aws-unavailable", error="RequestLimitExceeded"),
            Verdict.BLOCKED,
            "RequestLimitExceeded",
            id="blocked: it would fail again",
        ),
        pytest.param(
            an_outcome(CURRENT),
            Verdict.OBSOLETE,
            f"web: already-current: {NEW} is current",
            id="obsolete: current already",
        ),
        pytest.param(
            an_outcome(a_template("kept", "not-newer")),
            Verdict.OBSOLETE,
            "web: not-newer: so it is",
            id="obsolete: a newer image is current",
        ),
        pytest.param(
            an_outcome(result="ignored", reason="image-not-found"),
            Verdict.OBSOLETE,
            "this account owns no image with that id",
            id="obsolete: the image is not found",
        ),
    ],
)
def test_the_verdict_follows_the_plan(outcome, verdict, why):
    event = OF_ANOTHER_SOURCE if verdict is Verdict.INVALID else None

    judged = judge(a_dead_letter(event=event), outcome)

    assert (judged.verdict, judged.why) == (verdict, why)


def test_unreadable_is_what_has_no_event():
    judged = judge(a_dead_letter(Shape.UNREADABLE, fault="not JSON: at line 1"), None)

    assert (judged.verdict, judged.why) == (Verdict.UNREADABLE, "not JSON: at line 1")


# -- what AWS refused for good ---------------------------------------------------------------------


def refused(recorded, outcome=PROMOTED):
    return judge(a_dead_letter(error_message=recorded), an_outcome(outcome))


@pytest.mark.parametrize(
    "needs",
    [
        NEEDS_CREATE,
        pytest.param(
            "UnauthorizedOperation: the role needs ec2:CreateLaunchTemplateVersion",
            id="as it was written before",
        ),
    ],
)
def test_blocked_by_a_missing_permission_names_its_action_and_resource(needs):
    judged = refused(f"web ({TEMPLATE}): aws-refused: creating a version: {needs}")

    assert judged.verdict is Verdict.BLOCKED
    assert judged.why == (
        "web: the function's role: missing permission: ec2:CreateLaunchTemplateVersion on"
        f" launch-template/{TEMPLATE}; it was refused last time"
    )
    assert judged.behind == ["web"]


@pytest.mark.parametrize("words", ["the role needs", "missing permission:"])
def test_blocked_by_a_missing_permission_to_read_is_every_template(words):
    recorded = f"describe launch templates: UnauthorizedOperation: {words} ec2:DescribeImages"

    judged = refused(recorded)

    assert judged.verdict is Verdict.BLOCKED
    assert "ec2:DescribeImages on *" in judged.why


def test_blocked_is_what_aws_refused_for_good_with_its_words():
    judged = refused(f"web ({TEMPLATE}): aws-refused: creating a version: InvalidParameter: no")

    assert judged.verdict is Verdict.BLOCKED
    assert judged.why.endswith("creating a version: InvalidParameter: no")


def test_replayable_is_what_aws_could_not_answer():
    assert refused(f"web ({TEMPLATE}): aws-unavailable: Throttling").verdict is Verdict.REPLAYABLE


def test_a_refusal_of_one_template_does_not_block_another():
    recorded = f"api ({OTHER_TEMPLATE}): aws-refused: creating a version: {NEEDS_CREATE}"

    assert refused(recorded).verdict is Verdict.REPLAYABLE
    both = judge(
        a_dead_letter(error_message=recorded),
        an_outcome(a_template("promoted", "newer-image", **OTHER), PROMOTED),
    )
    assert both.why == f"web would be promoted to {NEW} (newer-image)"


def test_a_refusal_is_told_to_its_end():
    recorded = "creating a version: InvalidParameter: no; not at all"
    other = f"api ({OTHER_TEMPLATE}): aws-unavailable: Throttling"

    judged = refused(f"web ({TEMPLATE}): aws-refused: {recorded}; {other}")

    assert judged.why.endswith(f"for good: {recorded}")


def test_blocked_is_what_the_operator_may_not_read():
    template = a_template("unknown", "not-readable", "missing permission: x:Y (your credentials)")

    judged = judge(a_dead_letter(), an_outcome(template | {"planned": True}))

    assert judged.verdict is Verdict.BLOCKED
    assert judged.why == "web: not-readable: missing permission: x:Y (your credentials)"


def test_obsolete_is_a_refusal_once_nothing_is_left_to_do():
    recorded = f"web ({TEMPLATE}): aws-refused: creating a version: {NEEDS_CREATE}"

    assert refused(recorded, CURRENT).verdict is Verdict.OBSOLETE


@pytest.mark.parametrize("code", ["NO_PERMISSIONS", "NO_RESOURCE"])
def test_what_stopped_eventbridge_is_to_be_fixed_though_a_redrive_goes_around_it(code):
    dead_letter = a_dead_letter(Shape.RULE_TARGET, error_code=code, error_message="no")

    judged = judge(dead_letter, an_outcome(PROMOTED))

    assert judged.verdict is Verdict.REPLAYABLE
    assert "fix this first" in judged.why


# -- causes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dead_letter", "cause"),
    [
        pytest.param(
            a_dead_letter(
                Shape.RULE_TARGET, error_code="THROTTLING", error_message="Rate Exceeded."
            ),
            "THROTTLING: Rate Exceeded.",
            id="EventBridge's code and words",
        ),
        pytest.param(
            a_dead_letter(Shape.FUNCTION_DLQ, error_code="200", error_message="boom"),
            "boom",
            id="no HTTP status",
        ),
        pytest.param(
            a_dead_letter(error_code="ReactionFailed", error_message="web: aws-unavailable: x"),
            "web: aws-unavailable: x",
            id="not that the reaction failed",
        ),
        pytest.param(
            a_dead_letter(
                error_code="Sandbox.Timedout",
                error_message="RequestId: e4b46cbf-b738-4a2b-8880-a18cdf61200e Error:"
                " Task timed out after 30.00 seconds",
            ),
            "Sandbox.Timedout: Task timed out after … seconds",
            id="no request id",
        ),
        pytest.param(
            a_dead_letter(error_message=f"{NEW} cannot be seen"),
            "ami-… cannot be seen",
            id="no image",
        ),
        pytest.param(
            a_dead_letter(
                error_message="web (lt-0123456789abcdef0): aws-unavailable: x;"
                " api (lt-0fedcba9876543210): aws-unavailable: x"
            ),
            "a template: aws-unavailable: x",
            id="one for templates that fail alike",
        ),
        pytest.param(a_dead_letter(condition="EventAgeExceeded"), "EventAgeExceeded", id="too old"),
        pytest.param(a_dead_letter(), "no cause was recorded", id="nothing is known"),
        pytest.param(a_dead_letter(fault="not JSON: at line 1 column 7"), "not JSON", id="no JSON"),
    ],
)
def test_a_cause_is_without_what_differs_from_message_to_message(dead_letter, cause):
    assert judge(dead_letter, None if dead_letter.fault else an_outcome(CURRENT)).cause == cause


def test_what_differs_between_messages_of_a_group_is_said_for_the_first_few():
    judged = [
        judge(a_dead_letter(), an_outcome(a_template("refused", "misconfigured", f"tag {n}")))
        for n in range(5)
    ]

    [group] = MessageGroups(judged).listed()

    assert len(group.whys) == 3
    assert group.has_more_whys


def test_messages_with_one_verdict_and_one_cause_are_one_group():
    def timed_out(minute, name):
        sent = datetime(2026, 6, 15, 12, minute, tzinfo=UTC)
        dead_letter = a_dead_letter(error_message="Task timed out", sent=sent)
        return judge(dead_letter, an_outcome(a_template("promoted", "newer-image", name=name)))

    done = judge(a_dead_letter(error_message="Task timed out"), an_outcome(CURRENT))
    groups = MessageGroups([timed_out(5, "web"), done, timed_out(1, "api"), timed_out(9, "web")])

    replayable, obsolete = groups.listed()
    assert (replayable.verdict, replayable.count) == (Verdict.REPLAYABLE, 3)
    assert replayable.oldest == datetime(2026, 6, 15, 12, 1, tzinfo=UTC)
    assert replayable.behind == {"web", "api"}
    assert (obsolete.verdict, obsolete.count, obsolete.behind) == (Verdict.OBSOLETE, 1, set())
    assert groups.count(Verdict.REPLAYABLE, Verdict.OBSOLETE) == 4


def test_blocked_rather_than_invalid_is_an_event_that_the_rules_select():
    rejected = an_outcome(result="rejected", error="detail.state: is required")

    judged = judge(a_dead_letter(), rejected)

    assert judged.verdict is Verdict.BLOCKED
    assert judged.why == (
        "the function selects such events and cannot read it: detail.state: is required"
    )
