"""What a cold start costs, beside what one might write instead: `python -m tests.bench.cold`.

Every invocation is a new process of Lambda's own runtime, and promotes one launch template. The
first one of each is answered by the embedded AWS; the others get the same answers again, because
what moto takes to find them is part of no cold start. The contestants take turns, so that what else
the machine does falls on all of them. Options: `--json`, `--rounds N`.
"""

import argparse
import json
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from moto.core.responses import BaseResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Response

from infra.embedded.stage import stage
from infra.embedded.world.seed import read_world
from tests.bench.contestants import Contestant, contestants
from tests.support.builders import a_world, backup_completed
from tests.support.lambda_runtime import Invocation
from tests.support.tls import served

PLAIN = "plain script"
OURS = "ami-reactor"
_ROUNDS = 45  # one in two ratios is off by a tenth, on a machine shared with others
_MIB = 1 << 20


@dataclass(frozen=True)
class Cold:
    """One cold invocation; times in milliseconds, memory in MiB."""

    total_ms: float
    init_ms: float
    invoke_ms: float
    cpu_ms: float
    peak_mib: float


@dataclass
class Answers:
    """The operations that one invocation asked for, and what the embedded AWS answered."""

    operations: list[str] = field(default_factory=list)
    given: list[Response] = field(default_factory=list)


@contextmanager
def server(certificate: Path) -> Iterator[tuple[str, Answers]]:
    """The embedded AWS, new; its URL, and what it answers."""
    answers = Answers()
    answer = BaseResponse.call_action

    def named(response: BaseResponse) -> Any:
        answers.operations.append(response._get_action())
        return answer(response)

    def kept(environ: Any, start_response: Any) -> Any:
        answers.given.append(Response.from_app(app, environ, buffered=True))
        return answers.given[-1](environ, start_response)

    world = read_world(json.dumps(a_world()), "benchmark")
    app = DomainDispatcherApplication(create_backend_app)
    with (
        stage(world),
        mock.patch.object(BaseResponse, "call_action", named),
        served(kept, certificate) as url,
    ):
        yield url, answers


@contextmanager
def again(answers: Answers, certificate: Path) -> Iterator[str]:
    """A server that gives those answers, one after the other; its URL."""
    left = iter(answers.given)
    with served(lambda *request: next(left)(*request), certificate) as url:
        yield url


def first(contestant: Contestant) -> Answers:
    with server(contestant.certificate) as (url, answers):
        _invoke(contestant, url)
    return answers


def timed(contestant: Contestant, answers: Answers) -> Cold:
    with again(answers, contestant.certificate) as url:
        done = _invoke(contestant, url)
    return Cold(
        total_ms=done.seconds * 1000,
        init_ms=done.init_seconds * 1000,
        invoke_ms=(done.seconds - done.init_seconds) * 1000,
        cpu_ms=done.cpu_seconds * 1000,
        peak_mib=done.peak_mib,
    )


def _invoke(contestant: Contestant, url: str) -> Invocation:
    done = contestant.function.invoke(backup_completed(), AWS_ENDPOINT_URL=url)
    if done.kind != "response":
        raise SystemExit(f"{contestant.name}: {done.kind}: {done.payload}\n{done.log}")
    return done


def measure(rounds: int) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        all_ = contestants(Path(folder))
        answers = {one.name: first(one) for one in all_}  # also warms the disk's cache
        runs: dict[str, list[Cold]] = {one.name: [] for one in all_}
        for number in range(rounds):
            sys.stderr.write(f"round {number + 1} of {rounds}\n")
            for one in all_ if number % 2 else reversed(all_):
                runs[one.name].append(timed(one, answers[one.name]))
    return {
        "machine": f"{platform.machine()}, CPython {platform.python_version()}",
        "rounds": rounds,
        "contestants": {
            one.name: _medians(runs[one.name])
            | {"zip_bytes": one.zipped, "unpacked_bytes": one.unpacked}
            | {"aws_calls": len(answers[one.name].operations)}
            for one in all_
        },
        "calls": Counter(answers[OURS].operations),
        "warm_ms": _warm_milliseconds(),
        "ratios": _ratios(runs),
    }


def _warm_milliseconds() -> float:
    """In a process of its own, as in Lambda: this one is full of what was measured before."""
    warm = [sys.executable, "-m", "tests.bench.warm"]
    return float(subprocess.run(warm, capture_output=True, text=True, check=True).stdout)


def _medians(runs: list[Cold]) -> dict[str, float]:
    return {
        figure: round(median(getattr(run, figure) for run in runs), 1) for figure in asdict(runs[0])
    }


def _ratios(runs: dict[str, list[Cold]]) -> dict[str, float]:
    """Ours to theirs, in each round; the medians."""

    def ours_to(name: str, figure: str) -> float:
        rounds = zip(runs[OURS], runs[name], strict=True)
        return round(median(getattr(o, figure) / getattr(t, figure) for o, t in rounds), 3)

    return {
        "cold_total_vs_plain_script": ours_to(PLAIN, "total_ms"),
        "cold_total_vs_plain_script_without_pyc": ours_to(f"{PLAIN}, no .pyc", "total_ms"),
        "cold_total_vs_naive": ours_to("naive, no .pyc", "total_ms"),
        "cpu_vs_plain_script": ours_to(PLAIN, "cpu_ms"),
        "peak_memory_vs_plain_script": ours_to(PLAIN, "peak_mib"),
    }


def _table(figures: dict[str, Any]) -> str:
    head = "| | total ms | init | invoke | CPU ms | peak MiB | zip MB | unpacked MB | AWS calls |"
    lines = [head, "|---" + "|---:" * 8 + "|"]
    for name, one in figures["contestants"].items():
        times = (f"{one[f'{f}_ms']:.0f}" for f in ("total", "init", "invoke", "cpu"))
        sizes = (f"{one[f'{f}_bytes'] / 1e6:.2f}" for f in ("zip", "unpacked"))
        cells = [name, *times, f"{one['peak_mib']:.0f}", *sizes, str(one["aws_calls"])]
        lines.append(f"| {' | '.join(cells)} |")
    ratios = [f"{name.replace('_', ' '):40} {ratio}" for name, ratio in figures["ratios"].items()]
    warm = f"{'warm, without AWS, ms':40} {figures['warm_ms']}"
    calls = ", ".join(f"{times} {name}" for name, times in figures["calls"].items())
    about = f"{figures['machine']}; medians of {figures['rounds']}"
    return "\n".join([*lines, "", *ratios, warm, "", f"our calls: {calls}", about])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cold", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object")
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    options = parser.parse_args()
    figures = measure(options.rounds)
    sys.stdout.write((json.dumps(figures) if options.json else _table(figures)) + "\n")


if __name__ == "__main__":
    main()
