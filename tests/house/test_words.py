"""What users see says it in plain words: AWS's, Terraform's and kubectl's, and a named actor.

Seen are the help of every verb, the messages in the code, every README and the stack's template.
Of `where` in place of `if`, and `for` in place of `because`, only the usual turns can be searched
for.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from infra.cli import app, dlq_app
from tests.support.paths import ROOT


class Word(NamedTuple):
    """What is not written, what is written instead, and where it may stand for a reason."""

    pattern: str
    instead: str
    exceptions: dict[str, str] = {}


WORDS = [
    Word(
        r"the role needs",
        "missing permission: X",
        {"models/failure_text.py": "dead-letter queues hold what an earlier function wrote"},
    ),
    Word(r"^(well|look)(  .*)?$|^bad  ", "ok, warn, fail"),
    Word(r"(?<!dead-)\bletters?\b", "message, messages"),
    Word(r"\bhidden\b|handed back|somebody else has", "not visible, visibility reset, in flight"),
    Word(r"may be on or observe", "must be one of: on, observe"),
    Word(r"\bsay --|nobody can be asked", "pass --yes"),
    Word(r"ask nothing", "Apply without asking"),
    Word(r"one object\b", "JSON, JSON Lines"),
    Word(r"\b(un)?released\b|ami-reactor release\b|`release`", "default, unquarantine"),
    Word(r"\bin force\b", "current image"),
    Word(r"(?<!water )(?<!water-)\bmarks?\b", "high-water mark"),
    Word(r"\b(catch(es|ing)?|caught)[ -]?up\b|CatchUp|CatchesUp", "reconcile"),
    Word(r"(?<!current-)\bimage-gone\b", "image-not-found"),
    Word(r"image-by-parameter", "ssm-parameter-image"),
    Word(r"refusals\.py|handlers/aws\.py", "aws_errors.py"),
    Word(r"group \S+ (follows|does not follow)\b|└ \S+ follows|follows partly", "uses $Default"),
    Word(r"story is told|for its story", "runs the bundled demo"),
    Word(r"\bmend(s|ed|ing)?\b", "fix"),
    Word(r"\b(whoever|somebody|nobody|anybody)\b", "a named actor, or the passive"),
    Word(r"that are sound|go on with it", "templates OK, still running it"),
    Word(r"^the whole$|, as \S+ has them", "total, copies in FILE"),
    Word(
        r"\bsuch a one\b|none of ours|\bthat very\b|\ball the same\b|\bfor want of\b",
        "if, because, ...",
    ),
    Word(r"\b(none|nothing|null) where\b|\bwhere (there|it) is none\b", "if"),
    Word(r", for (each|it|they|there|its \w+) (is|are|takes|may|can|has|have)\b", "because"),
]

NAMES = {
    "CatchUp",
    "Standing",
    "Made",
    "Named",
    "Chapter",
    "Woken",
    "Left",
    "Where",
    "Loss",
    "said",
    "say",
}
"""Names of classes and functions that a stranger could not know the meaning of."""

ROOMS = ("models", "handlers", "infra")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
TEXTS = [
    ROOT / "infra" / "template.yaml",
    ROOT / "README.md",
    *sorted(path for room in (*ROOMS, "tests") for path in (ROOT / room).rglob("README.md")),
]
VERBS = [
    (),
    ("dlq",),
    *((command.name or command.callback.__name__,) for command in app.registered_commands),
    *(
        ("dlq", command.name or command.callback.__name__)
        for command in dlq_app.registered_commands
    ),
]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def unplain(lines: list[str], where: str) -> list[str]:
    """The lines with a word that is not written, and what is written instead."""
    return [
        f"{line.strip()}: write {word.instead}"
        for line in lines
        for word in WORDS
        if where not in word.exceptions and re.search(word.pattern, line, re.IGNORECASE)
    ]


def messages(path: Path) -> Iterator[str]:
    """Every string in a module that is no docstring; what is filled in is shown as `{}`."""
    tree = ast.parse(path.read_text())
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in skipped
        ):
            yield node.value


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: " ".join(verb) or "ami-reactor")
def test_the_help_of_a_verb_is_in_plain_words(verb):
    shown = CliRunner().invoke(app, [*verb, "--help"]).stdout

    assert shown
    assert unplain([" ".join(re.sub("[│╭╮╰╯─]", " ", shown).split())], " ".join(verb)) == []


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_the_messages_of_a_module_are_in_plain_words(path):
    assert unplain(list(messages(path)), _name(path)) == []


@pytest.mark.parametrize("path", TEXTS, ids=_name)
def test_a_text_is_in_plain_words(path):
    assert unplain(path.read_text().splitlines(), _name(path)) == []


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_name_says_what_it_is(path):
    kinds = (ast.ClassDef, ast.FunctionDef)
    named = {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)}

    assert named & NAMES == set()
