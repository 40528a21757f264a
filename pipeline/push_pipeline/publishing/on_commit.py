"""What waits for the commit of a caller's session: done once, and for what it commits only."""

import asyncio
from typing import Final

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction, scoped_session

from push_pipeline import queues
from push_pipeline.queues import Wake

#: Where a session keeps its wake-ups, each with the transaction or savepoint that wrote its run.
_KEY: Final = "push_pipeline.wakes"

_Waiting = list[tuple[SessionTransaction, list[Wake]]]


def wake_after_commit(session: Session | scoped_session[Session], wakes: list[Wake]) -> None:
    """Wake when the session's transaction is committed.

    Never where it, or the savepoint that is open now, is rolled back. The commit of a savepoint
    makes nothing durable, so that nothing is woken by it.
    """
    real = _real(session)
    wrote = real.get_nested_transaction() or real.get_transaction()
    if wrote is None or not wakes:
        return
    if _KEY not in real.info:
        real.info[_KEY] = []
        event.listen(real, "after_commit", _wake)
        event.listen(real, "after_soft_rollback", _drop)
        event.listen(real, "after_transaction_end", _forget)
    real.info[_KEY].append((wrote, wakes))


def _real(session: Session | scoped_session[Session]) -> Session:
    """Return the session behind a registry of them, such as Flask-SQLAlchemy's `db.session`.

    Listened to itself, a registry means the class of its sessions: the commit of any other
    request would wake too early, and the own one nobody.
    """
    return session() if isinstance(session, scoped_session) else session


def _wake(session: Session) -> None:
    if session.in_nested_transaction():
        return
    waiting: _Waiting = session.info[_KEY]
    if woken := [wake for _, wakes in waiting for wake in wakes]:
        _wake_beside_a_loop(woken)


def _wake_beside_a_loop(woken: list[Wake]) -> None:
    """Wake; an event loop, which commits by a session of asyncio, does not wait for the broker."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        queues.wake(woken)
    else:
        loop.run_in_executor(None, queues.wake, woken)


def _drop(session: Session, ended: SessionTransaction) -> None:
    waiting: _Waiting = session.info[_KEY]
    session.info[_KEY] = [one for one in waiting if not _is_part(one[0], ended)]


def _forget(session: Session, ended: SessionTransaction) -> None:
    """Forget what a session kept that was closed without a commit, or has been woken."""
    if ended.parent is None:
        session.info[_KEY] = []


def _is_part(inner: SessionTransaction | None, outer: SessionTransaction) -> bool:
    while inner is not None and inner is not outer:
        inner = inner.parent
    return inner is outer
