"""Measure how the pipeline grows with workers: one, two, four against one Redis and PostgreSQL.

Each worker is a process of its own with its children, as on a machine of its own. Here they
share the cores with PostgreSQL, Valkey and the sink: what is left of the efficiency says how
many cores there are; processor seconds by process say what a machine of its own would do. Run it as
`python -m tests.bench.scale [--devices N] [--workers 1,2,4] [--json]`.
"""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from sqlalchemy import text

from push_pipeline import db
from tests.bench.pipeline import run_whole
from tests.bench.stand import installation, populate, spawning
from tests.bench.usage import cpu_by_program
from tests.running import start_beat, start_worker

#: Children of each worker that delivers.
CHILDREN = 2

#: Seconds between two looks at what PostgreSQL's sessions wait for.
LOOK_SECONDS = 0.02

#: What PostgreSQL's sessions are doing: working, or waiting for what.
_WAITS = """
SELECT coalesce(wait_event_type || ':' || wait_event, 'on the processor') FROM pg_stat_activity
WHERE state = 'active' AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


@contextmanager
def database_watched() -> Iterator[Counter[str]]:
    """Count, at looks of equal distance, what the sessions of PostgreSQL were at."""
    seen: Counter[str] = Counter()
    over = Event()

    def look() -> None:
        with db.engine().connect() as connection:
            while not over.wait(LOOK_SECONDS):
                seen["looks"] += 1
                seen.update(connection.execute(text(_WAITS)).scalars())
                connection.rollback()

    thread = Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def measure(devices: int, sizes: list[int]) -> list[dict[str, object]]:
    """Deliver to the same devices with each number of workers."""
    with installation() as (_, directory), spawning(directory) as spawn:
        populate("all", devices)
        populate("some", 20_000)
        start_worker(spawn, "publish,schedule", children=1)
        start_beat(spawn)
        found: list[dict[str, object]] = []
        started = 0
        for size in sizes:
            while started < size:
                start_worker(spawn, "apns,apns.bulk", children=CHILDREN)
                started += 1
            run_whole("some")  # opens the workers' connections
            found.append({"workers": size, **_run()})
    return found


def _run() -> dict[str, object]:
    before = cpu_by_program()
    with database_watched() as seen:
        whole = run_whole("all")
    used = cpu_by_program() - before
    devices = whole["rate"] * whole["seconds"]
    looks = seen.pop("looks")
    return {
        "rate": whole["rate"],
        "load": os.getloadavg()[0],
        "cpu": {name: spent / devices * 10_000 for name, spent in used.most_common()},
        "database": {name: count / looks for name, count in seen.most_common(6)},
    }


def _print(found: list[dict]) -> None:
    first = found[0]
    alone = first["rate"] / first["workers"]
    print(f"{os.cpu_count()} cores for everything; {CHILDREN} children in each worker")
    print(f"{'workers':>8}{'per second':>12}{'per worker':>12}{'efficiency':>12}{'load':>7}")
    for one in found:
        each = one["rate"] / one["workers"]
        print(
            f"{one['workers']:>8}{one['rate']:>12,.0f}{each:>12,.0f}"
            f"{each / alone:>11.0%}{one['load']:>8.1f}"
        )
    for title, name in (("CPU s/10k", "cpu"), ("sessions", "database")):
        print(f"\n{title:<32}" + "".join(f"{one['workers']:>10}" for one in found))
        for what in dict.fromkeys(what for one in found for what in one[name]):
            row = "".join(f"{one[name].get(what, 0):>10.3f}" for one in found)
            print(f"{what:<32}{row}")


def main() -> int:
    """Print the figures, or with --json one document."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale")
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--workers", default="1,2,4")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.devices, [int(one) for one in options.workers.split(",")])
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    _print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
