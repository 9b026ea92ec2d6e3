"""The pinned requirements of `handlers/requirements.txt`, installed for another machine.

Each is pinned with its hash, so there is nothing to resolve or to choose, and every download is
checked; only wheels are taken, so no `setup.py` is run.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

PYTHONS = ("3.12", "3.13", "3.14", "3.15")
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}  # as Lambda and as wheels call them

_PINNED = ("--only-binary=:all:", "--require-hashes", "--no-deps")
_URL = re.compile(r"\b[a-z]+://\S+")


class PackagingFailed(Exception):
    """Nothing was made. The message is one line: what failed, and why."""


class BadTarget(ValueError):
    """There is no such target; the message says which there are."""


@dataclass(frozen=True)
class Target:
    """The Python and the processor that an archive is for; no processor: this machine's own."""

    name: str
    python: str
    machine: str | None

    @property
    def pip_options(self) -> list[str]:
        if self.machine is None:
            return []
        platform = f"manylinux2014_{MACHINES[self.machine]}"
        return ["--python-version", self.python, "--implementation", "cp", "--platform", platform]

    @property
    def uv_options(self) -> list[str]:
        if self.machine is None:
            return []
        platform = f"{MACHINES[self.machine]}-manylinux2014"
        return ["--python-version", self.python, "--python-platform", platform]


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


def install(target: Target, requirements: Path, root: Path) -> None:
    """Install into a folder, with pip, or with uv where the environment has no pip.

    Raises:
        PackagingFailed: Something cannot be downloaded, or is not what was pinned.
    """
    what = ["--target", str(root), "--requirement", str(requirements)]
    if find_spec("pip"):
        command = [*pip("install"), "--no-compile", *target.pip_options]
    elif uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--python", sys.executable, "--link-mode", "copy"]
        command += ["--no-progress", *target.uv_options]
    else:
        raise PackagingFailed(
            f"needs pip, or uv on the PATH; this adds pip: {sys.executable} -m ensurepip"
        )
    _run([*command, *_PINNED, *what], target)


def download(target: Target, requirements: Path, to: Path) -> list[Path]:
    """The same wheels as files, by name. Needs pip.

    Raises:
        PackagingFailed: As of install.
    """
    what = ["--dest", str(to), "--requirement", str(requirements)]
    _run([*pip("download"), *target.pip_options, *_PINNED, *what], target)
    return sorted(to.glob("*.whl"))


def pip(verb: str) -> list[str]:
    """The command line of this environment's pip."""
    quietly = ["--disable-pip-version-check", "--no-input", "--retries=2"]
    return [sys.executable, "-m", "pip", verb, *quietly]


def _run(command: Sequence[str], target: Target) -> None:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise PackagingFailed(f"{why(done.stdout)} (handlers/requirements.txt, {target.name})")


def why(printed: str) -> str:
    """The line of pip's or uv's output that says why; it never names the index."""
    if "DO NOT MATCH THE HASHES" in printed or "Hash mismatch" in printed:
        found = re.search(r"^ +(\S+) from |Hash mismatch for `(\S+?)`", printed, re.MULTILINE)
        name = (found[1] or found[2]) if found else "a file"
        return f"{name} does not have the hash that is expected"
    if re.search(r"Retrying|ConnectionError|Failed to fetch|error sending request", printed):
        return "the package index cannot be reached"
    missing = re.search(r"No matching distribution found for (\S+)", printed) or re.search(
        r"(?:Because|version of) (\S+?==\S+) (?:has no usable wheels|and you require)", printed
    )
    if missing:
        return f"there is no wheel of {missing[1]}"
    errors = [line.strip() for line in printed.splitlines() if line.strip()]
    return _URL.sub("the package index", errors[-1]) if errors else "it failed without a message"
