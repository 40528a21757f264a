"""Measure what each duty of a tick costs: with far-off schedules, open batches, a large ledger.

Each row has all that the rows above it have. Run it as
`python -m tests.bench.tick [--deliveries 10000000] [--rounds N] [--json]`.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import text

from push_pipeline import db, migrations
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.settings import reset_settings
from push_workers.tick import DAY_MS, DUTIES, tick
from tests.services import Postgres, Valkey

APP = "bench"

#: Runs that are due in a year, open batches that wait or are held, devices of one finished run.
SCHEDULED = 100_000
OPEN_BATCHES = 1_000
DEVICES_PER_RUN = 10_000

#: Devices that will expire in a year; messages to one device each.
EXPIRING = 1_000_000
SMALL_MESSAGES = 1_000_000

_MESSAGES = """
INSERT INTO pipeline_message
    (id, app_id, channel, content, delivery_options, state, created_at, ended_at)
SELECT :name || n, 'bench', 'news', '{}', '{}', :state, :at, CAST(:ended AS bigint)
FROM generate_series(1, CAST(:count AS int)) AS n
"""

_RUNS = """
INSERT INTO pipeline_run
    (message_id, app_id, n, due_at, expires_at, state, bulk, guarded, finished_at)
SELECT :name || n, 'bench', 1, :at, :at, :run_state, true, true, CAST(:ended AS bigint)
FROM generate_series(1, CAST(:count AS int)) AS n
"""

_BATCHES = """
INSERT INTO pipeline_batch (run_id, platform, environment, bulk, members, size, attempt, doubtful,
                   not_before, lease_until, woken_at)
SELECT (SELECT id FROM pipeline_run WHERE message_id = 'open1'), 'IOS', 'production', true,
       decode(repeat('00', 8000), 'hex'), 1000, 1, false,
       CASE WHEN n % 2 = 0 THEN :later ELSE 0 END, :later, 0
FROM generate_series(1, CAST(:count AS int)) AS n
"""

_DELIVERIES = """
INSERT INTO pipeline_delivery (run_id, device_key, outcome, attempts, settled_at, provider_id)
SELECT id, device, 'accepted', 1, :at, lpad(to_hex(device), 36, '0')
FROM pipeline_run, generate_series(1, CAST(:devices AS int)) AS device WHERE message_id LIKE 'done%'
"""

_EXPIRING = """
INSERT INTO pipeline_device
    (app_id, device_id, token, kind, platform, environment, state, expires_at,
                    created_at, registered_at)
SELECT 'bench', n, n, 'apns', 'IOS', '', 'active', :at, 0, 0
FROM generate_series(1, CAST(:count AS int)) AS n
"""

_SMALL_DELIVERIES = """
INSERT INTO pipeline_delivery (run_id, device_key, outcome, attempts, settled_at)
SELECT id, id, 'accepted', 1, :at FROM pipeline_run WHERE message_id LIKE 'small%'
"""

_SMALL_BATCHES = """
INSERT INTO pipeline_batch (run_id, platform, environment, bulk, members, size, attempt, doubtful,
                   not_before, finished_at)
SELECT id, 'IOS', 'production', false, decode(repeat('00', 8), 'hex'), 1, 1, false, 0, :at
FROM pipeline_run WHERE message_id LIKE 'small%'
"""

_GROW_OLD = (
    "UPDATE pipeline_run SET finished_at = :at WHERE message_id LIKE :names",
    "UPDATE pipeline_message SET ended_at = :at WHERE id LIKE :names",
)


def add_messages(
    name: str, count: int, at: int, states: tuple[str, str], ended: int | None
) -> None:
    """Write messages with one run each, in a state of the message and one of the run."""
    values = {"name": name, "count": count, "at": at, "state": states[0], "ended": ended}
    values["run_state"] = states[1]
    with db.writing() as connection:
        for statement in (_MESSAGES, _RUNS):
            bound = {key: value for key, value in values.items() if f":{key}" in statement}
            connection.execute(text(statement), bound)


def add_open_batches(count: int) -> None:
    """Write batches of one run: one half waits for its time, the other is in somebody's hands."""
    add_messages("open", 1, now_ms(), ("scheduled", "sending"), None)
    with db.writing() as connection:
        connection.execute(text(_BATCHES), {"count": count, "later": now_ms() + DAY_MS})


def add_ledger(deliveries: int) -> None:
    """Write finished runs with a delivery for each device."""
    runs = max(1, deliveries // DEVICES_PER_RUN)
    now = now_ms()
    add_messages("done", runs, now, ("published", "finished"), now)
    with db.writing() as connection:
        values = {"at": now, "devices": deliveries // runs}
        connection.execute(text(_DELIVERIES), values)


def add_expiring(count: int) -> None:
    """Write devices that expire in a year."""
    with db.writing() as connection:
        connection.execute(text(_EXPIRING), {"at": now_ms() + 365 * DAY_MS, "count": count})


def add_small_messages(count: int) -> None:
    """Write finished messages to one device each."""
    now = now_ms()
    add_messages("small", count, now, ("published", "finished"), now)
    with db.writing() as connection:
        for statement in (_SMALL_BATCHES, _SMALL_DELIVERIES):
            connection.execute(text(statement), {"at": now})


def let_grow_old(names: str) -> None:
    """Move the end of messages and of their runs to before any retention."""
    with db.writing() as connection:
        for statement in _GROW_OLD:
            values = {"at": now_ms() - 4_000 * DAY_MS, "names": names}
            connection.execute(text(statement), values)


def measure(name: str, rounds: int) -> dict[str, float | str]:
    """Do each duty some times; medians in milliseconds, and how many deliveries go per tick."""
    with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    tick()  # opens connections
    before = _deliveries()
    times = {duty.__name__: [_cost_ms(duty) for _ in range(rounds)] for duty in DUTIES}
    return {
        "state": name,
        **{duty: statistics.median(some) for duty, some in times.items()},
        "deleted_per_tick": (before - _deliveries()) / rounds,
    }


def _cost_ms(duty: Callable[[int], None]) -> float:
    started = time.perf_counter()
    duty(now_ms())
    return (time.perf_counter() - started) * 1000


def _deliveries() -> int:
    with db.reading() as connection:
        return int(connection.execute(text("SELECT count(*) FROM pipeline_delivery")).scalar_one())


def scenarios(deliveries: int, rounds: int) -> Iterator[dict[str, float | str]]:
    """Measure one state after the other, each on top of the one before."""
    yield measure("nothing to do", rounds)
    far = now_ms() + 365 * DAY_MS
    add_messages("far", SCHEDULED, far, ("scheduled", "scheduled"), None)
    yield measure(f"{SCHEDULED:,} far-off runs", rounds)
    add_open_batches(OPEN_BATCHES)
    yield measure(f"{OPEN_BATCHES:,} open batches", rounds)
    add_expiring(EXPIRING)
    yield measure(f"{EXPIRING:,} devices that expire", rounds)
    add_small_messages(SMALL_MESSAGES)
    yield measure(f"{SMALL_MESSAGES:,} small messages", rounds)
    add_ledger(deliveries)
    yield measure(f"{deliveries:,} deliveries", rounds)
    let_grow_old("small%")
    yield measure("the small ones are old", rounds)
    let_grow_old("done%")
    yield measure("all are old", rounds)


@contextmanager
def installation() -> Iterator[None]:
    """Start PostgreSQL and Valkey for this process, with the schema and an app."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres, valkey = Postgres(), Valkey(directory)
        postgres.start()
        stack.callback(postgres.remove)
        valkey.start()
        stack.callback(valkey.kill)
        os.environ["PIPELINE_DATABASE_URL"] = postgres.url(postgres.create())
        os.environ["PIPELINE_BROKER_URL"] = valkey.url()
        reset_settings()
        stack.callback(db.dispose)
        migrations.upgrade(db.engine())
        with db.writing() as connection:
            ensure_app(connection, APP, "Benchmark", now_ms())
        yield


def main() -> int:
    """Print a table, or with --json one document."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tick")
    parser.add_argument("--deliveries", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with installation():
        results = list(scenarios(options.deliveries, options.rounds))
    if options.json:
        print(json.dumps(results, indent=2))
        return 0
    names = [duty.__name__ for duty in DUTIES]
    print(f"{'milliseconds, on top of the rows above':<40}" + "".join(f"{n:>24}" for n in names))
    for one in results:
        costs = "".join(f"{one[name]:>24.1f}" for name in names)
        print(f"{one['state']:<40}{costs}{one['deleted_per_tick']:>10,.0f} deleted per tick")
    return 0


if __name__ == "__main__":
    sys.exit(main())
