"""Nothing is lost and nothing ends older, however many come at once."""

from pathlib import Path

import pytest

from tests.survival.load import run

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="memory is read from /proc, which is Linux's"
)


@needs_proc
@pytest.mark.parametrize("events", [1_000, pytest.param(10_000, marks=pytest.mark.long)])
def test_books_balance_and_every_template_ends_at_its_newest_image(events):
    books = run(events)

    assert books.lost == 0
    assert books.wrong == []
    assert set(books.ended) == {"promoted", "kept", "refused", "ignored", "dead"}
    assert books.most_calls["ignored"] <= 2
    assert books.most_calls["dead"] == 0
    assert books.megabytes[1] - books.megabytes[0] < 20
