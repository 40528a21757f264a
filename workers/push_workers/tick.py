"""What beat does every few seconds: wake what lost its wake-up, close and delete what is over.

Any number of beats may tick, and a tick may come twice: every duty is a conditional statement,
and a wake-up too many changes nothing.
"""

from collections.abc import Callable, Sequence

from push_pipeline import db, queues, telemetry
from push_pipeline.clock import now_ms
from push_pipeline.devices.expiry import remove_expired
from push_pipeline.directory.heartbeat import beat
from push_pipeline.errors import BrokerUnavailable
from push_pipeline.ledger import due_batches, due_runs, runs
from push_pipeline.ledger.due_runs import DueRun
from push_pipeline.ledger.readings import take_reading
from push_pipeline.ledger.retention import prune
from push_pipeline.queues import Wake
from push_pipeline.settings import get_settings

#: Milliseconds. While others wait in the queues, a wake-up younger than this is on its way.
GRACE_MS = 3_000

#: Milliseconds. While a queue holds wake-ups, missing ones are looked for only this late: they
#: are most likely in the queue.
PATIENCE_MS = 60_000

#: A day in milliseconds; the retention is a setting in days.
DAY_MS = 86_400_000

#: Rows per duty and tick, so that a tick after an outage stays short; the next one goes on.
LIMIT = 5_000

#: Runs closed by one tick: a transaction each.
CLOSED = 500


def tick() -> None:
    """Do every duty once."""
    now = now_ms()
    with db.writing() as connection:
        beat(connection, "tick", now)
    for duty in DUTIES:
        duty(now)


def wake_runs(now: int) -> None:
    """Wake the runs that are due, and hand the broker those that will be within the horizon."""
    queues.wake(_claim_runs(now))


def wake_batches(now: int) -> None:
    """Wake the batches that were never woken, and those whose wake-up is lost."""
    queues.wake(_claim_batches(now))


def close_finished_runs(now: int) -> None:
    """Close the runs that nobody closed: where the worker of the last batch was killed."""
    with db.reading() as connection:
        found = runs.find_sent(connection, now, CLOSED)
    for run_id in found:
        with db.writing() as connection:
            closed = runs.close_if_done(connection, run_id, now_ms())
        if closed is not None:
            telemetry.run_closed(*closed)


def end_canaries(now: int) -> None:
    """Let messages wait for a look whose first part is out."""
    with db.writing() as connection:
        runs.end_canaries(connection, now)


def remove_expired_devices(now: int) -> None:
    """Remove registrations at their expiry."""
    with db.writing() as connection:
        telemetry.registrations_expired(remove_expired(connection, now))


def prune_ledger(now: int) -> None:
    """Delete what finished longer ago than the retention."""
    with db.writing() as connection:
        pruned = prune(connection, now - get_settings().retention_days * DAY_MS)
    telemetry.ledger_pruned(pruned.messages, pruned.runs, pruned.deliveries)


def read_the_minute(now: int) -> None:
    """Note what was done within the minute that has ended, for those who look at it later."""
    with db.writing() as connection:
        take_reading(connection, now)


#: In this order: messages wait for the first ones, nobody for the last ones.
DUTIES: Sequence[Callable[[int], None]] = (
    wake_runs,
    wake_batches,
    close_finished_runs,
    end_canaries,
    remove_expired_devices,
    prune_ledger,
    read_the_minute,
)


def _claim_runs(now: int) -> list[Wake]:
    before = now - _patience()
    with db.writing() as connection:
        found = due_runs.claim_due(
            connection, now + queues.horizon_ms(), now, before, LIMIT, queues.last_tick_ms()
        )
    late = sum(one.due_at < before for one in found)
    telemetry.woken_again(late, 0)
    return [_wake_for(one, now) for one in found]


def _wake_for(run: DueRun, now: int) -> Wake:
    if run.due_at > now:
        return queues.wake_at(run.id, run.app_id, run.due_at, of=run.message_id)
    return queues.wake_for_run(run.id, run.app_id, of=run.message_id)


def _claim_batches(now: int) -> list[Wake]:
    """Take what was never woken, and as many of the others as the queues hold too few."""
    with db.reading() as connection:
        due = due_batches.count_waiting(connection, now)
    if not due:
        return []
    waiting = _waiting(queues.DELIVERY_QUEUES)
    lost = due - waiting
    with db.writing() as connection:
        found = due_batches.find_unwoken(connection, now, LIMIT)
        if lost > len(found):
            # The longest waiting first: those whose wake-up is still queued behind others
            # are younger.
            limit = min(lost - len(found), LIMIT)
            grace = GRACE_MS if waiting else due_runs.GRACE_MS
            found += due_batches.find_forgotten(connection, now, now - grace, limit)
        due_batches.mark_woken(connection, [one.id for one in found], now)
    telemetry.woken_again(0, len(found))
    return [
        queues.wake_for_batch(one.id, one.app_id, one.environment, bulk=one.bulk, of=one.message_id)
        for one in found
    ]


def _waiting(names: Sequence[str]) -> int:
    """Return how many wake-ups the queues hold; a broker that is away holds those we sent it."""
    try:
        return sum(map(queues.backlog, names))
    except BrokerUnavailable:
        return LIMIT


def _patience() -> int:
    """Return how old a run's wake-up must be to count as lost, in milliseconds."""
    return PATIENCE_MS if _waiting([queues.PUBLISH]) else due_runs.GRACE_MS
