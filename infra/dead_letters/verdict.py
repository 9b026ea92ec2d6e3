"""Does a message of the dead-letter queue still matter, and what would become of it now?"""

import re

from infra.dead_letters.verdicts import Verdict
from models.base import Value
from models.dead_letter import DeadLetter, Shape
from models.decision import Reason
from models.events import Ignored, is_selected, template_named
from models.failure_text import (
    THE_ROLE,
    TemplateFailure,
    missing_permission,
    permission_missing_in,
)
from models.guard import GuardedTemplate, GuardIgnored
from models.guard_events import is_for_the_guard
from models.outcome import Outcome, Result, TemplateOutcome


class Judged(Value):
    """A message, and what the reactor would do about its event now.

    Attributes:
        cause: Why it is in the queue, without what differs from one message to the next.
        outcome: What `plan` says to its event; None if it has none.
    """

    dead_letter: DeadLetter
    verdict: Verdict
    why: str
    cause: str
    outcome: Outcome | None

    @property
    def about(self) -> str:
        """What the event says of itself, as far as that can be believed."""
        if self.outcome is None:
            return ""
        return " · ".join(filter(None, (self.outcome.detail_type, self.outcome.image_id)))

    @property
    def behind(self) -> list[str]:
        """The names of the templates that wait for the event, or for what blocks it."""
        if self.outcome is None or self.verdict not in (Verdict.REPLAYABLE, Verdict.BLOCKED):
            return []
        templates = self.outcome.templates
        waiting = list(filter(_moves, templates)) or filter(_is_stuck, templates)
        return [template.launch_template_name for template in waiting]


def judge(dead_letter: DeadLetter, outcome: Outcome | None) -> Judged:
    """Give the verdict on a message.

    Args:
        dead_letter: What is in the message.
        outcome: What `plan` says to its event; None if it has none.
    """
    verdict, why = _verdict(dead_letter, outcome)
    cause = _cause(dead_letter)
    return Judged(dead_letter=dead_letter, verdict=verdict, why=why, cause=cause, outcome=outcome)


def _verdict(dead_letter: DeadLetter, outcome: Outcome | None) -> tuple[Verdict, str]:
    if outcome is None:
        return Verdict.UNREADABLE, dead_letter.fault or ""
    if outcome.result is Result.REJECTED:
        return _rejected(dead_letter, outcome.error or "")
    moving = [template for template in outcome.templates if _moves(template)]
    refusals = {template.launch_template_id: _refusal(dead_letter, template) for template in moving}
    if free := [template for template in moving if not refusals[template.launch_template_id]]:
        return Verdict.REPLAYABLE, "; ".join((*map(_promotion, free), *_to_fix(dead_letter)))
    if refused := list(filter(None, refusals.values())):
        return Verdict.BLOCKED, "; ".join(refused)
    if stuck := [template for template in _concerned(dead_letter, outcome) if _is_stuck(template)]:
        return Verdict.BLOCKED, "; ".join(map(_described, stuck))
    if outcome.result is Result.FAILED:
        return Verdict.BLOCKED, outcome.error or ""
    return Verdict.OBSOLETE, _nothing_left(dead_letter, outcome)


def _rejected(dead_letter: DeadLetter, error: str) -> tuple[Verdict, str]:
    """An event that the rules select is AWS's or the reactor's own: the fault may be in our code.

    AWS may have added to it, or the model asks for too much: to drop it may lose an image.
    """
    event = dead_letter.event or {}
    if is_selected(event) or is_for_the_guard(event):
        return Verdict.BLOCKED, f"the function selects such events and cannot read it: {error}"
    return Verdict.INVALID, error


def _concerned(dead_letter: DeadLetter, outcome: Outcome) -> list[TemplateOutcome]:
    """The templates that the message is about, as far as can be told.

    Misconfigured ones are listed in every outcome, because what they follow cannot be told. They
    are not concerned if the event names another template, or an image that is gone.
    """
    named = template_named(dead_letter.event)
    may_be_followed = outcome.reason in (None, Ignored.NO_FOLLOWER)
    return [
        template
        for template in outcome.templates
        if template.reason is not Reason.MISCONFIGURED
        or (may_be_followed and named in (None, template.launch_template_id))
    ]


def _nothing_left(dead_letter: DeadLetter, outcome: Outcome) -> str:
    if dead_letter.shape is Shape.ON_SUCCESS:
        return "the function handled it: this is the record of a success"
    if isinstance(outcome.reason, Ignored | GuardIgnored):
        return outcome.reason.in_words
    return "; ".join(map(_described, _concerned(dead_letter, outcome)))


def _moves(template: TemplateOutcome) -> bool:
    return template.outcome in ("promoted", "moved-back", "held", "quarantined")


def _is_stuck(template: TemplateOutcome) -> bool:
    is_stuck = template.outcome in ("refused", "failed", "unknown")
    is_done = isinstance(template, GuardedTemplate)  # a hold is what the guard wants
    return is_stuck or (template.reason is Reason.HELD and not is_done)


def _promotion(template: TemplateOutcome) -> str:
    if isinstance(template, GuardedTemplate):
        return _of_the_guard(template)
    name, image = template.launch_template_name, template.to_image
    return f"{name} would be promoted to {image} ({template.reason})"


def _of_the_guard(template: GuardedTemplate) -> str:
    name, reason = template.launch_template_name, template.reason
    if template.outcome == "quarantined":
        return f"an image that {name} may take would be quarantined by the guard ({reason})"
    does = f"moved back to {template.to_image}" if template.outcome == "moved-back" else "held"
    return f"{name} would be {does} by the guard ({reason})"


def _described(template: TemplateOutcome) -> str:
    return f"{template.launch_template_name}: {template.reason}: {template.message}"


# ---- what AWS recorded ---------------------------------------------------------------------------


def _refusal(dead_letter: DeadLetter, template: TemplateOutcome) -> str | None:
    """What AWS refused for good last time, which a plan, writing nothing, would not meet."""
    recorded = dead_letter.failure.error_message or ""
    name, template_id = template.launch_template_name, template.launch_template_id
    failures = dead_letter.failure.of_templates
    own = [failure.message for failure in failures if _is_refusal_of(failure, template_id)]
    message = own[0] if own else recorded if not failures else ""
    action = permission_missing_in(message)
    if action:
        resource = f"launch-template/{template_id}" if action in _ON_A_TEMPLATE else "*"
        lacks = f"{THE_ROLE}: {missing_permission(action)} on {resource}"
        return f"{name}: {lacks}; it was refused last time"
    return f"{name}: AWS refused last time, for good: {message}" if own else None


def _is_refusal_of(failure: TemplateFailure, template_id: str) -> bool:
    return failure.template_id == template_id and failure.reason == Reason.AWS_REFUSED


def _to_fix(dead_letter: DeadLetter) -> list[str]:
    """What a redrive does not fix: the next events would end in the queue, too."""
    if dead_letter.shape is not Shape.RULE_TARGET:
        return []
    fix = _FIX.get(dead_letter.failure.error_code or "")
    return [fix] if fix else []


def _cause(dead_letter: DeadLetter) -> str:
    if dead_letter.event is None:
        return (dead_letter.fault or "").partition(":")[0]
    if dead_letter.shape is Shape.ON_SUCCESS:
        return "none: the record of a success"
    failure = dead_letter.failure
    recorded = ": ".join(filter(None, (_code(dead_letter), failure.error_message)))
    for pattern, instead in _VARYING:
        recorded = pattern.sub(instead, recorded)
    recorded = "; ".join(dict.fromkeys(recorded.split("; ")))  # of several templates, one each
    return recorded or "no cause was recorded"


def _code(dead_letter: DeadLetter) -> str | None:
    """What the message does not say: not an HTTP status, and not that the reaction failed."""
    code = dead_letter.failure.error_code or dead_letter.failure.condition
    tells_nothing = dead_letter.shape is Shape.FUNCTION_DLQ or code == "ReactionFailed"
    return None if tells_nothing else code


_ON_A_TEMPLATE = frozenset(
    {"ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate", "ec2:CreateTags"}
)
_FIX = {
    "NO_PERMISSIONS": "but fix this first: EventBridge may not invoke the function",
    "NO_RESOURCE": "but fix this first: the rule's target does not exist",
}
_VARYING = (
    (re.compile(r"RequestId: [0-9a-f-]{36} (?:Error: )?"), ""),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z "), ""),
    (re.compile(r"\b[\w().\-/]{3,128} \(lt-[0-9a-f]{8,17}\)"), "a template"),
    (re.compile(r"\blt-[0-9a-f]{8,17}\b"), "lt-…"),
    (re.compile(r"\bversion \d+\b"), "version …"),
    (re.compile(r"\b\d+\.\d+ seconds\b"), "… seconds"),
    (re.compile(r"\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b"), "…"),
    (re.compile(r"\bami-[0-9a-f]{8,17}\b"), "ami-…"),
)
