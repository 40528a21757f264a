"""How much work is open, and how long what is due has been waiting."""

from sqlalchemy import Connection, func, or_, select

from pipeline.ledger.states import SENDABLE
from pipeline.models import BATCH, RUN, Run


def oldest_due(connection: Connection, now: int) -> int | None:
    """Return since when the longest waiting batch could be sent, or None where none waits.

    Batches that somebody holds, or that belong to a stopped run, do not wait.
    """
    oldest: int | None = connection.execute(
        select(func.min(BATCH.not_before))
        .join(Run, RUN.id == BATCH.run_id)
        .where(
            BATCH.finished_at.is_(None),
            BATCH.not_before <= now,
            or_(BATCH.lease_until.is_(None), BATCH.lease_until < now),
            RUN.state.in_(SENDABLE),
        )
    ).scalar_one()
    return oldest


def count_open_batches(connection: Connection) -> int:
    """Count the batches that are not finished, due or not."""
    statement = select(func.count()).where(BATCH.finished_at.is_(None))
    return connection.execute(statement).scalar_one()
