"""A replay that is driven line by line: JSON Lines in, JSON Lines out, each answered at once.

A line is an event, in whatever AWS wraps it, or a command: an object with the key `reactor`.
infra/replay/README.md is the manual of the commands.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.launch_templates import LaunchTemplate

from infra.embedded.clock import StageClock
from infra.embedded.fault_requests import fault_of
from infra.embedded.replayer import Replayed, caused, in_seconds, replayed_now, rest
from infra.embedded.stage import Stage, stage
from infra.embedded.stream_answers import (
    AdvanceAnswer,
    Answer,
    AnyOutcomeLine,
    FaultsAnswer,
    PendingFault,
    RefusedAnswer,
    ReplayAnswer,
    TemplateAnswer,
    WorldAnswer,
)
from infra.embedded.world.file import World, read_world
from infra.replay.atomic_write import content_to_read, file_error
from infra.replay.event_reader import STDIN, BadInput, Captured, events_in, read_events
from infra.replay.json_text import parse_json
from models.base import printable

Line = dict[str, Any]

COMMAND = "reactor"
"""The key that a command has, and every answer that is no outcome."""

_UNITS = dict.fromkeys(("days", "hours", "minutes", "seconds")).keys()
_Command = Callable[["Stream", Line], Answer]


class _Refused(ValueError):
    """A command that cannot be done. The message is one line."""


class Stream:
    """A stage, and what each line does on it.

    Attributes:
        has_failed: An event was dead-lettered or lost; if strict, also: no rule selected it.
        has_refused: A line was neither an event nor a command that can be done.
    """

    def __init__(self, world: World, block: ExitStack, *, strict: bool) -> None:
        self.has_failed = False
        self.has_refused = False
        self._block = block
        self._stage = self._begin(world)
        self._strict = strict
        self._number = 0

    def answers(self, line: bytes) -> Iterator[Answer]:
        """The answer to a command; the outcome of an event, or of each if there are many."""
        self._number += 1
        if not line.strip():
            return
        place = f"{STDIN}:{self._number}"
        try:
            value = parse_json(line)
        except ValueError as error:
            yield self._refused("error", f"{place}: not JSON: {error}")
            return
        if isinstance(value, dict) and COMMAND in value:
            yield self._done(printable(str(value.pop(COMMAND))), value)
            return
        try:
            captured = list(events_in([value], place))
        except BadInput as error:
            yield self._refused("error", str(error))
        else:
            yield from self._outcomes(captured)

    def _done(self, name: str, given: Line) -> Answer:
        try:
            return self._command(name)(self, given)
        except ValueError as error:
            return self._refused(name, str(error))
        except OSError as error:
            return self._refused(name, file_error(str(error.filename), error))

    def _refused(self, name: str, why: str) -> RefusedAnswer:
        self.has_refused = True
        return RefusedAnswer(reactor=name, error=printable(why))

    def rest(self, until: datetime | None) -> Iterator[AnyOutcomeLine]:
        """What is due after the last line."""
        yield from self._told(rest(self._stage, until))

    def _begin(self, world: World) -> Stage:
        return self._block.enter_context(stage(world, clock=StageClock(stands=True)))

    def _command(self, name: str) -> _Command:
        if name not in _COMMANDS:
            raise _Refused(f"{COMMAND}: must be one of: {', '.join(_COMMANDS)}")
        return _COMMANDS[name]

    def _outcomes(self, captured: Iterable[Captured]) -> Iterator[AnyOutcomeLine]:
        for item in captured:
            yield from self._told(replayed_now(self._stage, item))

    def _told(self, results: Iterable[Replayed]) -> Iterator[AnyOutcomeLine]:
        for result in results:
            self.has_failed |= result.is_failure or (self._strict and result.is_unmatched)
            yield result.line

    # -- the commands ------------------------------------------------------------------------------

    def world(self, given: Line) -> WorldAnswer:
        """Begin anew, in that world."""
        world = _world(given)
        self._block.close()
        self._stage = self._begin(world)
        place = self._stage.place
        return WorldAnswer(account=place.account, region=place.region, left_out=world.left_out)

    def replay(self, given: Line) -> ReplayAnswer:
        """Replay all events of a file or folder, or those given."""
        if given.keys() == {"file"}:
            captured = read_events([Path(_text(given, "file"))])
        elif given.keys() == {"events"}:
            captured = list(events_in([given["events"]], "events"))
        else:
            raise _Refused("replay: must have file, a path, or events")
        return ReplayAnswer(outcomes=tuple(self._outcomes(captured)))

    def template(self, given: Line) -> TemplateAnswer:
        """What a launch template launches now; no call of AWS, which would use up a fault."""
        if given.keys() != {"name"}:
            raise _Refused("template: must have name, its name or id")
        place = self._stage.place
        ec2 = ec2_backends[place.account][place.region]
        found = _template(ec2, _text(given, "name"))
        default = found.default_version_number
        [data] = [version.data for version in found.versions if version.number == default]
        return TemplateAnswer(
            launch_template_id=found.id,
            launch_template_name=found.name,
            default_version=default,
            default_image=data.get("ImageId"),
            tags=dict(ec2.tags[found.id]),
        )

    def advance(self, given: Line) -> AdvanceAnswer:
        """Move the clock on, and deliver what is due by then."""
        if not given or not given.keys() <= _UNITS or not all(map(_is_number, given.values())):
            raise _Refused(f"advance: must have {', '.join(_UNITS)} or several, as numbers")
        try:
            by = timedelta(**given)
        except OverflowError:
            raise _Refused("advance: is too long") from None
        if by < timedelta():
            raise _Refused("advance: must not be negative: the clock never goes back")
        outcomes = tuple(self._told(caused(self._stage, self._stage.advance(by))))
        return AdvanceAnswer(now=in_seconds(self._stage.clock.now()), outcomes=outcomes)

    def fault(self, given: Line) -> FaultsAnswer:
        """The next calls of an operation fail."""
        fault = fault_of(given)
        self._stage.faults.inject(fault.operation, fault.code, fault.times)
        pending = tuple(PendingFault(**vars(one)) for one in self._stage.faults.pending)
        return FaultsAnswer(reactor="fault", pending=pending)

    def clear_faults(self, _given: Line) -> FaultsAnswer:
        self._stage.faults.clear()
        return FaultsAnswer(reactor="clear-faults", pending=())


_COMMANDS: dict[str, _Command] = {
    "world": Stream.world,
    "replay": Stream.replay,
    "template": Stream.template,
    "advance": Stream.advance,
    "fault": Stream.fault,
    "clear-faults": Stream.clear_faults,
}


@contextmanager
def streaming(world: World, *, strict: bool) -> Iterator[Stream]:
    """Yield a stream that begins in that world; if strict, an unmatched event is a failure."""
    with ExitStack() as block:
        yield Stream(world, block, strict=strict)


def lines_of(source: BinaryIO) -> Iterator[bytes]:
    """Each line as soon as it is there; all at once if the first is only a part of a value.

    Raises:
        BadInput: There is none.
    """
    first = next((line for line in source if line.strip()), None)
    if first is None:
        raise BadInput(f"{STDIN}: is empty")
    try:
        parse_json(first)
    except ValueError:
        yield first + source.read()
    else:
        yield first
        yield from source


def _world(given: Line) -> World:
    if given.keys() == {"world"}:
        return read_world(json.dumps(given["world"]), "world")
    if given.keys() == {"file"}:
        path = Path(_text(given, "file"))
        return read_world(content_to_read(path), str(path))
    raise _Refused("world: must have file, a path, or world, an object")


def _template(ec2: EC2Backend, name: str) -> LaunchTemplate:
    there = ec2.launch_templates.values()
    for template in there:
        if name in (template.name, template.id):
            return template
    names = ", ".join(sorted(template.name for template in there)) or "none"
    raise _Refused(f"template: no launch template is called {name}; there are: {names}")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(given: Line, key: str) -> str:
    if not isinstance(given[key], str):
        raise _Refused(f"{key}: must be text")
    return str(given[key])
