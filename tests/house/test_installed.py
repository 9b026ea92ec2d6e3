"""Installed from a wheel, beside a project that has its own models/, handlers/ and infra/."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from infra.deploy.release import TARGETS, make_release
from infra.deploy.requirements import target_named
from infra.deploy.template import released_template
from tests.support.paths import ROOT

DEADLINE_SECONDS = 300


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """A release for this machine: those for Lambda need another interpreter."""
    to = tmp_path_factory.mktemp("release")
    return make_release(to, [target_named("host")], lambda _: None, ROOT)


@pytest.fixture(scope="module")
def wheel(release):
    [made] = release.glob("ami_reactor-*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Run a command of a fresh environment, in the folder of a foreign project.

    The libraries are those that run this test; the checkout is not on the environment's path.
    """
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    paths = {"base": str(home), "platbase": str(home)}
    site = Path(sysconfig.get_path("purelib", "venv", paths))
    site.joinpath("libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)  # as pip does with a wheel that has neither scripts nor data
    project = tmp_path_factory.mktemp("project")
    for name in ("models", "handlers", "infra"):
        package = project / name
        package.mkdir()
        package.joinpath("__init__.py").write_text("raise ImportError('of the foreign project')")
    python = Path(sysconfig.get_path("scripts", "venv", paths)) / "python"
    environment = {**os.environ, "PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"}
    for name in os.environ:
        if name.startswith("PYTEST_"):  # of the run that this test is in
            del environment[name]

    def run(*arguments, status=0, module="ami_reactor"):
        done = subprocess.run(
            [python, "-m", module, *arguments],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    run.project = project
    return run


def test_the_bundled_demo_runs(installed):
    printed = installed("replay")

    assert "promoted  web version 1 → 2  newer-image" in printed
    assert "starts from ami-0a1b2c3d4e5f60718" in printed


NEW, OLD = "ami-0a1b2c3d4e5f60718", "ami-04555b9b3720fcb7f"


@pytest.fixture
def own_tests(installed):
    """The foreign project with the READMEs' modules and CI steps; runs a step."""
    section = ROOT.joinpath("README.md").read_text().split("## In your own tests\n")[1]
    module, steps = re.findall(r"^```(?:python|yaml)\n(.*?)^```", section, re.M | re.S)[:2]
    manual = (ROOT / "infra" / "replay" / "README.md").read_text()
    story = ROOT / "infra" / "stories" / "nightly"
    project = installed.project
    project.joinpath("events").mkdir(exist_ok=True)
    shutil.copy(story / "world.json", project)
    shutil.copy(story / "events" / "02-the-backup-is-complete.json", project / "events/backup.json")
    project.joinpath("test_face.py").write_text(module)
    [longer] = re.findall(r"^```python\n(.*?)^```", manual, re.MULTILINE | re.DOTALL)
    project.joinpath("test_manual.py").write_text(longer)
    project.joinpath("test_red.py").write_text(module.replace(NEW, OLD))
    for step in re.findall("^- run: (.*)", steps, re.M):
        assert f"    - run: {step}\n" in manual

    def run(command, *more, status=0):
        assert re.search(rf"(run:|&&) {re.escape(command)}$", steps, re.M)
        program, *arguments = command.split()
        modules = {"pytest": "pytest", "ami-reactor": "ami_reactor"}
        return installed(*arguments, *more, status=status, module=modules[program])

    run.project = project
    return run


def test_the_readmes_own_tests_are_green_in_a_foreign_project_and_a_wrong_one_is_red(own_tests):
    printed = own_tests("pytest", "-p", "no:cacheprovider", status=1)

    assert "1 failed, 3 passed" in printed
    assert f"AssertionError: assert '{NEW}' == '{OLD}'" in printed
    assert "test_red.py:4: AssertionError" in printed
    assert "pytest_plugin.py" not in printed


def test_the_readmes_ci_step_reports_the_event_and_the_difference(own_tests):
    step = "ami-reactor replay events --world world.json --expect outcomes.jsonl --junit replay.xml"
    own_tests(step)
    report, expected = own_tests.project / "replay.xml", own_tests.project / "outcomes.jsonl"
    assert 'tests="1" failures="0"' in report.read_text()
    expected.write_text(expected.read_text().replace(NEW, OLD))

    printed = own_tests(step, status=1)

    difference = f"web · to_image: expected {OLD}, got {NEW}"
    assert printed.splitlines()[-1] == f"backup.json · {difference}"
    [case] = ElementTree.parse(report).iter("testcase")
    assert case.get("name") == "backup.json"
    assert [failure.get("message") for failure in case] == [difference]


def test_the_version_is_the_wheels(installed, wheel):
    assert installed("--version") == f"ami-reactor {wheel.name.split('-')[1]}\n"


def test_the_archive_is_made_and_is_the_one_of_the_release(installed, release):
    installed("package", "--target", "host")

    made = installed.project / "dist" / "ami-reactor.zip"
    assert made.read_bytes() == (release / "ami-reactor-host.zip").read_bytes()
    with zipfile.ZipFile(made) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {"models", "handlers", "pydantic", "botocore"} <= tops
    assert not {"ami_reactor", "infra"} & tops


def test_the_template_names_the_archive(installed):
    installed("template", "--to", "deploy/template.yaml")

    printed = installed("template")
    assert _code_of(installed.project / "deploy" / "template.yaml") == "../dist/ami-reactor.zip"
    installed.project.joinpath("printed.yaml").write_text(printed)
    named = _code_of(installed.project / "printed.yaml")
    assert named == str(installed.project / "dist" / "ami-reactor.zip")


class _Tags(yaml.SafeLoader):
    """CloudFormation's short forms, which nobody looks at here."""


_Tags.add_multi_constructor("!", lambda *_: None)


def _code_of(template):
    resources = yaml.load(template.read_text(), _Tags)["Resources"]
    return resources["Reactor"]["Properties"]["CodeUri"]


def test_a_release_holds_what_is_needed_to_install_and_to_deploy(release, wheel):
    sums = dict(reversed(line.split("  ")) for line in _lines(release / "SHA256SUMS"))

    assert set(sums) == {path.name for path in release.iterdir()} - {"SHA256SUMS"}
    assert set(sums) == {
        "ami-reactor-host.zip", "ami-reactor.cdx.json", "packaged.yaml", wheel.name,
    }  # fmt: skip
    for name, sha256 in sums.items():
        assert hashlib.sha256((release / name).read_bytes()).hexdigest() == sha256


def test_nothing_in_the_wheel_says_when_or_under_which_umask_it_was_built(wheel):
    with zipfile.ZipFile(wheel) as file:
        entries = file.infolist()

    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {oct(entry.external_attr >> 16) for entry in entries} == {"0o100644"}


def test_the_templates_of_a_release_take_the_archives_from_a_folder_of_that_release():
    text = released_template("ami-reactor-1.2.3", TARGETS)

    resources = yaml.load(text, _Tags)
    assert resources["Parameters"]["Runtime"]["AllowedValues"] == ["python3.13"]
    assert resources["Parameters"]["CodeBucket"]["Type"] == "String"
    for target in TARGETS:
        python, _, machine = target.partition("-")
        [key] = set(re.findall(r"CodeUri: \{ Bucket: !Ref CodeBucket, Key: !Sub '(.+)' \}", text))
        named = key.replace("${Runtime}", python).replace("${Architecture}", machine)
        assert named == f"ami-reactor-1.2.3/ami-reactor-{target}.zip"


def test_the_list_of_a_release_names_each_library_with_its_hash_and_license(release):
    """Its shape was held against CycloneDX's own schema of 1.6 (cyclonedx-python-lib 11)."""
    listed = json.loads((release / "ami-reactor.cdx.json").read_text())

    libraries = {c["name"]: c for c in listed["components"] if c["type"] == "library"}
    pinned = _lines(ROOT / "handlers" / "requirements.txt")
    versions = dict(line.split(" ")[0].split("==") for line in pinned if "==" in line)
    assert {c["purl"].split("?")[0] for c in libraries.values()} == {
        f"pkg:pypi/{name}@{version}" for name, version in versions.items()
    }
    for library in libraries.values():
        [digest] = library["hashes"]
        assert any(digest["content"] in line for line in pinned)
        assert library["licenses"]
    held = {d["ref"]: d["dependsOn"] for d in listed["dependencies"]}["ami-reactor-host.zip"]
    assert held == sorted(c["bom-ref"] for c in libraries.values())


def _lines(path):
    return path.read_text().splitlines()


def test_every_package_of_the_tree_is_installed():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    there = {
        "ami_reactor." + ".".join(path.parent.relative_to(ROOT).parts)
        for floor in ("models", "handlers", "infra")
        for path in (ROOT / floor).rglob("__init__.py")
    } - {"ami_reactor.infra.cli.ami_reactor"}

    assert set(settings["packages"]) == there | {"ami_reactor"}
    assert list(settings["packages"]) == sorted(settings["packages"])


def test_all_data_of_the_tree_is_in_the_wheel(wheel):
    """What is no Python beside the code: stories, the template, the requirements."""
    with zipfile.ZipFile(wheel) as file:
        inside = set(file.namelist())
    data = [
        *(ROOT / "infra" / "stories").rglob("*.json"),
        ROOT / "infra" / "template.yaml",
        *(ROOT / "infra" / "chains").glob("*.yaml"),
        ROOT / "handlers" / "requirements.txt",
    ]

    wanted = {f"ami_reactor/{path.relative_to(ROOT)}" for path in data}
    assert wanted - inside == set()
