"""What `.ci/infra` installs: the linters, and an IAM engine of another project."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.stack.roles import as_doctor_reads

_SIMULATE = Path(__file__).parent / "iam" / "simulate.mjs"


@pytest.fixture(scope="session")
def tools():
    """The folder in which .ci/infra has installed the engine and the linters."""
    folder = Path(os.environ.get("INFRA_TOOLS", "nowhere"))
    if not (folder / "venv").is_dir():
        pytest.skip("the IAM engine and the IAM linters are not here: .ci/infra brings them")
    return folder


@pytest.fixture(scope="session")
def engine(tools):
    """Ask it: whether each case of each question is allowed."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("the IAM engine needs Node")

    def ask(*questions):
        done = subprocess.run(
            [node, str(_SIMULATE), str(tools)],
            input=json.dumps(questions),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [[answer == "Allowed" for answer in answers] for answers in json.loads(done.stdout)]

    return ask


@pytest.fixture(params=["our reading", "the IAM engine"])
def judge(request):
    """Whether each case of each question is allowed: as doctor reads it, and as others do."""
    return as_doctor_reads if request.param == "our reading" else request.getfixturevalue("engine")
