"""What became of events that were redriven: the log of the functions says it.

Lambda's id of an invocation tells which event a line of the log is about, and is the same for each
of its three attempts. The reactor and the guard write to one log group.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from infra.operate.account import Account
from infra.operate.outcome_log import Logged, read_outcomes
from models.errors import AwsUnavailable
from models.outcome import Outcome, Result

ATTEMPTS = 3
"""The functions' MaximumRetryAttempts is 2: after the third, the event goes back to the queue."""

_SECONDS_BETWEEN_READS = 2
_CLOCKS_DIFFER = timedelta(minutes=5)  # at most: AWS refuses what is signed by other clocks
_FAILED = (Result.FAILED, Result.REJECTED)  # the function raises an error, and Lambda tries again


class Attempt(NamedTuple):
    """What the function logged of one attempt at an event.

    Attributes:
        number: Of the attempts at the event that were logged, which one: 1 is the first.
    """

    request_id: str
    number: int
    outcome: Outcome

    @property
    def is_failure(self) -> bool:
        return self.outcome.result in _FAILED

    @property
    def is_last(self) -> bool:
        """Whether Lambda tries no more."""
        return not self.is_failure or self.number >= ATTEMPTS


def watch(
    account: Account, log_group: str, request_ids: Collection[str], since: datetime, seconds: float
) -> Iterator[Attempt]:
    """Each attempt at the invocations, once the function has logged it.

    Ends when Lambda tries none of them any more, or so many seconds are over.

    Args:
        account: Where the functions are.
        log_group: Theirs.
        request_ids: Of the invocations.
        since: When the first of them was accepted.
        seconds: How long to watch.

    Raises:
        AwsRefused: The log group does not exist, or may not be read.
    """
    pending = set(request_ids)
    shown: Counter[str] = Counter()
    until = time.monotonic() + seconds
    while pending:
        for attempt in _attempts(_logged(account, log_group, since - _CLOCKS_DIFFER)):
            if attempt.request_id in pending and attempt.number > shown[attempt.request_id]:
                shown[attempt.request_id] = attempt.number
                yield attempt
                if attempt.is_last:
                    pending.discard(attempt.request_id)
        if time.monotonic() >= until:
            return
        if pending:
            time.sleep(min(_SECONDS_BETWEEN_READS, seconds))


def _attempts(logged: list[Logged]) -> Iterator[Attempt]:
    numbers: Counter[str] = Counter()
    for one in logged:
        if one.request_id:
            numbers[one.request_id] += 1
            yield Attempt(one.request_id, numbers[one.request_id], one.outcome)


def _logged(account: Account, log_group: str, since: datetime) -> list[Logged]:
    """In the order of time; nothing while AWS does not answer."""
    try:
        return sorted(read_outcomes(account, log_group, since), key=lambda one: one.at)
    except AwsUnavailable:
        return []
