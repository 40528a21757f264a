"""How fast somebody may ask, by a clock of the test's own."""

import pytest

from push_pipeline.errors import TooManyPublishes
from push_pipeline.gateway.pace import COUNTED_MAX, Pace


def test_so_many_a_second_pass_after_a_burst_of_two_seconds() -> None:
    now = [100.0]
    pace = Pace(lambda: now[0])

    def passed(who: str, asked: int) -> int:
        count = 0
        for _ in range(asked):
            try:
                pace.take(who, 4)
            except TooManyPublishes:
                continue
            count += 1
        return count

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


def test_who_has_no_bound_is_not_counted_and_nobody_of_no_rate_passes() -> None:
    pace = Pace(lambda: 0.0)
    for _ in range(100):
        pace.take("a", None)
    with pytest.raises(TooManyPublishes, match="0 publishes"):
        pace.take("a", 0)


def test_what_is_kept_is_bounded() -> None:
    pace = Pace(lambda: 0.0)
    for n in range(COUNTED_MAX + 100):
        pace.take(n, 1)
    assert len(pace._buckets) == COUNTED_MAX
