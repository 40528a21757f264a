"""What each call reads as the installation grows, and what a device and a delivery take up.

Rows and blocks are those of PostgreSQL's plans, as they were run: first for their own values,
then in plans for any value, as a connection has them that often asks the same. Beside it, how long
the smallest publish takes, and the peak memory of a child that fans out to all. The ledger has
two deliveries for each of the most devices: `--sizes 10000,50000,5000000`. Run it as
`python -m tests.bench.growth [--sizes 10000,50000,1000000] [--ledger N] [--json]`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

from sqlalchemy import select, text

from push_pipeline import db, migrations, publish
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.ledger import batches
from push_pipeline.ledger.blocks import Block, append
from push_pipeline.ledger.deliveries import insert_deliveries
from push_pipeline.ledger.values import Progress, Settlement, Tally
from push_pipeline.models import BATCH, RUN
from push_pipeline.outcome import Settled
from push_pipeline.settings import reset_settings
from push_workers.fanout.fan_out import fan_out
from tests.bench.stand import fan_out_to_the_end
from tests.bench.tick import APP as LEDGERS_APP
from tests.bench.tick import add_ledger
from tests.calls import costs
from tests.plans import APP, plans_are_generic, populate, watched
from tests.services import Postgres, Valkey

#: Devices that a transaction of a worker records.
SLICE = 512

#: How often the smallest publish is timed, after as many that are not.
TIMES = 30

#: Deliveries in the ledger for each device, and most devices whose recording is measured: a
#: batch costs what the one before it did.
ENTRIES, MOST_RECORDED = 2, 200_000

_SIZES = """
SELECT c.relname, pg_relation_size(c.oid), c.relkind FROM pg_class c
LEFT JOIN pg_index i ON i.indexrelid = c.oid
JOIN pg_class t ON t.oid = coalesce(i.indrelid, c.oid)
WHERE t.relname IN ('pipeline_device', 'pipeline_subscription', 'pipeline_delivery',
    'pipeline_batch') AND c.relkind IN ('r', 'i') ORDER BY t.relname, c.relkind DESC, c.relname
"""


@contextmanager
def _database() -> Iterator[None]:
    with ExitStack() as running:
        directory = Path(running.enter_context(tempfile.TemporaryDirectory()))
        valkey, postgres = Valkey(directory), Postgres()
        postgres.start()
        running.callback(postgres.remove)
        valkey.start()
        running.callback(valkey.stop)
        os.environ |= {
            "PIPELINE_DATABASE_URL": postgres.url(postgres.create()),
            "PIPELINE_BROKER_URL": valkey.url(),
            "PIPELINE_APP_ID": APP,
        }
        reset_settings()
        migrations.upgrade(db.engine())
        running.callback(db.dispose)
        with db.writing() as connection:
            ensure_app(connection, APP, "Growth", now_ms())
            ensure_app(connection, LEDGERS_APP, "Messages of before", now_ms())
        yield


def read(*, generic: bool) -> dict[str, tuple[int, int]]:
    """Make the calls; rows and blocks that each of them read."""
    with plans_are_generic() if generic else nullcontext(), watched() as since:
        return {name: (cost.rows, cost.blocks) for name, cost in costs(since)}


def take_up(devices: int) -> dict[str, float]:
    """Push to all, all accepted: bytes by table and index, and WAL; with rows, and with blocks."""
    sizes = _sizes()
    found: dict[str, float] = {}
    for keep in ("rows", "all"):
        run_id, fanned = _fanned_out()
        before, wal = _total(), _wal()
        with db.reading() as connection:
            ours = select(BATCH.id).where(BATCH.run_id == run_id)
            batch_ids = list(connection.scalars(ours))
        recorded = sum(_record(one, keep) for one in batch_ids[: MOST_RECORDED // 1000])
        found[f"WAL of the fan-out, {keep}"] = fanned / devices
        found[f"tables of the deliveries, {keep}"] = (_total() - before) / recorded
        found[f"WAL of the deliveries, {keep}"] = (_wal() - wal) / recorded
    return {name: size / devices for name, size in sizes} | found


def _run_of(message_id: str) -> int:
    with db.reading() as connection:
        return connection.execute(select(RUN.id).where(RUN.message_id == message_id)).scalar_one()


def _fanned_out() -> tuple[int, int]:
    """Publish to all and write the batches; return the run and the bytes of WAL."""
    before = _wal()
    message_id = publish("all", "hello").message_id
    return fan_out_to_the_end(message_id), _wal() - before


def _record(batch_id: int, keep: str) -> int:
    """Take a batch and record its slices as a worker does whose devices are all accepted."""
    now, blocks = now_ms(), None
    with db.writing() as connection:
        found = batches.find_batch(connection, batch_id)
        assert found is not None
        batch = found.standing
        batches.take(connection, batch, lease_until=now, doubt_end=min(SLICE, batch.size))
    members = batches.unpack(batch.members)
    for start in range(0, batch.size, SLICE):
        mine = members[start : start + SLICE]
        end = start + len(mine)
        progress = Progress(end, min(end + SLICE, batch.size), batch.not_before, None, now)
        if end == batch.size:
            progress = progress._replace(lease_until=None, finished_at=now)
        if keep == "all":
            blocks = append(blocks, Block.of(start, mine, mine, now))
            progress = progress._replace(blocks=blocks, first_key=members[0], last_key=members[-1])
        told = [(key, f"{key:08X}-0000-4000-8000-{key:012X}") for key in mine]
        with db.writing() as connection:
            tally = Tally(Counter({Settled.ACCEPTED: len(mine)}))
            batches.record(connection, batch_id, (batch.claims + 1, start), tally, progress)
            if keep == "rows":
                row = Settlement(batch.run_id, "accepted", None, 1, now, told)
                insert_deliveries(connection, [row])
    return batch.size


def _sizes() -> list[tuple[str, int]]:
    with db.reading() as connection:
        return [(name, size) for name, size, _ in connection.execute(text(_SIZES))]


def _total() -> int:
    """Return the bytes of the ledger's tables, with their indexes and what is kept aside."""
    statement = """SELECT sum(pg_total_relation_size(one::regclass))
    FROM unnest(ARRAY['pipeline_batch', 'pipeline_delivery']) AS one"""
    with db.reading() as connection:
        return int(connection.exec_driver_sql(statement).scalar_one())


def _wal() -> int:
    with db.reading() as connection:
        return int(connection.exec_driver_sql("SELECT pg_current_wal_lsn() - '0/0'").scalar_one())


def smallest() -> list[float]:
    """Publish to one device and fan out, often; the milliseconds of each time."""
    took = []
    for _ in range(2 * TIMES):
        began = time.perf_counter()
        message_id = publish("one", "hello").message_id
        fan_out(_run_of(message_id))
        took.append((time.perf_counter() - began) * 1000)
    return took[TIMES:]


def peak_of_fan_out() -> float:
    """Let a process of its own fan out to all; its megabytes at its peak."""
    command = [sys.executable, "-m", "tests.bench.fanout", "--child", "all"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["rss_peak_mb"]


def measure(sizes: list[int], ledger: int) -> dict[str, object]:
    """Let one installation grow, and look at each size; in the largest the ledger is full."""
    with _database():
        found: dict[str, list] = {"calls": [], "smallest_ms": [], "fan_out_mb": [], "seconds": []}
        for size in sizes:
            began = time.perf_counter()
            if size == sizes[-1]:
                add_ledger(ledger)
            populate(size)
            found["seconds"].append(time.perf_counter() - began)
            found["calls"].append([read(generic=generic) for generic in (False, True)])
            found["smallest_ms"].append(smallest())
            found["fan_out_mb"].append(peak_of_fan_out())
            with db.writing() as connection:  # what was not sent would be due at the next size
                connection.execute(text("DELETE FROM pipeline_message WHERE app_id = :app"), _OURS)
        return {"sizes": sizes, "ledger": ledger, **found, "bytes": take_up(sizes[-1])}


_OURS = {"app": APP}


def _print(found: dict) -> None:
    heads = [f"{size:,}{of}" for size in found["sizes"] for of in ("", ", any")]
    print(f"{'rows read / blocks':<34}" + "".join(f"{head:>18}" for head in heads))
    plans = [plan for pair in found["calls"] for plan in pair]
    for name in plans[0]:
        print(f"{name:<34}" + "".join(f"{'{:,} / {:,}'.format(*one[name]):>18}" for one in plans))
    times = [statistics.median(times) for times in found["smallest_ms"]]
    for title, values, unit in (
        ("publish and fan-out of one device", times, "ms"),
        ("peak memory of a fan-out to all", found["fan_out_mb"], "MB"),
        ("to fill the database", found["seconds"], "s"),
    ):
        print(f"{title:<34}" + "".join(f"{f'{value:.1f} {unit}':>36}" for value in values))
    print(f"\nbytes per device at {found['sizes'][-1]:,}")
    for name, size in found["bytes"].items():
        print(f"{name:<40}{size:>10.1f}")


def main() -> int:
    """Print the tables, or with --json one document."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth")
    parser.add_argument("--sizes", default="10000,50000,1000000")
    parser.add_argument("--ledger", type=int, help="deliveries; twice the devices else")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    found = measure(sizes, options.ledger or sizes[-1] * ENTRIES)
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    _print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
