"""Installed from a wheel, beside a project that has its own models/, handlers/ and infra/."""

import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.support.paths import ROOT

DEADLINE_SECONDS = 300


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT]
    subprocess.run(command, check=True, timeout=DEADLINE_SECONDS)
    [made] = folder.glob("ami_reactor-*.whl")
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

    def run(*arguments, status=0):
        done = subprocess.run(
            [python, "-m", "ami_reactor", *arguments],
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


def test_the_version_is_the_wheels(installed, wheel):
    assert installed("--version") == f"ami-reactor {wheel.name.split('-')[1]}\n"


def test_the_archive_is_made(installed):
    installed("package", "--target", "host")

    with zipfile.ZipFile(installed.project / "dist" / "ami-reactor.zip") as archive:
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
        ROOT / "handlers" / "requirements.txt",
    ]

    wanted = {f"ami_reactor/{path.relative_to(ROOT)}" for path in data}
    assert wanted - inside == set()
