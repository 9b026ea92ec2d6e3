"""Letters with one verdict and one cause are one line, however many they are."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from infra.dead_letters.verdict import Judged, Verdict

_ORDER = (
    Verdict.REPLAYABLE,
    Verdict.BLOCKED,
    Verdict.INVALID,
    Verdict.UNREADABLE,
    Verdict.OBSOLETE,
)


@dataclass
class Group:
    """Letters alike.

    Attributes:
        oldest: When the first of them came into the queue.
        why: Of the verdict, for the first that was read.
        behind: The names of the templates that wait for them.
    """

    verdict: Verdict
    cause: str
    why: str
    count: int = 0
    oldest: datetime | None = None
    behind: set[str] = field(default_factory=set)

    def add(self, judged: Judged) -> None:
        sent = judged.letter.sent
        self.count += 1
        self.oldest = min(filter(None, (self.oldest, sent)), default=None)
        self.behind |= set(judged.behind)


class Groups:
    """Built letter by letter: no letter is kept."""

    def __init__(self, judged: Iterable[Judged] = ()) -> None:
        self._by_cause: dict[tuple[Verdict, str], Group] = {}
        for one in judged:
            self.add(one)

    def add(self, judged: Judged) -> None:
        key = judged.verdict, judged.cause
        group = self._by_cause.setdefault(key, Group(*key, judged.why))
        group.add(judged)

    def listed(self) -> list[Group]:
        """What can be redriven first, then what needs mending; the most frequent cause first."""
        groups = self._by_cause.values()
        return sorted(groups, key=lambda group: (_ORDER.index(group.verdict), -group.count))

    def count(self, *verdicts: Verdict) -> int:
        return sum(g.count for g in self._by_cause.values() if g.verdict in verdicts)
