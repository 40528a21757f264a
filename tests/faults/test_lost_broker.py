"""Redis is killed without persistence, absent or frozen: the database brings everything back."""

from collections.abc import Callable

import pytest

from push_pipeline.clock import now_ms
from tests.audience import android, ios
from tests.processes import wait_until
from tests.running import Stand, at_least

DEVICES = 1_500  # of each platform

#: Answers take this long (seconds, from and to), so that the broadcast outlasts the kill.
SLOW = (0.1, 0.3)


def reached_once(stand: Stand, *tokens: str) -> bool:
    return stand.simulator.received() == dict.fromkeys(tokens, 1)


@pytest.mark.slow
def test_a_broker_that_loses_everything_in_mid_broadcast_costs_nobody_a_push_or_a_second_one(
    database_url: str, open_stand: Callable[..., Stand]
) -> None:
    stand = open_stand(database_url)
    stand.simulator.behave(delay_seconds=SLOW)
    stand.subscribe(ios(DEVICES), android(DEVICES))
    stand.start_beat()
    stand.start_worker(children=2)
    message_id = stand.installation.publish()
    stand.follow(message_id, at_least(DEVICES // 3))

    stand.broker.kill()
    stand.broker.start()

    run = stand.finish(message_id)
    assert run["accepted"] == run["audience"] == 2 * DEVICES
    assert run["resent"] == 0
    assert reached_once(stand, *ios(DEVICES), *android(DEVICES))


def test_what_is_published_while_the_broker_is_down_or_frozen_is_sent_once_when_it_is_back(
    stand: Stand,
) -> None:
    stand.subscribe(ios(5), android(5))
    stand.start_worker()
    stand.start_beat()

    stand.broker.kill()
    messages = [stand.installation.publish(f"course {n}") for n in range(3)]
    stand.broker.start()
    assert [stand.finish(one)["accepted"] for one in messages] == [10, 10, 10]

    stand.broker.freeze()
    message_id = stand.installation.publish()
    stand.broker.thaw()
    assert stand.finish(message_id)["accepted"] == 10

    assert stand.simulator.received() == dict.fromkeys([*ios(5), *android(5)], 4)


def test_a_worker_that_holds_tasks_for_later_survives_a_broker_that_goes_away(
    stand: Stand,
) -> None:
    stand.subscribe(ios(2))
    worker = stand.start_worker()
    stand.start_beat()
    soon = now_ms() + 4_000
    messages = [stand.installation.publish(publish_at=soon + 50 * n) for n in range(40)]
    wait_until(lambda: worker.output.count("pipeline.start_run") >= 40, 20, "40 tasks for later")

    stand.broker.kill()
    wait_until(lambda: "Trying to re-establish" in worker.output, 10, "the worker's notice")
    stand.broker.start()

    assert {stand.finish(one)["accepted"] for one in messages} == {2}
    assert worker.alive
    assert stand.simulator.received() == dict.fromkeys(ios(2), 40)
