"""A Redis that is full, or becomes a replica, is waited for as one that is away."""

import time
from collections.abc import Callable

import pytest
import redis

from tests.audience import ios
from tests.processes import Process, free_port, wait_until
from tests.running import Stand

TROUBLE: dict[str, tuple[Callable[[redis.Redis], object], Callable[[redis.Redis], object]]] = {
    "a failover": (
        lambda server: server.replicaof("127.0.0.1", free_port()),
        lambda server: server.replicaof("NO", "ONE"),
    ),
    "no memory": (
        lambda server: server.config_set("maxmemory", 1),
        lambda server: server.config_set("maxmemory", 0),
    ),
}


#: Seconds that the trouble lasts at the most: several ticks, whose wake-ups nobody can take.
HELD_SECONDS = 6


def test_a_worker_outlasts_a_broker_that_takes_nothing(stand: Stand) -> None:
    stand.subscribe(ios(5))
    worker = stand.start_worker()
    stand.start_beat()
    assert stand.finish(stand.installation.publish("before"))["accepted"] == 5

    for trouble in TROUBLE:
        meanwhile = publish_meanwhile(stand, worker, trouble)
        assert stand.finish(meanwhile)["accepted"] == 5
        assert worker.alive

    assert stand.simulator.received() == dict.fromkeys(ios(5), 1 + len(TROUBLE))


def publish_meanwhile(stand: Stand, worker: Process, trouble: str) -> str:
    begin, end = TROUBLE[trouble]
    known = len(worker.output)
    with redis.Redis.from_url(stand.broker.url()) as server:
        begin(server)
        meanwhile = stand.installation.publish("meanwhile")
        # A worker without work writes nothing: it may not notice, and then it has nothing to bear.
        hold = time.monotonic() + HELD_SECONDS
        wait_until(
            lambda: "Connection to broker lost" in worker.output[known:] or time.monotonic() > hold,
            2 * HELD_SECONDS,
        )
        with pytest.raises(redis.ResponseError):
            server.set("a test's key", "1")
        end(server)
    return meanwhile
