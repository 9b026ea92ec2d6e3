"""The archive that Lambda runs: `models/`, `handlers/` and what `handlers/requirements.txt` pins.

Same inputs and interpreter, same bytes: an archive can be compared with the one that is deployed
(Lambda's CodeSha256), and one that did not change is not deployed again.
"""

import base64
import hashlib
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
from infra.deploy.requirements import PackagingFailed, Target, install
from infra.replay.atomic_write import PUBLIC, CannotWrite, new_file

CHECKOUT = Path(__file__).parents[2]
"""The folder of `models/` and `handlers/`: a checkout, or the installed package."""

_TASK_ROOT = "/var/task"  # where Lambda unpacks the archive
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
_DEPTH = 2  # folders
_READABLE = 0o100644 << 16  # Lambda runs as another user, who must be able to read it
_LEFT_BY_PIP = (
    ".lock",
    "bin",
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
)


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
        install(target, checkout / "handlers" / "requirements.txt", root)
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


def _tidy(root: Path) -> None:
    """Remove the files that differ between versions of pip, and between pip and uv.

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
            add_file(archive, name, path.read_bytes())
        return _parts(archive)


def add_file(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a file in the way that makes the same bytes on any machine and at any time."""
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system = 3  # Unix on any machine, so that the modes are read
    entry.external_attr = _READABLE
    archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=9)


def _parts(archive: zipfile.ZipFile) -> dict[str, tuple[int, int]]:
    """The archive's sizes by folder, two levels deep."""
    parts: dict[str, tuple[int, int]] = {}
    for entry in archive.infolist():
        folders = [part for part in Path(entry.filename).parts if part != "__pycache__"]
        part = "/".join(folders[:_DEPTH]) if len(folders) > _DEPTH else folders[0]
        zipped, unpacked = parts.get(part, (0, 0))
        parts[part] = (zipped + entry.compress_size, unpacked + entry.file_size)
    return dict(sorted(parts.items(), key=lambda part: part[1], reverse=True))
