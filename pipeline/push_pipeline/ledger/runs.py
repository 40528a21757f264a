"""Runs: begun by one fan-out at a time, advanced by checkpoints, closed when nothing is open."""

from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    bindparam,
    case,
    exists,
    func,
    select,
    update,
)

from push_pipeline.ledger.messages import NOBODY_NAMED_IS_THERE, close_message
from push_pipeline.ledger.state_machine import SENDABLE, MessageState, RunMove, RunState
from push_pipeline.ledger.values import ClosedRun
from push_pipeline.models import BATCH, MESSAGE, RUN, Message, Run
from push_pipeline.options import DeliveryOptions
from push_pipeline.ready import Answer, Ready, among, together
from push_pipeline.schedule import EARLY_MS, ROUND, firing_of, round_of
from push_pipeline.tracing import of_firing


class RunView(NamedTuple):
    """A run with its message: what the fan-out and the delivery need to know of it."""

    id: int
    n: int
    app_id: str
    message_id: str
    channel: str
    state: str
    due_at: int
    expires_at: int
    audience: int
    cursor: int
    bulk: bool
    lease_until: int | None
    content: dict[str, Any]
    delivery_options: DeliveryOptions
    zone: str | None
    zone_default: bool
    rate: float | None
    traceparent: str | None = None
    canary: int | None = None

    @property
    def trace(self) -> str | None:
        """The trace context of this firing of the message."""
        return of_firing(self.traceparent, firing_of(self.n, self.zone))


_VIEW = select(
    RUN.id,
    RUN.n,
    RUN.app_id,
    RUN.message_id,
    MESSAGE.channel,
    RUN.state,
    RUN.due_at,
    RUN.expires_at,
    RUN.audience,
    RUN.cursor,
    RUN.bulk,
    RUN.lease_until,
    MESSAGE.content,
    MESSAGE.delivery_options,
    RUN.zone,
    RUN.zone_default,
    RUN.rate,
    MESSAGE.traceparent,
    RUN.canary,
).join(Message, MESSAGE.id == RUN.message_id)

# Built once, as all that every push asks: to build a statement costs as much as to execute it.
_FIND = Ready(_VIEW.where(RUN.id == bindparam("run_id")))


def find_run(connection: Connection, run_id: int) -> RunView | None:
    """Read a run with its message, or None where it does not exist."""
    rows = _FIND.rows(connection, {"run_id": run_id})
    if not rows:
        return None
    values = dict(zip(RunView._fields, rows[0], strict=True))
    options = DeliveryOptions.from_json(values["delivery_options"])
    return RunView(**{**values, "delivery_options": options})


_BEGIN = Ready(
    update(Run)
    .where(
        RUN.id == bindparam("run_id"),
        RUN.lease_until.is_not_distinct_from(bindparam("seen_lease", type_=BigInteger)),
        RUN.state == bindparam("seen_state"),
        among(RUN.state, (*RunMove.BEGIN.sources, RunState.FANNING)),
    )
    .values(
        state=RunState.FANNING,
        lease_until=bindparam("new_lease"),
        started_at=func.coalesce(RUN.started_at, bindparam("now", type_=BigInteger)),
    )
)


def begin(connection: Connection, run: RunView, now: int, lease_until: int) -> bool:
    """Take the fan-out of a run, new or abandoned; False where somebody else has it."""
    seen = {"run_id": run.id, "seen_lease": run.lease_until, "seen_state": run.state}
    values = {**seen, "new_lease": lease_until, "now": now}
    return _BEGIN.count(connection, values) == 1


_AT_CHECKPOINT = (
    RUN.id == bindparam("run_id"),
    RUN.cursor == bindparam("seen_cursor"),
    RUN.state == RunState.FANNING,
)


@cache  # for a page that is the last, and for one that is not
def _advance_with(changed: tuple[str, ...]) -> Ready:
    return Ready(
        update(Run)
        .where(*_AT_CHECKPOINT)
        .values(
            cursor=bindparam("new_cursor"),
            audience=RUN.audience + bindparam("added"),
            **{name: bindparam(f"new_{name}") for name in changed},
        )
    )


def advance(
    connection: Connection, run: RunView, *, cursor: int, added: int, changes: dict[str, Any]
) -> bool:
    """Move the checkpoint of a fan-out in the transaction that writes the page's batches.

    False where the checkpoint is not where this fan-out left it, or the run is no longer being
    fanned out (paused, cancelled): the page must be rolled back. So no member ever gets a
    second batch row, however many fan-outs of one run there are.
    """
    values = {"run_id": run.id, "seen_cursor": run.cursor, "new_cursor": cursor, "added": added}
    values |= {f"new_{name}": value for name, value in changes.items()}
    return _advance_with(tuple(changes)).count(connection, values) == 1


def release(connection: Connection, run: RunView, now: int) -> None:
    """Give a fan-out back before its end, to whoever is woken next."""
    connection.execute(
        update(Run)
        .where(RUN.id == run.id, RUN.cursor == run.cursor, RUN.state == RunState.FANNING)
        .values(lease_until=None, woken_at=now)
    )


_STATE = Ready(select(RUN.state, RUN.stopped_routes).where(RUN.id == bindparam("run_id")))


def is_sendable(connection: Connection, run_id: int, environment: str) -> bool:
    """Tell whether a run's batches of a route may be sent now: not paused, cancelled, stopped."""
    return any(
        state in SENDABLE and environment not in (stopped or {})
        for state, stopped in _STATE.rows(connection, {"run_id": run_id})
    )


def stop_route(connection: Connection, run_id: int, environment: str, reason: str) -> None:
    """Stop a run on one route until an operator resumes it, and say why; the others go on."""
    open_run = (RUN.id == run_id, RUN.finished_at.is_(None))
    seen = select(RUN.stopped_routes).where(*open_run).with_for_update()
    row = connection.execute(seen).one_or_none()
    if row is None:
        return
    stopped = {**(row[0] or {}), environment: reason}
    words = "; ".join(stopped.values())
    connection.execute(
        update(Run).where(*open_run).values(stopped_routes=stopped, error_message=words)
    )


def find_stopped(connection: Connection, limit: int) -> list[tuple[str, str]]:
    """Find the messages that the guard has stopped somewhere, and why."""
    rows = connection.execute(
        select(RUN.message_id, RUN.error_message)
        .where(RUN.finished_at.is_(None), RUN.error_message.is_not(None))
        .order_by(RUN.id)
        .limit(limit)
    )
    return [(str(message_id), str(reason)) for message_id, reason in rows]


def end_canaries(connection: Connection, now: int) -> int:
    """Let runs wait for a look whose canary is out; return how many."""
    out = (
        RUN.state.in_(RunMove.HOLD.sources),
        RUN.finished_at.is_(None),
        RUN.due_at <= now + EARLY_MS,
        RUN.canary.is_not(None),
        RUN.audience >= RUN.canary,
        ~exists().where(BATCH.run_id == RUN.id, BATCH.finished_at.is_(None)).correlate(Run),
    )
    statement = update(Run).where(*out).values(state=RunState.PAUSED, lease_until=None)
    return connection.execute(statement).rowcount


def find_sent(connection: Connection, now: int, limit: int) -> list[int]:
    """Find runs that are being sent and have nothing open any more."""
    # None of them is due later: said so that those that are, however many, are not looked at.
    begun = RUN.due_at <= now + EARLY_MS
    statement = select(RUN.id).where(begun, *_NOTHING_OPEN).limit(limit)
    return [key for key in connection.scalars(statement) if key is not None]


_NOTHING_OPEN = (
    RUN.finished_at.is_(None),
    among(RUN.state, (*RunMove.FINISH.sources, RunState.CANCELLED)),
    ~exists().where(BATCH.run_id == RUN.id, BATCH.finished_at.is_(None)).correlate(Run),
)


# When its first devices were reached: batches are few, and the end of a run comes once.
_FIRST_ACCEPTED = (
    select(func.min(BATCH.finished_at))
    .where(BATCH.run_id == bindparam("run_id"), BATCH.accepted > 0)
    .scalar_subquery()
)

# Asked after every batch, so it is built once.
_IS_DONE = Ready(select(RUN.id).where(RUN.id == bindparam("run_id"), *_NOTHING_OPEN))


def is_done(connection: Connection, run_id: int) -> bool:
    """Tell whether a run that is not finished yet has nothing open."""
    return bool(_IS_DONE.rows(connection, {"run_id": run_id}))


class _Closed(NamedTuple):
    """A run that was closed, as it is then."""

    id: int
    message_id: str
    n: int
    zone: str | None
    audience: int
    not_found_count: int
    state: str
    due_at: int
    bulk: bool


_CLOSE = Ready(
    update(Run)
    .where(RUN.id == bindparam("run_id"), *_NOTHING_OPEN)
    .values(
        # One that was cancelled stays so: only its open batches kept it from its end.
        state=case((RUN.state == RunState.CANCELLED, RUN.state), else_=RunState.FINISHED),
        finished_at=bindparam("now"),
        lease_until=None,
    )
    .returning(*(RUN[name] for name in _Closed._fields))
)

# What decides how the message of a run that has just ended stands.
_ENDED = RUN.id.table.alias("ended")
_ITS_MESSAGE = select(_ENDED.c.message_id).where(_ENDED.c.id == bindparam("run_id"))
_OF_ITS_MESSAGE = RUN.message_id == _ITS_MESSAGE.scalar_subquery()
# Of two runs that end in the same moment neither sees the other's end: one waits here for it.
_MESSAGE_OF_MANY = Ready(
    select(MESSAGE.id)
    .where(
        MESSAGE.id == _ITS_MESSAGE.scalar_subquery(),
        exists().where(_OF_ITS_MESSAGE, RUN.id != bindparam("run_id")),
    )
    .with_for_update(key_share=True)
)
_OF_CLOSED = Ready(
    select(
        exists().where(_OF_ITS_MESSAGE, RUN.finished_at.is_(None)),
        select(func.max(RUN.n)).where(_OF_ITS_MESSAGE).scalar_subquery(),
        select(func.coalesce(func.sum(BATCH.accepted + BATCH.unknown), 0))
        .where(BATCH.run_id == bindparam("run_id"))
        .scalar_subquery(),
        _FIRST_ACCEPTED,
    )
)


def close_if_done(connection: Connection, run_id: int, now: int) -> ClosedRun | None:
    """Finish a run that has nothing open, and its message if that was its last run.

    Whoever finishes a batch asks after its own commit: then the last one to commit sees all
    the others, and one of them closes the run without anybody counting under a lock. Only the
    one whose batch is the whole run need not wait, as there are no others.
    """
    with together(connection):
        closing = begin_closing(connection, run_id, now)
    return end_closing(connection, closing, now)


class Closing(NamedTuple):
    """What was asked to close a run."""

    closed: Answer
    of_closed: Answer


def begin_closing(connection: Connection, run_id: int, now: int) -> Closing:
    """Finish a run that has nothing open, and ask what that means for its message."""
    closed = _CLOSE.send(connection, {"run_id": run_id, "now": now})
    _MESSAGE_OF_MANY.send(connection, {"run_id": run_id})
    return Closing(closed, _OF_CLOSED.send(connection, {"run_id": run_id}))


def end_closing(connection: Connection, closing: Closing, now: int) -> ClosedRun | None:
    """Finish its message if that was its last run; None where the run was not finished."""
    if not closing.closed.rows:
        return None
    run = _Closed._make(closing.closed.rows[0])
    [(goes_on, newest, reached, first_accepted)] = closing.of_closed.rows
    if not goes_on:
        _close_message(connection, run, newest, reached, now)
    ended = now if run.state == RunState.FINISHED else None
    seconds, first_seconds = (_since(run.due_at, at) for at in (ended, first_accepted))
    return ClosedRun(run.id, run.bulk, seconds, first_seconds)


def _since(due_at: int, at: int | None) -> float | None:
    return None if at is None else max(0, at - due_at) / 1000  # it may begin a moment early


def _close_message(
    connection: Connection, run: _Closed, newest: int, reached: int, now: int
) -> None:
    """Write how a message ended, after its last run."""
    if run.zone is None and run.n == newest:
        reach = _Reach(run.audience, run.not_found_count, reached)
    else:
        reach = _reach_of_last(connection, run.message_id)
    close_message(connection, run.message_id, *_end_of_message(reach), now)


class _Reach(NamedTuple):
    """Whom the runs that decide of a message were for, and whom they reached."""

    audience: int
    not_found: int
    reached: int


def _reach_of_last(connection: Connection, message_id: str) -> _Reach:
    """Add up what decides of a message: of a repeat its last run, of waves the last round."""
    last = (
        select(RUN.id, RUN.n, RUN.zone, RUN.audience, RUN.not_found_count)
        .where(RUN.message_id == message_id)
        .order_by(RUN.n.desc())
        .limit(1)
    )
    newest = connection.execute(last).one()
    waves = select(RUN.id, RUN.audience, RUN.not_found_count).where(
        RUN.message_id == message_id, RUN.n > round_of(newest.n) * ROUND
    )
    of_runs = [newest] if newest.zone is None else connection.execute(waves).all()
    reached = connection.execute(
        select(func.coalesce(func.sum(BATCH.accepted + BATCH.unknown), 0)).where(
            BATCH.run_id.in_([run.id for run in of_runs])
        )
    ).scalar_one()
    return _Reach(
        sum(run.audience for run in of_runs), sum(run.not_found_count for run in of_runs), reached
    )


def _end_of_message(reach: _Reach) -> tuple[MessageState, str | None]:
    """Return how a message ended, and why it failed where it did."""
    if not reach.audience and reach.not_found:
        return MessageState.FAILED, NOBODY_NAMED_IS_THERE
    if reach.audience and not reach.reached:
        error = f"none of the {reach.audience} devices of the audience could be reached"
        return MessageState.FAILED, error
    return MessageState.PUBLISHED, None
