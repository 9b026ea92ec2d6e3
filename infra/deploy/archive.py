"""The archive that Lambda runs: `models/`, `handlers/` and what `handlers/requirements.txt` pins.

Same inputs and interpreter, same bytes: an archive can be compared with the one that is deployed
(Lambda's CodeSha256), and one that did not change is not deployed again.
"""

import base64
import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from infra.deploy.botocore_data import NoSuchOperation
from infra.deploy.prune_requirements import prune
from infra.replay.atomic_write import PUBLIC, CannotWrite, new_file

CHECKOUT = Path(__file__).parents[2]
"""The folder of `models/` and `handlers/`: a checkout, or the installed package."""

PYTHONS = ("3.12", "3.13", "3.14", "3.15")
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}  # as Lambda and as wheels call them

_TASK_ROOT = "/var/task"  # where Lambda unpacks the archive
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
_DEPTH = 2  # folders
_READABLE = 0o100644 << 16  # Lambda runs as another user, who must be able to read it
_LEFT_BY_PIP = ("bin", "*.dist-info/RECORD", "*.dist-info/INSTALLER", "*.dist-info/REQUESTED")


class PackagingFailed(Exception):
    """No archive was written. The message is one line: what failed, and why."""


class BadTarget(ValueError):
    """There is no such target; the message says which there are."""


@dataclass(frozen=True)
class Target:
    """The Python and the processor that the archive is for; no processor: this machine's own."""

    name: str
    python: str
    machine: str | None

    @property
    def pip_options(self) -> list[str]:
        if self.machine is None:
            return []
        platform = f"manylinux2014_{MACHINES[self.machine]}"
        return ["--python-version", self.python, "--implementation", "cp", "--platform", platform]


@dataclass(frozen=True)
class Archive:
    """The archive that was made.

    Attributes:
        sha256: As Lambda prints it (CodeSha256).
        compiled_by: The interpreter; None if there was none, and the archive has sources only.
        parts: Bytes in the archive and unpacked, the largest first.
    """

    path: Path
    target: Target
    sha256: str
    compiled_by: str | None
    parts: dict[str, tuple[int, int]]

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    @property
    def unpacked(self) -> int:
        return sum(unpacked for _, unpacked in self.parts.values())


def target_named(name: str) -> Target:
    """`host`, or a runtime and an architecture of Lambda's: `python3.13-arm64`.

    Raises:
        BadTarget: It is neither.
    """
    if name == "host":
        return Target(name, f"{sys.version_info.major}.{sys.version_info.minor}", None)
    python, _, machine = name.removeprefix("python").partition("-")
    if not name.startswith("python") or python not in PYTHONS or machine not in MACHINES:
        known = ", ".join(f"python{p}-{m}" for p in PYTHONS for m in MACHINES)
        raise BadTarget(f"must be host or one of {known}")
    return Target(name, python, machine)


def make_archive(
    target: Target,
    to: Path,
    progress: Callable[[str], None],
    checkout: Path = CHECKOUT,
    *,
    is_full: bool = False,
) -> Archive:
    """Make the archive; an older one is replaced in one step.

    Args:
        target: The Python and the processor that it is for.
        to: The file.
        progress: Called with what is being done.
        checkout: The folder of the sources.
        is_full: Keep everything of the requirements, their sources too.

    Raises:
        PackagingFailed: Something cannot be installed, compiled or written.
    """
    with TemporaryDirectory() as folder:
        root = Path(folder)
        progress(f"installing handlers/requirements.txt for {target.name}")
        _install(target, checkout / "handlers" / "requirements.txt", root)
        _tidy(root)
        if not is_full:
            progress("leaving out what is not used")
            try:
                prune(root)
            except NoSuchOperation as error:
                raise PackagingFailed(f"botocore has no {error}") from error
        interpreter = _interpreter(target.python)
        if interpreter is not None and not is_full:
            progress("compiling the requirements")
            _replace_by_compiled(interpreter, root)
        _copy_our_own(checkout, root)
        if interpreter is not None:
            progress("compiling")
            _compile(interpreter, root)
        progress("zipping")
        try:
            with new_file(to, mode=PUBLIC, force=True) as file:
                parts = _zip(root, file)
        except CannotWrite as error:
            raise PackagingFailed(str(error)) from error
    digest = base64.b64encode(hashlib.sha256(to.read_bytes()).digest()).decode()
    return Archive(to, target, digest, interpreter, parts)


def _install(target: Target, requirements: Path, root: Path) -> None:
    """Every requirement is pinned with its hash, so pip has nothing to resolve or to choose."""
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    how = ["--only-binary=:all:", "--require-hashes", "--no-deps", "--no-compile", "--retries=2"]
    what = ["--target", str(root), "--requirement", str(requirements)]
    done = subprocess.run(
        [*pip, *how, *target.pip_options, *what],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PackagingFailed(f"{_why(done.stdout)} (handlers/requirements.txt, {target.name})")


def _why(printed: str) -> str:
    """The line of pip's output that says why; it never names the index."""
    if "DO NOT MATCH THE HASHES" in printed:
        found = re.search(r"^ +(\S+) from ", printed, re.MULTILINE)
        return f"{found[1] if found else 'a file'} does not have the hash that is expected"
    if "Retrying" in printed or "ConnectionError" in printed:
        return "the package index cannot be reached"
    if missing := re.search(r"No matching distribution found for (\S+)", printed):
        return f"there is no wheel of {missing[1]}"
    errors = [line for line in printed.splitlines() if line.strip()]
    return errors[-1] if errors else "pip failed without a message"


def _tidy(root: Path) -> None:
    """Remove the files that differ from one pip to the next.

    METADATA, WHEEL and the licenses stay: scanners read them to know what is in an archive.
    """
    for pattern in _LEFT_BY_PIP:
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _copy_our_own(checkout: Path, root: Path) -> None:
    for floor in ("models", "handlers"):
        for source in (checkout / floor).rglob("*.py"):
            copy = root / source.relative_to(checkout)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)


def _interpreter(python: str) -> str | None:
    """An interpreter of the same minor version: a .pyc is for one minor version only."""
    for candidate in (sys.executable, shutil.which(f"python{python}")):
        if candidate and _version_of(candidate) == python:
            return candidate
    return None


def _version_of(interpreter: str) -> str | None:
    program = "import sys; print('%d.%d' % sys.version_info[:2], sys.implementation.name)"
    asked = subprocess.run(
        [interpreter, "-c", program], capture_output=True, text=True, check=False
    )
    version, _, implementation = asked.stdout.strip().partition(" ")
    return version if implementation == "cpython" else None


def _replace_by_compiled(interpreter: str, root: Path) -> None:
    """Half the bytes, and one file less to read at each import.

    Like the libraries in C beside them, these .pyc are for one minor version of Python.
    """
    _compile(
        interpreter, root, "-b"
    )  # writes the .pyc beside the source, where Python reads it without one
    for source in root.rglob("*.py"):
        source.unlink()


def _compile(interpreter: str, root: Path, *options: str) -> None:
    """Lambda's disk is read-only: a source without a .pyc is compiled at every cold start."""
    # unchecked hashes, because the sources' dates do not survive the archive
    how = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", *options]
    done = subprocess.run(
        [interpreter, "-P", *how, "-s", str(root), "-p", _TASK_ROOT, str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PackagingFailed(f"{interpreter}: {done.stdout.splitlines()[0]}")


def _zip(root: Path, to: BinaryIO) -> dict[str, tuple[int, int]]:
    files = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}
    with zipfile.ZipFile(to, "w") as archive:
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix on any machine, so that the modes are read
            entry.external_attr = _READABLE
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)
        return _parts(archive)


def _parts(archive: zipfile.ZipFile) -> dict[str, tuple[int, int]]:
    """The archive's sizes by folder, two levels deep."""
    parts: dict[str, tuple[int, int]] = {}
    for entry in archive.infolist():
        folders = [part for part in Path(entry.filename).parts if part != "__pycache__"]
        part = "/".join(folders[:_DEPTH]) if len(folders) > _DEPTH else folders[0]
        zipped, unpacked = parts.get(part, (0, 0))
        parts[part] = (zipped + entry.compress_size, unpacked + entry.file_size)
    return dict(sorted(parts.items(), key=lambda part: part[1], reverse=True))
