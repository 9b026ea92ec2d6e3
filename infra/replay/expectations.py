"""What a replay is expected to say: a file of JSON Lines, one line an event.

A line has the fields of the replay's own line of that event (`ami-reactor replay --json`), or some
of them, and the event's name: what a line leaves out is not compared.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from infra.replay.atomic_write import PUBLIC, content_of, write_file
from infra.replay.json_text import NotUtf8, parse_json, utf8
from models.base import printable

T = TypeVar("T")

Line = dict[str, Any]

_FIELDS = ("result", "reason", "instances")
_TEMPLATE_FIELDS = ("outcome", "reason", "to_image")
_EVENT, _TEMPLATES, _NAME = "event", "templates", "launch_template_name"
_NO_FIELD = "no such field"


class BadExpectations(ValueError):
    """The file does not hold expected outcomes. The message is one line: the file and why."""


@dataclass(frozen=True)
class Difference:
    """One value that is not as expected.

    Attributes:
        event: The event's name in the file.
        template: The launch template's name; None if it is about the whole event.
        field: The field, as the replay's line has it.
        expected: Its value in the file, as text.
        got: Its value in this replay, as text.
    """

    event: str
    template: str | None
    field: str
    expected: str
    got: str

    def __str__(self) -> str:
        """Without the event: `web · outcome: expected promoted, got kept`."""
        place = " · ".join(filter(None, (self.template, self.field)))
        return printable(f"{place}: expected {self.expected}, got {self.got}")


def named(results: Iterable[tuple[str, T]]) -> dict[str, T]:
    """What became of each event, by the events' names and in their order.

    Args:
        results: Each event's source, and what became of it. The name is that of the file, without
            its folder, so that it is the same in whatever folder the replay is started.
    """
    names: dict[str, T] = {}
    for source, result in results:
        name = unused = Path(source).name
        number = 1
        while unused in names:
            number += 1
            unused = f"{name} ({number})"
        names[unused] = result
    return names


def read_expectations(path: Path) -> dict[str, Line] | None:
    """The expected lines by their events' names; None if there is no file yet.

    Raises:
        BadExpectations: It is no such file.
        CannotWrite: It cannot be read, or is a folder.
    """
    content = content_of(path)
    if content is None:
        return None
    try:
        rows = utf8(content).splitlines()
    except NotUtf8 as error:
        raise BadExpectations(f"{path}: {error}") from error
    lines = [_expected(row, f"{path}:{n}") for n, row in enumerate(rows, 1) if row.strip()]
    return {line.pop(_EVENT): line for line in lines}


def _expected(row: bytes, place: str) -> Line:
    try:
        line = parse_json(row)
    except ValueError as error:
        raise BadExpectations(f"{place}: not JSON: {error}") from error
    if not isinstance(line, dict) or not isinstance(line.get(_EVENT), str):
        raise BadExpectations(f'{place}: must be an object with "event", as --update writes it')
    templates = line.get(_TEMPLATES, [])
    if not isinstance(templates, list) or not all(map(_names_a_template, templates)):
        raise BadExpectations(f"{place}: templates: must be a list of objects with {_NAME}")
    return line


def _names_a_template(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get(_NAME), str)


def differences(expected: Mapping[str, Line], got: Mapping[str, Line]) -> list[Difference]:
    """All differences, in the order of the replay; last, the expected events that it lacks.

    Args:
        expected: What `read_expectations` gave.
        got: The replay's lines by `named`.
    """
    found = []
    for event, line in got.items():
        if event in expected:
            found += _of_event(event, expected[event], line)
        else:
            found.append(Difference(event, None, _EVENT, "none", "one"))
    missing = [event for event in expected if event not in got]
    return found + [Difference(event, None, _EVENT, "one", "none") for event in missing]


def _of_event(event: str, expected: Line, got: Line) -> list[Difference]:
    found = _of_fields(event, None, expected, got)
    if _TEMPLATES not in expected:
        return found
    wanted, there = _by_template(expected), _by_template(got)
    for name in [*wanted, *(name for name in there if name not in wanted)]:
        if name in wanted and name in there:
            found += _of_fields(event, name, wanted[name], there[name])
        else:
            outcomes = [_shown(side.get(name, {}).get("outcome")) for side in (wanted, there)]
            found.append(Difference(event, name, "outcome", *outcomes))
    return found


def _by_template(line: Line) -> dict[str, Line]:
    return {template[_NAME]: template for template in line[_TEMPLATES]}


def _of_fields(event: str, template: str | None, expected: Line, got: Line) -> list[Difference]:
    return [
        Difference(event, template, field, _shown(value), _shown(got.get(field, _NO_FIELD)))
        for field, value in expected.items()
        if field not in (_TEMPLATES, _NAME) and value != got.get(field, _NO_FIELD)
    ]


def _shown(value: object) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)


def write_expectations(path: Path, before: Mapping[str, Line], got: Mapping[str, Line]) -> None:
    """Write the replay's lines as the expected ones.

    Args:
        path: The file; it is replaced.
        before: Its lines until now: an event that has one keeps its choice of fields.
        got: The replay's lines by `named`.

    Raises:
        CannotWrite: The file cannot be written.
    """
    lines = [{_EVENT: event} | _chosen(line, before.get(event, {})) for event, line in got.items()]
    content = "".join(f"{json.dumps(line)}\n" for line in lines)
    write_file(path, content, mode=PUBLIC, force=True)


def _chosen(line: Line, old: Line) -> Line:
    """The fields of a line that are compared."""
    fields = [field for field in old or (*_FIELDS, _TEMPLATES) if field in line]
    chosen = {field: line[field] for field in fields}
    if _TEMPLATES in chosen:
        before = _by_template({_TEMPLATES: old.get(_TEMPLATES, [])})
        chosen[_TEMPLATES] = [
            _chosen_of_template(template, before.get(template[_NAME], _TEMPLATE_FIELDS))
            for template in line[_TEMPLATES]
        ]
    return chosen


def _chosen_of_template(template: Line, fields: Iterable[str]) -> Line:
    kept = {field: template[field] for field in fields if field in template}
    return {_NAME: template[_NAME]} | kept
