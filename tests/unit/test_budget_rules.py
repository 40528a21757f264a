"""The token bucket: what it lets through, when it says to come back, and what trouble does."""

from itertools import pairwise

import pytest

from push_pipeline.budgets import Ask, Bucket, Limits, slice_limit
from push_pipeline.budgets.bucket import LEAST_RATE

STEADY = Limits(1_000)
FCM = Limits(10_000, ramps=True)
NONE = Limits(0)

#: A batch of a broadcast, in two slices.
BATCH = Ask(500, 500, 1_000)


def sent(bucket: Bucket, limits: Limits, seconds: float, *, since: float = 0.0) -> int:
    """Let hungry workers ask ten times a second; return how many they may send to."""
    looks = int(seconds * 10)
    return sum(
        bucket.take(limits, Ask(1, 1, 100_000), since + look / 10).allowed for look in range(looks)
    )


def test_a_bucket_begins_full_and_gives_its_rate_from_then_on() -> None:
    bucket = Bucket()

    first = sent(bucket, STEADY, 10)
    then = sent(bucket, STEADY, 10, since=10)

    assert 1_000 * 9.9 <= first <= 1_000 * 12
    assert then == pytest.approx(10_000, rel=0.01)


def test_fcm_ramps_up_over_a_minute() -> None:
    bucket = Bucket()
    sent(bucket, FCM, 1)

    seconds = [sent(bucket, FCM, 1, since=at) for at in range(1, 70)]

    assert seconds[1] < 1_500
    assert all(later > sooner - 50 for sooner, later in pairwise(seconds))
    assert seconds[30] == pytest.approx(5_700, rel=0.1)
    assert seconds[-1] == pytest.approx(10_000, rel=0.01)


def test_a_budget_that_was_idle_for_a_minute_ramps_up_anew() -> None:
    bucket = Bucket()
    for at in range(70):
        sent(bucket, FCM, 1, since=at)
    sent(bucket, FCM, 1, since=200)

    assert sent(bucket, FCM, 1, since=201) < 1_500


def test_batches_that_find_nothing_are_told_to_come_back_one_after_the_other() -> None:
    bucket = Bucket()
    while bucket.take(STEADY, BATCH, 0).allowed:
        pass
    waits = [bucket.take(STEADY, BATCH, 0).wait for _ in range(20)]

    assert all(0.9 <= after - before <= 1.1 for before, after in pairwise(waits))
    comings = sorted(waits)
    assert all(bucket.take(STEADY, BATCH, at + 0.01).allowed for at in comings)


def test_during_the_ramp_they_come_when_it_has_something_for_them() -> None:
    bucket = Bucket()
    while bucket.take(FCM, BATCH, 0).allowed:
        pass
    waits = [bucket.take(FCM, BATCH, 0).wait for _ in range(200)]

    late = [bucket.take(FCM, BATCH, at + 0.05) for at in waits]

    assert sum(one.allowed for one in late) > 190 * 1_000


def test_a_single_push_goes_where_a_broadcast_has_taken_all_that_it_may() -> None:
    bucket = Bucket()
    bucket.take(STEADY, Ask(1, 1, 100_000), 0)

    assert bucket.take(STEADY, Ask(1, 1, 1, bulk=False), 0).allowed == 1
    assert bucket.take(STEADY, Ask(1, 1, 1, bulk=True), 0).allowed == 0


def test_a_slice_that_is_larger_than_the_bucket_is_sent_and_paid_off() -> None:
    slow = Limits(10)
    bucket = Bucket()

    assert bucket.take(slow, Ask(500, 500, 500), 0).allowed == 500
    again = bucket.take(slow, Ask(500, 500, 500), 1)
    assert (again.allowed, again.wait) == (0, pytest.approx(49, abs=2))


def test_part_of_a_batch_is_granted_by_whole_slices() -> None:
    bucket = Bucket()

    grant = bucket.take(Limits(100), Ask(60, 60, 1_000), 0)

    assert grant.allowed == 180
    assert grant.wait > 0


def test_without_a_published_limit_all_goes_until_the_provider_is_in_trouble() -> None:
    bucket = Bucket()
    for at in range(10):
        assert bucket.take(NONE, Ask(500, 500, 4_000), float(at)).wait == 0

    left = bucket.cut(NONE, 10.0)
    bucket.cut(NONE, 10.5)  # another worker tells of the same

    assert left == bucket.cap == pytest.approx(2_000, rel=0.2)
    assert sent(bucket, NONE, 10, since=10) == pytest.approx(2_000 * 10, rel=0.2)
    for at in range(20, 400):
        sent(bucket, NONE, 1, since=at)
    assert bucket.cap == 0
    assert bucket.take(NONE, Ask(500, 500, 1_000_000), 401).wait == 0


def test_a_cut_halves_what_was_used_and_grows_back_to_the_limit() -> None:
    bucket = Bucket()
    for at in range(10):
        sent(bucket, STEADY, 1, since=at)

    assert bucket.cut(STEADY, 10) == pytest.approx(500, rel=0.2)
    assert sent(bucket, STEADY, 10, since=10) < 7_000
    for at in range(20, 90):
        sent(bucket, STEADY, 1, since=at)
    assert bucket.cap == 0
    assert sent(bucket, STEADY, 10, since=90) == pytest.approx(10_000, rel=0.05)


def test_no_cut_stops_a_route() -> None:
    assert Bucket().cut(STEADY, 0) == LEAST_RATE


@pytest.mark.parametrize(("rate", "size"), [(0, 512), (10_000, 512), (100, 100), (0.5, 1)])
def test_a_slice_is_no_more_than_a_second_allows(rate: float, size: int) -> None:
    assert slice_limit(Limits(rate), 512) == size
