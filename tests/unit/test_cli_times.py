"""Spans and moments as they are typed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.cli.times import moment, span
from push_pipeline.errors import InvalidParameter

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("0", 0), ("45s", 45), ("10m", 600), ("1h30m", 5_400), ("2w", 1_209_600)],
)
def test_a_span_is_a_number_of_seconds_or_numbers_with_units(text, seconds):
    assert span(text) == timedelta(seconds=seconds)


@given(st.lists(st.tuples(st.integers(0, 999), st.sampled_from(sorted(UNITS))), min_size=1))
def test_the_parts_of_a_span_add_up(parts):
    text = "".join(f"{number}{unit}" for number, unit in parts)
    assert span(text) == timedelta(seconds=sum(number * UNITS[unit] for number, unit in parts))


@pytest.mark.parametrize("text", ["", "-5", "1.5h", "h", "10 m", "1y", "10m!", "٣m", "9999999999"])
def test_anything_else_is_refused_with_an_example(text):
    with pytest.raises(InvalidParameter, match="write 90, 10m or 1h30m"):
        span(text)


def test_a_plus_counts_from_now():
    assert moment("+10m", 1_000) == datetime(1970, 1, 1, 0, 10, 1, tzinfo=UTC)


def test_any_other_moment_is_left_to_the_options():
    assert moment("2027-01-01T09:00+01:00", 0) == "2027-01-01T09:00+01:00"
