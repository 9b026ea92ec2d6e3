"""Every order in which runs of the reactor, people and AWS itself can take their steps.

A state is a world, how far each run has come, and what may still go wrong. The search goes
breadth first, so that the first schedule found for a finding is a shortest one. States that are
equal are visited once; the schedules that lead through them are counted all the same.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tests.support.builders import reconcile
from tests.survival.invariants import (
    OVERLAPPING,
    Behind,
    Dates,
    Finding,
    Ghost,
    Hole,
    Invariant,
    Seen,
    after_reconcile,
    after_refusal,
    after_write,
    at_rest,
    is_gone,
    remembered,
)
from tests.survival.replayed import Ended, Reaction, Request
from tests.survival.tiny_ec2 import HOLD, Refused, World, is_read, parsed, perform, text

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
ATTEMPTS = 3  # of Lambda's asynchronous queue
PAST = 3  # so many worlds ago a stale read may look


@dataclass(frozen=True)
class Action:
    """A step of a person or of nature; each happens once at most, at any moment.

    Attributes:
        does: The worlds that it can lead to, each with its name; none if it is not possible.
        person: By a person, who may also leave it; what is nature's happens sooner or later.
        after: The action that must have happened before.
        of_images: It changes what DescribeImages answers.
        takes_hours: So no run is under way meanwhile.
    """

    name: str
    does: Callable[[World], Iterable[tuple[str, World]]]
    person: bool = False
    after: str | None = None
    of_images: bool = False
    takes_hours: bool = False


@dataclass(frozen=True)
class Occasion:
    """An event, and the action that it reports. A lost one is never delivered.

    Attributes:
        when: What must be so before it comes, beside that action.
    """

    event: dict[str, Any]
    after: str | None = None
    when: Callable[[World], bool] = lambda _world: True


@dataclass(frozen=True)
class Scenario:
    """What may happen.

    Attributes:
        crashes: How many times a run may die, before a call or after it took effect.
        stale: How many reads may show one of the last worlds instead of the present one.
        late: How many writes of a dying run may land at any later moment.
        one_writer: One run at a time, as with a reserved concurrency of 1.
        is_lossy: Events are missing; only the reconcile has to put it right.
        is_timed: The clock is the world's: it goes on when an action moves it, between any two
            calls; else each attempt has a time of its own.
    """

    name: str
    world: World
    occasions: tuple[Occasion, ...]
    actions: tuple[Action, ...] = ()
    crashes: int = 0
    stale: int = 0
    late: int = 0
    one_writer: bool = False
    is_lossy: bool = False
    is_timed: bool = False
    dates: Dates = field(default_factory=Dates)

    @property
    def has_faults(self) -> bool:
        return bool(self.crashes or self.stale or self.late)


class Run(NamedTuple):
    """One event on its way.

    Attributes:
        attempts: 0: it has not been delivered yet.
        node: How far the attempt has come; -1: none is running.
        end: "done" or "dead".
        behind: What others changed since it last looked.
        has_moved: It trusts its own answer from now on, and no look at the default.
        owes: It made the default older, because of another run, and has not looked again.
        unmarked: It made an image the default, and could not write the high-water mark, or not yet.
        now: When the attempt began, if the clock is the world's.
    """

    attempts: int = 0
    node: int = -1
    end: str = ""
    behind: int = 0
    has_moved: bool = False
    owes: bool = False
    unmarked: bool = False
    now: str = ""


class State(NamedTuple):
    """Where things are. Worlds are numbered: what is compared millions of times is small.

    Attributes:
        acted: A bit for each action.
        flying: The writes of dead runs that have not landed yet.
        past: The worlds that a stale read may show.
    """

    world: int
    runs: tuple[Run, ...]
    ghost: Ghost
    acted: int = 0
    crashes: int = 0
    stale: int = 0
    late: int = 0
    flying: tuple[Request, ...] = ()
    past: tuple[int, ...] = ()


class Step(NamedTuple):
    """One thing that can happen next, and what is wrong with it.

    Attributes:
        request: What EC2 is asked in it, if it is and if it answers of the present.
    """

    name: str
    state: State
    findings: tuple[Finding, ...] = ()
    request: Request | None = None


@dataclass
class Report:
    """What a search saw.

    Attributes:
        schedules: How many different orders of steps the states stand for.
        reactions: How many different courses the real code took.
        broken: For each invariant that does not hold, a shortest schedule.
        known: The same for each known hole.
    """

    scenario: str
    states: int = 0
    steps: int = 0
    rests: int = 0
    schedules: int = 0
    reactions: int = 0
    is_complete: bool = False
    broken: dict[Invariant, list[str]] = field(default_factory=dict)
    known: dict[Hole, list[str]] = field(default_factory=dict)


class Schedules:
    """All schedules of a scenario, as steps from state to state."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._reactions = [
            [Reaction(o.event, NOW + timedelta(minutes=2 * n)) for n in range(ATTEMPTS)]
            for o in scenario.occasions
        ]
        self._timed: dict[tuple[int, str], Reaction] = {}
        self._worlds: list[World] = []
        self._numbers: dict[World, int] = {}
        self._performed: dict[tuple[int, Request], tuple[int, str]] = {}
        self._reconciled: dict[tuple[int, Ghost], tuple[Finding, ...]] = {}

    @property
    def answers_tried(self) -> int:
        attempts = (reaction for tried in self._reactions for reaction in tried)
        return sum(reaction.size for reaction in (*attempts, *self._timed.values()))

    def start(self) -> State:
        s = self.scenario
        ghost = Ghost(s.world.templates[0].in_force.settings)
        runs = tuple(Run() for _ in s.occasions)
        return State(
            self._number(s.world), runs, ghost, crashes=s.crashes, stale=s.stale, late=s.late
        )

    # -- steps -------------------------------------------------------------------------------------

    def steps(self, state: State) -> Iterator[Step]:
        """All that can happen next.

        Where a run is about to read images, and nobody is going to change any, it makes no
        difference when it does: then only that run's turns are tried.
        """
        for index, run in enumerate(state.runs):
            if run.node >= 0 and self._is_private(state, index, run):
                yield from self._turns(state, index, run)
                return
        yield from self._actions(state)
        yield from self._landings(state)
        is_busy = any(run.node >= 0 for run in state.runs)
        for index, run in enumerate(state.runs):
            if run.end:
                continue
            if run.node >= 0:
                yield from self._turns(state, index, run)
            elif self._is_due(state, index) and not (is_busy and self.scenario.one_writer):
                now = self._worlds[state.world].now if self.scenario.is_timed else ""
                begun = _begun(run)._replace(now=now)
                yield from self._turns(_with_run(state, index, begun), index, begun)

    def _is_private(self, state: State, index: int, run: Run) -> bool:
        request = self._reaction(index, run).at(run.node)
        return (
            isinstance(request, Request)
            and request.operation == "describe_images"
            and not any(
                action.of_images and not state.acted >> bit & 1
                for bit, action in enumerate(self.scenario.actions)
            )
        )

    def _is_due(self, state: State, index: int) -> bool:
        occasion = self.scenario.occasions[index]
        happened = occasion.after is None or self._has_happened(state, occasion.after)
        return happened and occasion.when(self._worlds[state.world])

    def _has_happened(self, state: State, name: str) -> bool:
        return any(
            action.name == name and state.acted >> bit & 1
            for bit, action in enumerate(self.scenario.actions)
        )

    def _actions(self, state: State) -> Iterator[Step]:
        is_busy = any(run.node >= 0 for run in state.runs)
        for bit, action in enumerate(self.scenario.actions):
            is_due = action.after is None or self._has_happened(state, action.after)
            if state.acted >> bit & 1 or not is_due or (action.takes_hours and is_busy):
                continue
            behind = Behind.PERSON * action.person | Behind.IMAGES * action.of_images
            for name, world in action.does(self._worlds[state.world]):
                moved = self._moved(state, self._number(world), behind, person=action.person)
                yield Step(name, moved._replace(acted=state.acted | 1 << bit))

    def _landings(self, state: State) -> Iterator[Step]:
        for index, request in enumerate(state.flying):
            flying = state.flying[:index] + state.flying[index + 1 :]
            world, answer = self._perform(state.world, request)
            findings = self._judged(state, world, answer, request, Behind.LATE)
            after = self._moved(state, world, Behind.OTHER_RUN)._replace(flying=flying)
            yield _found(f"late: {_said(request, answer)}", after, findings, request)

    def _turns(self, state: State, index: int, run: Run) -> Iterator[Step]:
        """The next call of a run, and all that can become of it."""
        request = self._reaction(index, run).at(run.node)
        if isinstance(request, Ended):
            yield self._ending(state, index, run, request)
            return
        world, answer = self._perform(state.world, request)
        findings = self._judged(state, world, answer, request, run.behind)
        said = f"run {index + 1}: {_said(request, answer)}"
        is_refused = answer.startswith('{"error"')
        after = self._moved(state, world, Behind.OTHER_RUN, by=index)
        looked = run if is_refused else _looked(run, request, findings)
        went_on = looked._replace(node=self._reaction(index, run).answered(run.node, answer))
        ended = self._settled(_with_run(after, index, went_on), index)
        yield _found(said, ended, findings, request)
        yield from self._stale_reads(state, index, run, request, answer)
        if state.crashes:
            yield from self._crashes(state, index, run, request, Step(said, after, findings))

    def _stale_reads(
        self, state: State, index: int, run: Run, request: Request, answer: str
    ) -> Iterator[Step]:
        if not state.stale or not is_read(request.operation):
            return
        for world in state.past:
            _, old_answer = self._perform(world, request)
            if old_answer != answer:
                node = self._reaction(index, run).answered(run.node, old_answer)
                after = _with_run(state, index, run._replace(node=node))
                after = after._replace(stale=state.stale - 1)
                if request.operation == "describe_images":
                    listed = _lists_images(request)
                    after = _with_holes(after, {Hole.STALE_LIST if listed else Hole.STALE_IMAGE})
                said = f"run {index + 1}: STALE {_said(request, old_answer)}"
                yield Step(said, self._settled(after, index))

    def _crashes(
        self, state: State, index: int, run: Run, request: Request, taken: Step
    ) -> Iterator[Step]:
        """The run dies instead of taking that step, or having taken it."""
        died = _ended(run, "dead" if run.attempts == ATTEMPTS else "")
        left = state.crashes - 1
        dead = _with_run(state, index, died)._replace(crashes=left)
        if run.owes:
            dead = _with_holes(dead, {Hole.OVERLAP_DEATH})
        yield Step(f"{taken.name}: DIES BEFORE", dead)
        if is_read(request.operation):
            return
        done = _looked(run, request, taken.findings)
        gone = _with_run(taken.state, index, _ended(done, died.end))._replace(crashes=left)
        if done.owes:
            gone = _with_holes(gone, {Hole.OVERLAP_DEATH})
        yield _found(f"{taken.name}: DIES AFTER", gone, taken.findings, request)
        if state.late:
            flying = (*state.flying, request)
            in_flight = dead._replace(late=state.late - 1, flying=flying)
            yield Step(f"{taken.name}: IN FLIGHT", in_flight)

    def _ending(self, state: State, index: int, run: Run, ended: Ended) -> Step:
        """Lambda takes an outcome for the end, and tries again what failed."""
        findings: list[Finding] = []
        if ended.raised:
            findings.append(Finding(Invariant.NOTHING_RAISED, detail=ended.raised))
        end = "done" if ended.is_success else "dead" if run.attempts == ATTEMPTS else ""
        if end == "dead" and not self.scenario.has_faults and not self._is_excused(state, run):
            findings.append(Finding(Invariant.NOTHING_LOST))
        after = _with_run(state, index, _ended(run, end))
        return Step(f"run {index + 1}: {end or 'failed'}", after, tuple(findings))

    def _is_excused(self, state: State, run: Run) -> bool:
        """An image that vanished is a fault of its own: EC2 warns, or nobody believes it yet.

        Where others wrote since the run last looked, the version that it doubts may not be in
        force any more.
        """
        world = self._worlds[state.world]
        template = world.templates[0]
        doubted = template.versions if run.behind else [template.in_force]
        is_doubted = any(is_gone(world, v.image) and v.created == world.now for v in doubted)
        return is_doubted or Hole.IMAGE_SAME_SECOND in state.ghost.holes

    def _settled(self, state: State, index: int) -> State:
        """A run without another call to make has ended; that takes no step of its own."""
        run = state.runs[index]
        ended = self._reaction(index, run).at(run.node)
        if isinstance(ended, Ended) and ended.is_success:
            done = _ended(run, "done")
            if _is_writable(self._worlds[state.world]):
                done = done._replace(unmarked=False)  # then it has no excuse
            return _with_run(state, index, done)
        return state

    def _reaction(self, index: int, run: Run) -> Reaction:
        if run.now:
            return self._at(index, run.now)
        return self._reactions[index][run.attempts - 1]

    def _at(self, index: int, now: str) -> Reaction:
        """The reaction to an event, or to a reconcile (-1), at that time."""
        if (index, now) not in self._timed:
            event = reconcile() if index < 0 else self.scenario.occasions[index].event
            self._timed[index, now] = Reaction(event, datetime.fromisoformat(now))
        return self._timed[index, now]

    # -- worlds ------------------------------------------------------------------------------------

    def _number(self, world: World) -> int:
        number = self._numbers.setdefault(world, len(self._worlds))
        if number == len(self._worlds):
            self._worlds.append(world)
        return number

    def _perform(self, world: int, request: Request) -> tuple[int, str]:
        key = (world, request)
        if key not in self._performed:
            try:
                after, answer = perform(self._worlds[world], request.operation, request.parameters)
                self._performed[key] = self._number(after), text(answer)
            except Refused as refusal:
                self._performed[key] = world, text({"error": str(refusal)})
        return self._performed[key]

    def _judged(
        self, state: State, world: int, answer: str, request: Request, behind: int
    ) -> tuple[Finding, ...]:
        if answer.startswith('{"error"'):
            return tuple(after_refusal(request.operation, behind))
        if world == state.world:
            return ()
        seen = Seen(state.ghost, behind, self.scenario.dates)
        return tuple(
            finding._replace(hole=None)
            if self.scenario.one_writer and finding.hole in OVERLAPPING
            else finding
            for finding in after_write(self._worlds[state.world], self._worlds[world], seen)
        )

    def _moved(
        self,
        state: State,
        world: int,
        behind: int,
        *,
        person: bool = False,
        by: int | None = None,
    ) -> State:
        """The state with that world: all other runs are behind by that much."""
        if world == state.world:
            return state
        if self._worlds[world].templates[1:] != self._worlds[state.world].templates[1:]:
            behind |= Behind.CANARY
        runs = tuple(
            run._replace(behind=run.behind | behind) if run.node >= 0 and i != by else run
            for i, run in enumerate(state.runs)
        )
        past = (*state.past, state.world)[-PAST:] if self.scenario.stale else ()
        before, after = self._worlds[state.world], self._worlds[world]
        ghost = remembered(before, after, state.ghost, self.scenario.dates, person=person)
        if ghost.moved_back and person and not any(run.unmarked for run in state.runs):
            ghost = ghost._replace(moved_back=ghost.moved_back._replace(is_marked=True))
        return state._replace(world=world, runs=runs, past=past, ghost=ghost)

    # -- rest --------------------------------------------------------------------------------------

    def is_rest(self, state: State) -> bool:
        return (
            all(run.end for run in state.runs)
            and not state.flying
            and all(
                action.person or state.acted >> bit & 1
                for bit, action in enumerate(self.scenario.actions)
            )
        )

    def judge_rest(self, state: State) -> tuple[Finding, ...]:
        """Nothing moves any more; then a reconcile comes, alone, two hours later; then another."""
        findings: tuple[Finding, ...] = ()
        if not self.scenario.is_lossy and all(run.end == "done" for run in state.runs):
            world = self._worlds[state.world]
            findings = tuple(at_rest(world, state.ghost, self.scenario.dates))
        key = (state.world, state.ghost)
        if key not in self._reconciled:
            self._reconciled[key] = tuple(self._reconciles(*key))
        return findings + self._reconciled[key]

    def _reconciles(self, world: int, ghost: Ghost) -> Iterator[Finding]:
        world, ghost, findings = self._caught(world, ghost)
        yield from findings
        yield from at_rest(self._worlds[world], after_reconcile(ghost), self.scenario.dates)
        again, _, _ = self._caught(world, ghost)
        if again != world:
            yield Finding(Invariant.SETTLED)

    def _caught(self, world: int, ghost: Ghost) -> tuple[int, Ghost, list[Finding]]:
        """One reconcile from the first call to the last, with nobody else about."""
        node, findings, dates = 0, [], self.scenario.dates
        later = f"{NOW + timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"
        at = self._at(-1, self._worlds[world].now if self.scenario.is_timed else later)
        while isinstance(request := at.at(node), Request):
            after, answer = self._perform(world, request)
            if after != world:
                before_, after_ = self._worlds[world], self._worlds[after]
                findings += after_write(before_, after_, Seen(ghost, 0, dates))
                ghost = remembered(before_, after_, ghost, dates, person=False)
            world, node = after, at.answered(node, answer)
        if not request.is_success:
            said = request.raised or (request.outcome and request.outcome.error) or ""
            findings.append(Finding(Invariant.NOTHING_RAISED, detail=said))
        return world, ghost, findings


def _begun(run: Run) -> Run:
    return Run(run.attempts + 1, node=0, behind=Behind.ALL, unmarked=run.unmarked)


def _ended(run: Run, end: str) -> Run:
    return Run(run.attempts, end=end, unmarked=run.unmarked)


def _is_writable(world: World) -> bool:
    template = world.templates[0]
    return template.tag("ami-reactor") == "on" and template.tag(HOLD) is None


def _with_run(state: State, index: int, run: Run) -> State:
    runs = state.runs
    return state._replace(runs=(*runs[:index], run, *runs[index + 1 :]))


def _looked(run: Run, request: Request, findings: tuple[Finding, ...]) -> Run:
    """A fresh look at the template, or at its images, and the run is up to date with that."""
    if request.operation == "modify_launch_template":
        owes = any(finding.hole is Hole.OVERLAP for finding in findings)
        return run._replace(has_moved=True, owes=owes, unmarked=True)
    if request.operation == "create_tags":
        return run._replace(unmarked=False, has_moved=False)  # the next template begins
    if (
        request.operation == "describe_launch_templates"
        and "LaunchTemplateIds" not in request.asked
    ):
        return run._replace(behind=run.behind & ~Behind.TEMPLATES)
    if request.operation == "describe_launch_templates" and not run.has_moved:
        return run._replace(behind=run.behind & ~(Behind.PERSON | Behind.OTHER_RUN))
    if _lists_images(request):
        return run._replace(behind=run.behind & ~Behind.IMAGES)
    return run


def _lists_images(request: Request) -> bool:
    return request.operation == "describe_images" and "source-instance-id" in request.asked


def _found(
    name: str, state: State, findings: tuple[Finding, ...], request: Request | None = None
) -> Step:
    holes = {finding.hole for finding in findings if finding.hole}
    return Step(name, _with_holes(state, holes), findings, request)


def _with_holes(state: State, holes: set[Hole]) -> State:
    if holes <= state.ghost.holes:
        return state
    return state._replace(ghost=state.ghost._replace(holes=state.ghost.holes | holes))


def _said(request: Request, answer: str) -> str:
    asked = parsed(request.asked)
    short = {
        "create_launch_template_version": lambda: (
            f"creates {asked['LaunchTemplateData']['ImageId'][-4:]} from {asked['SourceVersion']}"
        ),
        "modify_launch_template": lambda: f"sets default {asked['DefaultVersion']}",
        "create_tags": lambda: f"marks {asked['Tags'][0]['Value'][-29:-20]}",
        "describe_launch_templates": lambda: (
            "reads the template" if "LaunchTemplateIds" in asked else "lists templates"
        ),
        "describe_launch_template_versions": lambda: "reads versions",
        "describe_images": lambda: f"reads images ({asked['Filters'][0]['Name']})",
    }
    refused = " REFUSED" if answer.startswith('{"error"') else ""
    return short[request.operation]() + refused


# -- the search ------------------------------------------------------------------------------------


def explore(scenario: Scenario, *, most_states: int = 1_000_000, is_enough: bool = False) -> Report:
    """Walk all schedules.

    Args:
        scenario: What may happen.
        most_states: The search is given up there, and its report says so.
        is_enough: Stop at the first broken invariant.
    """
    schedules = Schedules(scenario)
    report = Report(scenario.name)
    start = schedules.start()
    ids: dict[State, int] = {start: 0}
    parents: list[tuple[int, str]] = [(-1, "")]
    children: list[list[int]] = []
    waiting = deque([start])
    while waiting and len(ids) < most_states:
        state = waiting.popleft()
        here = ids[state]
        below: list[int] = []
        for step in schedules.steps(state):
            there = ids.setdefault(step.state, len(ids))
            if there == len(parents):
                parents.append((here, step.name))
                waiting.append(step.state)
            below.append(there)
            if step.findings:
                _note(report, step.findings, parents, here, step.name)
        children.append(below)
        report.steps += len(below)
        if schedules.is_rest(state):
            report.rests += 1
            _note(report, schedules.judge_rest(state), parents, here, "AT REST")
        if is_enough and report.broken:
            return report
    report.is_complete = not waiting
    report.states = len(ids)
    report.reactions = schedules.answers_tried
    if report.is_complete:
        report.schedules = _count(children)
    return report


def _note(
    report: Report,
    findings: tuple[Finding, ...],
    parents: list[tuple[int, str]],
    here: int,
    last: str,
) -> None:
    for finding in findings:
        if finding.hole:
            if finding.hole not in report.known:
                report.known[finding.hole] = _schedule(parents, here, last)
        elif finding.invariant not in report.broken:
            said = f"{last}  {finding.detail}".rstrip()
            report.broken[finding.invariant] = _schedule(parents, here, said)


def _schedule(parents: list[tuple[int, str]], here: int, last: str) -> list[str]:
    names = [last]
    while here:
        here, name = parents[here]
        names.append(name)
    return names[::-1]


def _count(children: list[list[int]]) -> int:
    """How many ways lead from the first state to one without further steps."""
    ways: list[int] = [-1] * len(children)
    waiting = [0]
    while waiting:
        here = waiting[-1]
        if ways[here] >= 0:
            waiting.pop()
        elif missing := [child for child in children[here] if ways[child] < 0]:
            waiting += missing
        else:
            ways[here] = sum(ways[child] for child in children[here]) or 1
            waiting.pop()
    return ways[0]
