"""Whatever AWS does at whichever call: after it, a retry or a redrive leads to the right state."""

import pytest

from tests.survival.faults import FAULTS, Lasting, theatre


@pytest.fixture(scope="module")
def stage_of_faults():
    with theatre() as played:
        yield played


def _endings_are_right(played, fault, lasting):
    for call, ending in played.endings(fault, lasting).items():
        assert ending.is_right, (str(call), ending)
        assert ending.image in fault.leaves, (str(call), ending)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_one_attempt_is_survived_at_every_call(stage_of_faults, fault):
    _endings_are_right(stage_of_faults, fault, Lasting.ATTEMPT)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("lasting", [Lasting.REQUEST, Lasting.ALWAYS])
@pytest.mark.long
def test_a_fault_of_a_moment_or_of_all_attempts_is_survived(stage_of_faults, fault, lasting):
    _endings_are_right(stage_of_faults, fault, lasting)


def test_a_fault_of_all_attempts_ends_in_a_dead_letter_that_can_be_redriven(stage_of_faults):
    throttled = FAULTS[0]

    endings = stage_of_faults.endings(throttled, Lasting.ALWAYS).values()

    assert [ending.is_dead_lettered for ending in endings] == [True] * 9 + [False]
    assert {ending.image for ending in endings} == set(throttled.leaves)
