"""Batches that could be sent and that nobody holds: which, how many, since when."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, or_, select, update

from push_pipeline.db import any_of
from push_pipeline.ledger.batches import ROUTE_OF_BATCH
from push_pipeline.ledger.state_machine import RunState
from push_pipeline.ledger.values import DueBatch
from push_pipeline.models import BATCH, CREDENTIAL, RUN, Batch, Credential, Run


def _waits(now: int, until: ColumnElement[int] | None = None) -> tuple[ColumnElement[bool], ...]:
    return (
        BATCH.finished_at.is_(None),
        BATCH.not_before <= (now if until is None else until),
        or_(BATCH.lease_until.is_(None), BATCH.lease_until < now),
        RUN.state != RunState.PAUSED,
    )


def find_unwoken(connection: Connection, now: int, limit: int) -> list[DueBatch]:
    """Find batches that are due and were never woken, the longest waiting first."""
    return _find(connection, now, BATCH.woken_at.is_(None), limit)


def find_forgotten(
    connection: Connection, now: int, woken_before: int, limit: int
) -> list[DueBatch]:
    """Find batches that are due and whose wake-up is old, the longest waiting first."""
    return _find(connection, now, BATCH.woken_at < woken_before, limit)


#: Batches that are woken at once where a route opens; the tick wakes the others.
RELEASED = 2_000


def release_parked(connection: Connection, credential_id: int, now: int) -> list[DueBatch]:
    """Make due what waits for a route that opens, and return what is to be woken for it."""
    statement = _parked(
        select(BATCH.id, RUN.app_id, BATCH.environment, BATCH.bulk, RUN.message_id), now
    )
    mine = statement.where(CREDENTIAL.id == credential_id).order_by(BATCH.not_before)
    found = [DueBatch._make(row) for row in connection.execute(mine.limit(RELEASED))]
    connection.execute(
        update(Batch)
        .where(any_of(BATCH.id, [one.id for one in found]))
        .values(not_before=now, woken_at=now)
    )
    return found


def find_parked(
    connection: Connection, credential_id: int, now: int, *, besides: Sequence[int]
) -> DueBatch | None:
    """Return the batch that waits longest for a route, if there is one besides these."""
    statement = _parked(
        select(BATCH.id, RUN.app_id, BATCH.environment, BATCH.bulk, RUN.message_id), now
    )
    others = statement.where(CREDENTIAL.id == credential_id, BATCH.id.not_in(besides))
    row = connection.execute(others.order_by(BATCH.not_before, BATCH.id).limit(1)).one_or_none()
    return None if row is None else DueBatch._make(row)


_RELEASE = (
    update(Batch)
    .where(
        BATCH.id == bindparam("batch_id"),
        BATCH.claims == bindparam("claim"),
        BATCH.finished_at.is_(None),
        BATCH.lease_until >= bindparam("now"),
    )
    .values(lease_until=bindparam("ended"), woken_at=bindparam("now"))
)


def release_lost(
    connection: Connection, claims: Iterable[tuple[int, int]], now: int
) -> list[DueBatch]:
    """End the leases of claims whose worker is gone; return what is to be woken for it.

    A claim is a batch and its number: of one that is not the batch's last nothing is changed.
    The slice that was being sent is in doubt, as after the end of any lease.
    """
    lost = [
        batch_id
        for batch_id, claim in claims
        if connection.execute(
            _RELEASE, {"batch_id": batch_id, "claim": claim, "now": now, "ended": now - 1}
        ).rowcount
    ]
    return _find(connection, now, any_of(BATCH.id, lost), len(lost)) if lost else []


def make_parked_due(
    connection: Connection, app_id: str, provider: str, environment: str, now: int
) -> None:
    """Make due all that waits for a route; the tick wakes it."""
    parked = _parked(select(BATCH.id), now).where(
        CREDENTIAL.app_id == app_id,
        CREDENTIAL.provider == provider,
        CREDENTIAL.environment == environment,
    )
    connection.execute(update(Batch).where(BATCH.id.in_(parked)).values(not_before=now))


def _parked(selected: Select[Any], now: int) -> Select[Any]:
    """Select what waits for its route.

    A batch that waits longer than the route would have rested waits for something else.
    """
    return (
        selected.join(Run, RUN.id == BATCH.run_id)
        .join(Credential, ROUTE_OF_BATCH)
        .where(*_waits(now, func.coalesce(CREDENTIAL.paused_until, now)), BATCH.woken_at.is_(None))
    )


def _find(
    connection: Connection, now: int, which: ColumnElement[bool], limit: int
) -> list[DueBatch]:
    statement = (
        select(BATCH.id, RUN.app_id, BATCH.environment, BATCH.bulk, RUN.message_id)
        .join(Run, RUN.id == BATCH.run_id)
        .where(*_waits(now), which)
        .order_by(BATCH.not_before)
        .limit(limit)
    )
    return [DueBatch._make(row) for row in connection.execute(statement)]


def count_waiting(connection: Connection, now: int) -> int:
    """Count the batches that are due, whether a wake-up is on its way or lost."""
    statement = select(func.count()).select_from(Batch).join(Run, RUN.id == BATCH.run_id)
    return connection.execute(statement.where(*_waits(now))).scalar_one()


def mark_woken(connection: Connection, keys: Sequence[int], now: int) -> None:
    """Note that wake-ups for these batches are on their way."""
    connection.execute(update(Batch).where(any_of(BATCH.id, keys)).values(woken_at=now))


def oldest_due(connection: Connection, now: int) -> int | None:
    """Return since when the longest waiting batch could be sent, or None where none waits."""
    statement = select(func.min(BATCH.not_before)).select_from(Batch)
    oldest: int | None = connection.execute(
        statement.join(Run, RUN.id == BATCH.run_id).where(*_waits(now))
    ).scalar()
    return oldest


def count_open_batches(connection: Connection) -> int:
    """Count the batches that are not finished, due or not."""
    statement = select(func.count()).where(BATCH.finished_at.is_(None))
    return connection.execute(statement).scalar_one()
