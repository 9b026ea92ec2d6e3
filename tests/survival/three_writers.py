"""Every order of the steps of guard, reactor and person, with the real code, and with crashes.

As `scheduler.py`, for the promises of the guard. A state is a world, how far each run has come,
who did what so far, and how often a run may still die; states that are equal are visited once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from handlers.auto_scaling import AutoScaling
from handlers.clock import Clock
from handlers.ec2 import Ec2
from handlers.guarding import guard
from models.version_description import Promotion
from tests.support.builders import (
    NEW,
    NEWER,
    NOON,
    OLD,
    TEMPLATE,
    a_template,
    a_version,
    a_world,
    an_image,
    at,
    backup_completed,
)
from tests.support.guarding import GO_BACK, RANG, REFRESH, refresh_failed, threats_found
from tests.survival.replayed import PLACE, Ended, Reaction, Request
from tests.survival.tiny_ec2 import (
    HOLD,
    MARK,
    QUARANTINE,
    REACTOR,
    Client,
    Refused,
    Role,
    Template,
    World,
    is_read,
    perform,
    text,
    world_of,
)

ATTEMPTS = 3  # of Lambda's asynchronous queue
BY_GUARD, BY_PERSON = "ami-reactor-guard ", "jane 2026-06-15T17:00Z: mine"
OLDER = "ami-0d00d00000000000d"
LATER = NOON + timedelta(hours=5)


class Promise(StrEnum):
    ENDS_ON_GOOD = "never ends on a quarantined image, unless its event is dead-lettered"
    PERSONS_HOLD = "a person's hold is never replaced"
    PERSONS_FENCE = "the guard moves nothing that a person holds"
    ONE_MOVE_BACK = "at most one move back per image"
    REACTOR_STAYS = "the reactor writes nothing once the guard has begun to act"
    OWN_MOVE_ONLY = "the guard leaves a default that a person set"
    TOLD = "what was moved back is announced"
    BALANCE = "each event ends, and without a fault none is dead-lettered"


# -- the guard's role and its events ---------------------------------------------------------------


def _guard_may(template: Template, keys: tuple[str, ...]) -> bool:
    held = template.tag(HOLD)
    if keys == (HOLD,):
        return template.tag("ami-reactor") == "on" and held is None
    is_behind = held is not None and held.startswith(BY_GUARD)
    return is_behind and template.tag("ami-reactor:on-trouble") == "go-back"


GUARD_ROLE = Role("guard", _guard_may, may_tag_images=True)
LAWLESS = Role("guard", lambda _template, _keys: True, may_tag_images=True)
"""A role without any condition: what the code alone holds."""

_REFRESHED = {
    "InstanceRefreshId": REFRESH,
    "Status": "Failed",
    "StatusReason": RANG,
    "StartTime": at(3),
    "Preferences": {"AlarmSpecification": {"Alarms": ["web-5xx"]}},
}
_AUTO_SCALING = {
    "describe_auto_scaling_groups": {
        "AutoScalingGroups": [
            {
                "AutoScalingGroupName": "web",
                "LaunchTemplate": {"LaunchTemplateId": TEMPLATE, "Version": "$Default"},
            }
        ]
    },
    "describe_instance_refreshes": {"InstanceRefreshes": [_REFRESHED]},
}


class _GuardsClient(Client):
    def describe_instance_refreshes(self, **asked: Any) -> dict[str, Any]:
        return self._ask("describe_instance_refreshes", asked)


class Guarding(Reaction):
    """The real guard, one call at a time."""

    def __init__(self, event: dict[str, Any], now: datetime) -> None:
        super().__init__(event, now)
        self.told: dict[int, bool] = {}

    def at(self, node: int) -> Request | Ended:
        self._node = node
        return super().at(node)

    def _react(self, client: Callable[..., Any], clock: Clock) -> Any:
        found = _GuardsClient(client)
        outcome, announcements = guard(self._event, Ec2(found, PLACE), AutoScaling(found), clock)
        self.told[self._node] = bool(announcements)
        return outcome


# -- what may happen -------------------------------------------------------------------------------


class Act(NamedTuple):
    """What a person does, once at most, at any moment, or not at all."""

    name: str
    does: Callable[[Template], Template]


HOLDS = Act("a person holds", lambda t: t.tagged(**{HOLD: BY_PERSON}))
LIFTS = Act("a person lifts the hold", lambda t: t.untagged(HOLD))
MOVES = Act("a person sets the default back", lambda t: t._replace(default=2))


@dataclass(frozen=True)
class Scenario:
    """Events on their way, and what else may happen."""

    name: str
    guards: int = 1
    reactors: int = 0
    acts: tuple[Act, ...] = ()
    crashes: int = 0
    has_threats: bool = False

    @property
    def bad(self) -> str:
        """What the guard's event is about: the current image, or threats in the one after it."""
        return NEWER if self.has_threats else NEW


SCENARIOS = [
    Scenario("one event, and the guard dies twice", crashes=2),
    Scenario("the same event twice at one time, one dies", guards=2, crashes=1),
    Scenario("a newer image is promoted meanwhile, one dies", reactors=1, crashes=1),
    Scenario("a person holds and lifts, one dies", acts=(HOLDS, LIFTS), crashes=1),
    Scenario("a person sets the default back, one dies", acts=(MOVES,), crashes=1),
    Scenario("all three write", reactors=1, acts=(HOLDS, MOVES)),
    Scenario("two guards and a person", guards=2, acts=(HOLDS,)),
    Scenario(
        "threats in the next image, promoted meanwhile", reactors=1, crashes=1, has_threats=True
    ),
    Scenario("threats in the next image, and a person holds", acts=(HOLDS,), has_threats=True),
]


def a_start() -> World:
    """Promoted from OLDER to OLD to NEW, and NEWER is there too."""
    images = [an_image(OLDER, -1), an_image(OLD), an_image(NEW, 1), an_image(NEWER, 4)]
    mark = {MARK: f"{NEW} {at(1)}"}
    world = world_of(
        a_world(
            *images,
            templates=[a_template(default=3, tags={**GO_BACK, **mark})],
            versions=[a_version(OLDER), a_version(OLD, 2), a_version(NEW, 3, hours=2)],
        )
    )
    template = world.template(TEMPLATE)
    *older, last = template.versions
    last = last._replace(maker="reactor", description=str(Promotion(OLD, NEW)))
    return world.with_template(template._replace(versions=(*older, last)))


class Run(NamedTuple):
    """How far an event has come.

    Attributes:
        end: `done` or `dead` once it is over.
        is_behind: A person acted since it last read: EC2 has no compare-and-set.
        has_old_images: The same of images, and the guard's quarantine.
    """

    is_guard: bool
    is_behind: bool = False
    has_old_images: bool = False
    attempt: int = 1
    node: int = 0
    end: str = ""


class State(NamedTuple):
    world: World
    runs: tuple[Run, ...]
    acts: tuple[str, ...] = ()
    crashes: int = 0
    moves_back: int = 0
    has_guard_written: bool = False
    is_told: bool = False
    was_faulty: bool = False
    is_overtaken: bool = False


class Report(NamedTuple):
    broken: dict[Promise, tuple[str, ...]]
    states: int
    rests: int


class Search:
    """All states of a scenario, breadth of each first."""

    def __init__(self, scenario: Scenario, role: Role = GUARD_ROLE) -> None:
        self.scenario = scenario
        self.role = role
        event = threats_found(NEWER) if scenario.has_threats else refresh_failed()
        self.trees = {True: Guarding(event, LATER)}
        self.trees |= {False: Reaction(backup_completed(NEWER), LATER)}
        self.broken: dict[Promise, tuple[str, ...]] = {}
        self.rests = 0

    def explore(self) -> Report:
        s = self.scenario
        runs = (Run(is_guard=True),) * s.guards + (Run(is_guard=False),) * s.reactors
        start = State(a_start(), runs, crashes=s.crashes)
        seen, waiting = {start}, [(start, ())]
        while waiting:
            state, path = waiting.pop()
            following = list(self._steps(state, path))
            for name, after in following:
                if after not in seen:
                    seen.add(after)
                    waiting.append((after, (*path, name)))
            if all(run.end for run in state.runs):
                self.rests += 1
                self._at_rest(state, path)
        return Report(self.broken, len(seen), self.rests)

    def _break(self, promise: Promise, path: tuple[str, ...]) -> None:
        if promise not in self.broken or len(path) < len(self.broken[promise]):
            self.broken[promise] = path

    def _steps(self, state: State, path: tuple[str, ...]):
        for act in self.scenario.acts:
            if act.name not in state.acts and (act is not LIFTS or self._held(state)):
                template = act.does(state.world.template(TEMPLATE))
                world = state.world.with_template(template)
                runs = tuple(run._replace(is_behind=True) for run in state.runs)
                acts = (*state.acts, act.name)
                yield act.name, state._replace(world=world, runs=runs, acts=acts)
        for number, run in enumerate(state.runs):
            if not run.end:
                yield from self._run(state, number, run, path)

    def _held(self, state: State) -> bool:
        return state.world.template(TEMPLATE).tag(HOLD) is not None

    def _run(self, state: State, number: int, run: Run, path: tuple[str, ...]):
        who = "guard" if run.is_guard else "reactor"
        tree = self.trees[run.is_guard]
        at_ = tree.at(run.node)
        if isinstance(at_, Ended):
            yield f"{who} ends", self._ended(state, number, run, at_, path)
            return
        name = f"{who}: {at_.operation}"
        answered, answer = self._answered(state, run, at_, (*path, name))
        node = tree.answered(run.node, answer)
        after = run._replace(
            node=node,
            is_behind=run.is_behind and not is_read(at_.operation),
            has_old_images=run.has_old_images and at_.operation != "describe_images",
        )
        yield name, _with(answered, number, after)
        if state.crashes:
            dead = _again(run)
            fewer = {"crashes": state.crashes - 1, "was_faulty": True}
            yield f"{name}, dies before", _with(state, number, dead)._replace(**fewer)
            if not is_read(at_.operation) and at_.operation not in _AUTO_SCALING:
                yield f"{name}, dies after", _with(answered, number, dead)._replace(**fewer)

    def _answered(
        self, state: State, run: Run, asked: Request, path: tuple[str, ...]
    ) -> tuple[State, str]:
        if asked.operation in _AUTO_SCALING:
            return state, text(_AUTO_SCALING[asked.operation])
        role = self.role if run.is_guard else REACTOR
        try:
            world, answer = perform(state.world, asked.operation, asked.parameters, role)
        except Refused as refused:
            return state, text({"error": str(refused)})
        if not is_read(asked.operation):
            state = self._written(state, run, world, path)
        return state._replace(world=world), text(answer)

    def _written(self, state: State, run: Run, world: World, path: tuple[str, ...]) -> State:
        before, after = (w.template(TEMPLATE) for w in (state.world, world))
        if before.tag(HOLD) == BY_PERSON != after.tag(HOLD):
            self._break(Promise.PERSONS_HOLD, path)
        if run.is_guard:
            return self._written_by_guard(state, run, world, path)
        if state.has_guard_written and before != after and not state.acts:
            self._break(Promise.REACTOR_STAYS, path)
        is_late = run.has_old_images and before.default != after.default
        return state._replace(is_overtaken=state.is_overtaken or is_late)

    def _written_by_guard(
        self, state: State, run: Run, world: World, path: tuple[str, ...]
    ) -> State:
        before, after = (w.template(TEMPLATE) for w in (state.world, world))
        if state.world.images != world.images:
            runs = tuple(one._replace(has_old_images=not one.is_guard) for one in state.runs)
            return state._replace(runs=runs)
        if before.tag(HOLD) == BY_PERSON and before != after and not run.is_behind:
            self._break(Promise.PERSONS_FENCE, path)
        if before.default != after.default:
            if before.in_force.image != self.scenario.bad and not run.is_behind:
                self._break(Promise.OWN_MOVE_ONLY, path)
            state = state._replace(moves_back=state.moves_back + 1)
            if state.moves_back > 1:
                self._break(Promise.ONE_MOVE_BACK, path)
        return state._replace(has_guard_written=state.has_guard_written or before != after)

    def _ended(
        self, state: State, number: int, run: Run, ended: Ended, path: tuple[str, ...]
    ) -> State:
        if ended.raised:
            self._break(Promise.BALANCE, (*path, ended.raised))
        tree = self.trees[run.is_guard]
        if isinstance(tree, Guarding) and tree.told.get(run.node):
            state = state._replace(is_told=True)
        if ended.is_success:
            return _with(state, number, run._replace(end="done"))
        return _with(state, number, _again(run))

    def _at_rest(self, state: State, path: tuple[str, ...]) -> None:
        template = state.world.template(TEMPLATE)
        image = state.world.image(template.in_force.image) or {}
        is_quarantined = QUARANTINE in {tag["Key"] for tag in image.get("Tags", [])}
        is_dead = any(run.end == "dead" for run in state.runs if run.is_guard)
        if is_quarantined and not (is_dead or state.acts or state.is_overtaken):
            self._break(Promise.ENDS_ON_GOOD, path)
        if state.moves_back and not (state.is_told or is_dead or state.acts):
            self._break(Promise.TOLD, path)
        if any(run.end == "dead" for run in state.runs) and not state.was_faulty:
            self._break(Promise.BALANCE, path)


def _again(run: Run) -> Run:
    if run.attempt == ATTEMPTS:
        return run._replace(end="dead")
    return run._replace(attempt=run.attempt + 1, node=0)


def _with(state: State, number: int, run: Run) -> State:
    runs = (*state.runs[:number], run, *state.runs[number + 1 :])
    return state._replace(runs=runs)
