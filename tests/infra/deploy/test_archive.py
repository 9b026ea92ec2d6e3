"""The archive: what is in it, that it is always the same, and that Lambda's own runtime runs it."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.util import MAGIC_NUMBER

import boto3
import pytest
from typer.testing import CliRunner

from infra.cli import app
from infra.deploy.archive import CHECKOUT, make_archive
from infra.deploy.requirements import MACHINES, PYTHONS, PackagingFailed, target_named, why
from infra.deploy.template import ARCHIVE, TEMPLATE
from infra.embedded.stack import transformed
from tests.support.builders import ACCOUNT, NEW, REGION, a_world, backup_completed
from tests.support.builders import TEMPLATE as TEMPLATE_ID
from tests.support.lambda_runtime import Function, runtime_folder
from tests.support.paths import ROOT
from tests.support.schemas import faults

HOST = target_named("host")
UNCHECKED_HASH = b"\x01\x00\x00\x00"  # the flags of a .pyc that is believed without its source
AARCH64 = (183).to_bytes(2, "little")  # e_machine in the header of an ELF file
LARGEST = 4_700_000  # bytes; 4.2 and 4.5 MB when this was written
PYTHON_313 = (3571).to_bytes(2, "little") + b"\r\n"  # the first bytes of its .pyc
NOWHERE = "http://127.0.0.1:9/simple"


def quiet(_):
    pass


# -- a small checkout with one dependency, which needs no index ------------------------------------


def a_wheel(folder):
    wheel = folder / "tiny-1.0-py3-none-any.whl"
    info = "tiny-1.0.dist-info"
    files = {
        "tiny/__init__.py": "NAMES = {'a', 'b', 'c'}\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\ntiny = tiny:main\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return wheel


def a_source_distribution(folder):
    setup = folder / "setup.py"
    setup.write_text("from setuptools import setup; setup(name='tiny', version='1.0')")
    with tarfile.open(folder / "tiny-1.0.tar.gz", "w:gz") as archive:
        archive.add(setup, "tiny-1.0/setup.py")
    return folder / "tiny-1.0.tar.gz"


def a_checkout(root, distribution=a_wheel, requirement="", index=""):
    """Our own code and one pinned dependency, a wheel beside it."""
    for floor in ("models", "handlers"):
        shutil.copytree(CHECKOUT / floor, root / floor)
    (root / "infra").mkdir()
    (root / "infra" / "no_business_in_lambda.py").write_text("")
    (root / "found").mkdir()
    found = distribution(root / "found")
    sha256 = hashlib.sha256(found.read_bytes()).hexdigest()
    lines = [
        index or f"--no-index\n--find-links {found.parent}",
        requirement or f"tiny==1.0 --hash=sha256:{sha256}",
    ]
    (root / "handlers" / "requirements.txt").write_text("\n".join(lines))
    return root


@pytest.fixture
def checkout(tmp_path):
    """Make a checkout in the test's own folder."""

    def make(name="checkout", **differs):
        return a_checkout(tmp_path / name, **differs)

    return make


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """An archive of a checkout, made once: tests only read it."""
    folder = tmp_path_factory.mktemp("plain")
    root = a_checkout(folder / "checkout")
    return root, make_archive(HOST, folder / "reactor.zip", quiet, root)


def test_two_archives_made_in_two_folders_at_two_times_are_identical(
    checkout, tmp_path, monkeypatch
):
    here, there = checkout("here"), checkout("there")
    for path in there.rglob("*.py"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    first = make_archive(HOST, tmp_path / "a" / "reactor.zip", quiet, here)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "elsewhere"))

    second = make_archive(HOST, tmp_path / "b" / "c" / "reactor.zip", quiet, there)

    assert first.path.read_bytes() == second.path.read_bytes()
    digest = hashlib.sha256(first.path.read_bytes()).digest()
    assert first.sha256 == second.sha256 == base64.b64encode(digest).decode()


def test_the_archive_holds_our_two_floors_and_the_dependencies_and_nothing_else(plain):
    root, archive = plain

    everything = zipfile.ZipFile(archive.path).namelist()
    names = {name for name in everything if name.endswith(".py")}
    ours = {
        str(p.relative_to(root)) for f in ("models", "handlers") for p in (root / f).glob("*.py")
    }
    assert names == ours
    assert "tiny/__init__.pyc" in everything
    assert "tiny-1.0.dist-info/METADATA" in everything
    assert not {"bin/tiny", "tiny-1.0.dist-info/RECORD"} & set(everything)
    assert everything == sorted(everything)


def test_every_file_can_be_read_by_the_user_that_lambda_runs_as(plain):
    _, archive = plain

    entries = zipfile.ZipFile(archive.path).infolist()
    assert {oct(entry.external_attr >> 16) for entry in entries} == {"0o100644"}
    assert {entry.create_system for entry in entries} == {3}  # Unix, where modes are read
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_DEFLATED}
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}


def test_every_source_has_a_pyc_that_is_read_without_checking_the_source(plain):
    _, archive = plain

    with zipfile.ZipFile(archive.path) as unpacked:
        compiled = [name for name in unpacked.namelist() if name.endswith(".pyc")]
        sources = [name for name in unpacked.namelist() if name.endswith(".py")]
        [alone] = [name for name in compiled if "__pycache__" not in name]
        assert alone == "tiny/__init__.pyc"
        assert len(compiled) == len(sources) + 1
        for name in compiled:
            content = unpacked.read(name)
            assert content[:4] == MAGIC_NUMBER
            assert content[4:8] == UNCHECKED_HASH
            assert b"/var/task/" in content


def test_the_full_archive_leaves_no_source_out(checkout, tmp_path):
    archive = make_archive(HOST, tmp_path / "reactor.zip", quiet, checkout(), is_full=True)

    names = set(zipfile.ZipFile(archive.path).namelist())
    assert "tiny/__init__.py" in names
    assert f"tiny/__pycache__/__init__.{sys.implementation.cache_tag}.pyc" in names


def test_without_the_targets_python_the_archive_has_sources_only(monkeypatch, tmp_path, checkout):
    monkeypatch.setenv("PATH", str(tmp_path))
    other = next(python for python in PYTHONS if python != HOST.python)

    archive = make_archive(
        target_named(f"python{other}-arm64"), tmp_path / "reactor.zip", quiet, checkout()
    )

    assert archive.compiled_by is None
    assert not any(name.endswith(".pyc") for name in zipfile.ZipFile(archive.path).namelist())


def test_a_file_with_another_hash_is_refused_by_name_and_leaves_the_old_archive(checkout, tmp_path):
    to = tmp_path / "reactor.zip"
    to.write_bytes(b"the old one")

    with pytest.raises(PackagingFailed, match=r"^tiny==1\.0 does not have the hash that is expe"):
        make_archive(HOST, to, quiet, checkout(requirement=f"tiny==1.0 --hash=sha256:{'0' * 64}"))

    assert to.read_bytes() == b"the old one"


def test_a_dependency_without_a_hash_is_refused(checkout, tmp_path):
    with pytest.raises(PackagingFailed, match="hash"):
        make_archive(HOST, tmp_path / "reactor.zip", quiet, checkout(requirement="tiny==1.0"))


def test_a_dependency_without_a_wheel_is_named_and_no_setup_of_its_own_is_run(checkout, tmp_path):
    root = checkout(distribution=a_source_distribution)

    with pytest.raises(PackagingFailed, match=r"^there is no wheel of tiny==1\.0"):
        make_archive(HOST, tmp_path / "reactor.zip", quiet, root)


def test_an_archive_that_cannot_be_written_leaves_nothing_behind(checkout, tmp_path):
    to = tmp_path / "folder"
    to.mkdir()

    with pytest.raises(PackagingFailed, match=r"folder: is a folder"):
        make_archive(HOST, to, quiet, checkout())

    assert not list(tmp_path.glob(".*"))


def test_an_unreachable_index_is_reported_without_its_address(checkout, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    root = checkout(index=f"--index-url {NOWHERE}\n")

    with pytest.raises(PackagingFailed, match=r"^the package index cannot be") as failure:
        make_archive(HOST, tmp_path / "reactor.zip", quiet, root)

    assert "127.0.0.1" not in str(failure.value)


UV_SAYS = {
    "a hash": (
        "error: Failed to download `six==1.17.0`\n  cause: Hash mismatch for `six==1.17.0`\n",
        "six==1.17.0 does not have the hash that is expected",
    ),
    "no wheel": (
        "error: No solution\n  cause: Because six==1.17.0 has no usable wheels and you require"
        " six==1.17.0, we can conclude\n\nhint: Wheels are required\n",
        "there is no wheel of six==1.17.0",
    ),
    "no version": (
        "  cause: Because there is no version of six==1.99.0 and you require six==1.99.0, we can\n",
        "there is no wheel of six==1.99.0",
    ),
    "no index": (
        f"error: Request failed\n  cause: Failed to fetch: {NOWHERE}/six/\n  cause: os error 111\n",
        "the package index cannot be reached",
    ),
    "else": (f"error: {NOWHERE}/six is odd\n", "error: the package index is odd"),
}


@pytest.mark.parametrize(("printed", "reason"), UV_SAYS.values(), ids=UV_SAYS)
def test_what_uv_prints_is_said_as_of_pip(printed, reason):
    assert why(f"Using CPython 3.11.7\n{printed}") == reason


def test_an_environment_without_pip_uses_uv_or_says_what_it_needs(tmp_path):
    """As one that uv made: only the standard library is there."""
    program = (
        "from infra.deploy.requirements import *\n"
        "try: install(target_named('python3.13-arm64'), Path('r.txt'), Path('to'))\n"
        "except PackagingFailed as error: print(error)"
    )
    command = [
        sys._base_executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.append('.')\n{program}",
    ]

    def run():
        environment = {"PATH": str(tmp_path)}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    assert run().stdout.endswith(f"this adds pip: {sys._base_executable} -m ensurepip\n")
    uv = tmp_path / "uv"
    uv.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n')
    uv.chmod(0o755)
    assert run().stdout == ""
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("pip install ")
    assert "--require-hashes" in asked
    assert "--python-version 3.13 --python-platform aarch64-manylinux2014" in asked


def test_a_source_that_does_not_compile_is_named(checkout, tmp_path):
    root = checkout()
    (root / "models" / "broken.py").write_text("def :\n")

    with pytest.raises(PackagingFailed, match=r"models/broken\.py"):
        make_archive(HOST, tmp_path / "reactor.zip", quiet, root)

    assert not (tmp_path / "reactor.zip").exists()


# -- the command -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--target", "python2.7-arm64"], "--target python2.7-arm64: must be host or one of"),
        (["--target", "3.13-arm64"], "--target 3.13-arm64: must be host or one of"),
        (["--target", "python3.13"], "--target python3.13: must be host or one of"),
        (["--to", "."], "--to .: is a folder; name a file"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(arguments, complaint):
    result = CliRunner().invoke(app, ["package", *arguments])

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"ami-reactor: {complaint}")


@pytest.mark.parametrize("name", [f"python{p}-{m}" for p in PYTHONS for m in MACHINES])
def test_every_runtime_that_the_stack_accepts_can_be_packaged(name):
    parameters = transformed()["Parameters"]
    python, _, machine = name.partition("-")

    assert target_named(name).name == name
    assert python in parameters["Runtime"]["AllowedValues"]
    assert machine in parameters["Architecture"]["AllowedValues"]
    assert len(PYTHONS) == len(parameters["Runtime"]["AllowedValues"])


def test_the_command_makes_by_default_what_the_stack_deploys_by_default():
    parameters = transformed()["Parameters"]
    default = f"{parameters['Runtime']['Default']}-{parameters['Architecture']['Default']}"
    [code] = set(re.findall(r"CodeUri: (\S+)", TEMPLATE.read_text()))

    assert default in CliRunner().invoke(app, ["package", "--help"]).stdout
    assert (TEMPLATE.parent / code).resolve() == ROOT / ARCHIVE


def test_every_requirement_is_pinned_and_hashed_and_no_index_is_named():
    lines = (CHECKOUT / "handlers" / "requirements.txt").read_text().splitlines()
    requirements = [line for line in lines if line and not line.startswith((" ", "#"))]

    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+ \\", line) for line in requirements)
    assert "://" not in "".join(lines)


# -- the archive that is deployed: needs an index --------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make an archive with the real dependencies; its path, and what the command printed."""
    folder = tmp_path_factory.mktemp("packages")

    def make(target, *options):
        to = folder / f"{target}.zip"
        result = CliRunner().invoke(app, ["package", "--to", str(to), "--target", target, *options])
        if "cannot be reached" in result.stderr:
            pytest.skip("the package index cannot be reached")
        assert result.exit_code == 0, result.stderr
        return to, result.stdout

    return make


@pytest.fixture(scope="module")
def for_this_machine(made):
    return made("host")


@pytest.fixture(scope="module")
def for_lambda(made):
    archive, printed = made("python3.13-arm64", "--json")
    assert faults("package", json.loads(printed)) == []
    return archive, json.loads(printed)


@pytest.fixture(scope="module")
def deployed(for_this_machine, tmp_path_factory):
    """The host's archive, unpacked as Lambda does: the folder is read-only."""
    archive, _ = for_this_machine
    code = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(archive) as unpacked:
        unpacked.extractall(code)
    folders = [code, *(path for path in code.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    before = {path: path.stat().st_mtime_ns for path in code.rglob("*")}
    yield code
    assert {path: path.stat().st_mtime_ns for path in code.rglob("*")} == before
    for folder in folders:
        folder.chmod(0o755)  # so that the temporary folder can go


def test_the_archive_imports_with_nothing_but_itself_on_the_path(deployed):
    program = (
        "import sys; sys.path.insert(0, '.'); import handlers.reactor;"
        "print(*{m.__file__ for m in sys.modules.values() if getattr(m, '__file__', None)})"
    )

    printed = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        cwd=deployed,
        capture_output=True,
        text=True,
        check=True,
    )

    standard = os.__file__.removesuffix("os.py")
    files = printed.stdout.split()
    assert [f for f in files if not f.startswith((standard, str(deployed), "./"))] == []
    assert any(f.endswith("handlers/reactor.py") for f in files)


@pytest.fixture(scope="module")
def function(deployed, tmp_path_factory):
    """The function as the stack declares it, run by Lambda's own runtime."""
    pytest.importorskip("awslambdaric", reason="awslambdaric is not installed")
    declared = transformed()["Resources"]["Reactor"]["Properties"]
    return Function(
        code=deployed,
        runtime=runtime_folder(tmp_path_factory.mktemp("runtime")),
        handler=declared["Handler"],
        account=ACCOUNT,
        region=REGION,
        environment=declared.get("Environment", {}).get("Variables", {}),
        timeout_seconds=declared["Timeout"],
        memory_mb=declared["MemorySize"],
    )


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    """The embedded AWS in a process of its own; its URL."""
    world = tmp_path_factory.mktemp("world") / "world.json"
    world.write_text(json.dumps(a_world()))
    command = [sys.executable, "-m", "infra.cli", "local", "--port", "0", "--world", str(world)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        yield process.stderr.readline().partition(" on ")[2].split()[0]
        process.terminate()
        process.communicate()


def test_lambdas_own_runtime_takes_an_event_to_a_promoted_template(function, endpoint):
    done = function.invoke(backup_completed(), AWS_ENDPOINT_URL=endpoint)

    assert done.kind == "response", done.payload
    [template] = done.payload["templates"]
    assert (template["outcome"], template["to_image"]) == ("promoted", NEW)
    ec2 = boto3.client(
        "ec2",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    [version] = ec2.describe_launch_template_versions(
        LaunchTemplateId=TEMPLATE_ID, Versions=["$Default"]
    )["LaunchTemplateVersions"]
    assert version["LaunchTemplateData"]["ImageId"] == NEW


def test_lambdas_own_runtime_reports_an_invalid_event_as_an_error(function, endpoint):
    done = function.invoke({"detail-type": "no such thing"}, AWS_ENDPOINT_URL=endpoint)

    assert (done.kind, done.payload["errorType"]) == ("error", "EventRejected")
    measures = [json.loads(line) for line in done.log.splitlines() if line.startswith("{")]
    assert [line["result"] for line in measures if "_aws" in line] == ["rejected"]


def test_the_archive_for_lambda_holds_nothing_made_for_another_machine(for_lambda):
    archive, _ = for_lambda

    with zipfile.ZipFile(archive) as unpacked:
        names = unpacked.namelist()
        tags = {
            line.removeprefix("Tag: ")
            for name in names
            if name.endswith(".dist-info/WHEEL")
            for line in unpacked.read(name).decode().splitlines()
            if line.startswith("Tag: ")
        }
        libraries = [name for name in names if name.endswith(".so")]
        assert all(tag.endswith("-none-any") or "_aarch64" in tag for tag in tags)
        assert {tag.split("-")[0] for tag in tags if "aarch64" in tag} == {"cp313"}
        assert libraries
        assert {unpacked.read(name)[18:20] for name in libraries} == {AARCH64}
        assert {unpacked.read(n)[:4] for n in names if n.endswith(".pyc")} <= {PYTHON_313}


def test_the_archive_is_lean(for_lambda, for_this_machine):
    for archive, _ in (for_lambda, for_this_machine):
        assert archive.stat().st_size < LARGEST


def test_the_command_prints_the_archives_size_and_its_parts(for_lambda):
    archive, printed = for_lambda

    assert printed["bytes"] == archive.stat().st_size
    sizes = [part["bytes"] for part in printed["parts"]]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(part["unpacked_bytes"] for part in printed["parts"]) == printed["unpacked_bytes"]


def test_the_table_has_the_ten_largest_parts_and_the_total(for_this_machine):
    archive, printed = for_this_machine

    head, *rows = printed.splitlines()
    assert head.split() == ["largest", "parts", "MiB", "zipped", "unpacked"]
    assert rows[10].startswith("total") and f"{archive.stat().st_size / 2**20:.2f}" in rows[10]
    sizes = [float(row.split()[-2]) for row in rows[:10]]
    assert sizes == sorted(sizes, reverse=True)
    assert (
        printed.split("CodeSha256 ")[1].strip()
        == base64.b64encode(hashlib.sha256(archive.read_bytes()).digest()).decode()
    )
