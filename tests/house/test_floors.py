"""Each floor imports only what it may. This table is the architecture."""

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
        "models",
        "moto",
        "pydantic",
        "pydantic_core",
        "rich",
        "typer",
        "werkzeug",
    },
}
ONLY_HERE = {"moto": "infra/embedded", "typer": "infra/cli"}
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
