"""Messages with one verdict and one cause are one line, however many they are."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from infra.dead_letters.verdict import Judged
from infra.dead_letters.verdicts import Verdict

_ORDER = (
    Verdict.REPLAYABLE,
    Verdict.BLOCKED,
    Verdict.INVALID,
    Verdict.UNREADABLE,
    Verdict.OBSOLETE,
)

_WHYS = 3  # as many as an engineer reads


@dataclass
class MessageGroup:
    """Messages with the same verdict and cause.

    Attributes:
        oldest: When the first of them came into the queue.
        whys: Of the verdict, the first few that differ.
        has_more_whys: There are others.
        behind: The names of the templates that wait for them.
    """

    verdict: Verdict
    cause: str
    count: int = 0
    oldest: datetime | None = None
    whys: list[str] = field(default_factory=list)
    has_more_whys: bool = False
    behind: set[str] = field(default_factory=set)

    def add(self, judged: Judged) -> None:
        sent = judged.dead_letter.sent
        self.count += 1
        self.oldest = min(filter(None, (self.oldest, sent)), default=None)
        self.behind |= set(judged.behind)
        if judged.why not in self.whys:
            if len(self.whys) < _WHYS:
                self.whys.append(judged.why)
            else:
                self.has_more_whys = True


class MessageGroups:
    """Built message by message: no message is kept."""

    def __init__(self, judged: Iterable[Judged] = ()) -> None:
        self._by_cause: dict[tuple[Verdict, str], MessageGroup] = {}
        for one in judged:
            self.add(one)

    def add(self, judged: Judged) -> None:
        key = judged.verdict, judged.cause
        self._by_cause.setdefault(key, MessageGroup(*key)).add(judged)

    def listed(self) -> list[MessageGroup]:
        """What can be redriven first, then what needs a fix; the most frequent cause first."""
        groups = self._by_cause.values()
        return sorted(groups, key=lambda group: (_ORDER.index(group.verdict), -group.count))

    def count(self, *verdicts: Verdict) -> int:
        return sum(g.count for g in self._by_cause.values() if g.verdict in verdicts)
