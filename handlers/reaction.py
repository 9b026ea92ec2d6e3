"""From an event to an outcome: read the event, find its templates, decide, write, report."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NamedTuple

from handlers.bus import Bus
from handlers.clock import Clock
from handlers.ec2 import Ec2
from handlers.observation import Evidence, LostImage, Observation, observe
from handlers.promotion import carry_out, foresee
from models.decision import Reason, settle, settle_misconfigured
from models.errors import AwsRefused, AwsUnavailable, EventRejected
from models.events import (
    AmiStateChange,
    BackupJobStateChange,
    Event,
    Ignored,
    OwnEvent,
    elsewhere,
    parse_event,
)
from models.failure_text import THE_ROLE, YOURS, TemplateFailure, error_text, write_failures
from models.image import Image
from models.launch_template import Template
from models.outcome import (
    Outcome,
    Result,
    TemplateOutcome,
    as_plan,
    failed,
    kept,
    reason_of,
    rejected,
    unforeseen,
)
from models.selectors import Selectors, read_selectors


class Way(NamedTuple):
    """How templates are settled: by the function, which writes; or in an operator's plan.

    Attributes:
        act: What becomes of a template that was observed.
        fail: The outcome of a template that AWS would not, or could not, let be read or moved.
        whose: The permissions with which it is done.
    """

    act: Callable[[Ec2, Observation], TemplateOutcome]
    fail: Callable[[Template, AwsRefused | AwsUnavailable], TemplateOutcome]
    whose: str


_DEED = Way(carry_out, failed, THE_ROLE)
_PLAN = Way(foresee, unforeseen, YOURS)

_VISIBLE_WITHIN = timedelta(minutes=1)
"""An image may not be visible yet so soon after its event. Later, an invisible image is gone."""

_SECONDS_FOR_A_TEMPLATE = 50


class Follower(NamedTuple):
    """A template that opted in, and which images it follows."""

    template: Template
    selectors: Selectors

    def follows_instance(self, instance_id: str | None) -> bool:
        return instance_id in self.selectors.source_instances


class OptedIn(NamedTuple):
    """All templates that opted in; of an event that names its template, at most that one.

    Attributes:
        misconfigured: Outcomes of those whose tags do not say what they follow. Any event may be
            about them, so they are in the outcome of every event.
        all: Every template that opted in, as it was read; empty if the event names its template.
    """

    followers: tuple[Follower, ...] = ()
    misconfigured: tuple[TemplateOutcome, ...] = ()
    all: tuple[Template, ...] = ()

    @property
    def ids(self) -> set[str]:
        followers = {one.template.launch_template_id for one in self.followers}
        return followers | {one.launch_template_id for one in self.misconfigured}


class Selection(NamedTuple):
    """The templates that an event is about, and the image that was read to know them."""

    followers: list[Follower]
    image: Image | None = None


def react(raw: object, ec2: Ec2, bus: Bus, clock: Clock) -> Outcome:
    """Bring every launch template that the event concerns up to date with the world.

    One template's failure does not stop the others. Nothing is raised for what AWS or the event
    does wrong: it is all in the outcome, whose `result` tells whether to try again.
    """
    return _outcome_of(raw, ec2, clock, _DEED, bus)


def plan(raw: object, ec2: Ec2, clock: Clock) -> Outcome:
    """What `react` would do now. Nothing is written, and nothing handed on.

    An operator asks, with their own permissions: what they may not read is `unknown`, not `failed`.
    """
    return as_plan(_outcome_of(raw, ec2, clock, _PLAN, None))


def _outcome_of(raw: object, ec2: Ec2, clock: Clock, way: Way, bus: Bus | None) -> Outcome:
    try:
        event = parse_event(raw)
    except EventRejected as rejection:
        return rejected(raw, str(rejection))
    return Reaction(event, ec2, clock, way, bus).outcome()


@dataclass(frozen=True)
class Reaction:
    """One event, and what it is settled with.

    Attributes:
        bus: Takes templates for which time is too short; None: every template is settled here.
    """

    event: Event
    ec2: Ec2
    clock: Clock
    way: Way
    bus: Bus | None

    def outcome(self) -> Outcome:
        if ignored := elsewhere(self.event, self.ec2.place) or self.event.ignored():
            return self._record(Result.IGNORED, reason=ignored)
        opted_in = OptedIn()
        try:
            opted_in = self._opted_in()
            selection = self._select(opted_in)
        except (AwsRefused, AwsUnavailable) as error:
            return self._record(
                Result.FAILED,
                reason=reason_of(error),
                templates=opted_in.misconfigured,
                error=error_text(error, self.way.whose),
            )
        if isinstance(selection, Ignored):
            return self._record(Result.IGNORED, reason=selection, templates=opted_in.misconfigured)
        return self._settle_all(selection, opted_in)

    # -- which templates the event is about ------------------------------------------------------

    def _opted_in(self) -> OptedIn:
        """Here, and nowhere else, the tags of templates are read."""
        if self.event.template_id is None:
            templates = self.ec2.opted_in_templates()
        else:
            named = self.ec2.opted_in_template(self.event.template_id)
            templates = [] if named is None else [named]
        followers: list[Follower] = []
        misconfigured: list[TemplateOutcome] = []
        for template in templates:
            match read_selectors(template.tags, self.ec2.place):
                case Selectors() as selectors:
                    followers.append(Follower(template, selectors))
                case fault:
                    misconfigured.append(kept(template, settle_misconfigured(template, fault)))
        everyone = () if self.event.template_id else tuple(templates)
        return OptedIn(tuple(followers), tuple(misconfigured), everyone)

    def _select(self, opted_in: OptedIn) -> Selection | Ignored:
        """The templates to look at.

        Raises:
            AwsUnavailable: The event's image cannot be seen yet.
        """
        event, followers = self.event, opted_in.followers
        if not opted_in.ids:
            return Ignored.NO_FOLLOWER
        if event.template_id is not None:
            return Selection(list(followers))
        if isinstance(event, OwnEvent):
            woken = [f for f in followers if event.wakes(f.selectors.after)]
            return Ignored.NO_FOLLOWER if event.is_promotion and not woken else Selection(woken)
        if event.lost_image_id is not None:
            on_it = self.ec2.templates_on(event.lost_image_id)
            concerned = [f for f in followers if f.template.launch_template_id in on_it]
            # a misconfigured template may be the only one that is on the lost image
            return Ignored.NO_FOLLOWER if on_it.isdisjoint(opted_in.ids) else Selection(concerned)
        if event.image_id is not None:
            return self._select_by_image(event.image_id, followers)
        concerned = [f for f in followers if f.follows_instance(event.instance_id)]
        return Selection(concerned) if concerned else Ignored.NO_FOLLOWER

    def _select_by_image(
        self, image_id: str, followers: tuple[Follower, ...]
    ) -> Selection | Ignored:
        image = self.ec2.own_image(image_id)
        if image is None:
            return self._without_image(followers)
        tells_of_a_new_image = isinstance(self.event, BackupJobStateChange | AmiStateChange)
        if image.state == "pending" and tells_of_a_new_image and self._is_recent:
            raise AwsUnavailable(f"{image_id}: the event says available, EC2 still shows pending")
        concerned = [follower for follower in followers if follower.selectors.match(image)]
        return Selection(concerned, image) if concerned else Ignored.NO_FOLLOWER

    def _without_image(self, followers: tuple[Follower, ...]) -> Ignored:
        """Builds make and delete images all day. A followed instance's backup must not be missed.

        Raises:
            AwsUnavailable: The image should be there, or may only be too new to be visible.
        """
        unseen = f"{self.event.image_id} cannot be seen in this account"
        if isinstance(self.event, BackupJobStateChange):
            for follower in followers:
                if follower.follows_instance(self.event.instance_id):
                    name = follower.template.launch_template_name
                    raise AwsUnavailable(
                        f"{unseen}: it is the backup of the instance that {name} follows"
                    )
        if self._is_recent:
            raise AwsUnavailable(
                f"{unseen}: it may be too new to be visible, or the event's time is not in the past"
            )
        return Ignored.IMAGE_NOT_FOUND

    @property
    def _is_recent(self) -> bool:
        """Whether the event is so new that a read may not show yet what it tells."""
        time = self.event.time
        return time is None or self.clock.now - time < _VISIBLE_WITHIN

    # -- what becomes of them --------------------------------------------------------------------

    def _settle_all(self, selection: Selection, opted_in: OptedIn) -> Outcome:
        lost_id = self.event.lost_image_id
        lost = LostImage(lost_id, is_recent=self._is_recent) if lost_id else None
        # of a plan, the templates may be supposed ones, and not all
        evidence = Evidence(selection.image, lost, opted_in.all if self.bus else ())
        outcomes: list[TemplateOutcome] = []
        late: list[Template] = []
        # those that wait for no other come first: what they prove counts at once
        for template, selectors in sorted(selection.followers, key=_waits_for_others):
            # the first is always tried here: if it were handed on, it would be for ever
            if self.bus and outcomes and self.clock.seconds_left() < _SECONDS_FOR_A_TEMPLATE:
                late.append(template)
            else:
                outcomes.append(self._settle(template, selectors, evidence))
                evidence = _after(evidence, outcomes[-1])
        handed_on, not_handed_on = self._hand_on(late, self.bus) if self.bus else ([], [])
        outcomes += [*opted_in.misconfigured, *not_handed_on]
        error = write_failures(_failure(o) for o in outcomes if o.outcome == "failed") or None
        return self._record(
            Result.FAILED if error else Result.HANDLED,
            templates=tuple(outcomes),
            error=error,
            handed_on=tuple(handed_on),
        )

    def _settle(
        self, template: Template, selectors: Selectors, evidence: Evidence
    ) -> TemplateOutcome:
        keep = None
        try:
            template = template.model_copy(update={"versions": self.ec2.versions(template)})
            keep = settle(template)
            if keep is not None and keep.reason is not Reason.HELD:
                return kept(template, keep)
            # what a hold keeps out is read too: a forgotten hold is seen in the metrics alone
            seen = observe(self.ec2, template, selectors, self.clock, evidence)
            outcome = kept(template, keep) if keep else self.way.act(self.ec2, seen)
            return outcome.model_copy(update=seen.dates(outcome.to_image))
        except (AwsRefused, AwsUnavailable) as error:
            return kept(template, keep) if keep else self.way.fail(template, error)

    def _hand_on(self, late: list[Template], bus: Bus) -> tuple[list[str], list[TemplateOutcome]]:
        """Hand templates on, each to an invocation of its own.

        Returns:
            The ids of those that were handed on, and the outcomes of those that could not be.
        """
        if not late:
            return [], []
        if self.event.lost_image_id is not None:
            # only this event proves that the image is gone, so Lambda must try this event again
            error = AwsUnavailable("too little time is left; the event is tried again")
            return [], [failed(template, error) for template in late]
        templates = {template.launch_template_id: template for template in late}
        refused = bus.request_reconcile(list(templates))
        handed_on = [id_ for id_ in templates if id_ not in refused]
        return handed_on, [failed(templates[id_], error) for id_, error in refused.items()]

    def _record(self, result: Result, **rest: Any) -> Outcome:
        return Outcome(
            event_id=self.event.id,
            detail_type=self.event.detail_type,
            image_id=self.event.image_id,
            replay_name=self.event.replay_name,
            result=result,
            **rest,
        )


def _waits_for_others(follower: Follower) -> bool:
    return bool(follower.selectors.after)


def _after(evidence: Evidence, outcome: TemplateOutcome) -> Evidence:
    """The same, once that became of a template: another may wait for it."""
    if outcome.to_version == outcome.from_version:
        return evidence
    now = {"default_version_number": outcome.to_version}
    templates = tuple(
        one.model_copy(update=now) if one.launch_template_id == outcome.launch_template_id else one
        for one in evidence.templates
    )
    return replace(evidence, templates=templates)


def _failure(outcome: TemplateOutcome) -> TemplateFailure:
    return TemplateFailure(
        outcome.launch_template_name, outcome.launch_template_id, outcome.reason, outcome.message
    )
