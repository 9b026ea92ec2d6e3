"""Moving a launch template, so that any order, repetition or crash ends at the newest image.

EC2 has no compare-and-set: between a read and a write, another run, a person or Terraform may have
moved the same template. What makes all writes converge instead:

* nothing is made the default on an old reading;
* the answer of the own write is believed, never a read after it, which may be older;
* a run that sees a version which it did not know chooses again.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from handlers.ec2 import Ec2, description
from handlers.observation import Observation, observe_again
from models.decision import Decision, Keep, Promote, Reason
from models.errors import AwsRefused, AwsUnavailable
from models.image import Image
from models.launch_template import Template, Version
from models.outcome import TemplateOutcome, failed_after, kept, promoted
from models.tags import OPT_IN_TAG, HighWaterMark

_TURNS = 10
"""More than versions are made at one time: a loop that goes on is an error, and is tried again."""

_TOKEN_IS_FRESH_FOR = timedelta(hours=1)
"""EC2 does not say for how long it remembers a ClientToken; Lambda's retries end far sooner."""

_SECONDS_FOR_A_WRITE = 30
"""A write that Lambda cuts off may still reach EC2, after the retry has looked."""


def carry_out(ec2: Ec2, seen: Observation) -> TemplateOutcome:
    """Decide about the template that was observed, and do what was decided.

    Raises:
        AwsRefused: AWS refuses a read or a write for good, and nothing was moved.
        AwsUnavailable: AWS does not answer, or time is too short for a write; likewise.
    """
    return _Run(ec2, seen).outcome()


def foresee(_ec2: Ec2, seen: Observation) -> TemplateOutcome:
    """What `carry_out` would do now, if nobody else moves the template; nothing is written."""
    decision = seen.decide()
    if isinstance(decision, Keep):
        return kept(seen.template, decision)
    version = seen.version_with(decision.image)
    number = version.version_number if version else seen.template.latest_version_number + 1
    return promoted(seen.template, decision, number)


class Move(NamedTuple):
    """What a run has made the default."""

    decision: Promote
    version_number: int


@dataclass
class _Run:
    """One run of the function over one template.

    Attributes:
        before: The template as it was observed first.
        moves: What this run has made the default, oldest first. Most runs move once or not at all;
            a run moves again when a newer image or version appeared meanwhile.
    """

    ec2: Ec2
    before: Observation
    moves: list[Move] = field(default_factory=list)

    def outcome(self) -> TemplateOutcome:
        try:
            decision = self.before.decide()
            if isinstance(decision, Promote):
                return self._promote(decision)
            return self._keep(self.before, decision)
        except (AwsRefused, AwsUnavailable) as error:
            return self._stopped(error)

    def _stopped(self, error: AwsRefused | AwsUnavailable) -> TemplateOutcome:
        """A hold that came meanwhile is no failure; what was moved before it is reported."""
        why = self._taken_away(error)
        template = self.before.template
        if not self.moves:
            if why is None:
                raise error
            return kept(template, Keep(reason=Reason.HELD, message=why))
        if why is None:
            return failed_after(template, *self.moves[-1], error)
        return promoted(template, *self.moves[-1])

    def _taken_away(self, error: AwsRefused | AwsUnavailable) -> str | None:
        """Why the role lost its permission for this template, if its tags tell.

        The role's policy has the hold as a condition, so a hold that is set between our read and
        our write looks like any other missing permission.
        """
        if not (isinstance(error, AwsRefused) and error.unauthorized):
            return None
        try:
            template = self.ec2.template(self.before.template.launch_template_id)
        except (AwsRefused, AwsUnavailable):
            return None  # the first error is the one to report
        return None if template.may_be_moved else _why_not(template)

    def _promote(self, decision: Promote) -> TemplateOutcome:
        seen, at_least = self._with_version(self.before, decision.image)
        for _ in range(_TURNS):
            # a read may not show our own last move yet: then we would take it for another's
            own_default = self.moves[-1].version_number if self.moves else None
            seen = observe_again(self.ec2, seen, at_least, own_default)
            verdict = _verdict(seen, has_moved=bool(self.moves))
            if isinstance(verdict, Keep):
                if not self.moves:
                    return self._keep(seen, verdict)
                break
            version = seen.version_with(verdict.image)
            if version is None:  # the default moved to one with other settings: make another
                seen, at_least = self._with_version(seen, verdict.image)
                continue
            _check_time(seen)
            at_least = self.ec2.set_default(seen.template, version)
            self.moves.append(Move(verdict, version.version_number))
            # no version beyond those that we chose among: nothing newer can have been missed
            if at_least <= seen.template.latest_seen:
                break
        else:
            template_id = self.before.template.launch_template_id
            raise AwsUnavailable(f"{template_id}: new versions keep appearing")
        if seen.template.may_be_moved:
            # last: if the mark were written first and the run died, the retry would take the old
            # default for a person's move back, and never promote
            self._remember(seen, self.moves[-1].decision.image, self._returned_by(seen))
        return promoted(self.before.template, *self.moves[-1])

    def _returned_by(self, seen: Observation) -> int | None:
        """The version that was made default, if an image had to be left before that."""
        number = self.moves[-1].version_number
        after_a_loss = {v.version_number for v in seen.template.versions if v.comes_after_a_loss}
        is_return = any(move.decision.is_return for move in self.moves)
        return number if is_return or number in after_a_loss else None

    def _with_version(self, seen: Observation, image: Image) -> tuple[Observation, int]:
        """An eligible version with that image: one that is there, or a new one; and its number."""
        version = seen.version_with(image)
        if version is None or _may_carry_a_warning(seen, version, image):
            _check_time(seen)
            version = self.ec2.create_version(seen.template, image)
            seen = seen.plus(version)
        return seen, version.version_number

    def _keep(self, seen: Observation, decision: Keep) -> TemplateOutcome:
        """Nothing moves. A template that is current gets its high-water mark, if it has none."""
        current = seen.current()
        if (
            seen.template.may_be_moved
            and seen.settled is None
            and current is not None
            and current.state == "available"
            and seen.selectors.match(current)
        ):
            # a run that brought it back may have died before it wrote the high-water mark
            default = seen.template.default
            number = default.version_number if default.comes_after_a_loss else None
            self._remember(seen, current, number)
        return kept(seen.template, decision)

    def _remember(self, seen: Observation, image: Image, returned_by: int | None = None) -> None:
        """Write the high-water mark, which never moves down.

        Args:
            seen: The template as it was read last.
            image: What the template was moved to, or is on.
            returned_by: The version by which it came back, if it had to leave the marked image or
                one on the way to it: if an older version is the default after that, a person did
                it.
        """
        mark = seen.template.high_water_mark
        if mark is None or image.creation_date > mark.creation_date:
            wanted = HighWaterMark.of(image)
        elif returned_by is not None and returned_by > (mark.version_number or 0):
            wanted = mark.model_copy(update={"version_number": returned_by})
        else:
            return
        _check_time(seen)
        self.ec2.set_high_water_mark(seen.template, wanted)


def _verdict(seen: Observation, *, has_moved: bool) -> Decision:
    """Whether to go on, after the template was read again."""
    if not seen.template.may_be_moved:
        return Keep(reason=Reason.HELD, message=_why_not(seen.template))
    return seen.decide(after_own_move=has_moved)


def _may_carry_a_warning(seen: Observation, version: Version, image: Image) -> bool:
    """A version of ours, so young that the run which made it may have failed on EC2's warning.

    Asked for it again, EC2 gives the same answer and makes no other: its ClientToken is fresh.
    """
    is_ours = version.version_description == description(seen.template, image)
    return is_ours and seen.clock.now - version.create_time < _TOKEN_IS_FRESH_FOR


def _check_time(seen: Observation) -> None:
    if seen.clock.seconds_left() < _SECONDS_FOR_A_WRITE:
        raise AwsUnavailable(
            f"{seen.template.launch_template_id}: too little time is left for a safe write"
        )


def _why_not(template: Template) -> str:
    if template.hold is not None:
        return f"held meanwhile: {template.hold}"
    return f"{OPT_IN_TAG} is no longer on"
