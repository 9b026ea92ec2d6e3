"""What a command takes until it is done: `python -m tests.bench.start [--weight]`.

Instructions, counted by valgrind, and CPU seconds, each beside the floor: Python that imports typer
and rich's console. It ends with status 1 where one of ours takes more than it may. With --weight:
the megabytes and the packages of fresh environments, which needs the network and some minutes.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import distributions
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.instructions import counted
from tests.support.paths import ROOT

ROUNDS = 5
COMMAND = str(Path(sysconfig.get_path("scripts")) / "ami-reactor")
FLOOR = [sys.executable, "-c", "import typer, rich.console"]
AT_MOST = {
    "--version": 2.0,
    "--help": 2.0,
    "status --help": 2.0,
    "follow --help": 2.0,
    "replay --help": 2.0,
    "dlq list --help": 2.0,
    "replay": 25.6,
}
"""Of the floor's instructions: 8,900 M of 347 M for the bundled demo."""
_NOT_THE_PROJECTS = {"pip", "setuptools", "wheel"}


def _cpu_seconds(command: list[str], environment: dict[str, str], folder: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _start() -> bool:
    """Print a line for each command; whether each takes no more than it may."""
    commands = {"floor": FLOOR} | {name: [COMMAND, *name.split()] for name in AT_MOST}
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with TemporaryDirectory() as name:
        folder = Path(name)
        rounds = [
            {name: _cpu_seconds(command, environment, folder) for name, command in commands.items()}
            for _ in range(ROUNDS)
        ]
        counts = _counts(commands, environment, folder)
    sys.stdout.write(f"{'':16}{'CPU s':>7}{'ratio':>7}{'M instr.':>10}{'ratio':>7}{'at most':>9}\n")
    is_ok = True
    for name in commands:
        seconds = _median(rounds, name)
        line = f"{name:16}{seconds:7.2f}{seconds / _median(rounds, 'floor'):7.2f}"
        if counts:
            ratio, most = counts[name] / counts["floor"], AT_MOST.get(name)
            is_ok &= most is None or ratio <= most
            line += f"{counts[name] / 1e6:10,.0f}{ratio:7.2f}{most or '':>9}"
        sys.stdout.write(f"{line}\n")
    return is_ok


def _median(rounds: list[dict[str, float]], name: str) -> float:
    return statistics.median(one[name] for one in rounds)


def _counts(
    commands: dict[str, list[str]], environment: dict[str, str], folder: Path
) -> dict[str, int]:
    """The instructions of each; none without valgrind."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        sys.stdout.write("instructions: not counted, valgrind is not there\n")
        return {}
    return {
        name: counted(
            command if command == FLOOR else [sys.executable, *command],
            valgrind,
            folder=folder,
            environment=environment,
        )
        for name, command in commands.items()
    }


def _weight() -> None:
    for what in (str(ROOT), f"{ROOT}[dev]"):
        with TemporaryDirectory() as folder:
            venv.create(folder, with_pip=True)
            pip = [str(Path(folder) / "bin" / "python"), "-m", "pip", "install", "--quiet", what]
            subprocess.run(pip, check=True)
            paths = {"base": folder, "platbase": folder}
            site = sysconfig.get_path("purelib", "venv", paths)
            files = [path for path in Path(folder).rglob("*") if path.is_file()]
            names = {one.name for one in distributions(path=[site])} - _NOT_THE_PROJECTS
            size = sum(path.stat().st_size for path in files if not path.is_symlink())
            shown = what.replace(str(ROOT), ".")
            line = f"pip install {shown:6} {size / 1e6:5.0f} MB, {len(names)} packages"
            sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--weight"]:
        _weight()
    elif not _start():
        raise SystemExit(1)
