"""Every order of steps, with the real code; what cannot be prevented is known by name.

`python -m tests.survival.report` prints the table, `pytest --long` adds three runs.
"""

import pytest

from tests.survival.breakages import BREAKAGES, search
from tests.survival.invariants import OVERLAPPING, Invariant
from tests.survival.scenarios import LONG, ONE_WRITER, TWO_RUNS, WAVES
from tests.survival.scheduler import Report, Scenario, explore


def _described(report: Report) -> str:
    return "\n".join(
        f"{invariant}:\n  " + "\n  ".join(schedule) for invariant, schedule in report.broken.items()
    )


def _explored(scenario: Scenario) -> Report:
    report = explore(scenario)

    assert not report.broken, _described(report)
    assert report.is_complete
    return report


@pytest.mark.parametrize("scenario", TWO_RUNS, ids=lambda scenario: scenario.name)
def test_two_runs_at_once_end_well_in_every_order(scenario):
    _explored(scenario)


@pytest.mark.parametrize("scenario", ONE_WRITER, ids=lambda scenario: scenario.name)
def test_one_run_at_a_time_never_goes_backwards_at_all(scenario):
    assert not _explored(scenario).known.keys() & OVERLAPPING


@pytest.mark.parametrize("scenario", WAVES, ids=lambda scenario: scenario.name)
def test_a_wave_takes_no_image_too_early_and_starves_of_none_whenever_the_clock_goes_on(scenario):
    known = _explored(scenario).known.keys()

    assert not scenario.one_writer or not known & OVERLAPPING


@pytest.mark.parametrize("scenario", LONG, ids=lambda scenario: scenario.name)
@pytest.mark.long
def test_three_runs_and_more_faults_end_well_in_every_order(scenario):
    _explored(scenario)


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.name)
def test_a_broken_promotion_is_noticed(breakage):
    assert breakage.breaks in search(breakage)


def test_each_invariant_was_seen_to_fail():
    assert {breakage.breaks for breakage in BREAKAGES} == set(Invariant)
