"""What the READMEs show is what happens, and the face is short."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.cli import app
from models.decision import Reason, Skip
from models.events import Ignored
from models.outcome import Result
from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text()
CI = (ROOT / ".ci" / "run").read_text()
INSTANCE_ID = re.compile(r"(?<![a-z])i-[0-9a-f]{17}")
FACE_LINES = 220
LINK = re.compile(r"\]\(([^)#:]*)(#[^)]+)?\)")
MANUALS = [
    path
    for room in ("models", "handlers", "infra", "tests")
    for path in sorted((ROOT / room).rglob("README.md"))
]


def test_the_face_is_read_in_three_minutes():
    assert len(README.splitlines()) <= FACE_LINES


def test_the_first_run_prints_what_the_readme_shows():
    shown = README.split("$ pip install -e . && ami-reactor replay\n")[1].split("```")[0]

    printed = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["replay"]).stdout

    assert _comparable(printed) == _comparable(shown)


def _comparable(text):
    """Without what differs each time: the id of the launched instance, blanks at a line's end."""
    return [INSTANCE_ID.sub("i-", line.rstrip()) for line in text.strip().splitlines()]


@pytest.mark.parametrize("word", [*Reason, *Skip, *Ignored, *Result], ids=lambda word: word.value)
def test_every_reason_and_result_is_explained(word):
    assert f"`{word.value}`" in (ROOT / "models" / "README.md").read_text()


def test_ci_runs_the_readmes_test_command():
    assert "pip install -e '.[dev]' && pytest -n auto\n" in README
    # a browser is installed meanwhile
    assert "pip install --quiet -e '.[dev]'\nwait \"$browser_pid\"\npytest -n auto\n" in CI


def test_every_verb_is_in_the_readme():
    verbs = [command.name or command.callback.__name__ for command in app.registered_commands]

    assert [verb for verb in verbs if f"`{verb}`" not in README] == []


def test_help_groups_the_verbs_as_the_readme_does():
    groups = re.findall(r"^\| \*\*(.+)\*\* \| \|\n((?:\| `.+\n)+)", README, re.MULTILINE)
    shown = {
        title: re.findall(r"`([a-z]+)`", " ".join(row.split("|")[1] for row in rows.splitlines()))
        for title, rows in groups
        if title != "Dead-letter queue"
    }
    helped: dict[str, list[str]] = {}
    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        helped.setdefault(command.rich_help_panel, []).append(name)

    assert helped == shown


@pytest.mark.parametrize(
    "readme", [ROOT / "README.md", *MANUALS], ids=lambda path: str(path.relative_to(ROOT))
)
def test_every_link_leads_somewhere(readme):
    text = readme.read_text()
    broken = [
        f"{path}{anchor}"
        for path, anchor in LINK.findall(text)
        if not _is_there(readme, path, anchor)
    ]

    assert broken == []


def _is_there(readme: Path, path: str, anchor: str) -> bool:
    target = readme.parent / path if path else readme
    if not target.exists():
        return False
    return not anchor or anchor.removeprefix("#") in _anchors(target.read_text())


def _anchors(text: str) -> set[str]:
    """What a heading is called in a link: lower case, blanks as dashes, nothing else."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("manual", MANUALS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_manual_begins_with_its_folder_and_what_it_is_for(manual):
    title, blank, purpose, *_ = manual.read_text().splitlines()

    assert title.startswith("# ")
    assert (blank, purpose[:1].isupper()) == ("", True)


@pytest.mark.parametrize("room", ["models", "handlers", "infra", "tests"])
def test_each_floor_has_its_manual_and_the_face_links_to_it(room):
    assert ROOT / room / "README.md" in MANUALS
    assert f"]({room}/README.md)" in README
