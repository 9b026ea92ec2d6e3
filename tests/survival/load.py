"""Many events at once: real reactions in threads on one tiny EC2, against a plain model."""

import gc
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handlers.bus import Bus
from handlers.clock import Clock
from handlers.ec2 import Ec2
from handlers.reaction import react
from models.outcome import Outcome, Result
from tests.support.builders import OLD, a_template, a_version, a_world, ami_state, an_image, at
from tests.survival.replayed import PLACE
from tests.survival.scheduler import ATTEMPTS, NOW
from tests.survival.tiny_ec2 import Client, Refused, Shape, World, client_error, perform, world_of

TEMPLATES = 100
IMAGES_EACH = 3
THREADS = 8
LOSES_DATA = 7  # the template with a data volume that no image maps: it refuses each promotion
_PAGE_BYTES = 4096


def _template(number: int) -> str:
    return f"lt-{number:017x}"


def _instance(number: int) -> str:
    return f"i-{number:017x}"


def _image(number: int, generation: int) -> Shape:
    image_id = f"ami-{generation:01x}{number:016x}"
    return an_image(image_id, generation + 1, SourceInstanceId=_instance(number))


def _world() -> World:
    volume = [{"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": "snap-0123456789abcdef0"}}]
    numbers = range(TEMPLATES)
    tags = [{"ami-reactor": "on", "ami-reactor:source-instance": _instance(n)} for n in numbers]
    versions = [
        a_version(
            template_id=_template(n), **({"BlockDeviceMappings": volume} if n == LOSES_DATA else {})
        )
        for n in numbers
    ]
    olds = [an_image(f"ami-f{n:016x}", SourceInstanceId=_instance(n)) for n in numbers]
    for version, old in zip(versions, olds, strict=True):
        version["LaunchTemplateData"]["ImageId"] = old["ImageId"]
    templates = [a_template(_template(n), f"web-{n}", tags=tags[n]) for n in numbers]
    return world_of(a_world(*olds, an_image(OLD), templates=templates, versions=versions))


@dataclass
class Account:
    """One world for all threads; each call is one step of it."""

    world: World
    calls: Counter[int] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self) -> tuple[Client, list[str]]:
        """A client, and the operations that it was asked for."""
        asked_for: list[str] = []

        def ask(operation: str, asked: Shape) -> Shape:
            asked_for.append(operation)
            with self._lock:
                try:
                    self.world, answer = perform(self.world, operation, asked)
                except Refused as refusal:
                    raise client_error(str(refusal), operation) from refusal
            return answer

        return Client(ask), asked_for

    def bear(self, image: Shape) -> None:
        with self._lock:
            if self.world.image(image["ImageId"]) is None:
                self.world = self.world.with_image(image)


@dataclass
class Books:
    """What went in and what came out.

    Attributes:
        calls: How many EC2 calls an attempt took, and how often.
        backwards: Templates that ended on an older image than the pure model says.
        megabytes: Of this process, after a third of the events and at the end.
    """

    received: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    calls: Counter[int] = field(default_factory=Counter)
    most_calls: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)

    @property
    def lost(self) -> int:
        return self.received - self.ended.total()


def run(events: int, seed: int = 6) -> Books:
    """Send so many events, in random order and with duplicates, and balance the books."""
    chance = random.Random(seed)
    account, books = Account(_world()), Books(received=events)
    work = [_an_event(chance) for _ in range(events)]
    lock = threading.Lock()

    def handle(item: tuple[Shape | None, Any]) -> None:
        image, event = item
        if image:
            account.bear(image)
        end, counts = _deliver(account, event)
        with lock:
            books.ended[end] += 1
            books.calls.update(counts)
            books.most_calls[end] = max(books.most_calls[end], *counts)

    for part in (work[: events // 3], work[events // 3 :]):
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(handle, part))
        books.megabytes.append(_megabytes())
    expected = _expected(image for image, _ in work if image)
    books.wrong = [
        template.id
        for template in account.world.templates
        if template.in_force.image != expected.get(template.id, template.version(1).image)
    ]
    return books


def _an_event(chance: random.Random) -> tuple[Shape | None, Any]:
    """An event, and the image that it speaks of; some are nobody's, some are none of ours."""
    kind = chance.random()
    if kind < 0.02:
        return None, ami_state() | {"account": 12}
    if kind < 0.05:
        return None, ami_state(OLD)
    image = _image(chance.randrange(TEMPLATES), chance.randrange(IMAGES_EACH))
    return image, ami_state(image["ImageId"])


def _deliver(account: Account, event: Any) -> tuple[str, list[int]]:
    """As Lambda does, to the dead letter; how it ended, and the calls of each attempt."""
    counts = []
    for _ in range(ATTEMPTS):
        client, asked_for = account.client()
        clock = Clock(NOW, lambda: 120, lambda _seconds: None)
        outcome = react(event, Ec2(client, PLACE), Bus(_no_bus), clock)
        counts.append(len(asked_for))
        if outcome.result not in (Result.FAILED, Result.REJECTED):
            return _ended(outcome), counts
    return "dead", counts


def _ended(outcome: Outcome) -> str:
    verbs = {template.outcome for template in outcome.templates}
    return next((v for v in ("promoted", "refused", "kept") if v in verbs), "ignored")


def _expected(images: Any) -> dict[str, str]:
    """The pure model: of the images of its instance the newest, but for the one that refuses."""
    newest: dict[str, Shape] = {}
    for image in images:
        number = int(image["SourceInstanceId"].removeprefix("i-"), 16)
        known = newest.get(_template(number), {"CreationDate": at(0)})
        if number != LOSES_DATA and image["CreationDate"] > known["CreationDate"]:
            newest[_template(number)] = image
    return {template: image["ImageId"] for template, image in newest.items()}


def _megabytes() -> float:
    gc.collect()
    resident_pages = int(Path("/proc/self/statm").read_text().split()[1])
    return resident_pages * _PAGE_BYTES / 1e6


def _no_bus() -> Any:
    raise AssertionError("nothing is handed on while there is time")
