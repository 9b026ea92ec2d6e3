"""What a verb's help takes: nothing that only its work needs. And it shows what typer would."""

import ast
import inspect
import json
import subprocess
import sys

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from infra.cli import app, dlq_app
from tests.support.paths import ROOT

HEAVY = {"boto3", "botocore", "pydantic", "moto", "flask", "werkzeug", "models", "handlers"}
VERBS = [[info.name] for info in app.registered_commands]
DLQ_VERBS = [["dlq", info.name] for info in dlq_app.registered_commands]

EACH_HELP = """
import contextlib, io, json, sys
from infra.cli import app
for arguments in json.loads(sys.argv[1]):
    sys.argv[1:] = [*arguments, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.suppress(SystemExit):
        app(sys.argv[1:])
    assert "Usage: " in shown.getvalue(), arguments
    tops = {name.partition(".")[0] for name in sys.modules}
    print(json.dumps([arguments, sorted(tops)]))
"""


def test_no_help_imports_what_only_the_work_needs():
    """In one process, one after the other: the first that imports it is named."""
    asked = json.dumps([[], ["dlq"], *VERBS, *DLQ_VERBS])
    printed = subprocess.run(
        [sys.executable, "-c", EACH_HELP, asked],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    lines = [json.loads(line) for line in printed.splitlines()]
    assert len(lines) == 2 + len(VERBS) + len(DLQ_VERBS)
    assert [(verb, HEAVY & set(tops)) for verb, tops in lines if HEAVY & set(tops)] == []


def _verb(info):
    """The verb itself, of what stands for it in the list."""
    return info.callback()


@pytest.mark.parametrize(
    "info",
    [*app.registered_commands, *dlq_app.registered_commands],
    ids=lambda info: info.name,
)
def test_the_list_of_verbs_says_what_their_help_says_first(info):
    assert info.help == inspect.cleandoc(_verb(info).help).split("\n\n")[0]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "infra/cli/verbs").glob("[a-z]*.py")), ids=lambda path: path.stem
)
def test_a_verb_imports_its_work_where_an_interrupt_is_no_traceback(path):
    functions = {
        node.name: node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    function = functions[path.stem]
    covered = {
        imported
        for node in ast.walk(function)
        if isinstance(node, ast.With) and ast.unparse(node.items[0]) == "importing()"
        for imported in node.body
    }

    assert covered
    assert {node for node in ast.walk(function) if isinstance(node, ast.ImportFrom)} == covered


def _contexts():
    root = typer.main.get_command(app)
    above = typer.Context(root, info_name="ami-reactor", help_option_names=["-h", "--help"])
    dlq = typer.Context(root.commands["dlq"], info_name="dlq", parent=above)
    yield above
    yield dlq
    for parent, group in ((above, app), (dlq, dlq_app)):
        for info in group.registered_commands:
            yield typer.Context(_verb(info), info_name=info.name, parent=parent)


@pytest.mark.parametrize("columns", ["80", "133"])
@pytest.mark.parametrize("context", [*_contexts()], ids=lambda context: context.command_path)
def test_a_help_is_what_typer_itself_would_print(context, columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("FORCE_COLOR", "1")
    is_group = isinstance(context.command, TyperGroup)

    context.command.format_help(context, None)
    ours = capsys.readouterr().out
    (TyperGroup if is_group else TyperCommand).format_help(context.command, context, None)

    assert ours == capsys.readouterr().out
