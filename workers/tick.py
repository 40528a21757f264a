"""What beat does every few seconds: wake what lost its wake-up, close what has nothing open.

Any number of beats may tick, and a tick may come twice: every duty is a conditional statement,
and a wake-up too many changes nothing.
"""

import logging

from pipeline import db, queues, telemetry
from pipeline.clock import now_ms
from pipeline.directory.heartbeat import beat
from pipeline.errors import BrokerUnavailable
from pipeline.ledger import batches, firing, runs
from pipeline.queues import Wake

logger = logging.getLogger(__name__)

#: Milliseconds. A wake-up younger than this is still on its way.
GRACE_MS = 3_000

#: Milliseconds. While a queue holds wake-ups, missing ones are looked for only this late: they
#: are most likely in the queue.
PATIENCE_MS = 60_000

#: Rows per duty and tick, so that a tick after an outage stays short; the next one goes on.
LIMIT = 5_000


def tick() -> None:
    """Do every duty once."""
    now = now_ms()
    with db.writing() as connection:
        beat(connection, "tick", now)
    _close_finished_runs()
    wakes = [*_wake_runs(now), *_wake_batches(now)]
    queues.wake(wakes)


def _close_finished_runs() -> None:
    with db.reading() as connection:
        found = runs.find_sent(connection, LIMIT)
    for run_id in found:
        with db.writing() as connection:
            closed = runs.close_if_done(connection, run_id, now_ms())
        if closed:
            telemetry.run_closed(run_id)


def _wake_runs(now: int) -> list[Wake]:
    """Wake what is due, and hand the broker what will be within the horizon."""
    before = now - _patience([queues.PUBLISH])
    with db.writing() as connection:
        found = firing.find_waiting(connection, now + queues.horizon_ms(), now, before, LIMIT)
        if found:
            firing.mark_woken(connection, [one.id for one in found], now)
    late = sum(one.due_at < before for one in found)
    telemetry.woken_again(late, 0)
    return [
        queues.wake_at(*one) if one.due_at > now else queues.wake_for_run(one.id) for one in found
    ]


def _wake_batches(now: int) -> list[Wake]:
    before = now - _patience(queues.DELIVERY_QUEUES)
    with db.writing() as connection:
        found = batches.find_forgotten(connection, now, before, LIMIT)
        if found:
            batches.mark_woken(connection, [key for key, _, _ in found], now)
            telemetry.woken_again(0, len(found))
    return [queues.wake_for_batch(key, platform, bulk=bulk) for key, platform, bulk in found]


def _patience(names: list[str] | tuple[str, ...]) -> int:
    """Return how old a wake-up must be to count as lost."""
    try:
        waiting = sum(map(queues.backlog, names))
    except BrokerUnavailable:
        return PATIENCE_MS
    return PATIENCE_MS if waiting else GRACE_MS
