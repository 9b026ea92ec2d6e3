"""Guard, reactor and person in every order, with crashes; each promise was seen to be broken."""

from contextlib import ExitStack
from unittest import mock

import pytest

from handlers import guarding
from handlers.writes import tag
from tests.survival.three_writers import (
    GUARD_ROLE,
    HOLDS,
    LAWLESS,
    SCENARIOS,
    Promise,
    Scenario,
    Search,
)


def described(report):
    return "\n".join(f"{one}:\n  " + "\n  ".join(path) for one, path in report.broken.items())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_what_the_guard_promises_holds_in_every_order(scenario):
    report = Search(scenario).explore()

    assert not report.broken, described(report)
    assert report.rests > 1


def always_hold(ec2, template, value):
    tag(ec2, template.launch_template_id, {"ami-reactor-state:hold": value})
    return value


def look_at_nothing(guards, rollback, *_):
    return guards.ec2.template(rollback.template.launch_template_id)


def never_stay(template, evidence, _event):
    return (
        None
        if template.hold and template.hold.who == guarding.GUARD
        else SETTLE(template, evidence, _event)
    )


def hold_nothing(_guards, template, **_):
    return template.tags.get("ami-reactor-state:hold", "")


def copy_itself(_ec2, rollback, _token=None):
    return rollback.template.default


def forget(_guards, _template):
    return None


def look_once(guards, template, decision, _evidence):
    guarding.quarantine(guards.ec2, decision.image, "ami-reactor-guard ")
    return guarding.quarantined(template, decision)


def break_down(*_):
    raise ValueError("a mistake")


SETTLE = guarding.settle
BREAKAGES = [
    pytest.param(
        {"hold_template": always_hold}, {}, Scenario("", acts=(HOLDS,)), LAWLESS,
        Promise.PERSONS_HOLD, id="a hold that is written without a look",
    ),
    pytest.param(
        {}, {"_still_ours": look_at_nothing}, Scenario("", acts=(HOLDS,)), LAWLESS,
        Promise.PERSONS_FENCE, id="no second look at the hold",
    ),
    pytest.param(
        {"settle": never_stay}, {}, Scenario("", guards=2), GUARD_ROLE,
        Promise.ONE_MOVE_BACK, id="its own hold stops nothing",
    ),
    pytest.param(
        {"settle": never_stay}, {}, Scenario("", guards=2), GUARD_ROLE,
        Promise.OWN_MOVE_ONLY, id="whatever is the default is left",
    ),
    pytest.param(
        {}, {"_fence": hold_nothing, "_still_ours": look_at_nothing}, Scenario("", reactors=1),
        LAWLESS, Promise.REACTOR_STAYS, id="no hold at first",
    ),
    pytest.param(
        {}, {"_repeat": forget}, Scenario("", crashes=1), GUARD_ROLE,
        Promise.TOLD, id="an announcement that is not repeated",
    ),
    pytest.param(
        {"copy_of_target": copy_itself}, {}, Scenario(""), GUARD_ROLE,
        Promise.ENDS_ON_GOOD, id="a copy of the bad version",
    ),
    pytest.param(
        {}, {"_keep_out": look_once}, Scenario("", reactors=1, has_threats=True), GUARD_ROLE,
        Promise.ENDS_ON_GOOD, id="no look after a quarantine",
    ),
    pytest.param(
        {"quarantine": break_down}, {}, Scenario(""), GUARD_ROLE,
        Promise.BALANCE, id="a mistake that is raised",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("functions", "methods", "scenario", "role", "promise"), BREAKAGES)
def test_a_broken_guard_is_noticed(functions, methods, scenario, role, promise):
    with ExitStack() as broken:
        for name, instead in functions.items():
            broken.enter_context(mock.patch.object(guarding, name, instead))
        for name, instead in methods.items():
            broken.enter_context(mock.patch.object(guarding.Guarding, name, instead))
        report = Search(scenario, role).explore()

    assert promise in report.broken


def test_each_promise_was_seen_to_be_broken():
    assert {breakage.values[-1] for breakage in BREAKAGES} == set(Promise)


def test_what_the_code_cannot_see_the_role_holds_off():
    """A hold that comes between the last look and a write: without IAM's conditions it is lost."""
    scenario = Scenario("", acts=(HOLDS,))

    lawless = Search(scenario, LAWLESS).explore().broken

    assert lawless.keys() == {Promise.PERSONS_HOLD, Promise.PERSONS_FENCE}
    *_, held, write = lawless[Promise.PERSONS_HOLD]
    assert (held, write) == ("a person holds", "guard: create_tags")
    assert Search(scenario, GUARD_ROLE).explore().broken == {}
