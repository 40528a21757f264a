"""When runs are due: without drift, without a second catch-up, across clock changes."""

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.schedule import (
    ROUND,
    Firing,
    Wave,
    is_due,
    is_missed,
    local_due,
    next_firing,
    plan_next_round,
    plan_waves,
)

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


DAY_MS = 86_400_000

#: Zones whose clocks change in every way there is, and both sides of the date line.
ZONES = (
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC",
    "Pacific/Kiritimati", "Pacific/Pago_Pago", "Pacific/Chatham", "America/Santiago",
)  # fmt: skip


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def rounds(clock: time, days: int, zones: tuple[str, ...], start: int, count: int) -> list:
    """Return rounds of waves, each planned when the one before begins on time."""
    planned = [plan_waves(clock, zones[0], zones, start)]
    for _ in range(count - 1):
        first, due = planned[-1][0], {wave.zone: wave.due_at for wave in planned[-1]}
        planned.append(plan_next_round(first, due, clock, days, zones[0], zones, first.due_at))
    return planned


def wall(wave: Wave) -> datetime:
    return datetime.fromtimestamp(wave.due_at / 1000, ZoneInfo(wave.zone))


@pytest.mark.parametrize("month", range(1, 13))
@pytest.mark.parametrize("days", [1, 7])
def test_a_repeat_by_local_time_keeps_the_clock_across_every_change_of_it(
    month: int, days: int
) -> None:
    planned = rounds(time(9), days, ZONES, ms(f"2026-{month:02}-01T12:00"), 35)

    for number, waves in enumerate(planned):
        assert [wave.n for wave in waves] == [number * ROUND + i for i in range(1, 10)]
        assert {wave.zone for wave in waves} == set(ZONES)
        assert {wall(wave).time() for wave in waves} == {time(9)}
    for before, after in pairwise(planned):
        dates = {wave.zone: wall(wave).date() for wave in before}
        assert all(wall(wave).date() - dates[wave.zone] == timedelta(days) for wave in after)


def test_a_repeat_at_a_time_that_a_day_skips_or_shows_twice_fires_once_on_that_day() -> None:
    spring = rounds(time(2, 30), 1, ("Europe/Berlin",), ms("2026-03-27T12:00"), 3)
    autumn = rounds(time(2, 30), 1, ("Europe/Berlin",), ms("2026-10-23T12:00"), 3)

    assert [f"{wall(one):%d %H:%M}" for (one,) in spring] == ["28 02:30", "29 03:00", "30 02:30"]
    assert [f"{wall(one):%d %H:%M %z}" for (one,) in autumn] == [
        "24 02:30 +0200", "25 02:30 +0200", "26 02:30 +0100",
    ]  # fmt: skip


def test_a_day_that_a_zone_leaves_out_is_made_up_for_when_the_next_one_begins() -> None:
    apia = rounds(time(9), 1, ("Pacific/Apia",), ms("2011-12-29T12:00"), 3)  # it had no 30th

    assert [f"{wall(one):%d %H:%M}" for (one,) in apia] == ["29 09:00", "31 00:00", "31 09:00"]


def test_rounds_that_were_missed_are_left_out_and_counted() -> None:
    first = plan_waves(time(9), "UTC", ["UTC"], ms("2026-06-01T00:00"))[0]

    (later,) = plan_next_round(
        first, {"UTC": first.due_at}, time(9), 1, "UTC", ["UTC"], ms("2026-06-04T09:30")
    )

    assert (later.n, later.due_at) == (4 * ROUND + 1, ms("2026-06-05T09:00"))


def test_a_zone_that_is_new_joins_the_next_round_on_its_date() -> None:
    first = plan_waves(time(9), "UTC", ["UTC"], ms("2026-06-01T00:00"))[0]

    waves = plan_next_round(
        first, {"UTC": first.due_at}, time(9), 1, "UTC", ["Asia/Tokyo"], first.due_at
    )

    assert [(wave.zone, wave.default, wave.due_at) for wave in waves] == [
        ("Asia/Tokyo", False, ms("2026-06-02T00:00")),
        ("UTC", True, ms("2026-06-02T09:00")),
    ]
