"""From an event to an outcome: hear, look, decide, act, record."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from handlers.bus import Bus
from handlers.clock import Clock
from handlers.ec2 import Ec2
from handlers.observation import NO_EVIDENCE, Evidence, Loss, Observation, observe
from handlers.promotion import carry_out, foresee
from models.decision import Keep, settle
from models.errors import AwsRefused, AwsUnavailable, EventRejected
from models.events import (
    AmiStateChange,
    BackupJobStateChange,
    Event,
    Ignored,
    ReconcileRequested,
    elsewhere,
    parse_event,
)
from models.failure_text import THE_ROLE, YOURS, TemplateFailure, told, write_failures
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
from models.selectors import Misconfigured, Selectors, read_selectors


class Way(NamedTuple):
    """How templates are settled: by the function in deed, or by an operator in thought.

    Attributes:
        act: What becomes of a template that was observed.
        fail: What is said of one that AWS would not, or could not, let be seen or moved.
        whose: The permissions with which it is done.
    """

    act: Callable[[Ec2, Observation], TemplateOutcome]
    fail: Callable[[Template, AwsRefused | AwsUnavailable], TemplateOutcome]
    whose: str


_DEED = Way(carry_out, failed, THE_ROLE)
_PLAN = Way(foresee, unforeseen, YOURS)

_VISIBLE_WITHIN = timedelta(minutes=1)
"""An image may not be visible yet so soon after its event; later, what is not there is gone."""

_SECONDS_FOR_A_TEMPLATE = 50


@dataclass(frozen=True)
class Follower:
    """An opted-in template and what its tags say."""

    template: Template
    selectors: Selectors | Misconfigured

    def follows_instance(self, instance_id: str | None) -> bool:
        return (
            isinstance(self.selectors, Selectors) and instance_id in self.selectors.source_instances
        )


class Woken(NamedTuple):
    """The templates that an event says to look at, and the image that was read to know them."""

    followers: list[Follower]
    image: Image | None = None


def react(raw: object, ec2: Ec2, bus: Bus, clock: Clock) -> Outcome:
    """Bring every launch template that the event concerns up to date with the world.

    One template's failure does not stop the others. Nothing is raised for what AWS or the event
    does wrong: it is all in the outcome, whose `result` tells whether to try again.
    """
    return _reaction(raw, ec2, clock, _DEED, bus)


def plan(raw: object, ec2: Ec2, clock: Clock) -> Outcome:
    """What `react` would do now; nothing is written, and nothing handed on.

    An operator asks, with his own permissions: what he may not read is `unknown`, not `failed`.
    """
    return as_plan(_reaction(raw, ec2, clock, _PLAN, None))


def _reaction(raw: object, ec2: Ec2, clock: Clock, way: Way, bus: Bus | None) -> Outcome:
    try:
        event = parse_event(raw)
    except EventRejected as rejection:
        return rejected(raw, str(rejection))
    if ignored := elsewhere(event, ec2.place) or event.ignored():
        return _outcome(event, Result.IGNORED, reason=ignored)
    settle_one = partial(_settle, ec2, clock, way)
    opted_in: list[Follower] = []
    woken: Woken | Ignored | AwsRefused | AwsUnavailable
    try:
        opted_in = _opted_in(event, ec2)
        woken = _woken(event, opted_in, ec2, clock)
    except (AwsRefused, AwsUnavailable) as error:
        woken = error
    misconfigured = [f for f in opted_in if isinstance(f.selectors, Misconfigured)]
    if not isinstance(woken, Woken):
        listed = tuple(settle_one(NO_EVIDENCE, follower) for follower in misconfigured)
        return _nobody(event, woken, listed, way.whose)
    concerned = [*woken.followers, *(f for f in misconfigured if f not in woken.followers)]
    evidence = Evidence(woken.image, _loss(event, clock))
    return _settle_all(event, concerned, partial(settle_one, evidence), clock, bus)


def _nobody(
    event: Event,
    why: Ignored | AwsRefused | AwsUnavailable,
    misconfigured: tuple[TemplateOutcome, ...],
    whose: str,
) -> Outcome:
    """The outcome of an event that wakes nobody.

    Misconfigured templates are in it too, but for an event that names another template.
    """
    if isinstance(why, Ignored):
        return _outcome(event, Result.IGNORED, reason=why, templates=misconfigured)
    error = told(why, whose)
    return _outcome(
        event, Result.FAILED, reason=reason_of(why), templates=misconfigured, error=error
    )


def _opted_in(event: Event, ec2: Ec2) -> list[Follower]:
    """All that opted in; of an event that names its template, at most that one."""
    if event.template_id is None:
        templates = ec2.opted_in_templates()
    else:
        named = ec2.opted_in_template(event.template_id)
        templates = [] if named is None else [named]
    return [Follower(template, read_selectors(template.tags, ec2.place)) for template in templates]


def _woken(event: Event, opted_in: list[Follower], ec2: Ec2, clock: Clock) -> Woken | Ignored:
    """The templates that the event says to look at.

    Raises:
        AwsUnavailable: The event's image cannot be seen yet.
    """
    image = None
    if not opted_in:
        return Ignored.NO_FOLLOWER
    if event.template_id is not None or isinstance(event, ReconcileRequested):
        woken = opted_in
    elif event.lost_image_id is not None:
        on_it = ec2.templates_on(event.lost_image_id)
        woken = [f for f in opted_in if f.template.launch_template_id in on_it]
    elif event.image_id is None:
        woken = [f for f in opted_in if f.follows_instance(event.instance_id)]
    else:
        image = ec2.own_image(event.image_id)
        if image is None:
            return _unseen(event, opted_in, clock)
        if image.state == "pending" and _tells_of_a_new_image(event) and _is_recent(event, clock):
            raise AwsUnavailable(
                f"{event.image_id}: the event says available, EC2 still shows pending"
            )
        woken = [
            f for f in opted_in if isinstance(f.selectors, Selectors) and f.selectors.match(image)
        ]
    return Woken(woken, image) if woken else Ignored.NO_FOLLOWER


def _unseen(event: Event, opted_in: list[Follower], clock: Clock) -> Ignored:
    """Builds make and delete images all day; the backup of a followed instance is another matter.

    Raises:
        AwsUnavailable: The image ought to be there, or may only be too young to be seen.
    """
    unseen = f"{event.image_id} cannot be seen in this account"
    if isinstance(event, BackupJobStateChange):
        for follower in opted_in:
            if follower.follows_instance(event.instance_id):
                name = follower.template.launch_template_name
                raise AwsUnavailable(
                    f"{unseen}: it is the backup of the instance that {name} follows"
                )
    if _is_recent(event, clock):
        raise AwsUnavailable(
            f"{unseen}: it may be too new to be visible, or the event's time is not in the past"
        )
    return Ignored.IMAGE_NOT_FOUND


def _tells_of_a_new_image(event: Event) -> bool:
    return isinstance(event, BackupJobStateChange | AmiStateChange)


def _is_recent(event: Event, clock: Clock) -> bool:
    return event.time is None or clock.now - event.time < _VISIBLE_WITHIN


def _loss(event: Event, clock: Clock) -> Loss | None:
    if event.lost_image_id is None:
        return None
    return Loss(event.lost_image_id, is_recent=_is_recent(event, clock))


def _settle_all(
    event: Event,
    concerned: list[Follower],
    settle_one: Callable[[Follower], TemplateOutcome],
    clock: Clock,
    bus: Bus | None,
) -> Outcome:
    outcomes: list[TemplateOutcome] = []
    late: list[Follower] = []
    has_tried = False
    for follower in concerned:
        is_work = isinstance(follower.selectors, Selectors)
        # the first is always tried here: handing on alone would go round for ever
        is_late = is_work and has_tried and clock.seconds_left() < _SECONDS_FOR_A_TEMPLATE
        has_tried = has_tried or is_work
        if bus is None or not is_late:
            outcomes.append(settle_one(follower))
        else:
            late.append(follower)
    handed_on, not_handed_on = _hand_on(event, late, bus) if bus and late else ([], [])
    outcomes += not_handed_on
    error = write_failures(_failure(o) for o in outcomes if o.outcome == "failed") or None
    return _outcome(
        event,
        Result.FAILED if error else Result.HANDLED,
        templates=tuple(outcomes),
        error=error,
        handed_on=tuple(handed_on),
    )


def _settle(
    ec2: Ec2, clock: Clock, way: Way, evidence: Evidence, follower: Follower
) -> TemplateOutcome:
    template = follower.template
    try:
        if isinstance(follower.selectors, Selectors):
            template = template.model_copy(update={"versions": ec2.versions(template)})
        match settle(template, follower.selectors):
            case Keep() as keep:
                return kept(template, keep)
            case Selectors() as selectors:
                return way.act(ec2, observe(ec2, template, selectors, clock, evidence))
    except (AwsRefused, AwsUnavailable) as error:
        return way.fail(template, error)


def _hand_on(
    event: Event, late: list[Follower], bus: Bus
) -> tuple[list[str], list[TemplateOutcome]]:
    """Hand templates on, each to an invocation of its own.

    Returns:
        The ids of those that were handed on, and the outcomes of those that could not be.
    """
    if event.lost_image_id is not None:
        # the event itself is the evidence that the image is gone, so it is tried again as it is
        error = AwsUnavailable("too little time is left; the event is tried again")
        return [], [failed(follower.template, error) for follower in late]
    templates = {follower.template.launch_template_id: follower.template for follower in late}
    refused = bus.request_reconcile(list(templates))
    handed_on = [id_ for id_ in templates if id_ not in refused]
    return handed_on, [failed(templates[id_], error) for id_, error in refused.items()]


def _failure(outcome: TemplateOutcome) -> TemplateFailure:
    return TemplateFailure(
        outcome.launch_template_name, outcome.launch_template_id, outcome.reason, outcome.message
    )


def _outcome(event: Event, result: Result, **rest: Any) -> Outcome:
    return Outcome(
        event_id=event.id,
        detail_type=event.detail_type,
        image_id=event.image_id,
        replay_name=event.replay_name,
        result=result,
        **rest,
    )
