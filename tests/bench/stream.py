"""A stream beside a replay of files: `python -m tests.bench.stream [--json]`.

The same 1,000 events twice in each of three rounds: as files of a folder, and line by line through
`ami-reactor replay - --json`, each line written when the one before is answered. The rate is that
between the first answer and the last, so that neither start is in it.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.builders import a_world, ami_state, backup_completed

EVENTS = 1_000
ROUNDS = 3
_COMMAND = (sys.executable, "-m", "ami_reactor", "replay", "--json")


def events(number: int = EVENTS) -> list[dict[str, Any]]:
    """The first promotes, the others repeat it, as the two events of each backup do."""
    return [backup_completed() if n % 2 else ami_state() for n in range(number)]


def through_the_stream(world: Path, lines: list[bytes]) -> tuple[float, list[int]]:
    """Events a second, and the process's resident memory in KiB after each tenth."""
    command = (*_COMMAND, "-", "--world", str(world))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        resident: list[int] = []
        started = 0.0
        for number, line in enumerate(lines):
            process.stdin.write(line)
            process.stdin.flush()
            json.loads(process.stdout.readline())
            started = started or time.perf_counter()
            if (number + 1) % (len(lines) // 10) == 0:
                resident.append(_resident(process.pid))
        rate = (len(lines) - 1) / (time.perf_counter() - started)
        process.stdin.close()
    return rate, resident


def of_files(world: Path, folder: Path) -> float:
    """Events a second."""
    command = (*_COMMAND, str(folder), "--world", str(world))
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        started = time.perf_counter()
        count = sum(1 for _ in process.stdout)
        return count / (time.perf_counter() - started)


def _resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0])


def _rounds(folder: Path) -> Iterator[tuple[float, float, list[int]]]:
    world, files = folder / "world.json", folder / "events"
    world.write_text(json.dumps(a_world()))
    files.mkdir()
    for number, event in enumerate(events()):
        (files / f"{number:04}.json").write_text(json.dumps(event))
    lines = [json.dumps(event).encode() + b"\n" for event in events()]
    for _ in range(ROUNDS):
        yield of_files(world, files), *through_the_stream(world, lines)


def measure() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        rounds = list(_rounds(Path(folder)))
    files, stream, resident = zip(*rounds, strict=True)
    return {
        "events": EVENTS,
        "events_per_second_of_files": round(statistics.median(files), 1),
        "events_per_second_of_the_stream": round(statistics.median(stream), 1),
        "ratios": [round(b / a, 2) for a, b, _ in rounds],
        "resident_mib_after_each_tenth": [round(kib / 1024) for kib in resident[0]],
    }


def main() -> None:
    figures = measure()
    if "--json" in sys.argv:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, figure in figures.items():
        sys.stdout.write(f"{name.replace('_', ' '):36} {figure}\n")


if __name__ == "__main__":
    main()
