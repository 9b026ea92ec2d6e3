"""The versions of a template as a timeline: which image, since when, and who moved it there."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise

from infra.operate.account import Account
from infra.operate.outcome_log import Logged, log_begins, log_group_of, read_outcomes
from infra.operate.paging import Gaps
from infra.operate.versions import VersionInfo, read_versions
from models.base import Value, printable
from models.guard import GuardedTemplate
from models.image import Image, amis
from models.launch_template import Template
from models.outcome import TemplateOutcome


class LoggedOutcome(Value):
    """What the function, or the guard, logged of one template."""

    at: datetime
    event: str
    outcome: TemplateOutcome

    @property
    def is_move(self) -> bool:
        """It made a version the default; also if it failed after that."""
        outcome = self.outcome
        return outcome.outcome == "promoted" or outcome.to_version != outcome.from_version

    @property
    def is_guards(self) -> bool:
        return isinstance(self.outcome, GuardedTemplate)


class HistoryEntry(Value):
    """One version and what became of it.

    Attributes:
        image: None if it cannot be read any more.
        is_default: New instances launch it.
        how: How it came, and what moved the template to it; one line each, oldest first.
    """

    version: VersionInfo
    image: Image | None
    is_default: bool
    how: tuple[str, ...]


@dataclass(frozen=True)
class Log:
    """What the function's log tells of one template.

    Attributes:
        outcomes: Oldest first.
        begins: What was done before is not in it; None if that, or the log, could not be read.
    """

    outcomes: tuple[LoggedOutcome, ...] = ()
    begins: datetime | None = None

    @cached_property
    def moves(self) -> list[LoggedOutcome]:
        """Each time that the function made a version the default, oldest first."""
        return [told for told in self.outcomes if told.is_move]

    def moves_to(self, version: VersionInfo) -> list[LoggedOutcome]:
        return [move for move in self.moves if move.outcome.to_version == version.version_number]

    def reaches(self, version: VersionInfo) -> bool:
        """Whether all that was done with that version is in it."""
        return self.begins is not None and self.begins <= version.create_time


def read_log(account: Account, stack: str, template: Template, since: datetime, gaps: Gaps) -> Log:
    """What the function's log tells of that template since then; at worst nothing."""
    group, about = log_group_of(stack), template.launch_template_id

    def read() -> Log:
        return Log(outcomes_of(template, read_outcomes(account, group, since, about)))

    log = gaps.read(read, None)
    if log is None:
        return Log()
    begins = Gaps().read(lambda: log_begins(account, group, datetime.now(UTC)), None)
    return replace(log, begins=begins)


def outcomes_of(template: Template, logged: Iterable[Logged]) -> tuple[LoggedOutcome, ...]:
    """What was logged of that template, oldest first."""
    found = [
        LoggedOutcome(
            at=one.at,
            event=f"{one.outcome.detail_type} {one.outcome.event_id}",
            outcome=outcome,
        )
        for one in logged
        for outcome in one.outcome.templates
        if outcome.launch_template_id == template.launch_template_id
    ]
    return tuple(sorted(found, key=lambda told: told.at))


def read_history(account: Account, template: Template, last: int, log: Log) -> list[HistoryEntry]:
    """The last so many versions, newest first."""
    versions = heapq.nlargest(
        last,
        read_versions(account, template.launch_template_id),
        key=lambda version: version.version_number,
    )
    named = amis(version.image_id for version in versions)
    images = {image.image_id: image for image in account.ec2.images(named)} if named else {}
    return [
        HistoryEntry(
            version=version,
            image=images.get(version.image_id or ""),
            is_default=version.version_number == template.default_version_number,
            how=tuple(_how(version, template, log)),
        )
        for version in versions
    ]


def _how(version: VersionInfo, template: Template, log: Log) -> Iterator[str]:
    """What is known of how the template came to that version."""
    moves = log.moves_to(version)
    if version.is_promotion and not moves:
        yield unlogged(version, log)
    elif not version.is_promotion and not any(move.is_guards for move in moves):
        yield _made_by(version)
    found = [(move.at, _move(move)) for move in moves]
    yield from (line for _, line in sorted([*found, *_back(version, log)]))
    if version.version_number == template.default_version_number:
        yield from made_default(version, template, log)


def _move(move: LoggedOutcome) -> str:
    if not move.is_guards:
        return f"promoted {_at(move.at)} by {move.event}"
    why = f"{move.outcome.reason}: {printable(move.outcome.message)}"
    return f"moved back by the guard {_at(move.at)} by {move.event}: {why}"


def _made_by(version: VersionInfo) -> str:
    if made := version.rollback:
        return f"rolled back from version {made.version} by {version.who}: a copy of {made.copied}"
    return f"made by {version.who}"


def unlogged(version: VersionInfo, log: Log) -> str:
    """Of a version that is the function's, as its description says, and not in the log."""
    if log.begins is None:
        return "promoted by the reactor; when, could not be read"
    if not log.reaches(version):
        return f"promoted by the reactor, before its log begins on {log.begins:%Y-%m-%d}"
    return "made by the reactor; its log has no promotion to it"


def made_default(version: VersionInfo, template: Template, log: Log) -> Iterator[str]:
    """How the default version became so, if neither the function nor a rollback did it.

    EC2 records who made a version, and not who made it the default.
    """
    number = version.version_number
    last = log.moves[-1].outcome.to_version if log.moves else number
    if last > number:
        yield f"moved back to, {_BY_OTHERS}"
    elif log.moves_to(version) or version.is_promotion or version.rollback:
        return
    elif number == 1 and _has_not_moved(version, template):
        yield f"the default since {version.who} made the template"
    elif log.reaches(version):
        yield f"made the default, {_BY_OTHERS}"
    else:
        yield f"made the default; the function's log does not tell: {_CLOUDTRAIL}"


_CLOUDTRAIL = "CloudTrail's ModifyLaunchTemplate says by whom"
_BY_OTHERS = f"not by the reactor: {_CLOUDTRAIL}"


def _has_not_moved(version: VersionInfo, template: Template) -> bool:
    """Version 1 is the default until a template is moved, which leaves a high-water mark."""
    mark = template.high_water_mark
    return mark is None or mark.image_id == version.image_id


def _back(version: VersionInfo, log: Log) -> Iterator[tuple[datetime, str]]:
    """When the function found the default on that version, and had left it on another one."""
    if version.rollback:
        return
    number = version.version_number
    for earlier, later in pairwise(log.moves):
        left = earlier.outcome.to_version
        if later.outcome.from_version == number != left:
            what = "moved back to" if number < left else "made the default"
            yield later.at, f"{what} before {_at(later.at)}, not by the reactor"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z"
