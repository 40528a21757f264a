"""How fast somebody may ask, by a clock of the test's own."""

from push_pipeline.gateway.pace import COUNTED_MAX, Pace


def test_so_many_a_second_pass_after_a_burst_of_two_seconds() -> None:
    now = [100.0]
    pace = Pace(lambda: now[0])

    def passed(who: str, asked: int) -> int:
        return sum(pace.passes(who, 4) for _ in range(asked))

    assert passed("a", 50) == 8
    assert passed("b", 3) == 3  # whoever else asks
    now[0] += 1.0
    assert passed("a", 50) == 4
    now[0] += 0.125
    assert passed("a", 50) == 0
    now[0] += 0.125
    assert passed("a", 50) == 1
    now[0] += 3600.0
    assert passed("a", 50) == 8


def test_a_small_share_lets_one_through_at_a_time_and_no_rate_nobody() -> None:
    now = [100.0]
    pace = Pace(lambda: now[0])

    assert [pace.passes("a", 0.25) for _ in range(3)] == [True, False, False]
    now[0] += 3.5
    assert not pace.passes("a", 0.25)
    now[0] += 0.5
    assert [pace.passes("a", 0.25) for _ in range(2)] == [True, False]
    assert not pace.passes("b", 0)


def test_what_is_kept_is_bounded() -> None:
    pace = Pace(lambda: 0.0)
    for n in range(COUNTED_MAX + 100):
        pace.passes(n, 1)
    assert len(pace._buckets) == COUNTED_MAX
