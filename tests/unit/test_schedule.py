"""When runs are due: without drift, without a second catch-up, across clock changes."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.schedule import Firing, is_due, is_missed, local_due, next_firing

START = 1_000_000


@pytest.mark.parametrize(
    ("every", "until", "now", "expected"),
    [
        (1000, None, START, Firing(2, START + 1000)),
        (1000, None, START + 999, Firing(2, START + 1000)),
        (1000, None, START + 1000, Firing(3, START + 2000)),
        (1000, None, START + 9_500, Firing(11, START + 10_000)),
        (1000, START + 1000, START, Firing(2, START + 1000)),
        (1000, START + 999, START, None),
        (0, None, START, None),
    ],
)
def test_the_next_run_lies_ahead_and_not_beyond_the_end(
    every: int, until: int | None, now: int, expected: Firing | None
) -> None:
    assert next_firing(Firing(1, START), every, until, now) == expected


@given(
    every=st.integers(1, 10**9),
    starts=st.lists(st.integers(0, 10**10), min_size=1, max_size=30),
)
def test_a_repeat_never_drifts_however_late_its_runs_begin(every: int, starts: list[int]) -> None:
    this = Firing(1, START)
    for late in starts:
        later = next_firing(this, every, None, this.due_at + late)
        assert later is not None
        assert later.due_at == START + (later.n - 1) * every
        assert this.due_at + late < later.due_at <= this.due_at + late + every
        this = later


def test_a_run_is_due_at_its_time_and_missed_when_its_successor_is_due() -> None:
    assert is_due(START, START)
    assert not is_due(START, START - 1000)
    assert not is_missed(START, 1000, START + 999)
    assert is_missed(START, 1000, START + 1000)
    assert not is_missed(START, 0, START + 10**9)


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("wall", "now", "due"),
    [
        (time(9), "2026-06-01T06:00", "2026-06-01T07:00"),
        (time(9), "2026-06-01T07:00", "2026-06-02T07:00"),
        (time(9), "2026-06-01T23:00", "2026-06-02T07:00"),
        (time(2, 30), "2026-03-28T12:00", "2026-03-29T01:00"),  # skipped: the gap ends at 03:00
        (time(2), "2026-03-28T12:00", "2026-03-29T01:00"),
        (time(2, 30), "2026-10-24T12:00", "2026-10-25T00:30"),  # shown twice: the first time
        (time(2, 30), "2026-10-25T00:45", "2026-10-26T01:30"),
    ],
)
def test_a_wall_clock_time_comes_once_a_day_also_when_the_clock_changes(
    wall: time, now: str, due: str
) -> None:
    found = local_due(wall, BERLIN, datetime.fromisoformat(now).replace(tzinfo=UTC))

    assert found.astimezone(UTC) == datetime.fromisoformat(due).replace(tzinfo=UTC)


@given(
    st.times(),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001 - made aware below
)
def test_a_wall_clock_time_is_always_found_within_two_days(
    wall: time, zone: str, now: datetime
) -> None:
    aware = now.replace(tzinfo=UTC)

    due = local_due(wall.replace(microsecond=0), ZoneInfo(zone), aware)

    assert 0 < (due - aware).total_seconds() <= 2 * 86_400
