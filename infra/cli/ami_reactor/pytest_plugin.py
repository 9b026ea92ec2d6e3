"""The pytest plugin: captured events replayed in worlds, as a fixture.

    def test_the_backup_moves_web(ami_reactor):
        world = ami_reactor.world("world.json")
        outcome = world.replay("events/backup.json")
        assert outcome.template("web").promoted_to == "ami-0a1b2c3d4e5f60718"

pytest imports this module in every run of the environment, so it imports nothing but the standard
library, and nothing of the reactor into the project: a process of the installed command does the
work, and is asked over its standard input (infra/replay/README.md, "A stream"). It starts with the
first world and serves the whole run.
"""

import json
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, Any, NoReturn

import pytest

_COMMAND = (sys.executable, "-P", "-m", "ami_reactor", "replay", "-", "--json")
_SECONDS = 60.0
_ENDING_SECONDS = 10.0
_END = b""  # of what a process says

Answer = dict[str, Any]


class ReactorError(Exception):
    """A test asked for something that cannot be done. The message says what, and what can be."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "ami_reactor_timeout",
        help=f"seconds that ami-reactor may take for one answer (default: {_SECONDS:g})",
        default=str(_SECONDS),
    )


@dataclass(frozen=True, repr=False)
class TemplateOutcome:
    """What became of one launch template.

    Attributes:
        name: Its name.
        outcome: promoted, kept, refused or failed.
        reason: Why, as a word: models/README.md lists them.
        message: Why, in a sentence.
        from_image: The image of its default version before; None if it was not read.
        to_image: The image of its default version now.
        from_version: The number of its default version before.
        to_version: The number of its default version now.
        skipped_images: Images that were not taken, and why.
    """

    name: str
    outcome: str
    reason: str
    message: str
    from_image: str | None
    to_image: str | None
    from_version: int
    to_version: int
    skipped_images: dict[str, str]

    def __repr__(self) -> str:
        """Short: pytest shows it under an assertion that fails, and cuts what is long."""
        return f"<{self.name}: {self.outcome}, {self.reason}: {self.message}>"

    @property
    def promoted_to(self) -> str | None:
        """The image that it was moved to by this event; None if it was not moved."""
        return self.to_image if self.outcome == "promoted" else None


@dataclass(frozen=True, repr=False)
class Outcome:
    """What became of one event.

    Attributes:
        result: handled, ignored, unmatched, rejected or failed.
        reason: Why it was ignored or failed, as a word; None if templates were looked at.
        error: What went wrong, in a line.
        attempts: How often the function was invoked with it.
        dead_lettered: It is in the dead-letter queue.
        at: When it came, of an event that was not given: it was due then, or an event caused it.
        templates: What became of each launch template.
        line: The whole of it, as `ami-reactor replay --json` prints it.
    """

    result: str
    reason: str | None
    error: str | None
    attempts: int
    dead_lettered: bool
    at: str | None
    templates: tuple[TemplateOutcome, ...]
    line: Answer

    def __repr__(self) -> str:
        why = self.error or self.reason or ", ".join(map(repr, self.templates))
        return f"<{self.result}: {why}>"

    def template(self, name: str) -> TemplateOutcome:
        """What became of that launch template.

        Raises:
            ReactorError: The event did not concern it; the message names those that it did.
        """
        __tracebackhide__ = True
        for template in self.templates:
            if template.name == name:
                return template
        names = ", ".join(template.name for template in self.templates) or "none"
        why = f", the event was {self.result}" + (f" ({self.reason})" if self.reason else "")
        raise ReactorError(f"the outcome has no launch template {name}; it has: {names}{why}")


@dataclass(frozen=True)
class Template:
    """A launch template as it is now.

    Attributes:
        name: Its name.
        id: Its id.
        default_version: The number of its default version.
        default_image: The image of its default version; None if it names none.
        tags: Its tags.
    """

    name: str
    id: str
    default_version: int
    default_image: str | None
    tags: dict[str, str]


Source = str | Path | Mapping[str, Any]
"""A file, beside the test's module or in the folder that pytest runs in; or the JSON itself."""


class World:
    """One account and Region, in which events are replayed."""

    def __init__(self, process: "_Process", files: "_Files") -> None:
        self._process = process
        self._files = files

    def replay(self, event: Source) -> Outcome:
        """Replay one event, and tell what became of it.

        Args:
            event: A captured event, in whatever AWS wraps it.

        Raises:
            ReactorError: It is none, or holds several: see `replay_all`.
        """
        __tracebackhide__ = True
        outcomes = [one for one in self.replay_all(event) if one.at is None]
        if len(outcomes) != 1:
            raise ReactorError(f"there are {len(outcomes)} events in it: replay_all takes several")
        return outcomes[0]

    def replay_all(self, events: Source) -> list[Outcome]:
        """Replay all events of a file or a folder, in their order.

        Returns:
            What became of each, and of the events that were due meanwhile, which have an `at`.
        """
        __tracebackhide__ = True
        asked = self._files.asked(events, "events")
        return _outcomes(self._process.ask("replay", **asked))

    def template(self, name: str) -> Template:
        """The launch template of that name or id.

        Raises:
            ReactorError: There is none; the message names those that are there.
        """
        __tracebackhide__ = True
        found = self._process.ask("template", name=name)
        return Template(
            found["launch_template_name"],
            found["launch_template_id"],
            found["default_version"],
            found["default_image"],
            found["tags"],
        )

    def advance(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> list[Outcome]:
        """Move the clock on. It stands at the time of the last event.

        Returns:
            What became of the events that were due by then.
        """
        __tracebackhide__ = True
        by = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        return _outcomes(self._process.ask("advance", seconds=by.total_seconds()))

    def fault(self, operation: str, code: str, times: int = 1) -> None:
        """Let the next calls of an operation of AWS fail.

        Args:
            operation: Such as CreateLaunchTemplateVersion.
            code: An error code of AWS, such as UnauthorizedOperation.
            times: How many calls. The function is tried three times.
        """
        __tracebackhide__ = True
        self._process.ask("fault", operation=operation, code=code, times=times)

    def clear_faults(self) -> None:
        """Let no call fail any more."""
        __tracebackhide__ = True
        self._process.ask("clear-faults")


class AmiReactor:
    """The fixture `ami_reactor`."""

    def __init__(self, pool: "_Pool", folders: tuple[Path, ...]) -> None:
        self._pool = pool
        self._files = _Files(folders)
        self._used: list[_Process] = []

    def world(self, world: Source) -> World:
        """A world as `ami-reactor record` writes it; each call begins anew.

        Raises:
            ReactorError: It is no world, or ami-reactor does not start.
        """
        __tracebackhide__ = True
        asked = self._files.asked(world, "world")
        process = self._pool.take()
        self._used.append(process)
        process.ask("world", **asked)
        return World(process, self._files)

    def close(self) -> None:
        """Give back what the worlds ran in; the worlds must not be used any more."""
        self._pool.give_back(self._used)
        self._used = []


@pytest.fixture(scope="session")
def _ami_reactor_pool(pytestconfig: pytest.Config) -> Iterator["_Pool"]:
    pool = _Pool(float(pytestconfig.getini("ami_reactor_timeout")))
    yield pool
    pool.close()


@pytest.fixture
def ami_reactor(request: pytest.FixtureRequest, _ami_reactor_pool: "_Pool") -> Iterator[AmiReactor]:
    """Worlds in which captured events are replayed, offline: world = ami_reactor.world(FILE)."""
    reactor = AmiReactor(_ami_reactor_pool, (request.path.parent, Path.cwd()))
    yield reactor
    reactor.close()


def _outcomes(answer: Answer) -> list[Outcome]:
    return [
        Outcome(
            line["result"],
            line["reason"],
            line["error"],
            line["attempts"],
            line["dead_lettered"],
            line.get("at"),
            tuple(map(_template_outcome, line["templates"])),
            line,
        )
        for line in answer["outcomes"]
    ]


def _template_outcome(line: Answer) -> TemplateOutcome:
    return TemplateOutcome(
        line["launch_template_name"],
        line["outcome"],
        line["reason"],
        line["message"],
        line["from_image"],
        line["to_image"],
        line["from_version"],
        line["to_version"],
        line["skipped_images"],
    )


@dataclass(frozen=True)
class _Files:
    """Where a test's files are looked for."""

    folders: tuple[Path, ...]

    def asked(self, source: Source, key: str) -> Answer:
        """A file, or a value under that key, as the stream takes it."""
        __tracebackhide__ = True
        if isinstance(source, Mapping):
            return {key: source}
        for folder in self.folders:
            if (folder / source).exists():
                return {"file": str(folder / source)}
        looked = " nor in ".join(map(str, dict.fromkeys(self.folders)))
        raise ReactorError(f"{source}: there is no such file, neither in {looked}")


# -- the process -----------------------------------------------------------------------------------


class _Pool:
    """Processes of the command. A test that has several worlds at once needs one for each."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._free: list[_Process] = []

    def take(self) -> "_Process":
        return self._free.pop() if self._free else _Process(self._seconds)

    def give_back(self, processes: list["_Process"]) -> None:
        self._free += [process for process in processes if process.is_alive]

    def close(self) -> None:
        for process in self._free:
            process.close()


class _Process:
    """One process of the command; whatever happens to it, no test waits for ever."""

    def __init__(self, seconds: float, command: tuple[str, ...] = _COMMAND) -> None:
        self._seconds = seconds
        self._popen = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._answers: SimpleQueue[bytes] = SimpleQueue()
        self._said: deque[bytes] = deque(maxlen=2)  # the last line, and its end
        assert self._popen.stdin
        assert self._popen.stdout
        assert self._popen.stderr
        self._stdin = self._popen.stdin
        self._readers = (
            _reader(self._popen.stdout, self._answers.put),
            _reader(self._popen.stderr, self._said.append),
        )

    @property
    def is_alive(self) -> bool:
        return self._popen.poll() is None

    def ask(self, command: str, **parameters: object) -> Answer:
        """The answer to one command.

        Raises:
            ReactorError: It cannot be done, or there is no answer.
        """
        __tracebackhide__ = True
        line = json.dumps({"reactor": command, **parameters}, default=str).encode() + b"\n"
        # in a thread, because a process that reads nothing lets a long line wait
        Thread(target=self._write, args=(line,), daemon=True).start()
        try:
            said = self._answers.get(timeout=self._seconds)
        except Empty:
            self._fail(f"no answer to {command} within {self._seconds:g} s")
        if said == _END:
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(_ENDING_SECONDS)
            self._fail(f"ami-reactor ended with status {self._popen.returncode}")
        answer: Answer = json.loads(said)
        if "error" in answer:
            raise ReactorError(answer["error"])
        return answer

    def _write(self, line: bytes) -> None:
        with suppress(OSError):  # it has ended, which its readers tell
            self._stdin.write(line)
            self._stdin.flush()

    def _fail(self, why: str) -> NoReturn:
        """Tell also what it said last; it is not used any more."""
        __tracebackhide__ = True
        self._popen.kill()
        self.close()
        last = b"".join(self._said).decode(errors="replace").strip()
        raise ReactorError(f"{why}: {last or 'it said nothing'}")

    def close(self) -> None:
        """End it: by the end of its input, or by force."""
        with suppress(OSError):
            self._stdin.close()
        try:
            self._popen.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        for reader in self._readers:
            reader.join(_ENDING_SECONDS)


def _reader(source: IO[bytes], put: Callable[[bytes], None]) -> Thread:
    """Reads each line, so that neither side waits for the other; at the end, puts _END."""

    def read() -> None:
        with source:
            for line in source:
                put(line)
        put(_END)

    thread = Thread(target=read, daemon=True)
    thread.start()
    return thread
