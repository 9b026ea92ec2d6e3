"""Deliberately broken promotions: each must be seen, or an invariant proves nothing.

A breakage is a change of the source text, made in a copy of the checkout and searched there by
`python -m tests.survival.breakages SCENARIO` until the first invariant fails.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.survival.invariants import Invariant
from tests.survival.scenarios import ONE_WRITER, TWO_RUNS, WAVES
from tests.survival.scheduler import explore

ROOT = Path(__file__).parents[2]
PROMOTION = "handlers/promotion.py"
OBSERVATION = "handlers/observation.py"
DECISION = "models/decision.py"
TAGS = "models/tags.py"
GATEWAY = "handlers/ec2.py"
REACTION = "handlers/reaction.py"
RIPENING = "models/ripening.py"


class Breakage(NamedTuple):
    """What somebody might get wrong, and the invariant that is to notice it."""

    name: str
    file: str
    old: str
    new: str
    breaks: Invariant
    seen_in: str


BREAKAGES = (
    Breakage(
        "sets what it made, and never looks again",
        PROMOTION,
        "            if at_least <= seen.template.latest_seen:\n                break\n",
        "            break\n",
        Invariant.ENDS_AT_NEWEST,
        "two images, a crash anywhere",
    ),
    Breakage(
        "takes the newest image though the current one is newer",
        DECISION,
        "    if current is not None and not best.is_newer_than(current):",
        "    if False:",
        Invariant.NEVER_BACKWARDS,
        "one writer: the current image is quarantined, an older one appears",
    ),
    Breakage(
        "takes the image of the event instead of the newest",
        DECISION,
        "    best = newest(candidates)\n",
        "    best = min(candidates, key=lambda i: i.creation_date, default=None)\n",
        Invariant.ENDS_AT_NEWEST,
        "one writer: two images, a crash anywhere",
    ),
    Breakage(
        "names no source version's number in the token",
        GATEWAY,
        'wish = f"{template.launch_template_id} {source} {image.image_id}"',
        'wish = f"{template.launch_template_id} {source} {image.image_id} {id(image)}"',
        Invariant.ONE_VERSION,
        "two images, a crash anywhere",
    ),
    Breakage(
        "makes a version each time instead of finding it",
        PROMOTION,
        "        version = seen.version_with(image)\n        if version is None or",
        "        version = None\n        if version is None or",
        Invariant.ONE_VERSION,
        "one writer: one image, two events, tokens forgotten",
    ),
    Breakage(
        "takes the versions that it knows for all there are",
        OBSERVATION,
        "        if version.version_number > self.template.latest_seen + 1:",
        "        if False:",
        Invariant.ENDS_AT_NEWEST,
        "two images, a crash anywhere",
    ),
    Breakage(
        "takes no notice of the high-water mark",
        DECISION,
        "    if is_return and mark is not None and not mark.was_left_for(template.default):",
        "    if False:",
        Invariant.MOVE_BACK_STANDS,
        "one writer: two images, a person moves back",
    ),
    Breakage(
        "never comes back to an image that it had to leave",
        DECISION,
        "    if is_return and mark is not None and not mark.was_left_for(template.default):",
        "    if is_return:",
        Invariant.ENDS_AT_NEWEST,
        "one writer: the current image is disabled and enabled again, a crash",
    ),
    Breakage(
        "takes a person for itself once it is back",
        TAGS,
        "        is_later = default.version_number >= (self.version_number or 0)",
        "        is_later = True",
        Invariant.MOVE_BACK_STANDS,
        "one writer: the current image is disabled and enabled again, a person moves back",
    ),
    Breakage(
        "does not write that it is back, if a run died before it could",
        PROMOTION,
        "            self._remember(seen, current, number)",
        "            self._remember(seen, current)",
        Invariant.MOVE_BACK_STANDS,
        "one writer: an image is disabled and enabled again, a person moves back, a crash",
    ),
    Breakage(
        "forgets what it had to leave when it has to leave the next one",
        GATEWAY,
        "missing = mark.image_id if mark.was_left_for(source) else None",
        "missing = None",
        Invariant.ENDS_AT_NEWEST,
        "one writer: two images are disabled one after the other, and enabled again",
    ),
    Breakage(
        "writes no high-water mark",
        PROMOTION,
        "        self.ec2.set_high_water_mark(seen.template, wanted)",
        "        pass",
        Invariant.MOVE_BACK_STANDS,
        "one writer: two images, a person moves back",
    ),
    Breakage(
        "writes the high-water mark before the default",
        PROMOTION,
        "            at_least = self.ec2.set_default(seen.template, version)\n",
        "            self._remember(seen, verdict.image)\n"
        "            at_least = self.ec2.set_default(seen.template, version)\n",
        Invariant.ENDS_AT_NEWEST,
        "one writer: two images, a crash anywhere",
    ),
    Breakage(
        "takes another run's high-water mark for a person",
        PROMOTION,
        "seen.decide(after_own_move=has_moved)",
        "seen.decide()",
        Invariant.ENDS_AT_NEWEST,
        "two images, a crash anywhere",
    ),
    Breakage(
        "lets the high-water mark move down",
        PROMOTION,
        "        if mark is None or image.creation_date > mark.creation_date:",
        "        if True:",
        Invariant.MARK_RISES,
        "one writer: two images, a person moves back",
    ),
    Breakage(
        "takes any version that has the image",
        OBSERVATION,
        "version.image_id == image.image_id and version.differs_in_image_alone(default)",
        "version.image_id == image.image_id",
        Invariant.NOT_A_PERSONS,
        "one writer: one image, a person drafts",
    ),
    Breakage(
        "takes quarantined images",
        DECISION,
        "(Skip.QUARANTINED, QUARANTINE_TAG in image.tags)",
        "(Skip.QUARANTINED, False)",
        Invariant.LAUNCHABLE,
        "one writer: two images, the newer one is quarantined",
    ),
    Breakage(
        "takes images that are not available",
        DECISION,
        '(Skip.NOT_AVAILABLE, image.state != "available")',
        "(Skip.NOT_AVAILABLE, False)",
        Invariant.IS_HEALED,
        "one writer: the current image is disabled, a crash",
    ),
    Breakage(
        "does not see that the current image is gone",
        OBSERVATION,
        "        return None if image.is_dead else image",
        "        return image",
        Invariant.IS_HEALED,
        "one writer: the current image is disabled, a crash",
    ),
    Breakage(
        "does not look for a hold",
        DECISION,
        "    if template.hold is not None:",
        "    if False:",
        Invariant.HOLD_STANDS,
        "one writer: two images, a person holds and moves back",
    ),
    Breakage(
        "trusts a read after its own write",
        PROMOTION,
        "observe_again(self.ec2, seen, at_least, own_default)",
        "observe_again(self.ec2, seen, at_least, None)",
        Invariant.ENDS_AT_NEWEST,
        "two images, a stale read",
    ),
    Breakage(
        "does not wait until its version can be seen",
        PROMOTION,
        "seen = observe_again(self.ec2, seen, at_least,",
        "seen = observe_again(self.ec2, seen, 0,",
        Invariant.ENDS_AT_NEWEST,
        "two images, a stale read",
    ),
    Breakage(
        "takes a young image that a read does not show for gone",
        OBSERVATION,
        "ABSENCE_IS_BELIEVED_AFTER = timedelta(hours=1)",
        "ABSENCE_IS_BELIEVED_AFTER = timedelta(hours=-1)",
        Invariant.NEVER_BACKWARDS,
        "two images, a stale read",
    ),
    Breakage(
        "lets an error through that nobody translates",
        PROMOTION,
        "        why = self._taken_away(error)",
        "        why = self.before.template.tags['a hold']",
        Invariant.NOTHING_RAISED,
        "one writer: two images, a person holds and moves back",
    ),
    Breakage(
        "fails for ever where an image is gone again",
        REACTION,
        "    return Ignored.IMAGE_NOT_FOUND\n",
        "    raise AwsUnavailable(unseen)\n",
        Invariant.NOTHING_LOST,
        "one writer: a new image vanishes again",
    ),
    Breakage(
        "goes to the next newer image, one at a time",
        DECISION,
        "    best = newest(candidates)\n",
        "    newer = [i for i in candidates if current and i.is_newer_than(current)]\n"
        "    best = min(newer, key=lambda i: i.creation_date) if newer else newest(candidates)\n",
        Invariant.SETTLED,
        "one writer: two images, events lost",
    ),
    Breakage(
        "takes the newest image, and then asks whether it is ripe: it starves",
        DECISION,
        "    best = newest(candidates)\n",
        "    best = newest([*candidates, *(one.image for one in others if one.skip in UNRIPE)])\n"
        "    best = best if best in candidates else None\n",
        Invariant.ENDS_AT_NEWEST,
        "one writer: two images soak, and but one of them is ripe at the end",
    ),
    Breakage(
        "takes an image that soaks",
        RIPENING,
        "    if until <= now:",
        "    if True:",
        Invariant.RIPE,
        "one writer: two images soak, and but one of them is ripe at the end",
    ),
    Breakage(
        "soaks from the image's date on, though another template has yet to prove it",
        RIPENING,
        "_second_after((since or image.creation_date) + selectors.soak)",
        "_second_after(image.creation_date + selectors.soak)",
        Invariant.RIPE,
        "one writer: canary first, web an hour later, a crash",
    ),
    Breakage(
        "goes on past a canary that is held",
        RIPENING,
        "    if canary.hold is not None or on is None:",
        "    if on is None:",
        Invariant.RIPE,
        "one writer: a wave, canary is held",
    ),
    Breakage(
        "goes on past a canary that was moved back",
        RIPENING,
        "        if number <= canary.default_version_number\n"
        "        and (image := _promoted(version, images)) is not None\n"
        "        and not image.is_newer_than(on)\n",
        "        if (image := _promoted(version, images)) is not None\n",
        Invariant.RIPE,
        "one writer: a wave, canary is moved back",
    ),
    Breakage(
        "goes on with an image in quarantine, because canary has proved it",
        DECISION,
        "(Skip.QUARANTINED, QUARANTINE_TAG in image.tags)",
        "(Skip.QUARANTINED, QUARANTINE_TAG in image.tags and not selectors.after)",
        Invariant.LAUNCHABLE,
        "one writer: a wave, its image is quarantined",
    ),
)


@contextmanager
def broken_checkout(breakage: Breakage) -> Iterator[Path]:
    """A copy of the code with the change made; the tests are this checkout's own."""
    with TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("models", "handlers"):
            (copy / part).mkdir()
            for file in (ROOT / part).glob("*.py"):
                (copy / part / file.name).write_text(file.read_text())
        for part in ("tests", "infra"):
            (copy / part).symlink_to(ROOT / part)
        source = copy / breakage.file
        before = source.read_text()
        if before.count(breakage.old) != 1:
            raise ValueError(f"{breakage.name}: {breakage.file} has no such text any more")
        source.write_text(before.replace(breakage.old, breakage.new))
        yield copy


def search(breakage: Breakage) -> dict[str, int]:
    """The invariants that were seen to fail first, each with the length of a shortest schedule."""
    with broken_checkout(breakage) as checkout:
        done = subprocess.run(
            [sys.executable, "-m", "tests.survival.breakages", breakage.seen_in],
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(done.stderr)
    lines = (line.partition("|") for line in done.stdout.splitlines())
    return {invariant: int(steps) for invariant, _, steps in lines}


def findings(scenario_name: str) -> Iterator[str]:
    """In whichever checkout this runs: what the scenario breaks first, and after how many steps."""
    scenario = next(s for s in (*ONE_WRITER, *TWO_RUNS, *WAVES) if s.name == scenario_name)
    broken = explore(scenario, is_enough=True).broken
    for invariant, schedule in broken.items():
        yield f"{invariant}|{len(schedule)}"


if __name__ == "__main__":
    sys.stdout.write("\n".join(findings(sys.argv[1])))
