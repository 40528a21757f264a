"""A pace: how it is read and checked, and when each batch of a paced run is due."""

from datetime import timedelta

import pytest

from push_pipeline.errors import InvalidParameter
from push_pipeline.ledger.values import NewBatch
from push_pipeline.options import DeliveryOptions
from push_pipeline.publishing.draft import draft_message, paced
from push_workers.fanout.pace import (
    LEAST_PAGE,
    PAGE_SECONDS,
    batch_limit,
    pace_of,
    page_size,
    spaced,
    would_end_late,
)

NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    "given",
    [
        {"rate": 0},
        {"rate": -1},
        {"rate": True},
        {"rate": "fast"},
        {"rate": float("nan")},
        {"rate": 2_000_000},
        {"rate": [500]},
        {"over": -1},
        {"over": "soon"},
        {"over": 10_000_000},
        {"rate": 500, "over": 60},
        {"rate": 500, "ttl": 0},
        {"over": 7_200, "ttl": 3_600},
        {"over": 7_200, "repeat_every": 3_600},
    ],
    ids=str,
)
def test_a_pace_that_cannot_be_kept_is_refused(given: dict) -> None:
    with pytest.raises(InvalidParameter, match=r"rate|over"):
        draft_message("news", "Hello", None, given, now=NOW)


def test_a_pace_is_read_as_other_spans_and_numbers_are() -> None:
    assert DeliveryOptions(rate="2.5").rate == 2.5
    assert DeliveryOptions(over=timedelta(hours=1)).over == 3_600
    assert DeliveryOptions.from_wire({"over": "60", "message": "x"}).over == 60
    assert DeliveryOptions.from_json(DeliveryOptions(rate=7).to_json()).rate == 7
    assert not DeliveryOptions().said()


def test_a_pace_is_told_once() -> None:
    assert paced(DeliveryOptions(ttl=60), 500, None).said() == {"ttl": 60, "rate": 500}
    with pytest.raises(InvalidParameter, match="twice"):
        paced(DeliveryOptions(rate=500), None, 60)


def test_what_is_now_or_never_lives_as_long_as_it_is_spread_over() -> None:
    draft = draft_message("news", "Hello", None, {"ttl": 0, "over": 3_600}, now=NOW)

    assert draft.message().ttl_ms == 3_660_000


def test_batches_are_due_one_after_the_other() -> None:
    planned = [NewBatch(1, "IOS", "production", range(n), True, NOW) for n in (100, 100, 50)]

    due = [one.not_before - NOW for one in spaced(planned, 100, NOW, before=400)]

    assert due == [4_000, 5_000, 6_000]
    assert [one.not_before for one in spaced(planned, None, NOW, before=400)] == [NOW] * 3


def test_a_fan_out_that_is_late_makes_nothing_due_before_now() -> None:
    planned = [NewBatch(1, "IOS", "production", range(10), True, NOW)]

    assert spaced(planned, 10, NOW - 60_000, before=0)[0].not_before == NOW


@pytest.mark.parametrize(
    ("rate", "over", "audience", "pace"),
    [(500, 0, 10, 500), (None, 0, 10, None), (None, 60, 600, 10), (None, 60, 0, 1 / 60)],
)
def test_the_pace_of_a_run(rate: float, over: int, audience: int, pace: float | None) -> None:
    assert pace_of(rate, over, audience) == pace


@pytest.mark.parametrize(("rate", "size"), [(None, 1000), (5_000, 1000), (300, 300), (0.2, 1)])
def test_a_batch_is_for_a_second(rate: float | None, size: int) -> None:
    assert batch_limit(rate, 1_000, 0) == size


def test_the_batches_of_a_large_audience_grow_but_never_those_of_a_paced_one() -> None:
    befores = (0, 49_999, 100_000, 250_000, 10_000_000)
    assert [batch_limit(None, 1_000, one) for one in befores] == [1000, 1000, 2000, 5000, 5000]
    assert batch_limit(None, 20, 10_000_000) == 100
    assert batch_limit(900, 1_000, 10_000_000) == 900


def test_a_page_is_as_large_as_there_is_time_for_it() -> None:
    size = 4 * LEAST_PAGE

    assert page_size(size, PAGE_SECONDS) == size
    assert page_size(size, PAGE_SECONDS / 9) == 2 * size  # once may be by chance
    assert page_size(size, 0.0) == 2 * size
    assert page_size(size, 4 / 3 * PAGE_SECONDS) == 3 * LEAST_PAGE
    assert page_size(size, 9 * PAGE_SECONDS) == 2 * LEAST_PAGE
    assert page_size(LEAST_PAGE, 9 * PAGE_SECONDS) == LEAST_PAGE
    assert page_size(LEAST_PAGE // 2, 9 * PAGE_SECONDS) == LEAST_PAGE


def test_a_turn_ends_before_a_page_that_would_end_after_it() -> None:
    assert not would_end_late(0.02, 0.03, 0.05)
    assert would_end_late(0.021, 0.03, 0.05)
    assert would_end_late(0.06, 0.0, 0.05)
