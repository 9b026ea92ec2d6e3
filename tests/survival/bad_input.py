"""Inputs that nobody meant to send, and a handler to send them to."""

import copy
import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from aws_lambda_powertools.utilities.typing import LambdaContext

from handlers import reactor
from models.errors import EventRejected
from tests.support.builders import (
    ACCOUNT,
    NEW,
    OLD,
    REGION,
    TEMPLATE,
    a_world,
    ami_state,
    an_image,
    backup_completed,
    reconcile,
    tags_changed,
    template_arn,
)
from tests.survival.tiny_ec2 import Client, Refused, Shape, client_error, is_read, perform, world_of

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
EVENTS = ROOT / "tests" / "events"
SECRET = "5ecret§"
RETYPED: tuple[object, ...] = (
    None, 0, -1, 1e308, float("nan"), True, [], {}, "", SECRET, [SECRET], {SECRET: SECRET},
    f"{SECRET}\r\n\x1b[31m\x00", "x" * 300_000,
)  # fmt: skip

WORLD = world_of(a_world(an_image(OLD), an_image(NEW, 1)))
GOOD_EVENTS = (
    backup_completed(),
    ami_state(),
    tags_changed(template_arn(TEMPLATE), "ami-reactor"),
    reconcile(TEMPLATE),
)


class Handled(NamedTuple):
    """What the entry point did with an input.

    Attributes:
        outcome: What it returned; None if it raised.
        rejection: The message of what it raised.
        writes: The operations that changed something.
        lines: Its log.
    """

    outcome: dict[str, Any] | None
    rejection: str | None
    writes: list[str]
    lines: list[str]


class _Bus:
    def put_events(self, Entries: list[Shape]) -> Shape:  # noqa: ARG002 boto3's own name
        return {"FailedEntryCount": 0, "Entries": []}


class _Context(LambdaContext):
    def __init__(self) -> None:
        self._function_name = "ami-reactor"
        self._memory_limit_in_mb = 256
        self._invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:ami-reactor"
        self._aws_request_id = "1"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 120_000


def handle(event: object) -> Handled:
    """Call the entry point, in a world in which there is something to promote.

    What it raises and is no rejection goes through.
    """
    world, writes, log = WORLD, [], io.StringIO()

    def ask(operation: str, asked: Shape) -> Shape:
        nonlocal world
        if not is_read(operation):
            writes.append(operation)
        try:
            world, answer = perform(world, operation, asked)
        except Refused as refusal:
            raise client_error(str(refusal), operation) from refusal
        return answer

    clients = {"ec2": Client(ask), "events": _Bus()}
    reactor.logger.registered_handler.setStream(log)
    with mock.patch.object(reactor, "client", lambda service, _region: clients[service]):
        try:
            outcome, rejection = reactor.lambda_handler(event, _Context()), None
        except EventRejected as error:
            outcome, rejection = None, str(error)
        except reactor.ReactionFailed as error:  # an image that is not there yet, for instance
            outcome, rejection = error.outcome.model_dump(mode="json"), None
    return Handled(outcome, rejection, writes, log.getvalue().splitlines())


def is_well_handled(event: object) -> bool:
    """An outcome or a rejection without a value of the payload; each log line one object."""
    handled = handle(event)
    said = handled.rejection or (handled.outcome or {}).get("error") or ""
    is_quiet = SECRET not in said and said.isprintable()
    is_log = all(isinstance(json.loads(line), dict) for line in handled.lines)
    acted = (handled.outcome or {}).get("result") == "handled"
    return is_quiet and is_log and bool(handled.lines) and (acted or not handled.writes)


# -- inputs ----------------------------------------------------------------------------------------


def captured_events() -> dict[str, Any]:
    return {file.name: json.loads(file.read_text()) for file in sorted(EVENTS.glob("*.json"))}


def paths(value: Any, *before: Any) -> Iterator[tuple[Any, ...]]:
    """Where every field and every item of it is."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys:
        yield (*before, key)
        yield from paths(value[key], *before, key)


def changed(event: Any, path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> Any:
    """A copy in which something was done to one field, given what holds it and its key."""
    event = copy.deepcopy(event)
    holder = event
    for key in path[:-1]:
        holder = holder[key]
    change(holder, path[-1])
    return event


def _remove(holder: Any, key: Any) -> None:
    del holder[key]


def _rename(holder: Any, key: Any) -> None:
    if isinstance(holder, dict):
        holder[f"{key}x"] = holder.pop(key)


def _nest(holder: Any, key: Any) -> None:
    holder[key] = {"value": holder[key]}


def put(value: object) -> Callable[[Any, Any], None]:
    return lambda holder, key: holder.__setitem__(key, value)


def mutations(event: Any) -> Iterator[Any]:
    """Each field removed, renamed, nested, and of every other type."""
    for path in paths(event):
        for change in (_remove, _rename, _nest, *map(put, RETYPED)):
            yield changed(event, path, change)


def naughty_strings() -> list[str]:
    return list(json.loads((CORPUS / "naughty_strings" / "blns.json").read_text()))


def naughty_events(one_in: int = 1) -> Iterator[Any]:
    """Every naughty string in every field of a good event, or some of them."""
    chance = random.Random(6)
    for event in GOOD_EVENTS:
        for path in paths(event):
            for text in naughty_strings():
                if chance.randrange(one_in) == 0:
                    yield changed(event, path, put(text))


def json_files() -> list[Path]:
    return sorted((CORPUS / "json_parsing").glob("*.json"))


def parsed_files() -> Iterator[Any]:
    """What the Lambda runtime would hand over: it parses with `json.loads`."""
    for file in json_files():
        try:
            yield json.loads(file.read_bytes())
        except (ValueError, RecursionError):
            continue


def big_events() -> Iterator[tuple[str, Any]]:
    """256 KB, the most that EventBridge delivers, in the ways that cost most to look at."""
    size = 256 * 1024
    deep: Any = "x"
    for _ in range(900):
        deep = [deep]
    for event in GOOD_EVENTS:
        name = event["detail-type"]
        yield f"{name}: a long id", {**event, "id": "x" * size}
        yield f"{name}: a long time", {**event, "time": "2026-06-15T" + "1" * size}
        yield f"{name}: many resources", {**event, "resources": ["arn:aws:ec2:"] * (size // 15)}
        yield f"{name}: many fields", {**event, **{f"field{n}": n for n in range(size // 16)}}
        yield f"{name}: many faults", {**event, "resources": list(range(size // 7))}
        yield f"{name}: deep", {**event, "detail": {**event["detail"], "deep": [deep] * 100}}
        for path in paths(event):
            yield f"{name}: {path}", changed(event, path, put("arn:aws:ec2:" * (size // 12)))
