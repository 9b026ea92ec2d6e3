"""The variables of AWS's SDKs and of moto, set aside while other ones are in their place."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_OURS = ("AWS_", "MOTO_")


@contextmanager
def environment_of(variables: Mapping[str, str]) -> Iterator[None]:
    """Of all variables with these two prefixes, let there be those alone.

    Afterwards they are as they were before. No other variable is touched: what a test sets and
    removes meanwhile stays so, in whichever order it ends.
    """
    before = _taken_out()
    os.environ.update(variables)
    try:
        yield
    finally:
        _taken_out()
        os.environ.update(before)


def _taken_out() -> dict[str, str]:
    return {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_OURS)}
