"""What the installation does, minute by minute: taken by the tick, shown for a day."""

from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select, union

from push_pipeline import db
from push_pipeline.ledger.due_batches import count_open_batches, oldest_due
from push_pipeline.models import BATCH, READING, RUN, Reading

MINUTE_MS = 60_000
KEPT_MS = 86_400_000


class Minute(NamedTuple):
    """What was done within the minute before `at` (epoch milliseconds), and how it stood then."""

    at: int
    settled: int
    accepted: int
    open_batches: int
    oldest_wait_ms: int


def take_reading(connection: Connection, now: int) -> None:
    """Note the minute that has ended, once, however many beats there are.

    Read are the batches of runs that were open within it: what it costs follows what is sent.
    """
    at = now // MINUTE_MS * MINUTE_MS
    known = select(READING.at).where(READING.at == at)
    if connection.execute(known).first() is not None:
        return
    settled, accepted = _done(connection, at - MINUTE_MS, at)
    oldest = oldest_due(connection, now)
    statement = db.insert_into(connection, Reading).values(
        at=at,
        settled=settled,
        accepted=accepted,
        open_batches=count_open_batches(connection),
        oldest_wait_ms=0 if oldest is None else max(0, now - oldest),
    )
    connection.execute(statement.on_conflict_do_nothing())
    connection.execute(delete(Reading).where(READING.at < at - KEPT_MS))


def list_readings(connection: Connection) -> list[Minute]:
    """Return the minutes of the last day, the oldest first."""
    statement = select(
        READING.at, READING.settled, READING.accepted, READING.open_batches, READING.oldest_wait_ms
    )
    return [Minute(*row) for row in connection.execute(statement.order_by(READING.at))]


def _done(connection: Connection, since: int, until: int) -> tuple[int, int]:
    going = select(RUN.id).where(RUN.finished_at.is_(None), RUN.due_at < until)
    ended = select(RUN.id).where(RUN.finished_at >= since)
    statement = select(
        func.coalesce(func.sum(BATCH.size - BATCH.moved), 0),
        func.coalesce(func.sum(BATCH.accepted), 0),
    ).where(
        BATCH.run_id.in_(union(going, ended)),
        BATCH.finished_at >= since,
        BATCH.finished_at < until,
    )
    settled, accepted = connection.execute(statement).one()
    return int(settled), int(accepted)
