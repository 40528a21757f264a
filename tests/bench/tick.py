"""Measure what a tick costs: with far-off schedules, open batches and a large ledger.

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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import text

from pipeline import db, migrations
from pipeline.clock import now_ms
from pipeline.directory.apps import ensure_app
from pipeline.settings import reset_settings
from tests.services import Postgres, Valkey
from workers.tick import DAY_MS, tick

APP = "bench"

#: Runs that are due in a year, open batches that wait or are held, devices of one finished run.
SCHEDULED = 100_000
OPEN_BATCHES = 1_000
DEVICES_PER_RUN = 10_000

_MESSAGES = """
INSERT INTO message (id, app_id, channel, content, delivery_options, state, created_at, ended_at)
SELECT :name || n, 'bench', 'news', '{}', '{}', :state, :at, CAST(:ended AS bigint)
FROM generate_series(1, CAST(:count AS int)) AS n
"""

_RUNS = """
INSERT INTO run (message_id, app_id, n, due_at, expires_at, state, bulk, guarded, finished_at)
SELECT :name || n, 'bench', 1, :at, :at, :run_state, true, true, CAST(:ended AS bigint)
FROM generate_series(1, CAST(:count AS int)) AS n
"""

_BATCHES = """
INSERT INTO batch (run_id, platform, environment, bulk, members, size, attempt, doubtful,
                   not_before, lease_until, woken_at)
SELECT (SELECT id FROM run WHERE message_id = 'open1'), 'IOS', 'production', true,
       decode(repeat('00', 8000), 'hex'), 1000, 1, false,
       CASE WHEN n % 2 = 0 THEN :later ELSE 0 END, :later, 0
FROM generate_series(1, CAST(:count AS int)) AS n
"""

_DELIVERIES = """
INSERT INTO delivery (run_id, device_key, outcome, attempts, settled_at, provider_id)
SELECT id, device, 'accepted', 1, :at, lpad(to_hex(device), 36, '0')
FROM run, generate_series(1, CAST(:devices AS int)) AS device WHERE message_id LIKE 'done%'
"""

_GROW_OLD = """
UPDATE run SET finished_at = :at WHERE message_id LIKE 'done%'
"""


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


def let_ledger_grow_old() -> None:
    """Move the end of all finished runs to before any retention."""
    with db.writing() as connection:
        connection.execute(text(_GROW_OLD), {"at": now_ms() - 4_000 * DAY_MS})


def measure(name: str, rounds: int) -> dict[str, float | str]:
    """Tick some times; milliseconds, and how many deliveries a tick deleted."""
    with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    tick()  # opens connections
    before, times = _deliveries(), []
    for _ in range(rounds):
        started = time.perf_counter()
        tick()
        times.append((time.perf_counter() - started) * 1000)
    return {
        "state": name,
        "median_ms": statistics.median(times),
        "max_ms": max(times),
        "deleted_per_tick": (before - _deliveries()) / rounds,
    }


def _deliveries() -> int:
    with db.reading() as connection:
        return int(connection.execute(text("SELECT count(*) FROM delivery")).scalar_one())


def scenarios(deliveries: int, rounds: int) -> Iterator[dict[str, float | str]]:
    """Measure one state after the other, each on top of the one before."""
    yield measure("nothing to do", rounds)
    far = now_ms() + 365 * DAY_MS
    add_messages("far", SCHEDULED, far, ("scheduled", "scheduled"), None)
    yield measure(f"{SCHEDULED:,} far-off runs", rounds)
    add_open_batches(OPEN_BATCHES)
    yield measure(f"{OPEN_BATCHES:,} open batches", rounds)
    add_ledger(deliveries)
    yield measure(f"{deliveries:,} deliveries", rounds)
    let_ledger_grow_old()
    yield measure("all of them past the retention", rounds)


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
    print(f"{'on top of the rows above':<34}{'median':>12}{'max':>12}{'deleted per tick':>18}")
    for one in results:
        print(
            f"{one['state']:<34}{one['median_ms']:>9.1f} ms{one['max_ms']:>9.1f} ms"
            f"{one['deleted_per_tick']:>18,.0f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
