"""The master of the broker dies in mid broadcast: Sentinel names another, and nothing is lost."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from push_pipeline import queues
from push_pipeline.budgets import read_bucket
from tests.audience import android, ios
from tests.processes import SCRIPTS, Process, free_port, wait_until
from tests.running import Stand, at_least
from tests.services import Valkey, valkey_binary

DEVICES = 1_000  # of each platform

#: Answers take this long (seconds, from and to), so that the broadcast outlasts the failover.
SLOW = (0.2, 0.4)

NAME = "push"


class Watched:
    """Two servers, of which one follows the other, and a sentinel that watches them."""

    def __init__(self, directory: Path, running: ExitStack) -> None:
        self.servers = [Valkey(directory / name) for name in ("one", "two")]
        for server in self.servers:
            server.directory.mkdir()
            server.start()
            running.callback(server.kill)
        self.master, self.replica = self.servers
        with redis.Redis(port=self.replica.port) as client:
            client.replicaof("127.0.0.1", self.master.port)
        self.port, self.absent = free_port(), free_port()
        settings = directory / "sentinel.conf"
        settings.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {directory}\n"
            f"sentinel monitor {NAME} 127.0.0.1 {self.master.port} 1\n"
            f"sentinel down-after-milliseconds {NAME} 500\n"
            f"sentinel failover-timeout {NAME} 2000\n"
        )
        command = [valkey_binary(), settings, "--sentinel"]
        running.enter_context(Process(command, directory / "sentinel.log"))
        with redis.Redis(port=self.port) as client:
            wait_until(lambda: self._knows_both(client), 30, "the sentinel to know both servers")

    @property
    def url(self) -> str:
        """A sentinel that is away comes first: every client has to pass it over."""
        return f"sentinel://127.0.0.1:{self.absent}/0;sentinel://127.0.0.1:{self.port}/0"

    def _knows_both(self, client: redis.Redis) -> bool:
        try:
            replicas = client.sentinel_slaves(NAME)
        except redis.RedisError:
            return False
        return any(not one["is_disconnected"] and one["slave-priority"] for one in replicas)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with ExitStack() as running:
        yield Watched(tmp_path, running)


def test_a_failover_in_mid_broadcast_costs_nobody_a_push_or_a_second_one(
    watched: Watched, postgresql_url: str, open_stand: Callable[..., Stand]
) -> None:
    stand = open_stand(postgresql_url, broker_url=watched.url, broker_master=NAME, batch_size=100)
    stand.simulator.behave(delay_seconds=SLOW)
    stand.subscribe(ios(DEVICES), android(DEVICES))
    stand.start_beat()
    worker = stand.start_worker()
    message_id = stand.installation.publish()
    stand.follow(message_id, at_least(300))
    assert queues.backlog(queues.PUBLISH) == 0

    watched.master.kill()

    run = stand.finish(message_id)
    assert run["accepted"] == run["audience"] == 2 * DEVICES
    assert run["resent"] == 0
    assert stand.simulator.received() == dict.fromkeys(ios(DEVICES) + android(DEVICES), 1)
    stand.simulator.behave(delay_seconds=(0, 0))
    # The worker that was there is the one that goes on, with the server that has taken over.
    assert worker.alive
    assert stand.finish(stand.installation.publish("after"))["accepted"] == 2 * DEVICES
    assert read_bucket("nothing") == {}  # what workers may send together is asked of the master too
    found = _doctor()["sentinels"]
    assert not found["ok"]
    assert f"push is 127.0.0.1:{watched.replica.port}" in found["says"]
    assert f"not heard: 127.0.0.1:{watched.absent} (ConnectionError)" in found["says"]


def _doctor() -> dict[str, dict]:
    command = [SCRIPTS / "push-pipeline", "doctor", "--json"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return {one["name"]: one for one in json.loads(told.stdout)}
