"""The real `react()`, one call of EC2 at a time.

A reaction reads nothing but its event, its clock and EC2's answers. So it can be stopped at any
call, and gone on with, by running it again from the start with the answers that it got so far: no
threads, and each run is reproducible. Equal answers lead to the same place, which is remembered.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from handlers.bus import Bus
from handlers.clock import Clock
from handlers.ec2 import Ec2
from handlers.reaction import react
from models.base import Place
from models.outcome import Outcome
from tests.support.builders import ACCOUNT, REGION
from tests.survival.tiny_ec2 import Client, client_error, text

PLACE = Place(account=ACCOUNT, region=REGION)
_SECONDS_LEFT = 120


class Request(NamedTuple):
    operation: str
    asked: str

    @property
    def parameters(self) -> dict[str, Any]:
        return json.loads(self.asked)


class Ended(NamedTuple):
    """The reaction is over: with an outcome, or with what no reaction may raise."""

    outcome: Outcome | None
    raised: str | None = None

    @property
    def is_success(self) -> bool:
        return self.outcome is not None and self.outcome.result not in ("failed", "rejected")


class _Asks(BaseException):
    """Not to be caught by anything in between."""

    def __init__(self, request: Request) -> None:
        self.request = request


class Reaction:
    """All that one event may lead to, as a tree: a node is what was answered so far."""

    def __init__(self, event: dict[str, Any], now: datetime) -> None:
        self._event = event
        self._now = now
        self._answers: list[tuple[str, ...]] = [()]
        self._next: list[Request | Ended | None] = [None]
        self._children: dict[tuple[int, str], int] = {}

    def at(self, node: int) -> Request | Ended:
        """What the reaction asks next, or how it ended."""
        following = self._next[node]
        if following is None:
            following = self._next[node] = self._rerun(self._answers[node])
        return following

    def answered(self, node: int, answer: str) -> int:
        """The node after that answer; an error is `{"error": CODE}`."""
        child = self._children.get((node, answer))
        if child is None:
            child = self._children[node, answer] = len(self._answers)
            self._answers.append((*self._answers[node], answer))
            self._next.append(None)
        return child

    def answers(self, node: int) -> tuple[str, ...]:
        return self._answers[node]

    @property
    def size(self) -> int:
        return len(self._answers)

    def _rerun(self, answers: tuple[str, ...]) -> Request | Ended:
        left = iter(answers)

        def ask(operation: str, asked: dict[str, Any]) -> dict[str, Any]:
            answer = next(left, None)
            if answer is None:
                raise _Asks(Request(operation, text(asked)))
            given = json.loads(answer)
            if "error" in given:
                raise client_error(given["error"], operation)
            return given

        clock = Clock(self._now, lambda: _SECONDS_LEFT, _no_wait)
        try:
            return Ended(self._react(ask, clock))
        except _Asks as asks:
            return asks.request
        except Exception as error:  # noqa: BLE001 that is what the search is to find
            return Ended(None, f"{type(error).__name__}: {error}")

    def _react(self, ask: Callable[..., Any], clock: Clock) -> Outcome:
        return react(self._event, Ec2(Client(ask), PLACE), Bus(_no_bus), clock)


def _no_wait(_seconds: float) -> None:
    """Whoever sleeps lets the others go on; the read that follows is a step of its own."""


def _no_bus() -> Any:
    raise AssertionError("nothing is handed on while there is time")
