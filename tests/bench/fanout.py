"""Measure the fan-out: seconds, memory, and when the first devices can be sent to.

Each size runs in a process of its own, whose peak memory is printed. Run it as
`python -m tests.bench.fanout [--sizes 10000,100000,1000000] [--json]`.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

from sqlalchemy import select

from push_pipeline import db, publish, status
from push_pipeline.models import BATCH, RUN
from push_workers.consumer.prefork import warm_up
from push_workers.fanout.fan_out import fan_out
from tests.bench.pipeline import installation, populate

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
    while run_of(message_id)["state"] in ("scheduled", "fanning"):
        while fan_out(run_id):
            pass
    seconds = time.perf_counter() - started
    with db.reading() as connection:
        first = connection.execute(
            select(BATCH.woken_at).where(BATCH.run_id == run_id).order_by(BATCH.id).limit(1)
        ).scalar_one()
    return {
        "members": run_of(message_id)["audience"],
        "seconds": seconds,
        "first_batch_seconds": first / 1000 - began,
        "rss_before_mb": before / 1e6,
        "rss_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / 1e6,
    }


def run_of(message_id: str) -> dict[str, Any]:
    return status(message_id)["runs"][0]


def measure(sizes: list[int]) -> list[dict[str, float]]:
    """Populate a channel for each size, then fan out to each in a new process."""
    with installation():
        for size in sizes:
            populate(f"channel-{size}", size)
        return [
            json.loads(
                subprocess.run(
                    [sys.executable, "-m", "tests.bench.fanout", "--child", f"channel-{size}"],
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout
            )
            for size in sizes
        ]


def main() -> int:
    """Print a table, or with --json one document."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fanout")
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(run_child(options.child)))
        return 0
    results = measure([int(size) for size in options.sizes.split(",")])
    if options.json:
        print(json.dumps(results, indent=2))
        return 0
    print(f"{'members':>10}{'seconds':>10}{'first batch after':>20}{'peak RSS':>12}")
    for one in results:
        print(
            f"{one['members']:>10,}{one['seconds']:>10.2f}{one['first_batch_seconds']:>18.3f} s"
            f"{one['rss_peak_mb']:>9.1f} MB"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
