"""Pause, resume and cancel in the middle of a broadcast to thousands of devices."""

import time
from collections.abc import Callable

import pytest

from push_pipeline import cancel, pause, resume, status
from tests.audience import ios
from tests.processes import wait_until
from tests.running import Stand, at_least

#: Two seconds of sending at the least, of which a tenth is over when the hand comes.
DEVICES = 6_000
CHILDREN = 2

#: Answers take this long (seconds, from and to), so that the hand meets requests in flight.
SLOW = (0.1, 0.3)

pytestmark = pytest.mark.slow


@pytest.fixture
def stand(database_url: str, open_stand: Callable[..., Stand]) -> Stand:
    """An installation of real processes, on either database."""
    return open_stand(database_url)


def broadcast(stand: Stand) -> str:
    """Begin a broadcast and return once a tenth of it is done."""
    message_id = stand.installation.publish()
    stand.follow(message_id, at_least(DEVICES // 10))
    return message_id


def sent(stand: Stand) -> int:
    return stand.simulator.metrics()["processed"]


def let_pass(seconds: float) -> None:
    ends = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= ends, seconds + 5)


def test_nothing_is_sent_a_second_after_pause_or_cancel_and_all_else_after_resume(
    stand: Stand,
) -> None:
    stand.simulator.behave(delay_seconds=SLOW)
    stand.subscribe(ios(DEVICES))
    stand.start_beat()
    stand.start_worker(children=CHILDREN)

    check_pause(stand)
    check_cancel(stand)


def check_pause(stand: Stand) -> None:
    message_id = broadcast(stand)

    pause(message_id)
    let_pass(1)
    at_rest = sent(stand)
    let_pass(2)
    assert sent(stand) == at_rest < DEVICES
    paused = stand.installation.run(message_id)
    resume(message_id)
    run = stand.finish(message_id)

    assert (paused["state"], paused["accepted"]) == ("paused", at_rest)
    assert (run["accepted"], run["resent"]) == (DEVICES, 0)
    assert stand.simulator.received() == dict.fromkeys(ios(DEVICES), 1)


def check_cancel(stand: Stand) -> None:
    """What is left of a broadcast is stopped, and the ledger says what; all have had one before."""
    message_id = broadcast(stand)

    cancel(message_id)
    let_pass(1)
    at_rest = sent(stand) - DEVICES
    run = stand.follow(message_id, lambda run: run["finishedAt"] is not None)

    assert sent(stand) - DEVICES == at_rest < DEVICES
    assert (run["state"], status(message_id)["status"]) == ("cancelled", "cancelled")
    assert run["cancelled"] + run["accepted"] + run["unknown"] == run["audience"]
    received = list(stand.simulator.received().values())
    assert run["accepted"] == at_rest == received.count(2)
    assert received.count(1) == DEVICES - at_rest
    assert (run["unknown"], run["resent"]) == (0, 0)
    assert run["cancelled"] > 0
