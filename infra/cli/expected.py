"""What a replay is compared with, and how the differences are told."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.cli.render import counted, err, out, outside
from infra.replay.atomic_write import check_can_write
from infra.replay.expectations import (
    Line,
    differences,
    named,
    read_expectations,
    write_expectations,
)
from infra.replay.junit import Case

if TYPE_CHECKING:
    from infra.embedded.replayer import Replayed


def _note(text: str) -> None:
    err.print(outside(text), soft_wrap=True)


def _compared(events: int, differing: int) -> str:
    if not differing:
        return f"{counted(events, 'outcome')} as expected"
    return f"{counted(differing, 'difference')}; --update writes the outcomes of this replay"


def print_problems(cases: Iterable[Case], *, as_json: bool) -> None:
    """A line for each, on stderr if stdout holds JSON Lines."""
    console = err if as_json else out
    for case in cases:
        for problem in case.problems:
            console.print(outside(f"{case.name} · {problem}", "red"), soft_wrap=True)


@dataclass(frozen=True)
class Expected:
    """What the options of `replay` say that each event must be.

    Attributes:
        path: The file of expected outcomes; None if there is to be none.
        before: What is in it; None if it has yet to be written.
        update: Write it anew if an outcome differs.
        strict: An event that no rule selects is a failure.
    """

    path: Path | None
    before: dict[str, Line] | None
    update: bool
    strict: bool

    @classmethod
    def of(cls, path: Path | None, *, update: bool, strict: bool) -> "Expected":
        """Read the file.

        Raises:
            BadExpectations: It holds something else.
            CannotWrite: It cannot be read, or has to be written and cannot.
        """
        before = read_expectations(path) if path else None
        if path and (update or before is None):
            check_can_write(path, force=True)
        return cls(path, before, update, strict)

    def cases(self, results: "Iterable[Replayed]") -> list[Case]:
        """Each event with its problems; the file is written if it has to be.

        Raises:
            CannotWrite: The file cannot be written.
        """
        by_name = named((result.source, result) for result in results)
        cases = {name: Case(name, self._problems(result)) for name, result in by_name.items()}
        if self.path is not None:
            lines = {name: result.as_json() for name, result in by_name.items()}
            self._compare(self.path, lines, cases)
        return list(cases.values())

    def _problems(self, result: "Replayed") -> list[str]:
        """What is wrong with an event whatever the file says, or without one."""
        if self.strict and result.is_unmatched:
            return [f"--strict: {result.why}"]
        if self.path is None and result.is_failure:
            return [f"{result.outcome.result}: {result.why or result.receipt.error}"]
        return []

    def _compare(self, path: Path, lines: dict[str, Line], cases: dict[str, Case]) -> None:
        found = differences(self.before or {}, lines)
        if self.before is None or (self.update and found):
            write_expectations(path, self.before or {}, lines)
            _note(f"{path}: {counted(len(lines), 'expected outcome')} written")
        elif self.update:
            _note(f"{path}: unchanged")
        else:
            for difference in found:
                case = cases.setdefault(difference.event, Case(difference.event))
                case.problems.append(str(difference))
            _note(f"{path}: {_compared(len(lines), len(found))}")
