"""What is written in the values of tags, and read back."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from models.tags import read_high_water_mark, read_stamp, stamp
from tests.support.builders import NEW, NOON, at


@pytest.mark.parametrize("suffix", ["", " 7"])
def test_a_high_water_mark_is_read_as_it_was_written(suffix):
    text = f"{NEW} {at(1)}{suffix}"

    assert str(read_high_water_mark(text)) == text
    assert read_high_water_mark(text.replace(".000", "")) == read_high_water_mark(text)


@pytest.mark.parametrize("suffix", [" ", " 0", " x", " 1 2", "  3"])
def test_a_high_water_mark_is_not_read_with_anything_behind_it(suffix):
    assert read_high_water_mark(f"{NEW} {at(1)}{suffix}") is None


def test_a_stamp_is_read_back_and_fits_into_a_tag():
    now = datetime(2026, 6, 15, 3, 7, 30, tzinfo=UTC)

    value = stamp("jane", "x" * 500, now)

    assert len(value) == 256
    held = read_stamp(stamp("jane", "a: b\nc", now))
    assert (held.who, held.since, held.why) == ("jane", now.replace(second=0), "a: b\nc")
    assert str(held) == "jane since 2026-06-15 03:07Z: a: b\\nc"


@pytest.mark.parametrize(
    "value", ["load test", "jane 2026-06-15: load test", "jane 2026-13-45T99:99Z: load test"]
)
def test_a_stamp_in_other_words_is_all_reason(value):
    held = read_stamp(value)

    assert (held.who, held.since, held.why) == (None, None, value)
    assert str(held) == value


def test_a_stamp_says_until_when():
    until = datetime(2026, 12, 4, 18, tzinfo=timezone(timedelta(hours=9)))

    value = stamp("jane", "load test", NOON, until)

    assert value == "jane 2026-06-15T12:00Z until 2026-12-04T09:00Z: load test"
    assert read_stamp(value).until == until
    assert read_stamp(stamp("jane", "until Friday", NOON)).until is None
    assert str(read_stamp(value)).startswith("jane since 2026-06-15 12:00Z until 2026-12-04 09:00Z")


def test_an_empty_stamp_gives_no_reason():
    assert str(read_stamp("")) == "no reason given"
