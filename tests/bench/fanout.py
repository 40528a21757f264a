"""Measure the fan-out: seconds, processor time, memory, and when the first can be sent to.

Of the devices two fifths are Android's. Each size runs in a process of its own, whose peak memory
is printed; the processor seconds are those of this process and of its session in PostgreSQL. Run
it as `python -m tests.bench.fanout [--sizes 10000,100000,1000000] [--sqlite] [--json]`.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import select

from push_pipeline import db, publish, status
from push_pipeline.models import BATCH, RUN
from push_workers.consumer.prefork import warm_up
from tests.bench.stand import fan_out_to_the_end, installation, populate

#: ru_maxrss is in kilobytes on Linux, in bytes on macOS.
RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def run_child(channel: str) -> dict[str, float]:
    """Fan one message out in this process, made ready as a worker is; turn after turn."""
    warm_up()
    message_id = publish(channel, "hello").message_id
    with db.reading() as connection:
        run_id = connection.execute(select(RUN.id).where(RUN.message_id == message_id)).scalar_one()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT
    started, began = time.perf_counter(), time.time()
    mine, theirs, written = time.process_time(), _cpu_of_sessions(), _wal()
    fan_out_to_the_end(message_id)
    seconds = time.perf_counter() - started
    mine, theirs = time.process_time() - mine, _cpu_of_sessions() - theirs
    written = _wal() - written
    with db.reading() as connection:
        first = connection.execute(
            select(BATCH.woken_at).where(BATCH.run_id == run_id).order_by(BATCH.id).limit(1)
        ).scalar_one()
    return {
        "members": run_of(message_id)["audience"],
        "seconds": seconds,
        "worker_cpu_seconds": mine,
        "database_cpu_seconds": theirs,
        "wal_bytes": written,
        "first_batch_seconds": first / 1000 - began,
        "rss_before_mb": before / 1e6,
        "rss_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / 1e6,
    }


def run_of(message_id: str) -> dict[str, Any]:
    return status(message_id)["runs"][0]


def _cpu_of_sessions() -> float:
    """Processor seconds of the one session that this process has, where the server is Linux'."""
    if not _on_postgresql():
        return 0.0
    with db.reading() as connection:
        process = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def _wal() -> int:
    if not _on_postgresql():
        return 0
    with db.reading() as connection:
        return int(connection.exec_driver_sql("SELECT pg_current_wal_lsn() - '0/0'").scalar_one())


def _on_postgresql() -> bool:
    return db.engine().dialect.name == "postgresql"


def measure(sizes: list[int], rounds: int, *, sqlite: bool) -> list[dict[str, float]]:
    """Populate a channel for each size, then fan out to each in a new process, in turns."""
    with installation(sqlite=sqlite):
        for size in sizes:
            populate(f"channel-{size}", size, mixed=True)
        return [
            json.loads(
                subprocess.run(
                    [sys.executable, "-m", "tests.bench.fanout", "--child", f"channel-{size}"],
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout
            )
            for _ in range(rounds)
            for size in sizes
        ]


def main() -> int:
    """Print a table, or with --json one document."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fanout")
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--sqlite", action="store_true", help="SQLite in the place of PostgreSQL")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(run_child(options.child)))
        return 0
    sizes = [int(size) for size in options.sizes.split(",")]
    results = measure(sizes, options.rounds, sqlite=options.sqlite)
    if options.json:
        print(json.dumps(results, indent=2))
        return 0
    titles = ("members", "seconds", "CPU worker", "CPU database", "first batch", "WAL B", "peak MB")
    print("".join(title.rjust(14) for title in titles))
    for one in results:
        members = one["members"]
        cells = (
            f"{members:,}",
            f"{one['seconds']:.2f}",
            f"{one['worker_cpu_seconds']:.2f} s",
            f"{one['database_cpu_seconds']:.2f} s",
            f"{one['first_batch_seconds'] * 1000:.0f} ms",
            f"{one['wal_bytes'] / members:.1f}",
            f"{one['rss_peak_mb']:.1f}",
        )
        print("".join(cell.rjust(14) for cell in cells))
    return 0


if __name__ == "__main__":
    sys.exit(main())
