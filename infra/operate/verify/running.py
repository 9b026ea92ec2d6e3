"""From scenarios to findings, fact by fact."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from infra.operate.account import Account
from infra.operate.verify.bench import Bench
from infra.operate.verify.fact import Answer, CannotTell, Fact, Finding, Verdict
from models.errors import AwsRefused, AwsUnavailable, ReactorError
from models.failure_text import YOURS, error_text

_OF_THE_ACCOUNT = ("AuthFailure", "Blocked", "OptInRequired", "PendingVerification")
"""Error codes that tell of the account, not of how AWS behaves; quotas do, too."""

Scenario = Callable[[Bench], Iterator[Answer | CannotTell]]
"""Some calls, one after the other; it yields an answer for each of its facts, in their order."""


@dataclass(frozen=True)
class Check:
    """Facts that are told by one scenario."""

    facts: tuple[Fact, ...]
    scenario: Scenario


def is_embedded(account: Account) -> bool:
    """Whether the embedded AWS answers: no STS of AWS's gives a user of its own."""
    return ":sts:" in account.caller and account.caller.endswith(":user/moto")


def run(checks: Iterable[Check], bench: Bench) -> Iterator[Finding]:
    """Every fact of the checks: as believed, differing, or not to be told and why."""
    embedded = is_embedded(bench.account)
    for check in checks:
        if embedded and (why := check.facts[0].only_aws):
            yield from _untold(check.facts, f"AWS itself: {why}")
        else:
            yield from _findings(check, bench)


def _findings(check: Check, bench: Bench) -> Iterator[Finding]:
    answers = check.scenario(bench)
    for number, fact in enumerate(check.facts):
        finding, goes_on = _next(fact, answers)
        yield finding
        if not goes_on:
            yield from _untold(check.facts[number + 1 :], f"`{fact.id}`, which has to go before")
            return


def _next(fact: Fact, answers: Iterator[Answer | CannotTell]) -> tuple[Finding, bool]:
    """The next fact's finding, and whether the scenario goes on after it."""
    try:
        answer = next(answers)
    except (AwsRefused, AwsUnavailable, CannotTell) as error:
        return _stopped(fact, error), False
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        shape = f"another one ({type(error).__name__}: {error})"
        return _compared(fact, Answer("an answer of the documented shape", shape)), False
    if isinstance(answer, CannotTell):
        return _unknown(fact, str(answer)), True
    return _compared(fact, answer), True


def _compared(fact: Fact, answer: Answer) -> Finding:
    verdict = Verdict.AS_BELIEVED if answer.believed == answer.seen else Verdict.DIFFERS
    return Finding(fact=fact, verdict=verdict, believed=answer.believed, seen=answer.seen)


def _stopped(fact: Fact, error: ReactorError | CannotTell) -> Finding:
    if isinstance(error, AwsRefused) and _tells_of_aws(error.code):
        return _compared(fact, Answer("accepted", str(error)))
    if isinstance(error, AwsRefused | AwsUnavailable):
        return _unknown(fact, error_text(error, YOURS))
    return _unknown(fact, str(error))


def _tells_of_aws(code: str | None) -> bool:
    return code is not None and code not in _OF_THE_ACCOUNT and "LimitExceeded" not in code


def _untold(facts: Iterable[Fact], missing: str) -> Iterator[Finding]:
    for fact in facts:
        yield _unknown(fact, missing)


def _unknown(fact: Fact, missing: Any) -> Finding:
    return Finding(fact=fact, verdict=Verdict.UNKNOWN, missing=missing)
