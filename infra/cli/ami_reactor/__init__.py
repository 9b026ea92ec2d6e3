"""The one name under which all of it is installed.

`models`, `handlers` and `infra` are folders that many a project has too. So a wheel holds them
inside this package, and the program puts them first on its own path, before whatever PYTHONPATH
and the current folder say.
"""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the verb has imported its work

import gc
import sys
from pathlib import Path

_HERE = Path(__file__).parent
_ROOT = _HERE if (_HERE / "models").is_dir() else _HERE.parents[2]
"""Where the three folders lie: in a wheel inside this package, in a checkout three levels up."""

_OBJECTS = 100_000  # a command lives for a second, and what it imports is never garbage


def main() -> None:
    """Run the command line."""
    gc.set_threshold(_OBJECTS)
    sys.path.insert(0, str(_ROOT))
    from infra.cli import app

    app()
