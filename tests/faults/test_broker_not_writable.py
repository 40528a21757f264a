"""A Redis that is full, or becomes a replica, is waited for as one that is away."""

from collections.abc import Callable

import pytest
import redis

from tests.audience import ios
from tests.processes import free_port, wait_until
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


@pytest.mark.parametrize("trouble", TROUBLE)
def test_a_worker_outlasts_a_broker_that_takes_nothing(stand: Stand, trouble: str) -> None:
    begin, end = TROUBLE[trouble]
    stand.subscribe(ios(5))
    with redis.Redis.from_url(stand.broker.url()) as server:
        worker = stand.start_worker()
        stand.start_beat()
        assert stand.finish(stand.installation.publish("before"))["accepted"] == 5

        begin(server)
        meanwhile = stand.installation.publish("meanwhile")
        wait_until(lambda: "Connection to broker lost" in worker.output, 15, "the worker's notice")
        end(server)

        assert stand.finish(meanwhile)["accepted"] == 5
    assert worker.alive
    assert stand.simulator.received() == dict.fromkeys(ios(5), 2)
