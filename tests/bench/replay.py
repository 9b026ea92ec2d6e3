"""How fast a replay is, and whose time it takes: `python -m tests.bench.replay [--json]`.

1,000 events of which one in ten promotes: each tenth image is newer than all before it, the other
events repeat images that are older by then.
"""

import json
import resource
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from moto.ec2.models import ec2_backends

from infra.embedded.stage import Stage, stage
from infra.embedded.world.seed import read_world
from tests.support.builders import OLD, a_world, ami_state, an_image

EVENTS = 1_000
PROMOTING = 10  # one in so many
_SAMPLE_SECONDS = 0.002
_ROOT = str(Path(__file__).parent.parent.parent)
_OURS = tuple(f"{_ROOT}/{floor}/" for floor in ("models", "handlers"))
_STAGE = f"{_ROOT}/infra/"


class Shares:
    """Whose code uses the CPU, sampled: the innermost frame that tells."""

    def __init__(self) -> None:
        self.samples: Counter[str] = Counter()

    def __enter__(self) -> "Shares":
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, _SAMPLE_SECONDS, _SAMPLE_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _sample(self, _signal: int, frame: FrameType | None) -> None:
        while frame is not None and (whose := _whose(frame.f_code.co_filename)) is None:
            frame = frame.f_back
        self.samples[whose if frame is not None else "other"] += 1

    def percent(self) -> dict[str, float]:
        total = sum(self.samples.values())
        return {whose: round(100 * n / total, 1) for whose, n in self.samples.most_common()}


def _whose(file: str) -> str | None:
    if "/site-packages/moto/" in file or "/infra/embedded/repairs/" in file:
        return "moto"
    if "/site-packages/botocore/" in file or "/site-packages/boto3/" in file:
        return "botocore"
    if file.startswith(_STAGE):
        return "embedded AWS"
    return "ours" if file.startswith(_OURS) else None


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _events() -> list[dict[str, Any]]:
    """The first of each ten is about a new image, the others about the ones before."""
    return [ami_state(_image_id(number // PROMOTING)) for number in range(EVENTS)]


def _image_id(number: int) -> str:
    return f"ami-{number + 1:017x}"


def measure() -> dict[str, object]:
    images = [
        an_image(_image_id(number), hours=number + 1) for number in range(EVENTS // PROMOTING)
    ]
    world = read_world(json.dumps(a_world(an_image(OLD), *images)), "benchmark")
    with stage(world) as staged:
        return _replayed(staged)


def _replayed(staged: Stage) -> dict[str, object]:
    amis = ec2_backends[staged.place.account][staged.place.region].amis
    to_come = {image_id: amis.pop(image_id) for image_id in list(amis) if image_id != OLD}
    promoted, early_peak = 0, 0.0
    started = time.perf_counter()
    with Shares() as shares:
        for number, event in enumerate(_events()):
            image_id = event["detail"]["ImageId"]
            if image_id in to_come:  # images appear with their first event
                amis[image_id] = to_come.pop(image_id)
            outcome = staged.delivery.deliver(event).outcome or {}
            promoted += any(t["outcome"] == "promoted" for t in outcome.get("templates", []))
            if number == EVENTS // 10:
                early_peak = _peak_mib()
    seconds = time.perf_counter() - started
    return {
        "events": EVENTS,
        "promoted": promoted,
        "events_per_second": round(EVENTS / seconds, 1),
        "percent": shares.percent(),
        "peak_mib_after_a_tenth": round(early_peak),
        "peak_mib": round(_peak_mib()),
    }


def main() -> None:
    figures = measure()
    if "--json" in sys.argv:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, figure in figures.items():
        sys.stdout.write(f"{name.replace('_', ' '):24} {figure}\n")


if __name__ == "__main__":
    main()
