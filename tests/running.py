"""A whole installation of real processes: simulator, broker, database, workers and beat."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from push_pipeline.settings import Settings
from push_workers.simulator import SimulatorClient
from tests.audience import settled_tokens, subscribe
from tests.installation import APP, Installation
from tests.processes import Process, wait_until
from tests.services import Valkey

PYTHON = sys.executable

ALL_QUEUES = "publish,schedule,apns,apns.bulk,fcm,fcm.bulk"

#: Settings of every stand. The waits are short, but no lease runs out on a busy machine.
QUICK = {
    "lease_seconds": 30,
    "send_timeout_seconds": 5,
    "tick_seconds": 0.25,
    "retry_factor": 0.01,
    "visibility_timeout_seconds": 10,
    "secret_key": "a secret of the tests only",
}

#: For a stand whose workers are killed: what they left is taken over within seconds.
SHORT_LEASE = {"lease_seconds": 6, "send_timeout_seconds": 2}

Spawn = Callable[..., Process]


class RunningSimulator:
    """The simulator as a process of its own, with its files in `directory`."""

    def __init__(self, spawn: Spawn, directory: Path, *options: str) -> None:
        ports = ["--apns-port", "0", "--fcm-port", "0", "--control-port", "0"]
        self.process = spawn(
            PYTHON, "-m", "push_workers.simulator", *ports, "--dir", directory, "--json", *options
        )
        self.process.wait_for("control_url")
        self.info = json.loads(self.process.output.strip().splitlines()[0])

    @property
    def client(self) -> SimulatorClient:
        return SimulatorClient(self.info["control_url"])


def start_worker(
    spawn: Spawn,
    queues: str = ALL_QUEUES,
    *,
    children: int = 2,
    nice: int = 0,
    level: str = "info",
    wait: bool = True,
    **env: str,
) -> Process:
    """Start a worker for some queues and wait, unless told otherwise, until it takes tasks."""
    worker = spawn(
        PYTHON, "-m", "celery", "-A", "push_workers.app", "worker",
        "-Q", queues, "-c", str(children), "--without-gossip", "--without-mingle",
        "-l", level, "-n", f"{os.urandom(4).hex()}@test",
        *(("--nice", str(nice)) if nice else ()),  # which the release before does not have
        env=env,
    )  # fmt: skip
    if wait:
        worker.wait_for(" ready.")
    return worker


def start_beat(spawn: Spawn, *, level: str = "info") -> Process:
    """Start a beat and wait until it ticks."""
    beat = spawn(
        PYTHON, "-m", "celery", "-A", "push_workers.app", "beat", "--pidfile=", "-l", level
    )
    beat.wait_for("beat: Starting")
    return beat


class Stand:
    """An installation of which a test may break every part.

    Has a broker, a simulator and a database of its own; the settings hold for this process and
    for all that it starts. Workers and beats are started by the test.
    """

    def __init__(
        self,
        spawn: Spawn,
        configure: Callable[..., Settings],
        database_url: str,
        directory: Path,
        **settings: object,
    ) -> None:
        self.spawn = spawn
        (directory / "broker").mkdir()
        self.broker = Valkey(directory / "broker")
        self.broker.start()
        self.simulator = RunningSimulator(spawn, directory / "simulator", "--fast").client
        configure(
            database_url=database_url,
            ca_file=self.simulator.ca_file,
            app_id=APP,
            webpush_hosts=self.simulator.webpush_url.removeprefix("https://"),
            **({"broker_url": self.broker.url()} | QUICK | settings),
        )
        self.installation = Installation(self.simulator)
        self.workers: list[Process] = []

    def close(self) -> None:
        """Thaw and stop the broker and close what this process opened; once is enough."""
        self.installation.context.close()
        self.broker.kill()

    def start_worker(self, queues: str = ALL_QUEUES, **options: object) -> Process:
        worker = start_worker(self.spawn, queues, **options)
        self.workers.append(worker)
        return worker

    def start_beat(self, **options: object) -> Process:
        return start_beat(self.spawn, **options)

    def subscribe(self, *tokens: list[str], channel: str = "news") -> None:
        """Register devices for tokens: first those of iOS, then those of Android."""
        for os_name, some in zip(("IOS", "ANDROID"), tokens, strict=False):
            subscribe(APP, some, os_name, channel)

    def follow(
        self, message_id: str, until: Callable[[dict], object], timeout: float = 60.0
    ) -> dict:
        """Look at the ledger, which must balance at every look, until it is as wanted."""
        seen: list[dict] = []

        def look() -> bool:
            seen[:] = [self.installation.run(message_id)]
            return bool(until(seen[0]))

        try:
            wait_until(look, timeout, f"the awaited state of {message_id}")
        except AssertionError as error:
            error.add_note(f"The ledger says {seen}.")
            for worker in self.workers:
                error.add_note(f"A worker wrote …{worker.output[-3_000:]}")
            raise
        return seen[0]

    def finish(self, message_id: str, timeout: float = 90.0) -> dict:
        """Wait until the run is closed, balanced at every look; return it."""
        run = self.follow(message_id, lambda run: run["state"] == "finished", timeout)
        assert run["inFlight"] == 0
        return run

    def settled(self, message_id: str, outcome: str = "accepted") -> set[str]:
        """Return the tokens whose outcome in the ledger is this one."""
        return settled_tokens(message_id, outcome)

    def repeats(self) -> dict[str, int]:
        """Return token -> how often it was reached beyond the first time."""
        counts = self.simulator.received()
        return {token: count - 1 for token, count in counts.items() if count > 1}


def at_least(accepted: int) -> Callable[[dict], bool]:
    """Build the condition that so many devices were accepted."""
    return lambda run: run["accepted"] >= accepted


__all__ = [
    "ALL_QUEUES",
    "QUICK",
    "SHORT_LEASE",
    "RunningSimulator",
    "Stand",
    "at_least",
    "start_beat",
    "start_worker",
    "wait_until",
]
