"""The command lines of the processes: workers, beat, simulator."""

import os
import secrets
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from push_pipeline.errors import SettingsError

#: What a worker gossips and mingles for nobody here reads, and it delays the start.
_QUIET = ("--without-gossip", "--without-mingle")


#: What the extra `worker` brings, by the names that are imported.
_OF_WORKERS = ("hpack", "pyfcm", "requests")


def require_workers() -> None:
    """Check that a worker can be run here.

    Raises:
        SettingsError: what it needs is not installed.
    """
    missing = next((name for name in _OF_WORKERS if find_spec(name) is None), None)
    if missing is not None:
        raise SettingsError(f"{missing} is not installed: pip install push-pipeline[worker]")


def worker(
    name: str,
    queues: Sequence[str],
    *more: str,
    concurrency: int | None = None,
    nice: int = 0,
    loglevel: str = "WARNING",
) -> list[str]:
    """Return the command of a worker process for some queues, with `more` options.

    The host name is unique, so that a worker that is started again is not taken for its
    predecessor by those who watch. Concurrency None means the workers' own default.
    """
    children = [] if concurrency is None else ["--concurrency", str(concurrency)]
    host = f"{name}-{os.getpid()}-{secrets.token_hex(2)}@%h"
    where = ["--queues", ",".join(queues), "--hostname", host]
    willing = ["--nice", str(nice)] if nice else []
    options = [*where, *children, *willing, *_QUIET, "--loglevel", loglevel]
    return [*_celery("worker"), *options, *more]


def beat(*, loglevel: str = "WARNING") -> list[str]:
    """Return the command of a beat; any number of them may run."""
    return [*_celery("beat"), "--pidfile", "", "--loglevel", loglevel]


def gateway(host: str, port: int, *, console: bool) -> list[str]:
    """Return the command of the HTTP API, with the console or without."""
    where = ["--host", host, "--port", str(port)]
    return [sys.executable, "-m", "push_pipeline", "gateway", *where, *["--console"] * console]


def flower(host: str, port: int, *, protected: bool) -> list[str]:
    """Return the command of Flower; `protected` by the operators' key."""
    where = ["--address", host, "--port", str(port)]
    return [sys.executable, "-m", "push_workers.flower", *where, *["--protected"] * protected]


def simulator(*options: str) -> list[str]:
    """Return the command of the providers' stand-ins."""
    return [sys.executable, "-m", "push_workers.simulator", *options]


def trial() -> list[str]:
    """Return the command that connects to each provider once."""
    return [sys.executable, "-m", "push_workers.trial"]


def population(*options: str) -> list[str]:
    """Return the command that prints a list of simulated devices."""
    return [sys.executable, "-m", "push_workers.simulator.population", *options]


def _celery(what: str) -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "push_workers.app", "--quiet", what]
