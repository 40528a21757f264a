"""A whole installation of real processes: simulator, broker, database, workers and beat."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from tests.processes import Process, wait_until

PYTHON = sys.executable


class RunningSimulator:
    """The simulator as a process of its own, with its files in `directory`."""

    def __init__(self, spawn: Callable[..., Process], directory: Path, *options: str) -> None:
        ports = ["--apns-port", "0", "--fcm-port", "0", "--control-port", "0"]
        self.process = spawn(
            PYTHON, "-m", "workers.simulator", *ports, "--dir", directory, "--json", *options
        )
        self.process.wait_for("control_url")
        self.info = json.loads(self.process.output.strip().splitlines()[0])


def start_worker(
    spawn: Callable[..., Process], queues: str, *, children: int = 2, **env: str
) -> Process:
    """Start a worker for some queues and wait until it takes tasks."""
    worker = spawn(
        PYTHON, "-m", "celery", "-A", "workers.app", "worker", "-Q", queues, "-c", str(children),
        "--without-gossip", "--without-mingle", "-l", "info", "-n", f"{os.urandom(4).hex()}@test",
        env=env,
    )  # fmt: skip
    worker.wait_for(" ready.")
    return worker


def start_beat(spawn: Callable[..., Process]) -> Process:
    """Start a beat and wait until it ticks."""
    beat = spawn(PYTHON, "-m", "celery", "-A", "workers.app", "beat", "--pidfile=", "-l", "info")
    beat.wait_for("beat: Starting")
    return beat


__all__ = ["RunningSimulator", "start_beat", "start_worker", "wait_until"]
