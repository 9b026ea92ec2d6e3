"""What the guard does with one event: read the evidence, judge, hold, go back.

The order of its writes is what makes it safe wherever it is cut off: the hold (from then on IAM
denies the reactor, so that forward and back cannot race), the quarantine, a copy of the older
version, the default, the high-water mark. It reads the template again between them: if a person has
put another hold in place of its own, it stops.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from handlers.auto_scaling import AutoScaling
from handlers.clock import Clock
from handlers.ec2 import Ec2
from handlers.rollback import (
    NoTarget,
    Rollback,
    as_planned,
    bad_image,
    copy_of_target,
    hold_template,
    next_older,
    quarantine,
    remember,
)
from models.auto_scaling import Group, Refresh
from models.base import printable
from models.decision import Reason
from models.errors import AwsRefused, AwsUnavailable, EventRejected
from models.events import Ignored, elsewhere
from models.failure_text import THE_ROLE, YOURS, TemplateFailure, error_text, write_failures
from models.guard import (
    GUARD,
    Evidence,
    GoBack,
    GuardDecision,
    GuardedTemplate,
    GuardHold,
    GuardIgnored,
    GuardOutcome,
    GuardReason,
    Hold,
    Quarantine,
    Stay,
    Weight,
    announced_before,
    event_mark,
    guard_failed,
    guard_unforeseen,
    held,
    is_about_another,
    is_proof,
    judge,
    keep_out,
    moved_back,
    moved_back_but,
    of_launch,
    of_refresh,
    of_scan,
    quarantined,
    read_guard_hold,
    settle,
    stayed,
    unguarded,
)
from models.guard_events import GuardEvent, LaunchFailed, RefreshFailed, parse_guard_event
from models.image import Image
from models.launch_template import Template, Version
from models.outcome import Result, reason_of, rejected
from models.selectors import Selectors, read_selectors
from models.tags import HOLD_TAG, ON_TROUBLE, read_stamp, stamp

MOVED_BACK = "Launch Template Moved Back"
HELD = "Launch Template Held"

_SECONDS_FOR_A_TEMPLATE = 50
_SECONDS_FOR_A_WRITE = 30
"""A write that Lambda cuts off may still reach EC2, after the retry has looked."""


class Announcement(NamedTuple):
    """An event for others: its detail-type, and what it tells of one template."""

    detail_type: str
    template: GuardedTemplate


class Guarded(NamedTuple):
    """What became of an event, and what others are to be told of it."""

    outcome: GuardOutcome
    announcements: tuple[Announcement, ...] = ()


class _Overruled(Exception):
    """Another hold is in place of the guard's own: what it says decides."""

    def __init__(self, stay: Stay) -> None:
        super().__init__(stay.message)
        self.stay = stay


class _Affected(NamedTuple):
    """The templates that a failure is about, and what it proves."""

    templates: list[Template]
    evidence: Evidence


def guard(raw: object, ec2: Ec2, auto_scaling: AutoScaling, clock: Clock) -> Guarded:
    """Do what the templates that the failure is about ask for.

    Nothing is raised for what AWS or the event does wrong: it is all in the outcome.
    """
    return _run(raw, ec2, auto_scaling, clock, writes=True)


def plan_guard(raw: object, ec2: Ec2, auto_scaling: AutoScaling, clock: Clock) -> GuardOutcome:
    """What `guard` would do now, with an operator's own permissions; nothing is written."""
    outcome = _run(raw, ec2, auto_scaling, clock, writes=False).outcome
    templates = tuple(one.model_copy(update={"planned": True}) for one in outcome.templates)
    return outcome.model_copy(update={"templates": templates})


def _run(
    raw: object, ec2: Ec2, auto_scaling: AutoScaling, clock: Clock, *, writes: bool
) -> Guarded:
    try:
        event = parse_guard_event(raw)
    except EventRejected as rejection:
        claims = rejected(raw, str(rejection))
        return Guarded(GuardOutcome.model_validate(claims, from_attributes=True))
    guarding = Guarding(event, ec2, auto_scaling, clock, writes)
    return Guarded(guarding.outcome(), tuple(guarding.announcements))


@dataclass(frozen=True)
class Guarding:
    """One event, and what it is settled with.

    Attributes:
        writes: Else this is an operator's plan.
        announcements: What was done, for others; added to as templates are settled.
    """

    event: GuardEvent
    ec2: Ec2
    auto_scaling: AutoScaling
    clock: Clock
    writes: bool
    announcements: list[Announcement] = field(default_factory=list)

    def outcome(self) -> GuardOutcome:
        if ignored := elsewhere(self.event, self.ec2.place) or self.event.ignored():
            return self._record(Result.IGNORED, reason=ignored)
        try:
            affected = self._affected()
        except (AwsRefused, AwsUnavailable) as error:
            whose = THE_ROLE if self.writes else YOURS
            reason, text = reason_of(error), error_text(error, whose)
            return self._record(Result.FAILED, reason=reason, error=text)
        if isinstance(affected, Ignored | GuardIgnored):
            return self._record(Result.IGNORED, reason=affected)
        outcomes = tuple(self._settle(one, affected.evidence) for one in affected.templates)
        failures = (_failure(one) for one in outcomes if one.outcome == "failed")
        failed = write_failures(failures) or None
        result = Result.FAILED if failed else Result.HANDLED
        return self._record(result, templates=outcomes, error=failed)

    # -- the evidence ----------------------------------------------------------------------------

    def _affected(self) -> _Affected | Ignored | GuardIgnored:
        if isinstance(self.event, RefreshFailed | LaunchFailed):
            return self._of_group(self.event)
        image_id = str(self.event.image_id)
        on_it = self.ec2.templates_on(image_id)
        opted_in = self.ec2.opted_in_templates()
        templates = [one for one in opted_in if one.launch_template_id in on_it]
        rest = (one for one in opted_in if one.launch_template_id not in on_it)
        others = [one for one in rest if not unguarded(one)]
        templates += self._that_may_take(image_id, others)
        return _Affected(templates, of_scan(image_id)) if templates else Ignored.NO_FOLLOWER

    def _that_may_take(self, image_id: str, templates: list[Template]) -> Iterator[Template]:
        """Those that the reactor may promote to the image, and those that may go back to it."""
        image = self.ec2.own_image(image_id) if templates else None
        if image is None:
            return
        for template in templates:
            selectors = read_selectors(template.tags, self.ec2.place)
            is_selected = isinstance(selectors, Selectors) and selectors.match(image)
            if is_selected or self.ec2.versions_with(template, [image_id]):
                yield template

    def _of_group(self, event: RefreshFailed | LaunchFailed) -> _Affected | Ignored | GuardIgnored:
        group = self.auto_scaling.group(event.detail.auto_scaling_group_name)
        templates = [
            one for one in self.ec2.opted_in_templates() if group is not None and group.names(one)
        ]
        if group is None or not templates:
            return Ignored.NO_FOLLOWER
        evidence = self._evidence(event, group)
        if evidence is None:
            return GuardIgnored.FAILURE_NOT_FOUND
        if evidence.weight is Weight.NONE:
            return GuardIgnored.NO_EVIDENCE
        return _Affected(templates, evidence)

    def _evidence(self, event: RefreshFailed | LaunchFailed, group: Group) -> Evidence | None:
        """What the world shows of the failure; None: it shows nothing of it any more.

        Raises:
            AwsUnavailable: The world does not show yet that it failed.
        """
        launched = tuple(group.specifications)
        if isinstance(event, LaunchFailed):
            activity = self.auto_scaling.activity(group, event.detail.activity_id)
            evidence = of_launch(activity, launched) if activity else None
        else:
            refresh = self._refresh(event, group)
            evidence = of_refresh(refresh, launched) if refresh else None
        others = {"launches_other_images": group.launches_other_images}
        return evidence.model_copy(update=others) if evidence else None

    def _refresh(self, event: RefreshFailed, group: Group) -> Refresh | None:
        refresh = self.auto_scaling.refresh(group, event.detail.instance_refresh_id)
        if refresh and refresh.is_in_flight:
            raise AwsUnavailable(
                f"the event says that instance refresh {refresh.instance_refresh_id} is over, and"
                f" Auto Scaling still shows {printable(refresh.status)}"
            )
        return refresh

    # -- what becomes of a template --------------------------------------------------------------

    def _settle(self, template: Template, evidence: Evidence) -> GuardedTemplate:
        try:
            if self.clock.seconds_left() < _SECONDS_FOR_A_TEMPLATE:
                raise AwsUnavailable("too little time is left; the event is tried again")
            template = template.model_copy(update={"versions": self.ec2.versions(template)})
            decision, rollback = self._decide(template, evidence)
            if not self.writes:
                return _foreseen(template, decision, rollback)
            if isinstance(decision, Quarantine):
                return self._keep_out(template, decision, evidence)
            return self._carry_out(template, decision, rollback)
        except (AwsRefused, AwsUnavailable) as error:
            return (guard_failed if self.writes else guard_unforeseen)(template, error)

    def _decide(
        self, template: Template, evidence: Evidence
    ) -> tuple[GuardDecision, Rollback | None]:
        stay = settle(template, evidence, self.event.id)
        if stay is not None:
            return stay, None
        if is_about_another(template, evidence):
            other = self.ec2.own_image(str(evidence.image_id))
            return (keep_out(template, evidence, other) if other else _gone(evidence)), None
        image = bad_image(self.ec2, template)
        rollback = None
        if template.tags.get(ON_TROUBLE) == "go-back" and is_proof(template, evidence):
            rollback = self._plan(template, image)
        return judge(template, evidence, image, has_older=rollback is not None), rollback

    def _plan(self, template: Template, image: Image | None) -> Rollback | None:
        """To the newest older image with the default's own settings; None: there is none.

        A version with other settings may never have been the default: a person is asked for that.
        """

        def fits(version: Version) -> bool:
            return template.default.differs_in_image_alone(version)

        try:
            return Rollback(template, image, *next_older(self.ec2, template, image, fits))
        except NoTarget:
            return None

    def _carry_out(
        self, template: Template, decision: GuardDecision, rollback: Rollback | None
    ) -> GuardedTemplate:
        try:
            match decision:
                case GoBack() if rollback is not None:
                    return self._go_back(rollback, decision)
                case Hold():
                    return self._hold(template, decision)
                case Stay(repeats=True):
                    self._repeat(template)
            assert isinstance(decision, Stay)
            return stayed(template, decision)
        except _Overruled as overruled:
            return stayed(template, overruled.stay)

    def _keep_out(
        self, template: Template, decision: Quarantine, evidence: Evidence
    ) -> GuardedTemplate:
        """Quarantine an image before a template is on it; if one is by then, it is moved back."""
        quarantine(self.ec2, decision.image, stamp(GUARD, decision.message, self.clock.now))
        now = self.ec2.template(template.launch_template_id)
        if now.default_version_number != template.default_version_number:
            return self._settle(now, evidence)
        return quarantined(template, decision)

    def _hold(self, template: Template, decision: Hold) -> GuardedTemplate:
        self._fence(template, goes_back=False, why=decision.message)
        outcome = held(template, decision)
        self.announcements.append(Announcement(HELD, outcome))
        return outcome

    def _go_back(self, rollback: Rollback, decision: GoBack) -> GuardedTemplate:
        template, bad = rollback.template, rollback.bad
        hold = self._fence(template, goes_back=True, why=decision.message)
        self._still_ours(rollback, hold, "it is held, and nothing else was written")
        with self._behind(hold, template):
            if bad:
                self._check_time()
                quarantine(self.ec2, bad, stamp(GUARD, decision.message, self.clock.now))
            self._check_time()
            version = copy_of_target(self.ec2, rollback, _token(rollback))
            number = version.version_number
            made = f"version {number}, the copy, was not made the default"
            now = self._still_ours(rollback, hold, made)
            self._check_time()
            self.ec2.set_default(template, version)
        outcome = moved_back(template, decision, rollback.image.image_id, number)
        self.announcements.append(Announcement(MOVED_BACK, outcome))
        try:
            remember(self.ec2, now, bad)
        except (AwsRefused, AwsUnavailable) as error:
            return moved_back_but(outcome, error)
        return outcome

    def _repeat(self, template: Template) -> None:
        """The same event again: finish what a run of it may have left, and tell others again.

        Lambda tries an event again that failed after the move; a copy of an event that EventBridge
        delivers twice cannot be told from that, and a second announcement does no harm.
        """
        told, hold = announced_before(template), read_guard_hold(template)
        if told is None or hold is None:
            return
        if told.outcome == "moved-back":
            self._check_time()
            bad = next(iter(self.ec2.images([hold.image_id])), None)
            remember(self.ec2, template, bad)
        what = MOVED_BACK if told.outcome == "moved-back" else HELD
        self.announcements.append(Announcement(what, told))

    # -- the guard's own hold --------------------------------------------------------------------

    def _fence(self, template: Template, *, goes_back: bool, why: str) -> str:
        """Hold the template, if no run that was cut off has done so; the value of the hold's tag.

        Raises:
            _Overruled: A person's hold came first.
        """
        image_id = template.default.image_id or ""
        mark = event_mark(self.event.id)
        text = str(GuardHold(goes_back, image_id, mark, why))
        wanted = template.tags.get(HOLD_TAG, stamp(GUARD, text, self.clock.now))
        self._check_time()
        with self._behind(wanted, template):
            found = hold_template(self.ec2, template, wanted)
        if found != wanted:
            raise _Overruled(_held_meanwhile(found))
        return found

    def _still_ours(self, rollback: Rollback, hold: str, written: str) -> Template:
        """The template as it is now.

        Raises:
            AwsRefused: Its default has been moved.
            _Overruled: The guard's hold is there no more.
        """
        template = as_planned(self.ec2, rollback, written)
        if template.tags.get(HOLD_TAG) != hold:
            raise _Overruled(_held_meanwhile(template.tags.get(HOLD_TAG)))
        return template

    @contextmanager
    def _behind(self, hold: str, template: Template) -> Iterator[None]:
        """A write that IAM refuses because another hold is there now is no failure.

        The role's policy has the hold as a condition, so that looks like a missing permission.
        """
        try:
            yield
        except AwsRefused as refused:
            if not refused.unauthorized:
                raise
            found = self.ec2.template(template.launch_template_id).tags.get(HOLD_TAG)
            if found in (hold, template.tags.get(HOLD_TAG)):
                raise
            raise _Overruled(_held_meanwhile(found)) from refused

    def _check_time(self) -> None:
        if self.clock.seconds_left() < _SECONDS_FOR_A_WRITE:
            raise AwsUnavailable("too little time is left for a safe write")

    def _record(self, result: Result, **rest: Any) -> GuardOutcome:
        return GuardOutcome(
            event_id=self.event.id,
            detail_type=self.event.detail_type,
            image_id=self.event.image_id,
            group=self.event.group_name,
            replay_name=self.event.replay_name,
            result=result,
            **rest,
        )


def _gone(evidence: Evidence) -> Stay:
    message = f"{evidence.image_id} is not there any more"
    return Stay(reason=GuardReason.SUPERSEDED, message=message)


def _held_meanwhile(found: str | None) -> Stay:
    if found is None:
        return Stay(reason=Reason.HELD, message="a person lifted the guard's hold meanwhile")
    return Stay(reason=Reason.HELD, message=f"held meanwhile: {read_stamp(found)}")


def _foreseen(
    template: Template, decision: GuardDecision, rollback: Rollback | None
) -> GuardedTemplate:
    if isinstance(decision, Stay):
        return stayed(template, decision)
    if isinstance(decision, Quarantine):
        return quarantined(template, decision)
    if isinstance(decision, Hold) or rollback is None:
        return held(template, Hold(reason=decision.reason, message=decision.message))
    number = template.latest_version_number + 1
    return moved_back(template, decision, rollback.image.image_id, number)


def _token(rollback: Rollback) -> str:
    """Two runs at one time make one copy: 64 ASCII characters, the most that EC2 documents."""
    template = rollback.template
    numbers = f"{template.default_version_number} {rollback.target.version_number}"
    return hashlib.sha256(f"{GUARD} {template.launch_template_id} {numbers}".encode()).hexdigest()


def _failure(outcome: GuardedTemplate) -> TemplateFailure:
    return TemplateFailure(
        outcome.launch_template_name, outcome.launch_template_id, outcome.reason, outcome.message
    )
