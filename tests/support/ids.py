"""Ids of parametrised tests that begin with what they are about, so that `-k REASON` finds them."""

from typing import Any

import pytest

from models.decision import Reason, Skip
from models.events import Ignored
from models.outcome import Result

WORDS = {word.value for words in (Reason, Skip, Ignored, Result) for word in words}
"""Every reason, skip and result that an outcome may have."""


def reason_first(*cases: tuple[Any, ...]) -> list[Any]:
    """The cases; the id of each is the word of ours that is in it, and what text stands beside."""
    return [pytest.param(*case, id=_id(case, number)) for number, case in enumerate(cases)]


def _id(case: tuple[Any, ...], number: int) -> str:
    word = next((one for one in case if isinstance(one, str) and one in WORDS), None)
    beside = " ".join(one for one in case if isinstance(one, str) and one is not word)
    return ": ".join(filter(None, (word, beside or str(number))))
