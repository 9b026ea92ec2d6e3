"""What the guard does about a failure: the evidence, the ladder, the hold that it writes.

The reactor only goes forward; the guard only goes back, and only on evidence that the image itself
is at fault. Everything else it says and leaves to a person. Nothing of this is imported by the
reactor.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from models.auto_scaling import FAILED, Activity, Refresh, Specification
from models.base import Value, printable
from models.decision import Reason
from models.errors import AwsRefused, AwsUnavailable
from models.events import Ignored
from models.failure_text import THE_ROLE, YOURS, error_text
from models.guard_events import GUARD_DETAIL_TYPES
from models.image import Image
from models.launch_template import Template, Version
from models.outcome import NOT_READABLE, Outcome, TemplateOutcome, reason_of, unmoved
from models.tags import ON_TROUBLE, OPT_IN_TAG, QUARANTINE_TAG, read_stamp
from models.version_description import read_promotion, read_rollback

GUARD = "ami-reactor-guard"
"""Who it says it is in a hold and in a quarantine. Its role may write behind such a hold alone."""


class GuardReason(StrEnum):
    """Why the guard moved a template back, held it or left it. Part of the public interface."""

    REFRESH_ALARM = "refresh-alarm"
    REFRESH_ROLLED_BACK = "refresh-rolled-back"
    REFRESH_FAILED = "refresh-failed"
    LAUNCH_FAILED = "launch-failed"
    THREATS_FOUND = "threats-found"
    NOT_GUARDED = "not-guarded"
    NOT_OUR_MOVE = "not-our-move"
    SUPERSEDED = "superseded"
    QUARANTINED_ALREADY = "quarantined-already"
    NOTHING_TO_GO_BACK_TO = "nothing-to-go-back-to"


class GuardIgnored(StrEnum):
    """Why a failure concerns no template. Part of the public interface."""

    NO_EVIDENCE = "no-evidence"
    FAILURE_NOT_FOUND = "failure-not-found"

    @property
    def in_words(self) -> str:
        return _IN_WORDS[self]


_IN_WORDS = {
    GuardIgnored.NO_EVIDENCE: "nothing in it tells of a bad image",
    GuardIgnored.FAILURE_NOT_FOUND: "Auto Scaling does not show that refresh or launch any more",
}


class Weight(StrEnum):
    """How much a failure proves."""

    CONCLUSIVE = "conclusive"
    AMBIGUOUS = "ambiguous"
    NONE = "none"


# -- the evidence ----------------------------------------------------------------------------------


class Evidence(Value):
    """What failed, and what that proves of the image.

    Attributes:
        message: What AWS says of it.
        began: When that which failed began; None for what is about the image itself. What was made
            the default after that is not to blame.
        launched: What the group launched from; empty for what is about the image itself.
        image_id: The image that AWS names as the cause, if it names one.
        launches_other_images: The group also launches images that no template names.
    """

    weight: Weight
    reason: GuardReason
    message: str
    began: datetime | None = None
    launched: tuple[Specification, ...] = ()
    image_id: str | None = None
    launches_other_images: bool = False


_ALARM = re.compile(r"\balarms?\b", re.IGNORECASE)

_NOT_THE_IMAGE = re.compile(
    r"capacity|limit|quota|free addresses|addresses|spot|protected|standby|lifecycle|PassRole"
    r"|not authorized|subnet|security group",
    re.IGNORECASE,
)
"""What a refresh may fail on that no image causes."""

_THE_IMAGE = re.compile(
    r"\b(?:InvalidAMIID\.\w+|InvalidBlockDeviceMapping|InvalidParameterCombination)\b"
    r"|\bUnsupportedOperation\b|Client\.InternalError"
    r"|\bimage id '?\[?ami-[0-9a-f]+\]?'? (?:does not exist|is no longer available)"
    r"|\bAMI(?: ID)? '?ami-[0-9a-f]+'? (?:does not exist|is pending)"
    r"|\bnot supported by the AMI\b"
    r"|\barchitecture '[^']*' of the specified instance type does not match the architecture"
    r"|\bdoes not match the architecture in the manifest for ami-"
    r"|\bis smaller than snapshot\b"
    r"|\bENA\b.*\bAMI\b|\bAMI\b.*\bENA\b",
    re.IGNORECASE,
)
"""Codes of EC2 that an image causes, and the words that Auto Scaling prints in their place.

Sources: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-ami.html,
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-instancelaunchfailure.html and
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

_AMI = re.compile(r"ami-[0-9a-f]{8,17}")


def of_refresh(refresh: Refresh, launched: Iterable[Specification]) -> Evidence:
    """What a refresh that is over proves.

    Args:
        refresh: As Auto Scaling shows it now.
        launched: What the group names. A refresh with a desired configuration launched that.
    """
    weight, reason, message = _of_status(refresh)
    wanted = tuple(refresh.specifications)
    return Evidence(
        weight=weight,
        reason=reason,
        message=f"instance refresh {refresh.instance_refresh_id}: {printable(message)}",
        began=refresh.start_time,
        launched=wanted or tuple(launched),
    )


def _of_status(refresh: Refresh) -> tuple[Weight, GuardReason, str]:
    said = refresh.status_reason or refresh.status
    if refresh.status == "RollbackSuccessful":
        said = refresh.rollback_reason or said
        # AWS rolls back whatever made the refresh fail
        is_proof = _ALARM.search(said) or not _NOT_THE_IMAGE.search(said)
        weight = Weight.CONCLUSIVE if is_proof else Weight.AMBIGUOUS
        return weight, GuardReason.REFRESH_ROLLED_BACK, said
    if refresh.status == "Failed" and refresh.alarms and _ALARM.search(said):
        return Weight.CONCLUSIVE, GuardReason.REFRESH_ALARM, said
    weight = Weight.AMBIGUOUS if refresh.status in FAILED else Weight.NONE
    return weight, GuardReason.REFRESH_FAILED, said


def of_launch(activity: Activity, launched: Iterable[Specification]) -> Evidence:
    """What a launch that failed proves: all or nothing."""
    said = activity.status_message
    is_proof = activity.status_code == "Failed" and _THE_IMAGE.search(said)
    named = _AMI.search(said)
    return Evidence(
        weight=Weight.CONCLUSIVE if is_proof else Weight.NONE,
        reason=GuardReason.LAUNCH_FAILED,
        message=printable(said),
        began=activity.start_time,
        launched=tuple(launched),
        image_id=named and named[0],
    )


def of_scan(image_id: str) -> Evidence:
    """What AWS Backup's finding proves."""
    return Evidence(
        weight=Weight.CONCLUSIVE,
        reason=GuardReason.THREATS_FOUND,
        message=f"AWS Backup found threats in {image_id}",
        image_id=image_id,
    )


# -- the hold that says what the guard is about to do ----------------------------------------------

_HOLD = re.compile(
    r"(goes back from|stays on) (ami-[0-9a-f]{8,17}) \(event (\S{1,8})\): (.*)", re.DOTALL
)


class GuardHold(NamedTuple):
    """Why the guard holds a template. A run that was cut off is recognized by it.

    Attributes:
        goes_back: It is being moved back, or was; else it stays where it is.
        image_id: The image that failed.
        event: The first characters of the event's id: if the same event comes again, what it
            announced may have been lost.
        why: The evidence.
    """

    goes_back: bool
    image_id: str
    event: str
    why: str

    def __str__(self) -> str:
        does = "goes back from" if self.goes_back else "stays on"
        return f"{does} {self.image_id} (event {self.event}): {self.why}"


def read_guard_hold(template: Template) -> GuardHold | None:
    """What the guard's hold says; None if there is no hold, or it is a person's."""
    hold = template.hold
    found = _HOLD.fullmatch(hold.why) if hold and hold.who == GUARD else None
    if found is None:
        return None
    return GuardHold(found[1] == "goes back from", found[2], found[3], found[4])


def event_mark(event_id: str) -> str:
    """What a hold tells of the event."""
    return event_id[:8]


# -- the ladder ------------------------------------------------------------------------------------


class Stay(Value):
    """Nothing is written.

    Attributes:
        repeats: This very event was carried out before; what it announced may have been lost.
    """

    reason: Reason | GuardReason
    message: str
    repeats: bool = False


class Hold(Value):
    """The template is held where it is, until a person resumes it."""

    reason: GuardReason
    message: str


class GoBack(Value):
    """The template is held, its image quarantined, and an older one launched again."""

    reason: GuardReason
    message: str


class Quarantine(Value):
    """The template stays; an image that it might be moved to is quarantined."""

    reason: GuardReason
    message: str
    image: Image


GuardDecision = Stay | Hold | GoBack | Quarantine


def settle(template: Template, evidence: Evidence, event_id: str) -> Stay | None:
    """The rungs that need nothing but the template with its default version.

    None: `judge` has to be asked; `keep_out`, if it is about an image that is not the current one.
    """
    if unasked := unguarded(template):
        return unasked
    ours = read_guard_hold(template)
    repeats = ours is not None and ours.event == event_mark(event_id)
    if is_about_another(template, evidence) and not repeats:  # else it was left for that image
        return None
    if template.hold is not None and not resumes(template, evidence):
        return Stay(reason=Reason.HELD, message=str(template.hold), repeats=repeats)
    return _not_to_blame(template, evidence)


def unguarded(template: Template) -> Stay | None:
    """That nothing is written for it, as its tags say; None: it is guarded."""
    wish = template.tags.get(ON_TROUBLE)
    if wish is None:
        message = f"{ON_TROUBLE} is not on the template"
        return Stay(reason=GuardReason.NOT_GUARDED, message=message)
    if wish not in ("hold", "go-back"):
        message = f"{ON_TROUBLE}: must be one of: hold, go-back"
        return Stay(reason=Reason.MISCONFIGURED, message=message)
    if template.tags.get(OPT_IN_TAG) != "on":
        message = f"{OPT_IN_TAG} is not on, so nothing is written"
        return Stay(reason=GuardReason.NOT_GUARDED, message=message)
    return None


def is_about_another(template: Template, evidence: Evidence) -> bool:
    """Whether threats were found in an image that is not the current one.

    It may become the current one: the reactor promotes it when it is ripe, or a rollback goes back
    to it. What failed to launch needs no such look: neither of them takes an image that is gone.
    """
    is_found = evidence.reason is GuardReason.THREATS_FOUND
    return is_found and evidence.image_id != template.default.image_id


def resumes(template: Template, evidence: Evidence) -> bool:
    """Whether a run of the guard was cut off behind its own hold, before it moved the template."""
    ours = read_guard_hold(template)
    return (
        ours is not None
        and ours.goes_back
        and ours.image_id == template.default.image_id
        and evidence.weight is Weight.CONCLUSIVE
        and template.tags.get(ON_TROUBLE) == "go-back"
    )


def _not_to_blame(template: Template, evidence: Evidence) -> Stay | None:
    default = template.default
    if not is_promotion(default):
        number = default.version_number
        message = f"version {number} was not made the default by the reactor"
        return Stay(reason=GuardReason.NOT_OUR_MOVE, message=message)
    why = _superseded(template, default, evidence)
    return Stay(reason=GuardReason.SUPERSEDED, message=why) if why else None


def is_promotion(version: Version) -> bool:
    """Whether the reactor made it, as its description says. A rollback's says otherwise."""
    promotion = read_promotion(version.version_description)
    return promotion is not None and promotion.taken == version.image_id


def _superseded(template: Template, default: Version, evidence: Evidence) -> str | None:
    """Why what failed was not launched from the default version; None: it was."""
    if evidence.image_id not in (None, default.image_id):
        return f"{evidence.image_id} failed, and {default.image_id} is the current image"
    if evidence.began is not None and default.create_time > evidence.began:
        return f"version {default.version_number} was made after what failed had begun"
    numbers = {_number(template, one) for one in evidence.launched if one.is_of(template)}
    if numbers and str(default.version_number) not in numbers:
        failed = ", ".join(sorted(numbers))
        return f"version {failed} failed, and {default.version_number} is the default"
    return None


def _number(template: Template, launched: Specification) -> str:
    named = {
        "$Default": template.default_version_number,
        "$Latest": template.latest_version_number,
    }
    return str(named.get(launched.version, printable(launched.version)))


def judge(
    template: Template, evidence: Evidence, image: Image | None, *, has_older: bool
) -> GuardDecision:
    """The rest of the ladder.

    Args:
        template: With its default version; `settle` has left it to be judged.
        evidence: Not without any weight.
        image: The current image, if it can be seen.
        has_older: An older image can be launched again.
    """
    stamp = image.tags.get(QUARANTINE_TAG) if image else None
    if stamp is not None and read_stamp(stamp).who != GUARD:  # its own: for another template
        message = f"{template.default.image_id} is quarantined: {read_stamp(stamp)}"
        return Stay(reason=GuardReason.QUARANTINED_ALREADY, message=message)
    may_move = template.tags.get(ON_TROUBLE) == "go-back" and is_proof(template, evidence)
    if not may_move:
        return Hold(reason=evidence.reason, message=evidence.message)
    if not has_older:
        message = f"no older image can be launched: {evidence.message}"
        return Hold(reason=GuardReason.NOTHING_TO_GO_BACK_TO, message=message)
    return GoBack(reason=evidence.reason, message=evidence.message)


def keep_out(template: Template, evidence: Evidence, image: Image) -> Stay | Quarantine:
    """What becomes of an image with threats that the template may take.

    A hold does not stop it: nothing is moved, and the image would be taken once the hold is lifted.
    """
    if (value := image.tags.get(QUARANTINE_TAG)) is not None:
        message = f"{image.image_id} is quarantined: {read_stamp(value)}"
        return Stay(reason=GuardReason.QUARANTINED_ALREADY, message=message)
    message = f"{evidence.message}, and {template.default.image_id} is the current image"
    return Quarantine(reason=evidence.reason, message=message, image=image)


def is_proof(template: Template, evidence: Evidence) -> bool:
    """Whether it proves that this template's image is bad.

    A group that launches from other templates or images as well may have failed on those.
    """
    others = [one for one in evidence.launched if not one.is_of(template)]
    is_alone = not others and not evidence.launches_other_images
    return evidence.weight is Weight.CONCLUSIVE and (is_alone or evidence.image_id is not None)


# -- the outcome -----------------------------------------------------------------------------------

GuardVerb = Literal["moved-back", "held", "quarantined", "kept", "refused", "failed", "unknown"]


class GuardedTemplate(TemplateOutcome):
    """What was decided for one template, and done; or would be."""

    # a guard's own words, not the reactor's: neither is read as the other
    outcome: GuardVerb  # type: ignore[assignment]
    reason: Reason | GuardReason | Literal["not-readable"]  # type: ignore[assignment]


class GuardOutcome(Outcome):
    """One event of the guard's, with the reactor's fields and one more.

    Attributes:
        group: The Auto Scaling group that the event names.
    """

    reason: Ignored | GuardIgnored | Reason | None = None  # type: ignore[assignment]
    templates: tuple[GuardedTemplate, ...] = ()
    group: str | None = None


def read_outcome(recorded: object) -> Outcome:
    """An outcome as either function logged it."""
    claimed = recorded.get("detail_type") if isinstance(recorded, Mapping) else None
    is_guards = isinstance(claimed, str) and claimed in GUARD_DETAIL_TYPES
    return (GuardOutcome if is_guards else Outcome).model_validate(recorded)


def why_of(outcome: Outcome) -> str:
    """Why either function looked at no template; empty if there is nothing to say."""
    ignored = outcome.reason if isinstance(outcome.reason, Ignored | GuardIgnored) else None
    return outcome.error or (ignored.in_words if ignored else "")


def stayed(template: Template, stay: Stay) -> GuardedTemplate:
    """The outcome for a template that nothing was written to."""
    is_refused = stay.reason is Reason.MISCONFIGURED
    return _record(template, "refused" if is_refused else "kept", stay.reason, stay.message)


def held(template: Template, hold: Hold) -> GuardedTemplate:
    """The outcome for a template that is held now."""
    is_refused = hold.reason is GuardReason.NOTHING_TO_GO_BACK_TO
    return _record(template, "refused" if is_refused else "held", hold.reason, hold.message)


def moved_back(template: Template, back: GoBack, image_id: str, number: int) -> GuardedTemplate:
    """The outcome for a template that launches an older image again."""
    return _record(
        template,
        "moved-back",
        back.reason,
        back.message,
        to_image=image_id,
        to_version=number,
    )


def quarantined(template: Template, decision: Quarantine) -> GuardedTemplate:
    """The outcome for a template that stays, and to which the image is lost."""
    return _record(template, "quarantined", decision.reason, decision.message)


def moved_back_but(outcome: GuardedTemplate, error: AwsRefused | AwsUnavailable) -> GuardedTemplate:
    """The outcome for a template that was moved back, before AWS failed what comes after."""
    message = f"moved back, but {error_text(error, THE_ROLE)}"
    changes = {"outcome": "failed", "reason": reason_of(error), "message": message}
    return outcome.model_copy(update=changes)


def guard_failed(template: Template, error: AwsRefused | AwsUnavailable) -> GuardedTemplate:
    """The outcome for a template that AWS did not let the guard see or write to."""
    return _record(template, "failed", reason_of(error), error_text(error, THE_ROLE))


def guard_unforeseen(template: Template, error: AwsRefused | AwsUnavailable) -> GuardedTemplate:
    """The plan for a template that AWS does not let an operator see."""
    if isinstance(error, AwsRefused) and error.unauthorized:
        return _record(template, "unknown", NOT_READABLE, error_text(error, YOURS))
    return guard_failed(template, error)


def announced_before(template: Template) -> GuardedTemplate | None:
    """What a run of the same event did, as the template and the guard's hold on it tell."""
    ours = read_guard_hold(template)
    if ours is None:
        return None
    back = read_rollback(template.default.version_description)
    if not (ours.goes_back and back):
        return _record(template, "held", Reason.HELD, ours.why)
    was = {"from_image": ours.image_id, "from_version": back.version}
    return _record(template, "moved-back", Reason.HELD, ours.why, **was)


def _record(
    template: Template,
    outcome: GuardVerb,
    reason: Reason | GuardReason | Literal["not-readable"],
    message: str,
    **differs: Any,
) -> GuardedTemplate:
    return GuardedTemplate.model_validate(unmoved(template, outcome, reason, message) | differs)
