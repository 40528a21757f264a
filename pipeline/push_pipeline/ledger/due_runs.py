"""Runs in time: the one after this one, those due soon, those that lost their wake-up."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, case, func, or_, select, update

from push_pipeline import db
from push_pipeline.ledger.runs import RunView
from push_pipeline.ledger.state_machine import RunMove, RunState
from push_pipeline.models import MESSAGE, RUN, Message, Run
from push_pipeline.options import DeliveryOptions
from push_pipeline.schedule import ROUND, round_of

#: Milliseconds. A wake-up older than this may be lost: a run's time is exact, and to begin one
#: twice costs a statement.
GRACE_MS = 400


class DueRun(NamedTuple):
    """A run that needs a wake-up, when it is due (epoch milliseconds), and whose it is."""

    id: int
    due_at: int
    message_id: str
    app_id: str


class Upcoming(NamedTuple):
    """A run that has not begun, for those who ask what will fire when."""

    message_id: str
    channel: str
    n: int
    due_at: int
    state: str
    zone: str | None
    zone_default: bool
    delivery_options: DeliveryOptions


class Later(NamedTuple):
    """A run that comes after another one. `skipped`: it only says that its zone has no wave."""

    n: int
    due_at: int
    zone: str | None = None
    zone_default: bool = False
    skipped: bool = False


def counts_from(due_at: int, now: int, handed_again_ms: int) -> int:
    """Return the time from which a wake-up counts that is handed out now, for a run's time.

    It is that time, or so long before it that a tick hands the run out again shortly before:
    the worker that held the first one may be gone.
    """
    again_at = due_at - handed_again_ms
    return again_at - GRACE_MS if again_at > now else max(due_at, now)


def insert_later(
    connection: Connection,
    run: RunView,
    later: Sequence[Later],
    now: int,
    horizon: int,
    handed_again_ms: int = 0,
) -> list[DueRun]:
    """Write the runs after this one, in the transaction that begins this one.

    Unique by message and number: who begins a run a second time adds nothing. Returned are
    those that are due by `horizon`: whoever wrote them wakes them.
    """
    if not later:
        return []
    rows = [_row(run, one) for one in later]
    for row, one in zip(rows, later, strict=True):
        soon = one.due_at <= horizon and not one.skipped
        row["woken_at"] = counts_from(one.due_at, now, handed_again_ms) if soon else None
        row["finished_at"] = now if one.skipped else None
    statement = (
        db.insert_into(connection, Run)
        .values(rows)
        .on_conflict_do_nothing(index_elements=["message_id", "n"])
        .returning(RUN.id, RUN.due_at, RUN.message_id, RUN.app_id, RUN.woken_at)
    )
    written = connection.execute(statement).all()
    return [DueRun(*row[:4]) for row in written if row.woken_at is not None]


def _row(run: RunView, one: Later) -> dict[str, object]:
    return {
        "message_id": run.message_id,
        "app_id": run.app_id,
        "n": one.n,
        "due_at": one.due_at,
        "expires_at": one.due_at + run.expires_at - run.due_at,
        "state": RunState.SKIPPED if one.skipped else RunState.SCHEDULED,
        "zone": one.zone,
        "zone_default": one.zone_default,
        "bulk": False,
        "guarded": True,
    }


def skip(connection: Connection, run: RunView, now: int) -> bool:
    """Close a run that was missed, without sending; False where somebody else has begun it."""
    statement = (
        update(Run)
        .where(RUN.id == run.id, RUN.state.in_(RunMove.SKIP.sources))
        .values(state=RunState.SKIPPED, finished_at=now)
    )
    return connection.execute(statement).rowcount == 1


def find_waves(connection: Connection, message_id: str, n: int) -> dict[str, int]:
    """Read when the zones of a round of waves are due; `n` is the number of any of them."""
    first = round_of(n) * ROUND
    statement = select(RUN.zone, RUN.due_at).where(
        RUN.message_id == message_id, RUN.n > first, RUN.n <= first + ROUND
    )
    rows = connection.execute(statement.order_by(RUN.n))
    return {str(row.zone): row.due_at for row in rows}


def claim_due(
    connection: Connection,
    until: int,
    now: int,
    woken_before: int,
    limit: int,
    handed_again_ms: int = 0,
) -> list[DueRun]:
    """Claim runs that are due by `until`, or abandoned, and whose wake-up is old or missing.

    One statement: of two that ask at the same time only one gets a run, and neither waits for
    the other. Who claims a run wakes it; a wake-up counts as in `counts_from`. Before its time
    it is in a worker's hands, not in a queue: that it waits for longer means nothing then.
    """
    again_at = RUN.due_at - handed_again_ms
    counted = case((again_at > now, again_at - GRACE_MS), (RUN.due_at > now, RUN.due_at), else_=now)
    handed_again = (RUN.due_at > now) & (RUN.woken_at < now - GRACE_MS)
    abandoned = (RUN.state == RunState.FANNING) & (
        or_(RUN.lease_until.is_(None), RUN.lease_until < now)
    )
    due = (
        select(RUN.id)
        .where(
            RUN.finished_at.is_(None),
            RUN.due_at <= until,  # of those begun as well: the far-off ones are not looked at
            or_(RUN.state == RunState.SCHEDULED, abandoned),
            or_(RUN.woken_at.is_(None), RUN.woken_at < woken_before, handed_again),
        )
        .order_by(RUN.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")  # PostgreSQL evaluates one that locks exactly once
    )
    statement = (
        update(Run)
        .where(RUN.id.in_(select(due.c.id)))
        .values(woken_at=counted)
        .returning(RUN.id, RUN.due_at, RUN.message_id, RUN.app_id)
    )
    return [DueRun._make(row) for row in connection.execute(statement)]


_RELEASE = (
    update(Run)
    .where(
        RUN.id == bindparam("run_id"),
        RUN.state.in_([*RunMove.BEGIN.sources, RunState.FANNING]),
        func.coalesce(RUN.lease_until, 0).in_([bindparam("before"), bindparam("behind")]),
    )
    .values(lease_until=None, woken_at=bindparam("now"))
    .returning(RUN.id, RUN.due_at, RUN.message_id, RUN.app_id)
)


def release_lost(
    connection: Connection, fan_outs: Iterable[tuple[int, int, int]], now: int
) -> list[DueRun]:
    """End the leases of fan-outs whose worker is gone; return the runs that are to be woken.

    A fan-out is a run and the leases (0: none) that it may have left there: where there is
    another, somebody else has the run. It goes on at its checkpoint, as after any lease.
    """
    lost = (
        {"run_id": run_id, "before": before, "behind": behind, "now": now}
        for run_id, before, behind in fan_outs
    )
    return [DueRun._make(row) for one in lost for row in connection.execute(_RELEASE, one)]


def oldest_unbegun(connection: Connection, now: int) -> int | None:
    """Return since when the longest waiting run could have begun; None where none waits."""
    waiting = (RUN.finished_at.is_(None), RUN.due_at <= now, RUN.state == RunState.SCHEDULED)
    statement = select(RUN.due_at).where(*waiting).order_by(RUN.due_at).limit(1)
    return connection.execute(statement).scalar_one_or_none()


def list_upcoming(connection: Connection, app_id: str | None, limit: int) -> list[Upcoming]:
    """List what will fire when, the next first."""
    statement = (
        select(
            RUN.message_id,
            MESSAGE.channel,
            RUN.n,
            RUN.due_at,
            RUN.state,
            RUN.zone,
            RUN.zone_default,
            MESSAGE.delivery_options,
        )
        .join(Message, MESSAGE.id == RUN.message_id)
        .where(RUN.finished_at.is_(None), RUN.started_at.is_(None))
        .order_by(RUN.due_at)
        .limit(limit)
    )
    if app_id is not None:
        statement = statement.where(RUN.app_id == app_id)
    return [
        Upcoming(**(row | {"delivery_options": DeliveryOptions.from_json(row["delivery_options"])}))
        for row in map(dict, connection.execute(statement).mappings())
    ]
