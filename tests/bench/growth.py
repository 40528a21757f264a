"""What each call reads as the installation grows, and what a device and a delivery take up.

Rows and blocks are those of PostgreSQL's plans, as they were run: first for their own values,
then in plans for any value, as a connection has them that often asks the same. Run it as
`python -m tests.bench.growth [--sizes 50000,1000000] [--json]`.
"""

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

from sqlalchemy import select, text

from push_pipeline import db, migrations, publish, status
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
from tests.calls import costs
from tests.plans import APP, plans_are_generic, populate, watched
from tests.services import Postgres, Valkey

#: Devices that a transaction of a worker records.
SLICE = 512

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
        yield


def read(*, generic: bool) -> dict[str, tuple[int, int]]:
    """Make the calls; rows and blocks that each of them read."""
    with plans_are_generic() if generic else nullcontext(), watched() as since:
        return {name: (cost.rows, cost.blocks) for name, cost in costs(since)}


def take_up(devices: int) -> dict[str, float]:
    """Push to all, all accepted: bytes by table and index, and WAL; with rows, and with blocks."""
    found: dict[str, int] = {}
    for keep in ("rows", "all"):
        run_id, fanned = _fanned_out()
        before, wal = _total(), _wal()
        with db.reading() as connection:
            ours = select(BATCH.id).where(BATCH.run_id == run_id)
            batch_ids = list(connection.scalars(ours))
        for batch_id in batch_ids:
            _record(batch_id, keep)
        found[f"WAL of the fan-out, {keep}"] = fanned
        found[f"tables of the deliveries, {keep}"] = _total() - before
        found[f"WAL of the deliveries, {keep}"] = _wal() - wal
    return {name: size / devices for name, size in [*_sizes(), *found.items()]}


def _fanned_out() -> tuple[int, int]:
    """Publish to all and write the batches; return the run and the bytes of WAL."""
    before = _wal()
    message_id = publish("all", "hello").message_id
    with db.reading() as connection:
        run_id = connection.execute(select(RUN.id).where(RUN.message_id == message_id)).scalar_one()
    while status(message_id)["runs"][0]["state"] in ("scheduled", "fanning"):
        fan_out(run_id)  # a turn of a few seconds
    return run_id, _wal() - before


def _record(batch_id: int, keep: str) -> None:
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


def measure(sizes: list[int]) -> dict[str, object]:
    """Let one installation grow, and look at each size."""
    with _database():
        found = []
        for size in sizes:
            populate(size)
            found.append([read(generic=generic) for generic in (False, True)])
        return {"sizes": sizes, "calls": found, "bytes": take_up(sizes[-1])}


def _print(found: dict) -> None:
    heads = [f"{size:,}{of}" for size in found["sizes"] for of in ("", ", any")]
    print(f"{'rows read / blocks':<34}" + "".join(f"{head:>18}" for head in heads))
    plans = [plan for pair in found["calls"] for plan in pair]
    for name in plans[0]:
        print(f"{name:<34}" + "".join(f"{'{:,} / {:,}'.format(*one[name]):>18}" for one in plans))
    print(f"\nbytes per device at {found['sizes'][-1]:,}")
    for name, size in found["bytes"].items():
        print(f"{name:<40}{size:>10.1f}")


def main() -> int:
    """Print the tables, or with --json one document."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth")
    parser.add_argument("--sizes", default="50000,1000000")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure([int(size) for size in options.sizes.split(",")])
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    _print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
