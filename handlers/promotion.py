"""Moving a launch template, so that any order, repetition or crash ends at the newest image.

EC2 has no compare-and-set. What makes writes converge instead: nothing is made the default on an
old reading; the answer of the own write is believed, never a read after it; whoever sees a version
that he did not know chooses again.
"""

from datetime import timedelta
from typing import NamedTuple

from handlers.ec2 import Ec2, description
from handlers.observation import Observation, observe_again
from models.decision import Decision, Keep, Promote, Reason
from models.errors import AwsRefused, AwsUnavailable
from models.image import Image
from models.launch_template import Template, Version
from models.outcome import TemplateOutcome, failed_after, kept, promoted
from models.selectors import Selectors
from models.tags import OPT_IN_TAG, HighWaterMark

_TURNS = 10
"""More than versions are made at one time: a loop that goes on is an error, and is tried again."""

_TOKEN_IS_FRESH_FOR = timedelta(hours=1)
"""EC2 does not say for how long it remembers a ClientToken; Lambda's retries end far sooner."""

_SECONDS_FOR_A_WRITE = 30
"""A write that Lambda cuts off may still land, after the retry has looked."""


class Move(NamedTuple):
    """What this run has made the default."""

    decision: Promote
    version_number: int


def carry_out(ec2: Ec2, seen: Observation) -> TemplateOutcome:
    """Decide about the template that was observed, and do what was decided.

    Raises:
        AwsRefused: AWS refuses a read or a write for good, and nothing was moved.
        AwsUnavailable: AWS does not answer, or time is too short for a write; likewise.
    """
    moves: list[Move] = []
    try:
        decision = seen.decide()
        if isinstance(decision, Promote):
            return _promote(ec2, seen, decision, moves)
        return _keep(ec2, seen, decision)
    except (AwsRefused, AwsUnavailable) as error:
        return _stopped(ec2, seen, moves, error)


def _stopped(
    ec2: Ec2, before: Observation, moves: list[Move], error: AwsRefused | AwsUnavailable
) -> TemplateOutcome:
    """A hold that came meanwhile is no failure; what was moved before is said in any case."""
    why = _taken_away(ec2, before, error)
    if not moves:
        if why is None:
            raise error
        return kept(before.template, Keep(reason=Reason.HELD, message=why))
    if why is None:
        return failed_after(before.template, *moves[-1], error)
    return promoted(before.template, *moves[-1])


def foresee(_ec2: Ec2, seen: Observation) -> TemplateOutcome:
    """What `carry_out` would do now, as far as nobody else moves; nothing is written."""
    decision = seen.decide()
    if isinstance(decision, Keep):
        return kept(seen.template, decision)
    version = seen.version_with(decision.image)
    number = version.version_number if version else seen.template.latest_version_number + 1
    return promoted(seen.template, decision, number)


def _promote(
    ec2: Ec2, before: Observation, decision: Promote, moves: list[Move]
) -> TemplateOutcome:
    seen, at_least = _with_version(ec2, before, decision.image)
    for _ in range(_TURNS):
        seen = observe_again(ec2, seen, at_least, moves[-1].version_number if moves else None)
        verdict = _verdict(seen, has_moved=bool(moves))
        if isinstance(verdict, Keep):
            if not moves:
                return _keep(ec2, seen, verdict)
            break
        version = seen.version_with(verdict.image)
        if version is None:  # the default moved to one with other settings: ours is not eligible
            seen, at_least = _with_version(ec2, seen, verdict.image)
            continue
        _check_time(seen)
        at_least = ec2.set_default(seen.template, version)
        moves.append(Move(verdict, version.version_number))
        if at_least <= seen.template.latest_seen:
            break
    else:
        raise AwsUnavailable(f"{before.template.launch_template_id}: new versions keep appearing")
    if _may_write(seen):
        _remember(ec2, seen, moves[-1].decision.image, _returned_by(seen, moves))
    return promoted(before.template, *moves[-1])


def _returned_by(seen: Observation, moves: list[Move]) -> int | None:
    """The number of the version that was made default, if an image had to be left before that."""
    number = moves[-1].version_number
    after_a_loss = {v.version_number for v in seen.template.versions if v.comes_after_a_loss}
    is_return = any(move.decision.is_return for move in moves)
    return number if is_return or number in after_a_loss else None


def _verdict(seen: Observation, *, has_moved: bool) -> Decision:
    """Whether to go on, after the world was read again."""
    if not _may_write(seen):
        return Keep(reason=Reason.HELD, message=_why_not(seen.template))
    return seen.decide(after_own_move=has_moved)


def _with_version(ec2: Ec2, seen: Observation, image: Image) -> tuple[Observation, int]:
    """An eligible version with that image: one that is there, or a new one; and its number."""
    version = seen.version_with(image)
    if version is None or _may_carry_a_warning(seen, version, image):
        _check_time(seen)
        version = ec2.create_version(seen.template, image)
        seen = seen.plus(version)
    return seen, version.version_number


def _may_carry_a_warning(seen: Observation, version: Version, image: Image) -> bool:
    """A version of ours, so young that the run which made it may have failed on EC2's warning.

    Asked for it again, EC2 gives the same answer and makes no other: its ClientToken is fresh.
    """
    is_ours = version.version_description == description(seen.template, image)
    return is_ours and seen.clock.now - version.create_time < _TOKEN_IS_FRESH_FOR


def _keep(ec2: Ec2, seen: Observation, decision: Keep) -> TemplateOutcome:
    """Nothing moves. A template that follows and is current gets its mark, if it has none."""
    selectors, current = seen.selectors, seen.current()
    if (
        _may_write(seen)
        and isinstance(selectors, Selectors)
        and current is not None
        and current.state == "available"
        and selectors.match(current)
    ):
        # a run that brought it back may have died before it wrote the mark
        default = seen.template.default
        number = default.version_number if default.comes_after_a_loss else None
        _remember(ec2, seen, current, number)
    return kept(seen.template, decision)


def _may_write(seen: Observation) -> bool:
    return seen.template.tags.get(OPT_IN_TAG) == "on" and seen.template.hold is None


def _remember(ec2: Ec2, seen: Observation, image: Image, returned_by: int | None = None) -> None:
    """Write the mark, which never moves down.

    Args:
        ec2: To write with.
        seen: The template as it was read last.
        image: What the template was moved to, or is on.
        returned_by: The version by which it came back, if it had to leave the marked image or one
            on the way to it: whoever sets an older version default after that is a person.
    """
    selectors = seen.selectors
    mark = selectors.mark if isinstance(selectors, Selectors) else None
    if mark is None or image.creation_date > mark.creation_date:
        wanted = HighWaterMark.of(image)
    elif returned_by is not None and returned_by > (mark.version_number or 0):
        wanted = mark.model_copy(update={"version_number": returned_by})
    else:
        return
    _check_time(seen)
    ec2.set_mark(seen.template, wanted)


def _check_time(seen: Observation) -> None:
    if seen.clock.seconds_left() < _SECONDS_FOR_A_WRITE:
        raise AwsUnavailable(
            f"{seen.template.launch_template_id}: too little time is left for a safe write"
        )


def _taken_away(ec2: Ec2, seen: Observation, error: AwsRefused | AwsUnavailable) -> str | None:
    """Why the role lost its permission for this template, if its tags tell."""
    if not (isinstance(error, AwsRefused) and error.unauthorized):
        return None
    try:
        template = ec2.template(seen.template.launch_template_id)
    except (AwsRefused, AwsUnavailable):
        return None  # then the error that was there first is what is to be said
    if template.hold is not None or template.tags.get(OPT_IN_TAG) != "on":
        return _why_not(template)
    return None


def _why_not(template: Template) -> str:
    if template.hold is not None:
        return f"held meanwhile: {template.hold}"
    return f"{OPT_IN_TAG} is no longer on"
