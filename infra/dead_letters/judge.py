"""The letters of a queue, each judged by what the reactor would do about it now."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from handlers.clock import Clock
from handlers.observation import ABSENCE_IS_BELIEVED_AFTER
from handlers.reaction import plan
from infra.dead_letters.queue import Message, Reading
from infra.dead_letters.snapshot import Snapshot
from infra.dead_letters.verdict import Judged, Verdict, judge
from models.base import date_or_none
from models.dead_letter import DeadLetter, read_dead_letter
from models.decision import Reason
from models.errors import AwsRefused, AwsUnavailable
from models.events import claimed_image
from models.outcome import Outcome


@dataclass(frozen=True)
class Judge:
    """Asks the reactor's own planner, which writes nothing."""

    ec2: Snapshot
    clock: Clock

    def letters(self, reading: Reading) -> Iterator[tuple[Message, Judged]]:
        """Every letter of the queue, with the message that it is."""
        for messages in reading:
            letters = [read_dead_letter(message) for message in messages]
            images = {claimed_image(letter.event) for letter in letters}
            with suppress(AwsRefused, AwsUnavailable):  # the plan meets it, and says so
                self.ec2.look_up(filter(None, images))
            for message, letter in zip(messages, letters, strict=True):
                yield message, judge(letter, self.outcome(letter))

    def outcome(self, letter: DeadLetter) -> Outcome | None:
        """What the reactor would do about the letter's event now."""
        if letter.event is None:
            return None
        outcome = plan(letter.event, self.ec2, self.clock)
        if outcome.reason is Reason.AWS_UNAVAILABLE and self._is_old(letter):
            return self._without_its_image(letter, outcome)
        return outcome

    def _without_its_image(self, letter: DeadLetter, outcome: Outcome) -> Outcome:
        """A backup that is deleted by now fails the reactor, though nothing may be left to do."""
        assert letter.event is not None
        instead = plan({**letter.event, "resources": []}, self.ec2, self.clock)
        if judge(letter, instead).verdict is not Verdict.OBSOLETE:
            return outcome
        return instead.model_copy(update={"image_id": outcome.image_id})

    def _is_old(self, letter: DeadLetter) -> bool:
        time = date_or_none((letter.event or {}).get("time"))
        return time is not None and self.clock.now - time > ABSENCE_IS_BELIEVED_AFTER
