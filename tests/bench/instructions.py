"""A gate without noise: the instructions of a cold promotion, counted by valgrind.

`python -m tests.bench.instructions` ends with status 1 if ours are more than AT_MOST times those
of the plain script; without valgrind it says so and ends with 0. The count repeats to a thousandth,
whatever else the machine does.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.cold import server
from tests.bench.contestants import Contestant, plain_and_ours
from tests.support.builders import backup_completed

AT_MOST = 0.72  # it was 0.705 when this was written
_TOOL = ("--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
_PROGRAM = """
import importlib, json, os, sys
from awslambdaric import bootstrap, lambda_context
arn, handler, event = sys.argv[1:]
context = lambda_context.LambdaContext("request", None, None, 9_999_999_999_999, arn)
module, _, name = handler.rpartition(".")
getattr(importlib.import_module(module), name)(json.loads(event), context)
sys.stdout.flush()
os._exit(0)  # Lambda kills it too
"""


def instructions(contestant: Contestant, valgrind: str) -> int:
    """Those of one process that imports Lambda's runtime and the handler, and handles one event."""
    function = contestant.function
    command = [function.python, "-S", "-c", _PROGRAM, function.arn, function.handler]
    with server(contestant.certificate) as (url, _):
        return counted(
            [*command, json.dumps(backup_completed())],
            valgrind,
            folder=function.code,
            environment=function.variables("127.0.0.1:9")
            | {"AWS_ENDPOINT_URL": url, "PYTHONPATH": f".:{function.runtime}"},
        )


def counted(
    command: list[str], valgrind: str, *, folder: Path, environment: Mapping[str, str]
) -> int:
    """The instructions of a command; if it fails, this program ends."""
    done = subprocess.run(
        [valgrind, *_TOOL, *command],
        cwd=folder,
        env={**environment, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if done.returncode or found is None:
        said = f"{done.stdout}{done.stderr}"
        raise SystemExit(f"{' '.join(command)}: status {done.returncode}\n{said}")
    return int(found[1].replace(",", ""))


def main() -> None:
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        sys.stdout.write("instructions: not counted, valgrind is not there\n")
        return
    with TemporaryDirectory() as folder:
        plain, ours = (instructions(one, valgrind) for one in plain_and_ours(Path(folder)))
    ratio = ours / plain
    sys.stdout.write(
        f"instructions: {ours / 1e6:.0f} M, the plain script {plain / 1e6:.0f} M:"
        f" {ratio:.3f}, at most {AT_MOST}\n"
    )
    if ratio > AT_MOST:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
