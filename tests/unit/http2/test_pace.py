"""When a host may be dialled: at once while it works, ever more rarely while it does not."""

from random import Random

from push_workers.senders.http2.pace import LONGEST_WAIT_SECONDS, Pace


def test_the_first_connections_are_not_held_back():
    pace = Pace(3, Random(1))
    for _ in range(3):
        assert pace.allows(100.0)
        pace.connecting(100.0)
    assert not pace.allows(100.0)
    assert pace.allows(101.0)


def test_a_connection_that_has_done_its_work_is_replaced_at_once():
    pace = Pace(1, Random(1))
    pace.connecting(100.0)
    assert not pace.allows(100.0)
    pace.earned()
    assert pace.allows(100.0)


def test_after_a_failure_nobody_dials_for_a_second():
    pace = Pace(3, Random(1))
    pace.connecting(100.0)
    pace.failed(100.0)
    assert not pace.allows(100.99)
    assert pace.allows(101.01)


def test_waits_grow_to_a_cap_and_differ_between_processes():
    waits = {seed: _waits(Pace(3, Random(seed))) for seed in (1, 2)}
    assert waits[1] != waits[2]
    for series in waits.values():
        assert series[0] == 1.0
        assert all(1.0 <= wait <= LONGEST_WAIT_SECONDS for wait in series)
        assert all(wait >= LONGEST_WAIT_SECONDS / 2 for wait in series[8:])


def test_failures_at_the_same_time_count_once():
    pace = Pace(3, Random(1))
    for _ in range(5):
        pace.failed(100.0)
    assert pace.allows(101.01)


def test_an_answer_ends_the_back_off():
    pace = Pace(3, Random(1))
    for now in (100.0, 110.0, 130.0):
        pace.failed(now)
    pace.answered()
    assert pace.allows(130.0)


def _waits(pace):
    now, waits = 1000.0, []
    for _ in range(12):
        pace.failed(now)
        waits.append(pace._not_before - now)
        now = pace._not_before
    return waits
