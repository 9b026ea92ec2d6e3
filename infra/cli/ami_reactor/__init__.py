"""The one name under which all of it is installed.

`models`, `handlers` and `infra` are folders that many a project has too. So a wheel holds them
inside this package, and the program puts them first on its own path, before whatever PYTHONPATH
and the current folder say.
"""

import sys
from pathlib import Path

_HERE = Path(__file__).parent
_ROOT = _HERE if (_HERE / "models").is_dir() else _HERE.parents[2]
"""Where the three folders lie: in a wheel inside this package, in a checkout three levels up."""


def main() -> None:
    """Run the command line."""
    sys.path.insert(0, str(_ROOT))
    from infra.cli import app

    app()
