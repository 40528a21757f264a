"""A worker is killed in mid broadcast: nobody is missed, repeats are bounded and counted."""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.audience import android, ios
from tests.running import SHORT_LEASE, Stand, at_least

DEVICES = 2_500  # of each platform
CHILDREN = 4
WINDOW = 100

#: Accepted devices at which the worker is killed: early, in the middle, late.
KILLS = (750, 2_000, 3_250)

#: The most devices that three kills may leave in doubt.
DOUBT = WINDOW * CHILDREN * len(KILLS)

#: Answers take this long (seconds, from and to), so that a kill meets requests in flight.
SLOW = (0.05, 0.15)

pytestmark = pytest.mark.slow


class Aftermath(NamedTuple):
    """What a broadcast was like that was broken three times."""

    run: dict
    settled_before: dict[str, int]  # accepted at a kill -> how often reached until then
    unknown: set[str]
    received: dict[str, int]
    repeats: dict[str, int]


def break_and_finish(stand: Stand) -> Aftermath:
    """Broadcast to both platforms, killing the worker's process group and starting another."""
    stand.simulator.behave(delay_seconds=SLOW)
    stand.subscribe(ios(DEVICES), android(DEVICES))
    stand.start_beat()
    worker = stand.start_worker(children=CHILDREN)
    message_id = stand.installation.publish()
    settled: dict[str, int] = {}
    for accepted in KILLS:
        stand.follow(message_id, at_least(accepted))
        worker.kill()
        received = stand.simulator.received()
        settled = {token: received[token] for token in stand.settled(message_id)} | settled
        worker = stand.start_worker(children=CHILDREN)
    run = stand.finish(message_id)
    unknown = stand.settled(message_id, "unknown")
    return Aftermath(run, settled, unknown, stand.simulator.received(), stand.repeats())


def check_nobody_is_missed(after: Aftermath) -> None:
    run, everybody = after.run, {*ios(DEVICES), *android(DEVICES)}
    assert run["audience"] == len(everybody)
    assert run["accepted"] + run["unknown"] == run["audience"]
    assert len(after.unknown) == run["unknown"]
    assert everybody - set(after.received) <= after.unknown


def check_repeats_are_bounded_and_counted(after: Aftermath) -> None:
    assert 0 < after.run["resent"] + after.run["unknown"] <= DOUBT
    assert sum(after.repeats.values()) <= after.run["resent"], Counter(after.repeats.values())
    assert after.settled_before.items() <= after.received.items()


def test_after_three_kills_a_device_in_doubt_is_sent_to_again_only_where_it_sees_one_copy(
    database_url: str, open_stand: Callable[..., Stand]
) -> None:
    stand = open_stand(
        database_url, doubt_window=WINDOW, **SHORT_LEASE, unknown_policy="once-if-collapsible"
    )

    after = break_and_finish(stand)

    check_nobody_is_missed(after)
    check_repeats_are_bounded_and_counted(after)
    assert after.unknown.isdisjoint(ios(DEVICES))
    assert set(after.repeats).isdisjoint(android(DEVICES))


def test_after_three_kills_at_least_once_reaches_everybody(
    postgresql_url: str, open_stand: Callable[..., Stand]
) -> None:
    stand = open_stand(
        postgresql_url, doubt_window=WINDOW, **SHORT_LEASE, unknown_policy="at-least-once"
    )

    after = break_and_finish(stand)

    check_nobody_is_missed(after)
    check_repeats_are_bounded_and_counted(after)
    assert after.unknown == set()
    assert set(after.received) == {*ios(DEVICES), *android(DEVICES)}


def test_after_three_kills_at_most_once_repeats_nothing_and_says_who_is_in_doubt(
    postgresql_url: str, open_stand: Callable[..., Stand]
) -> None:
    stand = open_stand(
        postgresql_url, doubt_window=WINDOW, **SHORT_LEASE, unknown_policy="at-most-once"
    )

    after = break_and_finish(stand)

    check_nobody_is_missed(after)
    check_repeats_are_bounded_and_counted(after)
    assert after.repeats == {}
    assert after.run["resent"] == 0
