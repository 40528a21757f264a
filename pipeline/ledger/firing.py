"""Runs in time: the one after this one, those due soon, those that lost their wake-up."""

from typing import NamedTuple

from sqlalchemy import Connection, case, or_, select, update

from pipeline import db
from pipeline.ledger.runs import RunView
from pipeline.ledger.states import RunState
from pipeline.models import MESSAGE, RUN, Message, Run
from pipeline.schedule import Firing, next_firing


class Waiting(NamedTuple):
    """A run that needs a wake-up, and when it is due (epoch milliseconds)."""

    id: int
    due_at: int


def insert_next(connection: Connection, run: RunView, now: int, horizon: int) -> Waiting | None:
    """Write the run after this one, in the transaction that begins this one.

    Unique by message and number: who begins a run a second time adds nothing. Returned is a run
    that is due by `horizon`: whoever wrote it wakes it.
    """
    every_ms = run.delivery_options.get("repeatEvery", 0) * 1000
    until = run.delivery_options.get("repeatExpiresAt")
    later = next_firing(Firing(run.n, run.due_at), every_ms, until, now)
    if later is None:
        return None
    statement = (
        db.insert_into(connection, Run)
        .values(
            message_id=run.message_id,
            app_id=run.app_id,
            n=later.n,
            due_at=later.due_at,
            expires_at=later.due_at + run.expires_at - run.due_at,
            state=RunState.SCHEDULED,
            bulk=False,
            guarded=True,
            woken_at=later.due_at if later.due_at <= horizon else None,
        )
        .on_conflict_do_nothing(index_elements=["message_id", "n"])
        .returning(RUN.id)
    )
    key = connection.execute(statement).scalar()
    return None if key is None or later.due_at > horizon else Waiting(key, later.due_at)


def skip(connection: Connection, run: RunView, now: int) -> bool:
    """Close a run that was missed, without sending; False where somebody else has begun it."""
    statement = (
        update(Run)
        .where(RUN.id == run.id, RUN.state == RunState.SCHEDULED)
        .values(state=RunState.SKIPPED, finished_at=now)
    )
    return connection.execute(statement).rowcount == 1


class Waves(NamedTuple):
    """The waves of a message: when the first is due, and the zones that have one of their own."""

    first_due_at: int
    zones: tuple[str, ...]


def find_waves(connection: Connection, message_id: str) -> Waves:
    """Read the waves of a message that goes by local time."""
    statement = select(RUN.zone, RUN.due_at).where(
        RUN.message_id == message_id, RUN.zone.is_not(None)
    )
    rows = connection.execute(statement.order_by(RUN.n)).all()
    return Waves(min(row.due_at for row in rows), tuple(str(row.zone) for row in rows))


def claim_due(
    connection: Connection, until: int, now: int, woken_before: int, limit: int
) -> list[Waiting]:
    """Claim runs that are due by `until`, or abandoned, and whose wake-up is old or missing.

    One statement: of two that ask at the same time only one gets a run, and neither waits for
    the other. Who claims a run wakes it; a wake-up for later counts from the time it is for.
    """
    abandoned = (RUN.state == RunState.FANNING) & (
        or_(RUN.lease_until.is_(None), RUN.lease_until < now)
    )
    due = (
        select(RUN.id)
        .where(
            RUN.finished_at.is_(None),
            RUN.due_at <= until,  # of those begun as well: the far-off ones are not looked at
            or_(RUN.state == RunState.SCHEDULED, abandoned),
            or_(RUN.woken_at.is_(None), RUN.woken_at < woken_before),
        )
        .order_by(RUN.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")  # PostgreSQL evaluates one that locks exactly once
    )
    statement = (
        update(Run)
        .where(RUN.id.in_(select(due.c.id)))
        .values(woken_at=case((RUN.due_at > now, RUN.due_at), else_=now))
        .returning(RUN.id, RUN.due_at)
    )
    return [Waiting._make(row) for row in connection.execute(statement)]


def list_upcoming(
    connection: Connection, app_id: str | None, limit: int
) -> list[dict[str, object]]:
    """List what will fire when, the next first."""
    statement = (
        select(
            RUN.message_id,
            RUN.n,
            RUN.due_at,
            RUN.state,
            RUN.zone,
            RUN.zone_default,
            MESSAGE.channel,
            MESSAGE.delivery_options,
        )
        .join(Message, MESSAGE.id == RUN.message_id)
        .where(RUN.finished_at.is_(None), RUN.started_at.is_(None))
        .order_by(RUN.due_at)
        .limit(limit)
    )
    if app_id is not None:
        statement = statement.where(RUN.app_id == app_id)
    return [dict(row) for row in connection.execute(statement).mappings()]
