"""The map of the tests is the tree: each path of it is there, and no test module is missing."""

import re
import subprocess
import sys

import pytest

from tests.support.ids import WORDS
from tests.support.paths import ROOT, TESTS

MAP = (TESTS / "README.md").read_text()
LINKED = [TESTS / path for path in re.findall(r"\]\(([^)#]+)\)", MAP)]
FOLDERS = [path for path in LINKED if path.is_dir()]


def test_every_path_of_the_map_is_there():
    assert [path for path in LINKED if not path.exists()] == []


def test_every_test_module_is_on_the_map():
    missing = [
        path
        for path in sorted(TESTS.rglob("test_*.py"))
        if path not in LINKED and not any(folder in path.parents for folder in FOLDERS)
    ]

    assert missing == []


def test_every_module_of_ours_that_the_map_names_is_there():
    named = re.findall(r"(?<!\[)`((?:models|handlers|infra)/[\w/]+(?:\.py|/))`", MAP)

    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.fixture(scope="module")
def ids():
    """What stands in brackets behind the names of the tests of decisions, reactions and replays."""
    rooms = [str(TESTS / room) for room in ("models", "handlers", "infra/replay")]
    asked = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-o", "addopts=", *rooms]
    listed = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return re.findall(r"::\w+\[(.+)\]$", listed, re.MULTILINE)


@pytest.mark.parametrize("word", sorted(WORDS))
def test_the_ids_of_some_test_begin_with_each_reason_skip_and_result(ids, word):
    assert [one for one in ids if re.match(rf"{word}(?![\w-])", one)]
