"""Measure what a small app's single push waits for beside a large app: nothing, ideally.

From publish to the recorded answer, by the ledger's own times: while nothing else is going on,
while the large app has thousands of messages waiting, and while it broadcasts. The workers are
those of `push-pipeline up`. Run it as
`python -m tests.bench.fairness [--quick] [--messages N] [--devices N] [--pushes N] [--json]`.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import exists, func, insert, literal, select, text

from push_pipeline import db, publish
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.models import BATCH, CREDENTIAL, MESSAGE, RUN, Batch, Credential, Message, Run
from push_pipeline.options import DeliveryOptions
from push_pipeline.publishing.draft import draft_message
from push_pipeline.publishing.write import write_all
from push_pipeline.supervisor.installation import CHILDREN, CHILDREN_PER_CORE, WORKERS, niceness
from tests.bench.stand import APP, installation, populate, spawning
from tests.processes import wait_until
from tests.running import start_beat, start_worker

SMALL = "small"

#: Seconds between the end of one push of the small app and the next, so that it never waits for
#: itself.
PAUSE_SECONDS = 0.05

#: Seconds until everything must have been sent.
PATIENCE_SECONDS = 900.0

#: Messages that are written in one transaction.
AT_ONCE = 500

_DEVICE = """
WITH new AS (
  INSERT INTO pipeline_device (app_id, device_id, token, kind, platform, environment, state,
                      created_at, registered_at)
  VALUES (:app, 'the-device', repeat('7', 64), 'apns', 'IOS', '', 'active', 0, 0) RETURNING id),
channel AS (
  INSERT INTO pipeline_channel (app_id, name, created_at) VALUES (:app, 'one', 0) RETURNING id)
INSERT INTO pipeline_subscription (channel_key, device_key)
SELECT channel.id, new.id FROM channel, new
"""


def add_small_app() -> None:
    """Make a second app with a device, which pushes through the same stand-in of Apple."""
    columns = [name for name in Credential.model_fields if name not in ("id", "app_id")]
    others = select(literal(SMALL), *(CREDENTIAL[name] for name in columns)).where(
        CREDENTIAL.app_id == APP
    )
    with db.writing() as connection:
        ensure_app(connection, SMALL, "Small", now_ms())
        connection.execute(insert(Credential).from_select(["app_id", *columns], others))
        connection.execute(text(_DEVICE), {"app": SMALL})


def fill(messages: int) -> None:
    """Publish single pushes of the large app, many in a transaction."""
    one = draft_message("single", "x" * 200, None, DeliveryOptions(), now=now_ms())
    for start in range(0, messages, AT_ONCE):
        count = min(AT_ONCE, messages - start)
        write_all([replace(one, app_id=APP, now=now_ms())] * count)


def is_busy() -> bool:
    """Say whether the large app has anything that is not sent."""
    with db.reading() as connection:
        waiting = exists().where(RUN.app_id == APP, RUN.finished_at.is_(None))
        return bool(connection.execute(select(waiting)).scalar_one())


def push(count: int, goes_on: Callable[[], bool]) -> list[tuple[int, int]]:
    """Push to the small app's device, `count` times or as long as it `goes_on`, one by one.

    Returned is when each was published and when its answer was recorded.
    """
    spans = []
    while len(spans) < count and goes_on():
        spans.append(push_once())
        time.sleep(PAUSE_SECONDS)
    return spans


def push_once() -> tuple[int, int]:
    message_id = publish("one", "x" * 200, app=SMALL).message_id
    statement = (
        select(MESSAGE.created_at, BATCH.finished_at)
        .select_from(Message)
        .join(Run, RUN.message_id == MESSAGE.id)
        .join(Batch, BATCH.run_id == RUN.id)
        .where(MESSAGE.id == message_id, BATCH.finished_at.is_not(None))
    )

    def end() -> tuple[int, int] | None:
        with db.reading() as connection:
            found = connection.execute(statement).one_or_none()
        return None if found is None else (found[0], found[1])

    return wait_until(end, PATIENCE_SECONDS, "the end of the small app's push")


def beside(pushes: int, load: Callable[[], object]) -> dict[str, float]:
    """Push while the large app is busy, loading it anew until enough were pushed."""
    spans: list[tuple[int, int]] = []
    while len(spans) < pushes:
        load()
        spans += push(pushes - len(spans), is_busy)
    wait_until(lambda: not is_busy(), PATIENCE_SECONDS, "the end of the large app's messages")
    return summary(spans)


def summary(spans: list[tuple[int, int]]) -> dict[str, float]:
    """Return the middle and the worst but one in a hundred, and what went first meanwhile."""
    waits = sorted(end - start for start, end in spans)
    return {
        "pushes": len(waits),
        "p50": waits[len(waits) // 2],
        "p99": waits[min(len(waits) - 1, len(waits) * 99 // 100)],
        "before": statistics.median(finished_within(*span) for span in spans),
    }


def finished_within(start: int, end: int) -> int:
    """Count the large app's batches that were finished between two moments."""
    statement = select(func.count()).select_from(Run).join(Batch, BATCH.run_id == RUN.id)
    theirs = statement.where(RUN.app_id == APP, BATCH.finished_at.between(start, end))
    with db.reading() as connection:
        return int(connection.execute(theirs).scalar_one())


def measure(messages: int, devices: int, pushes: int) -> dict[str, dict[str, float]]:
    """Measure the three states after each other, on one installation."""
    with installation() as (_, directory), spawning(directory) as spawn:
        add_small_app()
        populate("everybody", devices)
        populate("single", 1)
        for name, queues in WORKERS.items():
            if "fcm" not in name:  # all devices are Apple's
                children = CHILDREN.get(name, 2 * CHILDREN_PER_CORE)
                start_worker(spawn, ",".join(queues), children=children, nice=niceness(queues))
        start_beat(spawn)
        push(20, lambda: True)  # opens the workers' connections
        return {
            "idle": summary(push(pushes, lambda: True)),
            "backlog": beside(pushes, lambda: fill(messages)),
            "broadcast": beside(pushes, lambda: publish("everybody", "x" * 200, app=APP)),
        }


def main() -> int:
    """Print a table, or with --json one document."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fairness")
    parser.add_argument("--messages", type=int, default=4_000)
    parser.add_argument("--devices", type=int, default=300_000)
    parser.add_argument("--pushes", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="in less than a minute")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes = (options.messages, options.devices, options.pushes)
    found = measure(*((500, 30_000, 30) if options.quick else sizes))
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    print(
        f"{'a single push, beside an app that':<36}{'p50 ms':>8}{'p99 ms':>8}{'of idle':>14}"
        f"{'its batches before':>20}"
    )
    titles = ("is idle", "has messages waiting", "broadcasts")
    idle = found["idle"]
    for title, one in zip(titles, found.values(), strict=True):
        ratios = (one[name] / max(1, idle[name]) for name in ("p50", "p99"))
        times = f"{one['p50']:>8}{one['p99']:>8}" + "".join(f"{each:>6.1f}x" for each in ratios)
        print(f"{title:<36}{times}{one['before']:>20.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
