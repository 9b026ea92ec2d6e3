"""The clock of the embedded AWS, and what is due on it.

In a replay it stands, and is moved to the time of each event; in `ami-reactor local` it is the real
clock, plus what it was moved on by. The function, moto and the logs read no other.
"""

import datetime as real
import heapq
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Condition
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import moto.core.utils
from moto.sqs.models import Message, SQSBackend

from handlers import guard, reactor
from handlers.clock import Clock

Job = Callable[[], None]

_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""An event may hold any date; from these, one can still count back and on."""

_HOUR = 3600.0  # seconds


class _Due(NamedTuple):
    moment: datetime
    number: int  # jobs of one moment run in the order in which they were put
    job: Job


class StageClock:
    """The time on the stage.

    What shall happen later is put with `at`, as a function that does it:

        staged.clock.at(until, lambda: events.put_events(Entries=[...]))

    It runs when the clock is moved there (`Stage.move_on`, `Stage.advance`), at its own moment and
    in the order of the moments. A job may put others. One that recurs puts itself again.

    Attributes:
        stands: It moves only when it is moved; until then it shows the real time. Otherwise it is
            the real clock, ahead by what it was moved on.
    """

    def __init__(self, *, stands: bool = False) -> None:
        self.stands = stands
        self._moment: datetime | None = None  # at which it stands
        self._ahead = timedelta()  # of the real clock
        self._due: list[_Due] = []
        self._put = 0
        self._changed = Condition()
        self._is_stopped = False

    def now(self) -> datetime:
        """The moment on the stage, in UTC."""
        return self._moment or datetime.now(UTC) + self._ahead

    def after(self, wait: timedelta) -> datetime:
        """The moment so much later."""
        return _possible(self.now() + wait)

    def sleep(self, seconds: float) -> None:
        """Wait. A clock that stands is moved on instead."""
        if self.stands:
            self._set(self.after(timedelta(seconds=seconds)))
        else:
            time.sleep(seconds)

    def at(self, moment: datetime, job: Job) -> None:
        """Do that when the moment comes; if it has passed, with the next move."""
        with self._changed:
            self._put += 1
            heapq.heappush(self._due, _Due(moment, self._put, job))
            self._changed.notify_all()

    def move_to(self, moment: datetime) -> None:
        """Do what is due by then, each thing at its own moment. The clock never goes back."""
        while self.run_next(moment):
            pass
        self._set(moment)

    def run_next(self, by: datetime = _LAST) -> bool:
        """Move on to the next thing that is due by then, and do it; False if there is none."""
        with self._changed:
            if not self._due or self._due[0].moment > by:
                return False
            due = heapq.heappop(self._due)
            self._set(due.moment)
        due.job()
        return True

    def run(self) -> None:
        """Do what is due as real time passes, until it is stopped."""
        while not self._is_stopped:
            with self._changed:
                if not self._is_stopped:
                    self._changed.wait(self._seconds_to_next())
            self.run_next(self.now())

    def stop(self) -> None:
        """End `run`."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def _seconds_to_next(self) -> float:
        left = (self._due[0].moment - self.now()).total_seconds() if self._due else _HOUR
        return min(max(left, 0), _HOUR)  # a lock waits no longer than some centuries

    def _set(self, moment: datetime) -> None:
        moment = _possible(moment)
        with self._changed:
            if self.stands:
                self._moment = max(self._moment or moment, moment)
            else:
                self._ahead += max(moment - self.now(), timedelta())
            self._changed.notify_all()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """The function and moto read this clock."""
        now, receive = self.now, SQSBackend.receive_message

        def receive_message(queues: SQSBackend, name: str, count: int, wait: int, *how: Any) -> Any:
            # on a clock that stands, no poll would end
            return receive(queues, name, count, 0 if self.stands else wait, *how)

        class OnStage(datetime):
            @classmethod
            def now(cls, tz: real.tzinfo | None = None) -> datetime:  # type: ignore[override]
                return now().astimezone(tz)

        with ExitStack() as applied:
            for owner, name, replacement in (
                (reactor, "utc_now", now),
                (guard, "utc_now", now),
                (reactor, "Clock", partial(Clock, sleep=self.sleep)),
                # whence all of moto has its time
                (
                    moto.core.utils,
                    "datetime",
                    SimpleNamespace(**vars(real) | {"datetime": OnStage}),
                ),
                (Message, "visible", property(_is_visible)),
                (SQSBackend, "receive_message", receive_message),
            ):
                applied.enter_context(mock.patch.object(owner, name, replacement))
            yield


def _is_visible(message: Message) -> bool:
    """Also at the moment at which its visibility is reset; moto wants a later one."""
    return moto.core.utils.unix_time_millis() >= message.visible_at


def _possible(moment: datetime) -> datetime:
    return min(max(moment, _FIRST), _LAST).astimezone(UTC)
