"""RabbitMQ with quorum queues as broker: it is killed in mid broadcast, and starts again."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from push_pipeline import queues
from push_pipeline.clock import now_ms
from tests.audience import android, ios
from tests.processes import Process, free_port, wait_until
from tests.running import Stand, at_least

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # of Debian's package rabbitmq-server

DEVICES = 2_000  # of each platform

#: Answers take this long (seconds, from and to), so that the broadcast outlasts the kill.
SLOW = (0.2, 0.4)

#: Milliseconds until the delayed message.
AHEAD = 3_000


class RabbitMq:
    """One node with a folder and ports of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self._process: Process | None = None
        self._starts = count()
        (directory / "plugins").write_text("[].")
        self._env = {
            "HOME": str(directory),
            "RABBITMQ_NODENAME": f"drill{os.getpid()}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(directory / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        }

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self) -> None:
        log = self.directory / f"rabbitmq-{next(self._starts)}.log"
        self._process = Process([SERVER], log, env=self._env)
        self._process.wait_for("Starting broker... completed", timeout=120)

    def kill(self) -> None:
        """Kill the node; the shell that started it ends with it."""
        assert self._process is not None
        node = self._env["RABBITMQ_NODENAME"]
        for stat in Path("/proc").glob("[0-9]*/cmdline"):
            words = stat.read_bytes().split(b"\0")
            if node.encode() in words and b"beam" in words[0]:
                os.kill(int(stat.parent.name), 9)
        self._process.kill()
        wait_until(self._is_away, 10, "the end of RabbitMQ")

    def _is_away(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) != 0


@pytest.fixture
def rabbitmq(tmp_path: Path) -> Iterator[RabbitMq]:
    assert SERVER.exists(), "install Debian's package: apt-get install rabbitmq-server"
    (tmp_path / "rabbitmq").mkdir()
    server = RabbitMq(tmp_path / "rabbitmq")
    server.start()
    yield server
    server.kill()


@pytest.mark.timeout(600)
def test_everything_is_delivered_once_and_on_time_though_rabbitmq_is_killed(
    rabbitmq: RabbitMq,
    postgresql_url: str,
    open_stand: Callable[..., Stand],
    measured: Callable[[str], None],
) -> None:
    stand = open_stand(postgresql_url, broker_url=rabbitmq.url, batch_size=100)
    stand.simulator.behave(delay_seconds=SLOW)
    stand.subscribe(ios(DEVICES), android(DEVICES))
    assert [queues.backlog(name) for name in queues.QUEUES] == [0] * len(queues.QUEUES)
    worker = stand.start_worker()
    stand.start_beat()
    due = now_ms() + AHEAD
    later = stand.installation.publish(publish_at=due)
    message_id = stand.installation.publish()
    stand.follow(message_id, at_least(300))

    killed = time.monotonic()
    rabbitmq.kill()
    rabbitmq.start()
    back = time.monotonic()

    for one in (message_id, later):
        run = stand.finish(one, timeout=200)
        assert run["accepted"] == run["audience"] == 2 * DEVICES
        assert run["resent"] == 0
    assert stand.simulator.received() == dict.fromkeys(ios(DEVICES) + android(DEVICES), 2)
    assert worker.alive
    measured(
        f"RabbitMQ killed in mid broadcast: it was back after {back - killed:.0f} s, and"
        f" {4 * DEVICES:,} devices were served {time.monotonic() - back:.0f} s later"
    )
