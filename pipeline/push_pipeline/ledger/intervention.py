"""Cancel, pause and resume: an operator's hand on a message, before and in the middle of it."""

from sqlalchemy import Connection, Update, case, select, update

from push_pipeline.clock import now_ms
from push_pipeline.directory.provider_routes import believe_refusals
from push_pipeline.ledger.activities import end_unstarted
from push_pipeline.ledger.batches import ROUTE_OF_BATCH
from push_pipeline.ledger.state_machine import MessageMove, MessageState, RunMove, RunState
from push_pipeline.models import BATCH, CREDENTIAL, MESSAGE, RUN, Batch, Credential, Message, Run


def cancel_message(connection: Connection, app_id: str, message_id: str, now: int) -> bool:
    """End a message and all its runs; False where there is nothing left to end.

    Runs that had begun keep their open batches until a worker has settled them: members that
    nobody was sending to end as cancelled, those in doubt as unknown.
    """
    _wait_for_runs(connection, message_id)
    ended = connection.execute(
        update(Message)
        .where(
            MESSAGE.id == message_id,
            MESSAGE.app_id == app_id,
            MESSAGE.state.in_(MessageMove.CANCEL.sources),
        )
        .values(state=MessageState.CANCELLED, ended_at=now)
    )
    if ended.rowcount == 0:
        return False
    connection.execute(
        update(Run)
        .where(
            RUN.message_id == message_id,
            RUN.finished_at.is_(None),
            RUN.state.in_(RunMove.CANCEL.sources),
        )
        .values(
            state=RunState.CANCELLED,
            finished_at=case((RUN.started_at.is_(None), now), else_=None),
            lease_until=None,
        )
    )
    _hasten_batches(connection, message_id, now)
    end_unstarted(connection, app_id, message_id, now)
    return True


def pause_message(connection: Connection, app_id: str, message_id: str) -> int:
    """Stop the runs of a message where they are; return how many were going on or waiting."""
    _wait_for_runs(connection, message_id)
    statement = (
        update(Run)
        .where(
            RUN.message_id == message_id,
            RUN.app_id == app_id,
            RUN.finished_at.is_(None),
            RUN.state.in_(RunMove.PAUSE.sources),
        )
        .values(state=RunState.PAUSED)
    )
    return connection.execute(statement).rowcount


def resume_message(connection: Connection, app_id: str, message_id: str) -> int:
    """Let the paused runs of a message go on where they stood; return how many.

    A run that the guard had stopped is not stopped by it again: whoever resumes it has looked
    at the credentials; the same goes for routes that it holds. No member is sent to twice for
    it: the checkpoint and the batch rows are what they were.
    """
    statement = (
        update(Run)
        .where(
            RUN.message_id == message_id,
            RUN.app_id == app_id,
            RUN.state.in_(RunMove.RESUME.sources),
        )
        .values(
            state=case(
                (RUN.started_at.is_(None), RunState.SCHEDULED),
                (RUN.fanned_at.is_(None), RunState.FANNING),
                else_=RunState.SENDING,
            ),
            guarded=RUN.guarded & RUN.error_message.is_(None),
            error_message=None,
            canary=case((RUN.audience >= RUN.canary, None), else_=RUN.canary),
            woken_at=None,
            lease_until=None,
        )
    )
    resumed = connection.execute(statement).rowcount
    if resumed:
        _forget_wake_ups(connection, message_id)
    now = now_ms()
    stopped = _resume_stopped(connection, app_id, message_id, now)
    if resumed and not stopped:
        return resumed
    return resumed + stopped + _resume_routes(connection, app_id, message_id, now)


def _resume_stopped(connection: Connection, app_id: str, message_id: str, now: int) -> int:
    """Let runs go on where the guard had stopped them on a route; return how many."""
    _wait_for_runs(connection, message_id)
    resumed = connection.execute(
        update(Run)
        .where(
            RUN.message_id == message_id,
            RUN.app_id == app_id,
            RUN.finished_at.is_(None),
            RUN.stopped_routes.is_not(None),
        )
        .values(stopped_routes=None, guarded=False, error_message=None)
    ).rowcount
    if resumed:
        _hasten_batches(connection, message_id, now)
    return resumed


def _resume_routes(connection: Connection, app_id: str, message_id: str, now: int) -> int:
    """Let a message go on whose routes the guard holds; return how many these are."""
    found = connection.scalars(
        select(CREDENTIAL.id)
        .distinct()
        .select_from(Run)
        .join(Batch, BATCH.run_id == RUN.id)
        .join(Credential, ROUTE_OF_BATCH)
        .where(RUN.message_id == message_id, RUN.app_id == app_id, BATCH.finished_at.is_(None))
    )
    opened = believe_refusals(connection, [key for key in found if key is not None], now)
    if opened:
        _wait_for_runs(connection, message_id)
        connection.execute(
            update(Run)
            .where(RUN.message_id == message_id, RUN.finished_at.is_(None))
            .values(guarded=False)
        )
        _hasten_batches(connection, message_id, now)
    return opened


def _wait_for_runs(connection: Connection, message_id: str) -> None:
    """Lock the open runs, so that what follows sees all that others are just committing.

    Who begins a run writes the next one in the same transaction: a statement that began before
    its commit would change the one and not see the other. And it is the order in which whoever
    closes a run goes on to its message; the other way round the two would end in a deadlock.
    """
    connection.execute(
        select(RUN.id)
        .where(RUN.message_id == message_id, RUN.finished_at.is_(None))
        .order_by(RUN.id)
        .with_for_update()
    )


def _hasten_batches(connection: Connection, message_id: str, now: int) -> None:
    """Make waiting batches due, so that they are settled now and not after their wait."""
    connection.execute(_open_batches(message_id).values(not_before=now, woken_at=None))


def _forget_wake_ups(connection: Connection, message_id: str) -> None:
    """Ask for new wake-ups: those that came meanwhile found the run paused and are gone."""
    connection.execute(_open_batches(message_id).values(woken_at=None))


def _open_batches(message_id: str) -> Update:
    runs = select(RUN.id).where(RUN.message_id == message_id)
    return update(Batch).where(BATCH.run_id.in_(runs), BATCH.finished_at.is_(None))
