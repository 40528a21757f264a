"""Measure the deliver task and the whole pipeline against h2load, in one run and one sink.

Everything shares this machine's cores: the database, Valkey, the workers and the sink. Processor
time is the figure to trust. After each run the ledger is compared with what the sink got. Run it as
`python -m tests.bench.pipeline [--devices N] [--rounds N] [--delay 0,20,50] [--words] [--sqlite]`.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import select

from push_pipeline import db, publish, status
from push_pipeline.models import BATCH
from push_pipeline.outcome import Settled
from push_workers.consumer.prefork import keep_apart
from push_workers.delivery.deliver import deliver
from push_workers.delivery.process import Context
from tests.bench.sink import Sink
from tests.bench.stand import fan_out_to_the_end, installation, populate, spawning
from tests.bench.transport import Scenario, _own_cpu, run_h2load
from tests.bench.usage import BENCH, cpu_by_program, peak_by_program
from tests.processes import wait_until
from tests.running import start_beat, start_worker

#: Seconds. A run of a hundred thousand takes five on two slow cores.
PATIENCE_SECONDS = 300.0

#: Between two looks at the ledger, which cost a little.
LOOK_SECONDS = 0.05

#: What is no part of the pipeline: providers' stand-in, and who publishes and looks.
BESIDE = ("sink", BENCH)

#: Children of the worker that delivers, beside one for the fan-out and the tick.
CHILDREN = 4

#: Devices of the channel that warms up, and of each that a deliver task is measured on.
SOME = 20_000

#: What is said to all alike, and to each by name; about as long.
ALIKE = ("x" * 200, None)
WORDS = ("Hello {Users.name}, {dish} is ready" + "x" * 170, {"template_values": {"dish": "Dinner"}})

Said = tuple[str, Mapping[str, Any] | None]


def h2load_beside(sink: Sink, directory: Path, delay: int, requests: int) -> dict[str, float]:
    """Let h2load do what a worker's four connections do."""
    return asdict(run_h2load(Scenario("beside", 4, requests, delay), sink, directory))


def run_whole(channel: str, said: Said = ALIKE, sink: Sink | None = None) -> dict[str, Any]:
    """Publish and wait until the ledger is closed; CPU is in seconds per 10,000 devices."""
    before, got = cpu_by_program(), sink and sink.count()
    written = bytes_written()
    started = time.perf_counter()
    message_id = publish(channel, *said).message_id

    def finished() -> dict | None:
        run = status(message_id)["runs"][0]
        return run if run["state"] == "finished" else None

    run = wait_until(finished, PATIENCE_SECONDS, "the end of the run", LOOK_SECONDS)
    seconds = time.perf_counter() - started
    spent = cpu_by_program() - before
    audience = run["audience"]
    used = {name: one / audience * 10_000 for name, one in spent.items()}
    return {
        "rate": audience / seconds,
        "seconds": seconds,
        "cpu": sum(one for name, one in used.items() if name not in BESIDE),
        "cpu_by_program": used,
        "bytes": (bytes_written() - written) / audience,
        "account": account(run, sink and sink.count() - got),
    }


def account(run: Mapping[str, Any], got: int | None) -> dict[str, Any]:
    """Say what the ledger counts, what the sink got, and whether each device has one ending."""
    endings = {name: run[name] for name in (*Settled, "inFlight")}
    right = sum(endings.values()) == run["accepted"] == run["audience"] and not run["resent"]
    return {
        "audience": run["audience"],
        "accepted": run["accepted"],
        "got": got,
        "right": right and got in (None, run["accepted"]),
    }


def bytes_written() -> int:
    """Return the bytes of PostgreSQL's WAL and of the ledger's tables, indexes included; or 0."""
    if db.engine().dialect.name != "postgresql":
        return 0
    statement = """SELECT pg_current_wal_lsn() - '0/0' + (SELECT sum(pg_total_relation_size(one))
    FROM unnest(ARRAY['pipeline_batch', 'pipeline_delivery']::regclass[]) AS one)"""
    with db.reading() as connection:
        return int(connection.exec_driver_sql(statement).scalar_one())


def run_tasks(channel: str, said: Said = ALIKE, sink: Sink | None = None) -> dict[str, Any]:
    """Deliver a run's batches in this process; processor seconds per 10,000 devices."""
    got = sink and sink.count()
    message_id = publish(channel, *said).message_id
    run_id = fan_out_to_the_end(message_id)
    with db.reading() as connection:
        keys = list(connection.scalars(select(BATCH.id).where(BATCH.run_id == run_id)))
    context = Context()
    deliver(keys[0], context)  # opens the connections
    before = _own_cpu()
    for key in keys[1:]:
        deliver(key, context)
    used = _own_cpu() - before
    for key in keys:  # what one of them left to a later turn, on a busy machine
        deliver(key, context)
    context.close()
    run = status(message_id)["runs"][0]
    measured = run["audience"] * (len(keys) - 1) / len(keys)
    counted = account(run, sink and sink.count() - got)
    return {"cpu": used / measured * 10_000, "account": counted}


#: Deliver tasks that are measured: of one provider each, and with words for each device.
TASKS = {"apns": ALIKE, "fcm": ALIKE, "words": WORDS}


def measure_tasks(delays: list[int], rounds: int, devices: int, requests: int) -> list[dict]:
    """Deliver in this process, h2load beside, in turns; there are no workers to take it away."""
    with installation() as (sink, directory):
        keep_apart()
        populate("apns", devices)
        populate("words", devices, words=True)
        populate("fcm", devices, google=True)
        found = []
        for number in range(rounds):
            for delay in delays:
                sink.answer_after(delay)
                beside = h2load_beside(sink, directory, delay, requests)
                found += [
                    {"task": name, "round": number, "delay": delay, "h2load": beside}
                    | run_tasks(name, said, sink)
                    for name, said in TASKS.items()
                ]
    return found


def measure_whole(
    sizes: Mapping[int, int], rounds: int, requests: int, *, words: bool, sqlite: bool
) -> list[dict]:
    """Let workers deliver to channels of so many devices, by delay; h2load beside, in turns."""
    said = WORDS if words else ALIKE
    with installation(sqlite=sqlite) as (sink, directory), spawning(directory) as spawn:
        populate("some", SOME, mixed=True, words=words)
        for size in sorted({*sizes.values()}):
            populate(f"all-{size}", size, mixed=True, words=words)
        start_worker(spawn, "publish,schedule", children=1)
        start_worker(spawn, "apns,apns.bulk,fcm,fcm.bulk", children=CHILDREN)
        start_beat(spawn)
        run_whole("some", said)  # opens the workers' connections
        small = peak_by_program()
        found = []
        for number in range(rounds):
            for delay, size in sizes.items():
                sink.answer_after(delay)
                beside = h2load_beside(sink, directory, delay, requests)
                whole = run_whole(f"all-{size}", said, sink)
                seen = {"round": number, "delay": delay, "h2load": beside, **whole}
                found.append({**seen, "peak_mb": peak_by_program(), "peak_mb_small": small})
    return found


def _means(runs: Iterable[dict]) -> Iterator[tuple[str, int, dict[str, float]]]:
    """Medians of what was run alike."""
    kinds: dict[tuple[str, int], list[dict]] = {}
    for one in runs:
        kinds.setdefault((one.get("task", "whole pipeline"), one["delay"]), []).append(one)
    for (name, delay), some in kinds.items():
        yield (
            name,
            delay,
            {
                "h2load": statistics.median(one["h2load"]["rate"] for one in some),
                "rate": statistics.median(one.get("rate", 0.0) for one in some),
                "cpu": statistics.median(one["cpu"] for one in some),
                "cpu_ratio": statistics.median(one["cpu"] / one["h2load"]["cpu"] for one in some),
            },
        )


def _print(runs: list[dict]) -> None:
    print(
        f"{'':18}{'delay':>8}{'h2load/s':>12}{'per second':>12}{'CPU s/10k':>12}{'h2load CPU':>12}"
    )
    for name, delay, one in _means(runs):
        print(
            f"{name:18}{delay:>5} ms{one['h2load']:>12,.0f}{one['rate']:>12,.0f}"
            f"{one['cpu']:>12.4f}{one['cpu_ratio']:>11.2f}x"
        )
    wrong = [one["account"] for one in runs if not one["account"]["right"]]
    print(f"wrong accounts: {wrong}" if wrong else "every device has one ending, the sink agrees")


def main() -> int:
    """Print the figures, or with --json one document; 1 where an account is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pipeline")
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--late-devices", type=int, help="where answers are late; as many else")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=100_000, help="of h2load")
    parser.add_argument("--delay", default="0", help="milliseconds, one after the other: 0,20,50")
    parser.add_argument("--tasks", action="store_true", help="deliver tasks alone, without workers")
    parser.add_argument("--words", action="store_true", help="with words for each device")
    parser.add_argument("--sqlite", action="store_true", help="SQLite in the place of PostgreSQL")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    delays = [int(one) for one in given.delay.split(",")]
    if given.tasks:
        runs = measure_tasks(delays, given.rounds, given.devices, given.requests)
    else:
        late = given.late_devices or given.devices
        sizes = {delay: late if delay else given.devices for delay in delays}
        runs = measure_whole(
            sizes, given.rounds, given.requests, words=given.words, sqlite=given.sqlite
        )
    if given.json:
        print(json.dumps(runs))
    else:
        _print(runs)
    return 0 if all(one["account"]["right"] for one in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
