"""The part of the requirements that goes into the archive: what the function uses, and no more.

Most events are a cold start, and a cold start takes time for each file that it reads. Files are
left out and botocore's data is cut (`botocore_data.py`); no library's code is changed: what runs is
what was hashed.
"""

import shutil
from pathlib import Path

from handlers.auto_scaling import OPERATIONS as GUARDS
from handlers.clients import AUTHORITIES, OPERATIONS
from infra.deploy.botocore_data import amazons_authorities, prune_data

_NEVER_IMPORTED = (
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/metrics/provider/datadog",
    "aws_lambda_powertools/utilities/[abdfikmpsv]*",  # jmespath_utils and typing stay
    "dateutil/zoneinfo/*.tar.gz",
    "pydantic/mypy.py",
    "pydantic/v1",
    "urllib3/contrib/emscripten",
)


def prune(root: Path) -> None:
    """Remove from a folder of installed requirements what the function never needs.

    Raises:
        NoSuchOperation: botocore does not know one of the calls that the function makes.
    """
    botocore = root / "botocore"
    if botocore.is_dir():
        prune_data(botocore / "data", OPERATIONS, GUARDS)
        authorities = amazons_authorities((botocore / "cacert.pem").read_text())
        (root / AUTHORITIES.name).write_text(authorities)
    for pattern in _NEVER_IMPORTED:
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
