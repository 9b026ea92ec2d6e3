"""The record of one event: Lambda's return value, its log line, and what a replay prints."""

import operator
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from models.base import ImageId, TemplateId, Timestamp, Value
from models.decision import REFUSALS, Decision, Keep, Promote, Reason, Skip
from models.errors import AwsRefused, AwsUnavailable
from models.events import Ignored, claimed_image
from models.failure_text import THE_ROLE, YOURS, error_text
from models.launch_template import Template


class Result(StrEnum):
    """What became of an event. Part of the public interface."""

    HANDLED = "handled"
    IGNORED = "ignored"
    UNMATCHED = "unmatched"
    REJECTED = "rejected"
    FAILED = "failed"


_EVENT_ID = re.compile(r"[!-~]{1,128}")
_DETAIL_TYPE = re.compile(r"[0-9A-Za-z -]{1,128}")

Verb = Literal["promoted", "kept", "refused", "failed", "unknown"]
"""`unknown` is in plans alone: an operator who may not read cannot tell what would be done."""

NOT_READABLE: Literal["not-readable"] = "not-readable"
"""The reason of `unknown`. It is no decision of the reactor's."""


def _is_none(value: object) -> bool:
    return value is None


class TemplateOutcome(Value):
    """What was decided for one template, and done; or would be.

    Attributes:
        outcome: What became of it.
        reason: Why, in one word: models/README.md explains each.
        planned: Nothing of it was done: `outcome`, `to_image` and `to_version` are what would be.
            In JSON, a deed has no such field.
        from_image: The current image before; None if it was not read or there is none.
        to_image: The current image now; equal to `from_image` if nothing changed.
        from_version: The default version's number before.
        to_version: The default version's number now.
        skipped_images: Images that the tags select and that were no candidates, and why.
        postponed_image: The newer image that is ripe next, if that moment is known. In JSON, only
            then.
        postponed_until: That moment, as `postponed_image`.
        image_created: The CreationDate of the image that is current now, if it could be seen. For
            the metrics, as is the next one; no part of the record.
        behind_since: The CreationDate of the oldest image that is newer and will be taken, or would
            be but for a hold or a refusal.
    """

    launch_template_id: TemplateId
    launch_template_name: str
    outcome: Verb
    reason: Reason | Literal["not-readable"]
    message: str
    from_image: str | None
    to_image: str | None
    from_version: int
    to_version: int
    skipped_images: dict[str, Skip] = {}
    postponed_image: ImageId | None = Field(default=None, exclude_if=_is_none)
    postponed_until: Timestamp | None = Field(default=None, exclude_if=_is_none)
    image_created: Timestamp | None = Field(default=None, exclude=True)
    behind_since: Timestamp | None = Field(default=None, exclude=True)
    planned: bool = Field(default=False, exclude_if=operator.not_)


class Outcome(Value):
    """One event, with the same fields whatever happened.

    Attributes:
        event_id: None if the payload has none that can be believed.
        detail_type: The event's; None if the payload has none that can be believed.
        image_id: The image that the event spoke of; not always the one that was chosen.
        result: What became of the event.
        reason: Why an event was ignored, or failed before any template was looked at.
        templates: What was decided for each launch template that the event concerns.
        error: One line for an engineer, if `result` is `rejected` or `failed`.
        replay_name: The replay of an archive that the event came from.
        handed_on: Templates for which time was too short; each got a `Reconcile Requested`.
    """

    event_id: str | None
    detail_type: str | None
    image_id: ImageId | None
    result: Result
    reason: Ignored | Reason | None = None
    templates: tuple[TemplateOutcome, ...] = ()
    error: str | None = None
    handed_on: tuple[TemplateId, ...] = ()
    replay_name: str | None = None


def rejected(raw: object, error: str) -> Outcome:
    """The outcome for a payload that is no valid event: little of it can be believed."""
    return Outcome(**_claims(raw), result=Result.REJECTED, error=error)


def unmatched(raw: Mapping[str, Any]) -> Outcome:
    """The outcome for an event that no rule selects, so that no function was invoked."""
    return Outcome(**_claims(raw), result=Result.UNMATCHED)


def undelivered(raw: Mapping[str, Any], error: str) -> Outcome:
    """The outcome for an event that was selected, and of which no handler left an outcome."""
    return Outcome(**_claims(raw), result=Result.FAILED, error=error)


def _claims(raw: object) -> dict[str, str | None]:
    """What a payload claims to be, as far as that can do no harm in a log or on a terminal."""
    event_id = raw.get("id") if isinstance(raw, Mapping) else None
    detail_type = raw.get("detail-type") if isinstance(raw, Mapping) else None
    is_plain = isinstance(detail_type, str) and _DETAIL_TYPE.fullmatch(detail_type)
    return {
        "event_id": event_id
        if isinstance(event_id, str) and _EVENT_ID.fullmatch(event_id)
        else None,
        "detail_type": detail_type if is_plain else None,
        "image_id": claimed_image(raw),
    }


def kept(template: Template, keep: Keep) -> TemplateOutcome:
    """The outcome for a template that stays as it is."""
    outcome: Verb = "refused" if keep.reason in REFUSALS else "kept"
    return _record(template, outcome, keep.reason, keep.message, **_waiting(keep))


def failed(template: Template, error: AwsRefused | AwsUnavailable) -> TemplateOutcome:
    """The outcome for a template that AWS would not, or could not, let the function see or move."""
    return _record(template, "failed", reason_of(error), error_text(error, THE_ROLE))


def unforeseen(template: Template, error: AwsRefused | AwsUnavailable) -> TemplateOutcome:
    """The plan for a template that AWS would not, or could not, let an operator see.

    That an operator lacks a permission says nothing about what the function would do.
    """
    if isinstance(error, AwsRefused) and error.unauthorized:
        return _record(template, "unknown", NOT_READABLE, error_text(error, YOURS))
    return failed(template, error)


def as_plan(outcome: Outcome) -> Outcome:
    """The same, of which nothing was done."""
    templates = tuple(one.model_copy(update={"planned": True}) for one in outcome.templates)
    return outcome.model_copy(update={"templates": templates})


def as_deed(planned: TemplateOutcome) -> TemplateOutcome:
    """What was planned, once it is so."""
    return planned.model_copy(update={"planned": False})


def failed_after(
    before: Template, decision: Promote, version_number: int, error: AwsRefused | AwsUnavailable
) -> TemplateOutcome:
    """The outcome for a template that was moved, before AWS failed what comes after."""
    return _record(
        before,
        "failed",
        reason_of(error),
        f"moved, but {error_text(error, THE_ROLE)}",
        to_image=decision.image.image_id,
        to_version=version_number,
    )


def reason_of(error: AwsRefused | AwsUnavailable) -> Reason:
    return Reason.AWS_REFUSED if isinstance(error, AwsRefused) else Reason.AWS_UNAVAILABLE


def promoted(before: Template, decision: Promote, version_number: int) -> TemplateOutcome:
    """The outcome for a template whose default is now that version, with the decision's image."""
    return _record(
        before,
        "promoted",
        decision.reason,
        decision.message,
        to_image=decision.image.image_id,
        to_version=version_number,
        image_created=decision.image.creation_date,
        **_waiting(decision),
    )


def _waiting(decision: Decision) -> dict[str, Any]:
    return {
        "skipped_images": decision.skipped,
        "postponed_image": decision.postponed_image,
        "postponed_until": decision.postponed_until,
    }


def _record(
    template: Template,
    outcome: Verb,
    reason: Reason | Literal["not-readable"],
    message: str,
    **differs: Any,
) -> TemplateOutcome:
    return TemplateOutcome.model_validate(unmoved(template, outcome, reason, message) | differs)


def unmoved(template: Template, outcome: str, reason: str, message: str) -> dict[str, Any]:
    """The fields of a template's outcome, if it stays where it is."""
    image_id = template.default.image_id if template.versions else None
    return {
        "launch_template_id": template.launch_template_id,
        "launch_template_name": template.launch_template_name,
        "outcome": outcome,
        "reason": reason,
        "message": message,
        "from_image": image_id,
        "to_image": image_id,
        "from_version": template.default_version_number,
        "to_version": template.default_version_number,
    }
