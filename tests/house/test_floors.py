"""Each floor and each room imports only what it may. These tables are the architecture."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

MAY_IMPORT = {
    "models": {"models", "pydantic", "pydantic_core"},
    "handlers": {
        "aws_lambda_powertools",
        "boto3",
        "botocore",
        "handlers",
        "models",
        "pydantic",
    },
    "infra": {
        "aws_lambda_powertools",
        "boto3",
        "botocore",
        "handlers",
        "infra",
        "jinja2",
        "models",
        "moto",
        "pydantic",
        "pydantic_core",
        "pytest",
        "rich",
        "typer",
        "werkzeug",
    },
}
ROOMS = {
    "models": set(),
    "handlers": {"models"},
    "infra/operate": {"models", "handlers"},
    "infra/dead_letters": {"models", "handlers", "infra/operate"},
    "infra/replay": {"models", "handlers", "infra/operate"},
    "infra/deploy": {"handlers", "infra/replay"},
    "infra/embedded": {"models", "handlers", "infra/operate", "infra/replay"},
    "infra/cli": {
        "models",
        "infra/operate",
        "infra/dead_letters",
        "infra/replay",
        "infra/deploy",
        "infra/embedded",
    },
}
"""Every room, the lowest first, and the rooms that it may import: none above itself."""

LOOSE = {"__init__.py", "README.md", "template.yaml"}
"""All that lies at the root of infra/ and in no room. `stories/` holds data and no code."""

ONLY_HERE = {
    "moto": "infra/embedded",
    "pytest": "infra/cli/ami_reactor/pytest_plugin.py",
    "typer": "infra/cli",
}
NO_CLOCK = {"os", "time", "pathlib", "io", "socket", "subprocess"}

MODULES = [path for floor in MAY_IMPORT for path in sorted((ROOT / floor).rglob("*.py"))]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _imported(path: Path) -> set[str]:
    """What a module imports at run time: not what stands under TYPE_CHECKING."""
    tree = ast.parse(path.read_text())
    found: set[str] = set()
    for node in _at_run_time(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:  # else it stays in its folder
            found.add((node.module or "").partition(".")[0])
    return found


def _at_run_time(node: ast.AST):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from _at_run_time(child)


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_imports_only_what_its_floor_may(path):
    third_party = _imported(path) - sys.stdlib_module_names

    assert third_party <= MAY_IMPORT[path.relative_to(ROOT).parts[0]]


def _room(name: str) -> str:
    """The room of a module, by its path or its dotted name."""
    parts = name.replace(".", "/").split("/")
    return "/".join(parts[: 2 if parts[0] == "infra" else 1])


def _rooms_imported(path: Path) -> set[str]:
    """Also by an import within a function, or for the type checker alone."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            found |= {f"infra.{a.name}" for a in node.names} if base == "infra" else {base}
    return {_room(name) for name in found if name.partition(".")[0] in MAY_IMPORT}


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_imports_only_the_rooms_that_its_room_may(path):
    room = _room(_name(path))
    if _name(path) == "infra/__init__.py":
        assert _rooms_imported(path) == set()
    else:
        assert _rooms_imported(path) - {room} <= ROOMS[room]


def test_no_room_may_import_one_above_it_so_there_is_no_circle():
    order = list(ROOMS)

    for room, below in ROOMS.items():
        assert below <= set(order[: order.index(room)])


def test_what_a_room_may_import_is_imported_somewhere():
    found = {room: set() for room in ROOMS}
    for path in MODULES:
        found.get(_room(_name(path)), set()).update(_rooms_imported(path))

    assert {room: rooms - {room} for room, rooms in found.items()} == ROOMS


def test_nothing_lies_loose_at_the_root_of_infra():
    listed = [path for path in (ROOT / "infra").iterdir() if path.name != "__pycache__"]
    rooms = {_name(path) for path in listed if path.is_dir()}

    assert {path.name for path in listed if path.is_file()} == LOOSE
    assert rooms - ROOMS.keys() == {"infra/chains", "infra/stories"}


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_library_is_used_in_one_place_only(path):
    for library, folder in ONLY_HERE.items():
        assert library not in _imported(path) or _name(path).startswith(folder)


@pytest.mark.parametrize("path", sorted((ROOT / "models").rglob("*.py")), ids=_name)
def test_the_ground_floor_reads_no_clock_no_file_and_no_environment(path):
    assert not _imported(path) & NO_CLOCK
    source = path.read_text()
    assert ".now(" not in source
    assert "open(" not in source


def test_the_handler_starts_without_anything_of_the_floors_above():
    program = (
        "import sys; import handlers.reactor;"
        "print(sorted({'moto', 'typer', 'rich', 'infra', 'boto3'} & set(sys.modules)))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert printed.stdout == "[]\n"
