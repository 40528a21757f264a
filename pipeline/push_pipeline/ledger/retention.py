"""Retention: what finished long ago is deleted, a bounded piece at a time."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, inspect, or_, select, tuple_

from push_pipeline import db
from push_pipeline.devices.activity_addresses import prune_addresses
from push_pipeline.ledger.activities import prune_activities
from push_pipeline.models import (
    BATCH,
    DEAD_LETTER,
    DELIVERY,
    MESSAGE,
    RUN,
    Batch,
    DeadLetter,
    Delivery,
    Message,
    Run,
)
from push_pipeline.schedule import ROUND

#: Rows of the ledger deleted at once. With a tick every two seconds ten thousand a second: more
#: than is written for long, and a tenth of a second of the database's time.
DELIVERIES = 20_000

#: A batch holds eight kilobytes of members.
BATCHES = 1_000

#: Runs looked at, messages and set-aside task messages deleted at once.
OTHERS = 1_000


class Pruned(NamedTuple):
    """How many rows were deleted. All zero: nothing old is left."""

    deliveries: int
    batches: int
    runs: int
    messages: int
    dead_letters: int
    activities: int = 0
    addresses: int = 0


def prune(connection: Connection, before: int) -> Pruned:
    """Delete a bounded piece of what was finished before a time (epoch milliseconds).

    A run goes with its deliveries and batches, and not before them, so that what is left over
    is found again. A repeat that goes on loses its old runs; a message goes when it has ended
    and has no run left. An activity goes when nothing was said of it since, with its addresses; an
    address that ended goes by itself. Two at the same time delete no more than there is.
    """
    run_ids = _find_old_runs(connection, before)
    return Pruned(
        deliveries=delete_deliveries(connection, run_ids) if run_ids else 0,
        batches=delete_batches(connection, run_ids) if run_ids else 0,
        runs=_delete_empty_runs(connection, run_ids) if run_ids else 0,
        messages=_delete_messages(connection, before),
        dead_letters=_delete_dead_letters(connection, before),
        activities=prune_activities(connection, before, OTHERS),
        addresses=prune_addresses(connection, before),
    )


def _find_old_runs(connection: Connection, before: int) -> list[int]:
    # The waves of one round stay together: the last one asks which zones had one.
    wave = inspect(Run).local_table.alias()
    open_wave = and_(
        wave.c.message_id == RUN.message_id,
        (wave.c.n - 1) // ROUND == (RUN.n - 1) // ROUND,
        wave.c.finished_at.is_(None),
    )
    statement = (
        select(RUN.id)
        .join(Message, MESSAGE.id == RUN.message_id)
        .where(
            RUN.finished_at < before,
            or_(RUN.zone.is_(None), MESSAGE.ended_at.is_not(None), _none(open_wave)),
        )
        .order_by(RUN.finished_at)
        .limit(OTHERS)
    )
    return [key for key in connection.scalars(statement) if key is not None]


def delete_deliveries(connection: Connection, run_ids: list[int]) -> int:
    """Delete a bounded piece of the deliveries of runs; return how many those were."""
    key = tuple_(DELIVERY.run_id, DELIVERY.device_key)
    piece = (
        select(DELIVERY.run_id, DELIVERY.device_key)
        .where(db.any_of(DELIVERY.run_id, run_ids))
        .limit(DELIVERIES)
    )
    return connection.execute(delete(Delivery).where(key.in_(piece))).rowcount


def delete_batches(connection: Connection, run_ids: list[int]) -> int:
    """Delete some of the batches of runs; return how many."""
    piece = select(BATCH.id).where(db.any_of(BATCH.run_id, run_ids)).limit(BATCHES)
    return connection.execute(delete(Batch).where(BATCH.id.in_(piece))).rowcount


def _delete_empty_runs(connection: Connection, run_ids: list[int]) -> int:
    statement = delete(Run).where(
        db.any_of(RUN.id, run_ids),
        _none(BATCH.run_id == RUN.id),
        _none(DELIVERY.run_id == RUN.id),
    )
    return connection.execute(statement).rowcount


def _delete_messages(connection: Connection, before: int) -> int:
    # The oldest, and of these the ones without a run: asked for the oldest ones without a run,
    # a planner looks for the runs of all messages.
    oldest = (
        select(MESSAGE.id).where(MESSAGE.ended_at < before).order_by(MESSAGE.ended_at).limit(OTHERS)
    )
    statement = delete(Message).where(MESSAGE.id.in_(oldest), _none(RUN.message_id == MESSAGE.id))
    return connection.execute(statement).rowcount


def _delete_dead_letters(connection: Connection, before: int) -> int:
    piece = (
        select(DEAD_LETTER.id).where(DEAD_LETTER.at < before).order_by(DEAD_LETTER.at).limit(OTHERS)
    )
    return connection.execute(delete(DeadLetter).where(DEAD_LETTER.id.in_(piece))).rowcount


def _none(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return ~exists().where(condition)
