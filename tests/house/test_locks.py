"""What is installed where credentials are, and by CI: pinned by hash, complete, no index named."""

import json
import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from importlib.metadata import version as installed_version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.paths import ROOT

OPERATORS = ROOT / "infra" / "cli" / "requirements.txt"
TOOLS = ROOT / ".ci" / "tools"
LOCKS = [OPERATORS, TOOLS / "requirements.txt", ROOT / "handlers" / "requirements.txt"]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


HASH = r"    --hash=sha256:[0-9a-f]{64}"
PACKAGE = rf"^([a-z0-9-]+)==([0-9a-z.]+)(?: \\\n{HASH})+\n"


def pinned(lock):
    """Version by name; what is neither a package with its hashes nor a comment is a mistake."""
    text = re.sub(r"^\s*#.*\n", "", lock.read_text(), flags=re.MULTILINE)
    assert re.sub(PACKAGE, "", text, flags=re.MULTILINE).strip() == ""
    return dict(re.findall(PACKAGE, text, flags=re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_a_lock_pins_by_hash_and_names_no_index(lock):
    text = lock.read_text()

    assert pinned(lock)
    assert "://" not in text


@pytest.mark.parametrize("first", ["a==1", "a==1 \\", "a==1 \\\n    # via b", "a>=1"])
def test_a_pin_without_a_hash_is_a_mistake(tmp_path, first):
    lock = tmp_path / "requirements.txt"
    lock.write_text(f"{first}\nb==2 \\\n    --hash=sha256:{'0' * 64}\n")

    with pytest.raises(AssertionError):
        pinned(lock)


@pytest.mark.parametrize(
    "wanted", PYPROJECT["project"]["dependencies"] + PYPROJECT["build-system"]["requires"]
)
def test_the_operators_lock_has_what_the_project_asks_for_in_its_range(wanted):
    requirement = Requirement(wanted)

    assert requirement.specifier.contains(pinned(OPERATORS)[canonicalize_name(requirement.name)])


def test_the_operators_lock_has_what_its_packages_ask_for():
    lock = pinned(OPERATORS)

    lacking = {
        f"{name} needs {needed}"
        for name in lock
        for needed in _needed(name)
        if canonicalize_name(Requirement(needed).name) not in lock
    }
    assert lacking == set()


def _needed(name):
    try:
        asked = requires(name) or []
    except PackageNotFoundError:  # the tests run with another choice of versions
        return []
    parsed = ((text, Requirement(text).marker) for text in asked)
    return [text for text, marker in parsed if marker is None or marker.evaluate({"extra": ""})]


def test_cis_tools_are_those_that_are_asked_for():
    asked = (Requirement(line) for line in (TOOLS / "requirements.in").read_text().split())
    lock = pinned(TOOLS / "requirements.txt")

    assert all(one.specifier.contains(lock[one.name]) for one in asked)


def test_the_lock_of_the_iam_engine_has_a_hash_of_everything_and_names_no_registry():
    packages = json.loads((TOOLS / "package-lock.json").read_text())["packages"]
    asked = json.loads((TOOLS / "package.json").read_text())["dependencies"]

    root = packages.pop("")
    assert root["dependencies"] == asked
    assert all(version[0].isdigit() for version in asked.values())
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert "://" not in (TOOLS / "package-lock.json").read_text()


def test_ci_installs_its_tools_from_the_locks_and_runs_no_script_of_theirs():
    script = (ROOT / ".ci" / "infra").read_text()

    assert "--require-hashes --requirement .ci/tools/requirements.txt" in script
    assert "npm ci --silent --ignore-scripts" in script
    assert not re.search(r"npm install|pip\" install (?!.*\\\n\s+--require-hashes)", script)


@pytest.mark.parametrize("name", ["aws-lambda-powertools", "botocore", "pydantic", "pydantic-core"])
def test_what_is_installed_is_what_the_archive_runs(name):
    """Else replay and these tests prove something of other libraries than Lambda's."""
    lock = pinned(ROOT / "handlers" / "requirements.txt")

    assert installed_version(name) == lock[name]


def test_the_project_asks_for_the_versions_of_the_archive():
    lock = pinned(ROOT / "handlers" / "requirements.txt")
    dependencies = map(Requirement, PYPROJECT["project"]["dependencies"])
    asked = {one.name: str(one.specifier) for one in dependencies}

    for name in ("aws-lambda-powertools", "botocore", "pydantic"):
        assert asked[name] == f"=={lock[name]}"
