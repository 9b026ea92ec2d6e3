"""The messages of a queue, each judged by what the reactor would do about it now."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from handlers.auto_scaling import AutoScaling
from handlers.clock import Clock
from handlers.guarding import plan_guard
from handlers.observation import ABSENCE_IS_BELIEVED_AFTER
from handlers.reaction import plan
from infra.dead_letters.queue import Message
from infra.dead_letters.verdict import Judged, judge
from infra.dead_letters.verdicts import Verdict
from infra.operate.account import Account
from infra.operate.read_ahead import ReadAhead
from models.base import date_or_none
from models.dead_letter import DeadLetter, read_dead_letter
from models.decision import Reason
from models.errors import AwsRefused, AwsUnavailable
from models.events import claimed_image
from models.guard_events import is_for_the_guard
from models.outcome import Outcome

_REMEMBERED = 1000
"""So many images are remembered while a queue is read, however long it is."""


@dataclass(frozen=True)
class Judge:
    """Asks the functions' own planners, which write nothing."""

    ec2: ReadAhead
    auto_scaling: AutoScaling
    clock: Clock

    def messages(self, reading: Iterable[list[Message]]) -> Iterator[tuple[Message, Judged]]:
        """Every message of the queue, as SQS gives it and as it was judged."""
        for messages in reading:
            dead_letters = [read_dead_letter(message) for message in messages]
            images = {claimed_image(dead_letter.event) for dead_letter in dead_letters}
            with suppress(AwsRefused, AwsUnavailable):  # the plan meets it, and says so
                self.ec2.images(filter(None, images))
            for message, dead_letter in zip(messages, dead_letters, strict=True):
                yield message, judge(dead_letter, self.outcome(dead_letter))

    def outcome(self, dead_letter: DeadLetter) -> Outcome | None:
        """What the reactor would do about the message's event now."""
        if dead_letter.event is None:
            return None
        if is_for_the_guard(dead_letter.event):
            return plan_guard(dead_letter.event, self.ec2, self.auto_scaling, self.clock)
        outcome = plan(dead_letter.event, self.ec2, self.clock)
        if outcome.reason is Reason.AWS_UNAVAILABLE and self._is_old(dead_letter):
            return self._without_its_image(dead_letter, outcome)
        return outcome

    def _without_its_image(self, dead_letter: DeadLetter, outcome: Outcome) -> Outcome:
        """A backup that is deleted by now fails the reactor, though nothing may be left to do."""
        assert dead_letter.event is not None
        instead = plan({**dead_letter.event, "resources": []}, self.ec2, self.clock)
        if judge(dead_letter, instead).verdict is not Verdict.OBSOLETE:
            return outcome
        return instead.model_copy(update={"image_id": outcome.image_id})

    def _is_old(self, dead_letter: DeadLetter) -> bool:
        time = date_or_none((dead_letter.event or {}).get("time"))
        return time is not None and self.clock.now - time > ABSENCE_IS_BELIEVED_AFTER


def judge_of(account: Account, now: datetime) -> Judge:
    """Judge all messages by the account as it is now; a plan has no deadline."""
    ec2 = ReadAhead(account.client("ec2"), account.place, remembered=_REMEMBERED)
    auto_scaling = AutoScaling(account.client("autoscaling"))
    return Judge(ec2, auto_scaling, Clock(now, lambda: float("inf")))
