"""Measure what the three steps of a push cost: one device, and a batch of a thousand.

For each step its processor time in this process, how often it waits for PostgreSQL, and how
many statements it says. Run it as
`python -m tests.bench.single [--pushes N] [--profile publish|fan_out|deliver] [--json]`.
"""

import argparse
import cProfile
import json
import pstats
import statistics
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import psycopg
from psycopg.waiting import Wait
from sqlalchemy import select

from push_pipeline import db, publish, status
from push_pipeline.models import BATCH, RUN
from push_workers.consumer.prefork import warm_up
from push_workers.delivery.deliver import deliver
from push_workers.delivery.process import Context
from push_workers.fanout.fan_out import fan_out
from tests.bench.stand import installation, populate

STEPS = ("publish", "fan_out", "deliver")

#: Pushes before the ones that are measured: they open connections and compile statements.
WARMING = 20


@dataclass
class Meter:
    """Counts what this process does between two looks at it."""

    waits: int = 0
    statements: int = 0
    spent: dict[str, list[tuple[float, int, int]]] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Note the milliseconds, waits and statements of what is done inside."""
        waits, statements, began = self.waits, self.statements, time.process_time()
        yield
        milliseconds = (time.process_time() - began) * 1000
        seen = (milliseconds, self.waits - waits, self.statements - statements)
        self.spent.setdefault(name, []).append(seen)

    def counting(self, work: Generator) -> Generator:
        """Count how often the driver's work waits for an answer: BEGIN and COMMIT have theirs."""
        try:
            state = next(work)
            while True:
                self.waits += state == Wait.R
                state = work.send((yield state))
        except StopIteration as done:
            return done.value

    def means(self) -> dict[str, dict[str, float]]:
        """Return the mean of each step: a process's clock is too coarse for medians."""
        names = ("milliseconds", "waits", "statements")
        return {
            step: dict(zip(names, map(statistics.fmean, zip(*seen, strict=True)), strict=True))
            for step, seen in self.spent.items()
        }


@contextmanager
def metered() -> Iterator[Meter]:
    """Count this process's statements and waits, by the functions that all of them go by."""
    meter = Meter()
    waits, execute = psycopg.Connection.wait, psycopg.Cursor.execute

    def counted(
        connection: psycopg.Connection, work: Generator, *arguments: object, **options: object
    ) -> object:
        return waits(connection, meter.counting(work), *arguments, **options)

    def said(cursor: psycopg.Cursor, *arguments: object, **options: object) -> object:
        meter.statements += 1
        return execute(cursor, *arguments, **options)

    psycopg.Connection.wait, psycopg.Cursor.execute = counted, said
    try:
        yield meter
    finally:
        psycopg.Connection.wait, psycopg.Cursor.execute = waits, execute


def run_of(message_id: str) -> int:
    with db.reading() as connection:
        return connection.execute(select(RUN.id).where(RUN.message_id == message_id)).scalar_one()


def batches_of(run_id: int) -> list[int]:
    with db.reading() as connection:
        return list(connection.scalars(select(BATCH.id).where(BATCH.run_id == run_id)))


def push(channel: str, context: Context, step: Callable) -> None:
    """Push once to a channel, each step as its process would do it."""
    with step("publish"):
        message_id = publish(channel, "Dinner is ready").message_id
    run_id = run_of(message_id)
    with step("fan_out"):
        fan_out(run_id)
    while fan_out(run_id):
        pass  # its turn was over, since the machine is busy
    for key in batches_of(run_id):
        with step("deliver"):
            deliver(key, context)
        while deliver(key, context):
            pass  # as well
    run = status(message_id)["runs"][0]
    if (run["state"], run["accepted"]) != ("finished", run["audience"]):
        raise RuntimeError(f"not every device was accepted: {run}")


def measure(pushes: int, rounds: int) -> list[dict[str, dict]]:
    """Push to one device, and to a thousand; the means of each step in each round."""
    found: list[dict[str, dict]] = [{} for _ in range(rounds)]
    with installation():
        for title, channel, count in audiences(pushes):
            context = Context()
            with metered() as meter:
                for _ in range(min(WARMING, count)):
                    push(channel, context, meter.step)
                for one in found:
                    meter.spent.clear()
                    for _ in range(count):
                        push(channel, context, meter.step)
                    one[title] = meter.means()
            context.close()
    return found


def profile(pushes: int, wanted: str) -> None:
    """Print where a step's time goes, which the profiler doubles."""
    with installation():
        for title, channel, count in audiences(pushes):
            print(title)
            context, seen = Context(), cProfile.Profile(time.process_time)
            for n in range(WARMING + count):
                push(channel, context, partial(_step_seen, seen, wanted if n >= WARMING else None))
            pstats.Stats(seen).sort_stats("cumulative").print_stats(90)
            context.close()


@contextmanager
def _step_seen(profile: cProfile.Profile, wanted: str | None, name: str) -> Iterator[None]:
    if name == wanted:
        profile.enable()
    yield
    profile.disable()


def audiences(pushes: int) -> Iterator[tuple[str, str, int]]:
    """Make ready, and return what is pushed to and how often."""
    warm_up()
    for title, devices, count in (("one device", 1, pushes), ("a thousand", 1000, pushes // 10)):
        populate(title, devices)
        yield title, title, max(count, 1)


def main() -> int:
    """Print a table, or with --json one document."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.single")
    parser.add_argument("--pushes", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--profile", choices=STEPS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.profile:
        profile(options.pushes, options.profile)
        return 0
    found = measure(options.pushes, options.rounds)
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    print(f"{'':12}{'step':10}{'CPU ms':>9}{'waits':>8}{'statements':>12}")
    for title, step in [(audience, step) for audience in found[0] for step in found[0][audience]]:
        costs = [one[title][step] for one in found]
        spent = statistics.median(cost["milliseconds"] for cost in costs)
        waits, said = costs[0]["waits"], costs[0]["statements"]
        print(f"{title:12}{step:10}{spent:>9.2f}{waits:>8.1f}{said:>12.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
