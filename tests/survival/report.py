"""All the figures: `python -m tests.survival.report` prints what was recorded last.

--search [PART ...]   search anew first, and record: all parts, or those that are named
--long                search also what takes minutes
--write               put the figures into tests/FAULTS.md, between its two marks
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.survival import bad_input
from tests.survival.adversary import wrong_images
from tests.survival.breakages import BREAKAGES, search
from tests.survival.faults import FAULTS, Lasting, theatre
from tests.survival.invariants import OVERLAPPING, Hole
from tests.survival.load import THREADS, Books, run
from tests.survival.mutation import RESULTS
from tests.survival.scenarios import LONG, ONE_WRITER, TWO_RUNS, WAVES
from tests.survival.scheduler import Report, explore

RECORD = Path(__file__).with_name("figures.json")
FAULTS_MD = Path(__file__).parents[1] / "FAULTS.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    cells = [list(head), *([str(cell) for cell in row] for row in rows)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    lines.insert(1, "|" + "---|" * len(cells[0]))
    return "\n".join(lines)


class Figures:
    """What was searched, counted."""

    def __init__(self, *, is_long: bool) -> None:
        self.is_long = is_long
        self.summary: list[tuple[str, str]] = []

    # -- interleavings -------------------------------------------------------------------------

    def interleavings(self) -> Iterator[str]:
        scenarios = (*ONE_WRITER, *WAVES, *TWO_RUNS, *(LONG if self.is_long else ()))
        reports = [explore(scenario) for scenario in scenarios]
        broken = sum(len(report.broken) for report in reports)
        overlapping = [
            hole
            for report, scenario in zip(reports, scenarios, strict=True)
            for hole in report.known.keys() & OVERLAPPING
            if scenario.one_writer
        ]
        self.summary += [
            ("interleavings: scenarios", f"{len(reports)}"),
            ("interleavings: states visited", f"{sum(r.states for r in reports):,}"),
            ("interleavings: schedules they stand for", f"{sum(r.schedules for r in reports):.1e}"),
            ("invariants broken, known holes apart", f"{broken}"),
            ("backwards, one run at a time", f"{len(overlapping)}"),
        ]
        yield table(
            ("scenario", "states", "steps", "rests", "schedules", "known holes met"),
            map(_row, reports),
        )
        yield "Known holes, each with a shortest schedule:"
        yield from _holes(reports)

    def breakages(self) -> Iterator[str]:
        rows = []
        for breakage in BREAKAGES:
            found = search(breakage)
            length = found.get(breakage.breaks, 0)
            rows.append((breakage.name, breakage.breaks, breakage.seen_in, length or "NOT SEEN"))
        seen = sum(row[-1] != "NOT SEEN" for row in rows)
        self.summary.append(("broken promotions noticed", f"{seen} of {len(rows)}"))
        yield table(("what was broken", "what noticed it", "in the scenario", "steps"), rows)

    # -- faults --------------------------------------------------------------------------------

    def faults(self) -> Iterator[str]:
        injected = right = 0
        with theatre() as played:
            calls = played.calls()
            for lasting in Lasting if self.is_long else (Lasting.ATTEMPT,):
                rows = []
                for fault in FAULTS:
                    endings = played.endings(fault, lasting)
                    injected += len(endings)
                    right += sum(e.is_right and e.image in fault.leaves for e in endings.values())
                    cells = [str(endings.get(call, "n/a")) for call in calls]
                    rows.append((fault.name, *cells))
                yield f"A fault of {lasting}:"
                yield table(("fault", *map(str, calls)), rows)
        self.summary += [
            ("faults by calls injected", f"{injected}"),
            ("of these, ended in the right state", f"{right}"),
        ]

    # -- bad input -----------------------------------------------------------------------------

    def bad_input(self) -> Iterator[str]:
        sources: dict[str, Iterable[Any]] = {
            "captured events, each field changed": (
                bad for event in bad_input.captured_events().values()
                for bad in bad_input.mutations(event)
            ),
            "256 KB": (event for _, event in bad_input.big_events()),
        }  # fmt: skip
        if bad_input.CORPUS.is_dir():
            one_in = 1 if self.is_long else 12
            sources["naughty strings in each field"] = bad_input.naughty_events(one_in)
            sources["JSON files that parse"] = bad_input.parsed_files()
        rows = []
        for name, inputs in sources.items():
            handled = [bad_input.is_well_handled(bad) for bad in inputs]
            rows.append((name, f"{len(handled):,}", f"{handled.count(False)}"))
        tried = sum(int(row[1].replace(",", "")) for row in rows)
        self.summary.append(("bad inputs tried", f"{tried:,}"))
        self.summary.append(("of these, badly handled", str(sum(int(row[2]) for row in rows))))
        self.summary.append(("wrong images offered", f"{len(list(wrong_images(10_000))):,}"))
        yield table(("input", "tried", "badly handled"), rows)

    # -- load ----------------------------------------------------------------------------------

    def load(self) -> Iterator[str]:
        all_books = [run(events) for events in ((1_000, 10_000) if self.is_long else (1_000,))]
        self.summary += [
            ("events under load", f"{max(books.received for books in all_books):,}"),
            ("lost", f"{sum(books.lost for books in all_books)}"),
            ("templates that ended older", f"{sum(len(books.wrong) for books in all_books)}"),
        ]
        ends = ("promoted", "kept", "refused", "ignored", "dead")
        yield f"{THREADS} threads, 100 templates, random order, duplicates."
        yield table(
            ("received", *ends, "lost", "wrong at the end", "calls an attempt", "megabytes"),
            (
                (
                    f"{books.received:,}",
                    *(f"{books.ended[end]:,}" for end in ends),
                    books.lost,
                    len(books.wrong),
                    _calls(books),
                    " → ".join(f"{megabytes:.0f}" for megabytes in books.megabytes),
                )
                for books in all_books
            ),
        )

    # -- mutants -------------------------------------------------------------------------------

    def mutants(self) -> Iterator[str]:
        """As `python -m tests.survival.mutation` recorded them."""
        results: dict[str, Any] = json.loads(RESULTS.read_text())
        made = sum(result["mutants"] - result["stillborn"] for result in results.values())
        killed = sum(result["killed"] for result in results.values())
        self.summary.append(("mutants killed", f"{killed} of {made}"))
        yield "`python -m tests.survival.mutation` makes them anew. Stillborn: cannot be imported."
        yield table(
            ("module", "mutants", "stillborn", "killed", "survived"),
            (
                (module, r["mutants"], r["stillborn"], r["killed"], len(r["survived"]))
                for module, r in results.items()
            ),
        )


def _holes(reports: list[Report]) -> Iterator[str]:
    for hole in Hole:
        met = [report for report in reports if hole in report.known]
        if met:
            first = min(met, key=lambda report: len(report.known[hole]))
            steps = "\n".join(f"    {step}" for step in first.known[hole])
            yield f"**{hole}** (`{hole.name}`; {first.scenario})\n\n{steps}"


def _row(report: Report) -> tuple[object, ...]:
    name = report.scenario if report.is_complete else f"{report.scenario} (given up there)"
    schedules = f"{report.schedules:.1e}" if report.schedules >= 1e6 else f"{report.schedules:,}"
    holes = ", ".join(f"`{hole.name}`" for hole in report.known)
    broken = "".join(f" **BROKEN: {invariant}**" for invariant in report.broken)
    return name, f"{report.states:,}", f"{report.steps:,}", report.rests, schedules, holes + broken


def _calls(books: Books) -> str:
    return ", ".join(f"{calls}: {times:,} times" for calls, times in sorted(books.calls.items()))


PARTS = {
    "interleavings": "Every interleaving",
    "breakages": "Broken promotions",
    "faults": "Every fault at every call",
    "bad_input": "Bad input",
    "load": "Load",
    "mutants": "Mutants",
}


def search_again(parts: Iterable[str], *, is_long: bool) -> None:
    """Search those parts, and record what they say."""
    recorded = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    for part in parts:
        figures = Figures(is_long=is_long)
        text = "\n\n".join(getattr(figures, part)())
        recorded[part] = {"summary": figures.summary, "text": text}
        RECORD.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")


def recorded_text() -> str:
    recorded = json.loads(RECORD.read_text())
    rows = [row for part in PARTS for row in recorded[part]["summary"]]
    chapters = [f"## {title}\n\n{recorded[part]['text']}" for part, title in PARTS.items()]
    return "\n\n".join([table(("what", "how many"), rows), *chapters]) + "\n"


def main(arguments: list[str]) -> None:
    named = [argument for argument in arguments if argument in PARTS]
    if "--search" in arguments:
        search_again(named or PARTS, is_long="--long" in arguments)
    sys.stdout.write(text := recorded_text())
    if "--write" in arguments:
        before, _, rest = FAULTS_MD.read_text().partition(BEGIN)
        after = rest.partition(END)[2]
        FAULTS_MD.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


if __name__ == "__main__":
    main(sys.argv[1:])
