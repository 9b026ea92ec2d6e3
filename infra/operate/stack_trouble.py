"""What keeps a deployed stack from working now, in the few calls that `status` can afford."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from infra.operate.account import Account
from infra.operate.check import Check
from infra.operate.deployment import Deployment, examine_pause
from infra.operate.queue_depth import count_dead_letters
from infra.operate.stack_outputs import output_of
from models.errors import AwsRefused, AwsUnavailable
from models.failure_text import YOURS, error_text


@dataclass(frozen=True)
class StackTrouble:
    """What wants an engineer, whatever the templates say.

    Attributes:
        checks: A paused function, disabled rules; each with its fix.
        messages: How many wait in the dead-letter queue.
        gaps: What could not be read, one line each.
        notes: What is not known, and is no failure: the stack is not deployed, or a permission is
            missing that `status` can do without.
    """

    checks: tuple[Check, ...] = ()
    messages: int = 0
    gaps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_stack_trouble(account: Account, stack: str) -> StackTrouble:
    """Whether its function is paused, its rules are disabled, and messages wait."""
    try:
        messages = count_dead_letters(account, stack)
    except (AwsRefused, AwsUnavailable) as error:
        if isinstance(error, AwsUnavailable) or error.unauthorized:
            gap = error_text(error, YOURS)
            checks, _ = _checks(account, stack)
            return StackTrouble(checks=checks, gaps=(gap,))
        return StackTrouble(notes=(f"dead-letter queue: {error}",))  # it is not deployed
    checks, notes = _checks(account, stack)
    return StackTrouble(checks=checks, messages=messages, notes=notes)


def _checks(account: Account, stack: str) -> tuple[tuple[Check, ...], tuple[str, ...]]:
    """What was found, and what could not be asked."""
    checks: list[Check] = []
    notes: list[str] = []
    asked: tuple[tuple[str, Callable[[], Iterator[Check]]], ...] = (
        ("whether the function is paused", lambda: _pause(account, stack)),
        ("whether a rule is disabled", Deployment(account, stack).disabled_rules),
    )
    for what, ask in asked:
        try:
            checks += ask()
        except (AwsRefused, AwsUnavailable) as error:
            notes.append(f"{what}: {error_text(error, YOURS)}")
    return tuple(checks), tuple(notes)


def _pause(account: Account, stack: str) -> Iterator[Check]:
    function = output_of(account, stack, "FunctionName", "--stack")
    if paused := examine_pause(account, stack, function):
        yield paused
