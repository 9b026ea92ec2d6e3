"""`ami-reactor replay`: captured events through rules, delivery and the real handler, offline."""

import json
import os
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from infra.cli.expected import Expected, print_problems
from infra.cli.files import world_from
from infra.cli.importing import importing
from infra.cli.render import (
    err,
    out,
    outside,
    print_json,
    result_table,
    stop,
    tracked,
    word_table,
)
from infra.deploy.pinned import differing
from infra.replay.atomic_write import PRIVATE, CannotWrite, check_can_write, write_file
from infra.replay.event_reader import STDIN, BadInput, Captured, read_events
from infra.replay.expectations import BadExpectations
from infra.replay.junit import Case, write_junit
from models.base import Value, date_or_none, printable
from models.outcome import Result

if TYPE_CHECKING:
    from infra.embedded.replayer import Replayed
    from infra.embedded.stage import Stage

_STORIES = Path(__file__).parent.parent / "stories"
_DEMO = _STORIES / "nightly"

_PROGRESS_FROM = 100  # events
_SUFFIX = re.compile(r"\.(jsonl?|ndjson)\b")


def run_replay(
    *,
    events: list[Path] | None,
    world: Path | None,
    world_out: Path | None,
    until: str | None,
    expect: Path | None,
    update: bool,
    junit: Path | None,
    strict: bool,
    force: bool,
    as_json: bool,
) -> None:
    end = _moment(until)
    is_demo = not events and world is None
    _check_usage(is_demo or events, is_comparing=expect is not None, update=update)
    events, world = _with_story(events or [], world)
    if as_json and events == [STDIN] and not _given(world_out, expect, junit):
        raise typer.Exit(_stream(world, end, strict=strict))
    try:
        _check_outputs(world_out, junit, force=force)
        expected = Expected.of(expect, update=update, strict=strict)
        captured = read_events(events, _given(world, world_out, expect))
    except (BadInput, BadExpectations, CannotWrite) as error:
        stop(str(error))
    _print_notes(captured, is_empty=world is None)
    # the embedded AWS takes a second to import, and most verbs do not need it
    with importing():
        from infra.embedded.replayer import clock_for, replayed
        from infra.embedded.stage import stage

    with stage(world_from(world), clock=clock_for(captured)) as staged:
        show = _print_json if as_json else _print_table
        results = [show(result) for result in replayed(staged, _with_progress(captured), end)]
        if is_demo and not as_json:
            _scale_out(staged)
        _write_world(staged, world_out, force=force)
    cases = _checked(expected, results, junit)
    if expect is not None or strict:
        print_problems(cases, as_json=as_json)
    if expect is None and not as_json:
        _print_next_step([result for result in results if result.is_failure], world_out)
    raise typer.Exit(1 if any(case.problems for case in cases) else 0)


def _with_story(events: list[Path], world: Path | None) -> tuple[list[Path], Path | None]:
    """The events and the world; of a story's folder or its name, those that are in it."""
    if len(events) > 1:
        return events, world
    folder = events[0] if events else _DEMO
    if not _is_there(folder) and len(folder.parts) == 1:
        folder = _bundled(folder.name, has_world=world is not None)
    if world is not None:
        return events, world
    inside = folder / "events", folder / "world.json"
    return ([inside[0]], inside[1]) if all(map(_is_there, inside)) else (events, world)


def _bundled(name: str, *, has_world: bool) -> Path:
    """The folder of a bundled story; what is neither a file nor a story ends the command."""
    stories = sorted(one.parent.name for one in _STORIES.glob("*/world.json"))
    if name in stories and has_world:
        stop(f"{name}: this bundled story has a world of its own: leave --world out")
    if name not in stories and re.fullmatch(r"\w[\w-]{,40}", name):
        stop(f"{name}: No such file or directory; the bundled stories: {', '.join(stories)}")
    return _STORIES / name


def _is_there(path: Path) -> bool:
    """Whether it exists; a name that is too long, for which Path.exists() raises, does not."""
    return os.access(path, os.F_OK)


def _moment(until: str | None) -> datetime | None:
    moment = date_or_none(until)
    if until is not None and moment is None:
        stop("--until: must be a date such as 2026-06-16T17:00:31Z")
    return moment


def _check_usage(events: object, *, is_comparing: bool, update: bool) -> None:
    if not events:
        stop("replay: name the events to replay in that world")
    if update and not is_comparing:
        stop("replay: --update needs --expect FILE")


def _stream(world: Path | None, end: datetime | None, *, strict: bool) -> int:
    """Answer each line of standard input as soon as it is there; the exit status."""
    from infra.embedded.stream import lines_of, streaming

    _print_notes([], is_empty=world is None)
    try:
        with streaming(world_from(world), strict=strict) as stream:
            for line in lines_of(sys.stdin.buffer):
                for answer in stream.answers(line):
                    _print_line(answer)
            for answer in stream.rest(end):
                _print_line(answer)
    except BadInput as error:
        stop(str(error))
    return 2 if stream.has_refused else int(stream.has_failed)


def _given(*paths: Path | None) -> list[Path]:
    return [path for path in paths if path is not None]


def _check_outputs(world_out: Path | None, junit: Path | None, *, force: bool) -> None:
    """Raises CannotWrite before anything runs."""
    for path in _given(world_out):
        check_can_write(path, force=force)
    for path in _given(junit):
        check_can_write(path, force=True)


def _checked(expected: Expected, results: "list[Replayed]", junit: Path | None) -> list[Case]:
    """Each event and its problems; the files that tell them are written."""
    try:
        cases = expected.cases(results)
        if junit is not None:
            write_junit(junit, "ami-reactor replay", cases)
    except CannotWrite as error:
        stop(str(error), status=1)
    return cases


def _print_notes(captured: list[Captured], *, is_empty: bool) -> None:
    if is_empty:
        err.print("without --world the world is empty: no launch template is in it")
    for difference in differing():
        err.print(outside(f"note: {difference}", "yellow"), soft_wrap=True)
    for item in captured:
        if item.made_up:
            fields = ", ".join(item.made_up)
            line = f"{item.source}: made up, because an entry of PutEvents has none: {fields}"
            err.print(outside(line), soft_wrap=True)


def _with_progress(captured: list[Captured]) -> Iterator[Captured]:
    is_long = len(captured) >= _PROGRESS_FROM
    return tracked(captured, "replaying", len(captured), prints=True) if is_long else iter(captured)


def _print_json(result: "Replayed") -> "Replayed":
    _print_line(result.line)
    return result


def _print_line(line: Value) -> None:
    print_json(line)
    sys.stdout.flush()


def _print_table(result: "Replayed") -> "Replayed":
    about = " · ".join(filter(None, (result.outcome.detail_type, result.outcome.image_id)))
    title = f"{result.source}:" if result.at else _title(result.source)
    out.print(Text.assemble((title, "bold"), f"  {about}" if about else ""))
    out.print(Padding(_outcomes(result), (0, 0, 1, 2), expand=False))
    return result


def _outcomes(line: "Replayed") -> Table:
    """What became of the event; and, if it is about an instance refresh, what the instances run."""
    is_told = line.outcome.result is not Result.UNMATCHED or line.is_unmatched
    table = result_table(line.outcome, line.why) if is_told else word_table()
    for group, images in line.instances.items():
        run = ", ".join(f"{n} run{'s' if n == 1 else ''} {image}" for image, n in images.items())
        table.add_row("instances", Text.assemble(outside(group, "bold"), f"  {run or 'none'}"))
    return table


def _title(source: str) -> str:
    """A file's name says what happened; the number before it only keeps the order."""
    words = _SUFFIX.sub("", Path(source).name).replace("-", " ").replace("_", " ")
    return printable(words.lstrip("0123456789 ") or words)


def _scale_out(staged: "Stage") -> None:
    """The end of the demo: each group starts one more instance, from the new image."""
    from infra.embedded.replayer import scale_out

    for launched in scale_out(staged):
        group = f"[bold]{launched.group}[/bold]"
        out.print(f"Then the group {group} scales out to {launched.capacity}:")
        out.print(f"{launched.instance_id} starts from [bold green]{launched.image_id}[/].")


def _write_world(staged: "Stage", path: Path | None, *, force: bool) -> None:
    if path is None:
        return
    try:
        text = json.dumps(staged.world(), indent=2) + "\n"
        write_file(path, text, mode=PRIVATE, force=force)
    except CannotWrite as error:
        stop(str(error), status=1)


def _print_next_step(failures: "list[Replayed]", world_out: Path | None) -> None:
    if not failures:
        return
    dead = sum(line.receipt.is_dead_lettered for line in failures)
    lost = len(failures) - dead
    steps = []
    if dead:
        kept = f"in {world_out}, under DeadLetters" if world_out else "only with --world-out FILE"
        steps.append(f"{dead} dead-lettered; kept {kept}.")
    if lost:
        steps.append(f"{lost} lost or unreadable.")
    steps.append("Fix the errors above, then replay again: replaying twice does no harm.")
    err.print("\n".join(steps), markup=False, highlight=False)
