"""Moving a launch template, so that any order, repetition or crash ends at the newest image.

EC2 has no compare-and-set. What makes writes converge instead: nothing is made the default on an
old reading; the answer of the own write is believed, never a read after it; whoever sees a version
that he did not know chooses again.
"""

from handlers.ec2 import Ec2
from handlers.observation import Observation, observe_again
from models.base import printable
from models.decision import Keep, Promote, Reason
from models.errors import AwsRefused, AwsUnavailable
from models.image import Image
from models.outcome import TemplateOutcome, kept, promoted
from models.selectors import Mark, Selectors
from models.template import HOLD_TAG, OPT_IN_TAG

_TURNS = 10
"""More than versions are made at one time: a loop that goes on is an error, and is tried again."""

_SECONDS_FOR_A_WRITE = 30
"""A write that Lambda cuts off may still land, after the retry has looked."""


def carry_out(ec2: Ec2, seen: Observation) -> TemplateOutcome:
    """Decide about the template that was observed, and do what was decided.

    Raises:
        AwsRefused: AWS refuses a read or a write for good.
        AwsUnavailable: AWS does not answer, or time is too short for a write.
    """
    try:
        decision = seen.decide()
        if isinstance(decision, Promote):
            return _promote(ec2, seen, decision)
        return _keep(ec2, seen, decision)
    except AwsRefused as refusal:
        if refusal.unauthorized and (why := _taken_away(ec2, seen)):
            return kept(seen.template, Keep(reason=Reason.HELD, message=why))
        raise


def foresee(_ec2: Ec2, seen: Observation) -> TemplateOutcome:
    """What `carry_out` would do now, as far as nobody else moves; nothing is written."""
    decision = seen.decide()
    if isinstance(decision, Keep):
        return kept(seen.template, decision)
    version = seen.version_with(decision.image)
    number = version.version_number if version else seen.template.latest_version_number + 1
    return promoted(seen.template, decision, number)


def _promote(ec2: Ec2, before: Observation, decision: Promote) -> TemplateOutcome:
    moved: tuple[Promote, int] | None = None
    seen, at_least = _with_version(ec2, before, decision.image)
    for _ in range(_TURNS):
        seen = observe_again(ec2, seen, at_least, own_default=moved[1] if moved else None)
        verdict = seen.decide(after_own_move=moved is not None)
        if isinstance(verdict, Keep):
            if moved is None:
                return _keep(ec2, seen, verdict)
            break
        version = seen.version_with(verdict.image)
        if version is None:  # the default moved to one with other settings: ours is not eligible
            seen, at_least = _with_version(ec2, seen, verdict.image)
            continue
        _check_time(seen)
        at_least = ec2.set_default(seen.template, version)
        moved = (verdict, version.version_number)
        if at_least <= seen.template.latest_seen:
            break
    else:
        raise AwsUnavailable(f"{before.template.launch_template_id}: new versions keep appearing")
    _remember_own_move(ec2, seen, moved[0].image)
    return promoted(before.template, moved[0], moved[1])


def _with_version(ec2: Ec2, seen: Observation, image: Image) -> tuple[Observation, int]:
    """An eligible version with that image: one that is there, or a new one; and its number."""
    version = seen.version_with(image)
    if version is None:
        _check_time(seen)
        version = ec2.create_version(seen.template, image)
        seen = seen.plus(version)
    return seen, version.version_number


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
        _remember(ec2, seen, current)
    return kept(seen.template, decision)


def _may_write(seen: Observation) -> bool:
    return seen.template.tags.get(OPT_IN_TAG) == "on" and not seen.template.is_held


def _remember_own_move(ec2: Ec2, seen: Observation, image: Image) -> None:
    """A hold that came after the move forbids the mark, and does not undo the move."""
    try:
        if _may_write(seen):
            _remember(ec2, seen, image)
    except AwsRefused as refusal:
        if not (refusal.unauthorized and _taken_away(ec2, seen)):
            raise


def _remember(ec2: Ec2, seen: Observation, image: Image) -> None:
    """Write the mark, which never moves down."""
    selectors = seen.selectors
    mark = selectors.mark if isinstance(selectors, Selectors) else None
    if mark is None or image.creation_date > mark.creation_date:
        _check_time(seen)
        ec2.set_mark(seen.template, Mark.of(image))


def _check_time(seen: Observation) -> None:
    if seen.clock.seconds_left() < _SECONDS_FOR_A_WRITE:
        raise AwsUnavailable(
            f"{seen.template.launch_template_id}: too little time is left for a safe write"
        )


def _taken_away(ec2: Ec2, seen: Observation) -> str | None:
    """Why the role lost its permission for this template, if its tags tell."""
    template = ec2.template(seen.template.launch_template_id)
    if template.is_held:
        return f"held meanwhile: {printable(template.tags[HOLD_TAG])}"
    if template.tags.get(OPT_IN_TAG) != "on":
        return f"{OPT_IN_TAG} is no longer on"
    return None
