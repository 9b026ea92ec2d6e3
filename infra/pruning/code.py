"""The requirements' code: what only readers of it need, or other services, is left out.

Modules are rewritten before they are compiled. The requirements are pinned by their hashes, so what
is found in a module here is what was there when this was written, or a test says so.
"""

import ast
import shutil
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

_NO_DOCSTRINGS = """
class _NoDocstring(str):
    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)


ClientMethodDocstring = PaginatorDocstring = WaiterDocstring = _NoDocstring
"""
_NO_PLUGINS = """
def get_plugins():
    return ()
"""
_NO_OTHER_ALIASES = """
_services = {{EVENT_ALIASES.get(name, name) for name in {services}}}
EVENT_ALIASES = {{old: new for old, new in EVENT_ALIASES.items() if new in _services}}
"""
_NO_OTHER_HANDLERS = """
from botocore.utils import EVENT_ALIASES as _aliases

_services = {{"*", *{services}, *_aliases, *_aliases.values()}}
BUILTIN_HANDLERS = [
    entry
    for entry in BUILTIN_HANDLERS
    for stage, service, *_ in [(*entry[0].split("."), "*")]
    if stage != "docs" and service in _services
]
"""


def rewrite(root: Path, services: Collection[str]) -> None:
    """Rewrite, in a folder of installed requirements, what costs a cold start more than it gives.

    Args:
        root: The folder; requirements that are not in it are none of the archive's.
        services: Those of botocore's that the function calls.
    """
    if (docs := root / "botocore" / "docs").is_dir():
        _write_no_docstrings(docs)
    modules: dict[str, Callable[[str], str]] = {
        "botocore/handlers.py": partial(without_other_handlers, services=services),
        "botocore/utils.py": partial(without_other_aliases, services=services),
        "pydantic/plugin/_loader.py": without_plugins,
        "pydantic_core/core_schema.py": without_typed_dicts,
        "urllib3/http2/__init__.py": without_http2,
    }
    for name, rewritten in modules.items():
        if (module := root / name).is_file():
            module.write_text(rewritten(module.read_text()))


def _write_no_docstrings(docs: Path) -> None:
    """For a reader of help(), botocore imports all that it takes to document a call."""
    for path in docs.iterdir():
        if path.name != "utils.py":  # which requests are made with
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (docs / "__init__.py").touch()
    (docs / "docstring.py").write_text(_NO_DOCSTRINGS)


def without_other_handlers(source: str, services: Collection[str]) -> str:
    """`botocore.handlers` with what it does in calls of those services alone.

    A session registers a hundred handlers for the oddities of others: a twentieth of a cold start.
    """
    return source + _NO_OTHER_HANDLERS.format(services=sorted(services))


def without_other_aliases(source: str, services: Collection[str]) -> str:
    """`botocore.utils` with the former names of those services alone.

    botocore goes through all 65 for every new event name that a call passes.
    """
    return source + _NO_OTHER_ALIASES.format(services=sorted(services))


def without_plugins(_source: str) -> str:
    """`pydantic.plugin._loader` that finds none.

    There are none in the archive; to learn that, Pydantic reads the metadata of all distributions,
    the runtime's too, for which Python imports an e-mail parser, CSV and zip files.
    """
    return _NO_PLUGINS


def without_http2(_source: str) -> str:
    """`urllib3.http2` without its switch, which imports the same as Pydantic's plugins do."""
    return ""


def without_typed_dicts(source: str) -> str:
    """The module with every TypedDict left empty.

    pydantic_core declares 90 of them, which nobody but a type checker reads; making them takes
    Python longer than making all of our own models.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and "TypedDict" in map(ast.unparse, node.bases):
            node.body = [ast.Pass()]
    return ast.unparse(tree)
