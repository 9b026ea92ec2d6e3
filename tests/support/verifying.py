"""For the tests of `verify`: AWS that answers otherwise, and calls that are interrupted."""

from collections.abc import Callable
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from infra.operate.account import Account
from infra.operate.verify.bench import Bench
from infra.operate.verify.parts import PARTS, kinds_of
from infra.operate.verify.running import Check, run
from infra.operate.verify.things import new_run

When = Callable[[dict[str, Any]], bool]
Change = Callable[[Callable[..., Any], dict[str, Any]], Any]
"""Takes the call itself and its parameters; returns the answer."""


def a_bench(account: Account, *checks: Check) -> Bench:
    """A run of these checks."""
    stages = [stage for stage, part in PARTS.items() if set(checks) & set(part.checks)]
    return Bench(account, new_run(), kinds_of(stages))


def findings(account: Account, *checks: Check) -> dict[str, Any]:
    """The finding of each fact; nothing is left."""
    bench = a_bench(account, *checks)
    with bench.cleared() as left:
        found = {one.fact.id: one for one in run(checks, bench)}
    assert left == {}
    return found


# -- AWS does something else -----------------------------------------------------------------------


def change_answers(monkeypatch, operation: str, when: When, change: Change) -> None:
    """From now on, AWS does something else when it is asked that."""
    call = BaseClient._make_api_call

    def make_api_call(client: BaseClient, name: str, parameters: dict[str, Any]) -> Any:
        if name == operation and when(parameters):
            return change(lambda given: call(client, name, given), parameters)
        return call(client, name, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", make_api_call)


def always(_: dict[str, Any]) -> bool:
    return True


def has(**wanted: Any) -> When:
    return lambda parameters: wanted.items() <= parameters.items()


def refused(code: str) -> Change:
    def change(_call: Callable[..., Any], _parameters: dict[str, Any]) -> Any:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "Operation")

    return change


def answered(change: Callable[[dict[str, Any]], object]) -> Change:
    """AWS's own answer, changed in its place."""

    def changed(call: Callable[..., Any], parameters: dict[str, Any]) -> Any:
        answer = call(parameters)
        change(answer)
        return answer

    return changed


# -- interrupted -----------------------------------------------------------------------------------


class Killed(BaseException):
    """What no `except Exception` sees."""


_MAKE_NOTHING = (
    "ChangeMessage",
    "Describe",
    "Filter",
    "Get",
    "List",
    "PutEvents",
    "Receive",
)
"""How the names of operations begin after which the account has no thing more, and none less."""


class _Calls:
    """Calls of AWS, of which one is interrupted: before it is sent, or before it is answered.

    Attributes:
        made: How many calls were made; of those that make or remove a thing, if it is late.
    """

    def __init__(self, monkeypatch, at: int, *, late: bool, dead: bool) -> None:
        self.made = 0
        call = BaseClient._make_api_call

        def make_api_call(client: BaseClient, name: str, parameters: dict[str, Any]) -> Any:
            if late and self.made < at and name.startswith(_MAKE_NOTHING):
                return call(client, name, parameters)
            self.made += 1
            hit = self.made == at or (dead and self.made > at)
            if hit and (not late or self.made > at):
                raise Killed
            answer = call(client, name, parameters)
            if hit:
                raise Killed
            return answer

        monkeypatch.setattr(BaseClient, "_make_api_call", make_api_call)


def interrupted(
    monkeypatch, account: Account, check: Check, at: int, *, late: bool, dead: bool
) -> bool:
    """Run a check, and interrupt its call with that number.

    Args:
        monkeypatch: Pytest's.
        account: Where.
        check: What is run.
        at: The number of the call, from 1.
        late: AWS has carried the call out.
        dead: All calls after it are interrupted as well, those of the removal too.

    Returns:
        Whether there was such a call.
    """
    with monkeypatch.context() as patched:
        calls = _Calls(patched, at, late=late, dead=dead)
        bench = a_bench(account, check)
        try:
            with bench.cleared():
                list(run([check], bench))
        except Killed:
            pass
        return calls.made >= at
