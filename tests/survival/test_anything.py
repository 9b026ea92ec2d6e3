"""Beyond what can be searched through: four runs, every fault and everybody at once, by chance."""

from dataclasses import replace
from functools import cache

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.support.builders import NEW, NEWER, OLD
from tests.survival.scenarios import (
    BIRTHS,
    DRAFTS,
    FORGETS,
    HOLDS,
    MOVES_BACK,
    MOVES_BACK_HELD,
    OLDER,
    RELEASES,
    RESUMED,
    RESUMES,
    TWICE,
    a_scenario,
    a_start,
    heard,
    is_disabled,
    lost,
    quarantines,
    vanishes,
)
from tests.survival.scheduler import Schedules, Step

PEOPLE = (HOLDS, MOVES_BACK, MOVES_BACK_HELD, RESUMES, RELEASES, DRAFTS)
NATURE = (*BIRTHS, vanishes(OLD), is_disabled(NEW), FORGETS)
EVERYTHING = a_scenario(
    "everything at once",
    (*TWICE, heard(NEWER), lost(OLD), RESUMED),
    *PEOPLE,
    *NATURE,
    quarantines(NEW),
    quarantines(NEWER),
    world=a_start(OLDER, OLD),
)


@cache
def _schedules(crashes: int, stale: int, late: int, one_writer: bool) -> Schedules:
    """The same ones each time: what the real code does with an answer is asked only once."""
    faults = {"crashes": crashes, "stale": stale, "late": late, "one_writer": one_writer}
    return Schedules(replace(EVERYTHING, **faults))


class Anything(RuleBasedStateMachine):
    """Takes one of the possible steps, whichever chance says, to the end."""

    @initialize(
        crashes=st.integers(0, 3),
        stale=st.integers(0, 2),
        late=st.integers(0, 1),
        one_writer=st.booleans(),
    )
    def begin(self, crashes, stale, late, one_writer):
        self.schedules = _schedules(crashes, stale, late, one_writer)
        self.state = self.schedules.start()
        self.taken: list[str] = []

    @rule(choice=st.integers(0, 1_000))
    def step(self, choice):
        steps = list(self.schedules.steps(self.state))
        if steps:
            self._take(steps[choice % len(steps)])

    def teardown(self):
        if hasattr(self, "schedules"):
            while step := next(self.schedules.steps(self.state), None):
                self._take(step)
            self._judge(self.schedules.judge_rest(self.state))

    def _take(self, step: Step) -> None:
        self.state = step.state
        self.taken.append(step.name)
        self._judge(step.findings)

    def _judge(self, findings) -> None:
        broken = [finding for finding in findings if not finding.hole]

        assert not broken, "\n  ".join([*map(str, broken), *self.taken])


HOW = {"deadline": None, "suppress_health_check": list(HealthCheck)}


class TestAnything(Anything.TestCase):
    settings = settings(max_examples=200, stateful_step_count=60, **HOW)


@pytest.mark.long
class TestAnythingForLong(Anything.TestCase):
    settings = settings(max_examples=10_000, stateful_step_count=80, **HOW)
