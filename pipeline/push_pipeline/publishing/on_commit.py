"""What waits for the commit of a caller's session: done once, and for what it commits only."""

import asyncio
from collections.abc import Callable
from typing import Final

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction, scoped_session

#: Where a session keeps what waits, each with the transaction or savepoint that it belongs to.
_KEY: Final = "push_pipeline.after_commit"

_Waiting = list[tuple[SessionTransaction, Callable[[], object]]]


def after_commit(session: Session | scoped_session[Session], do: Callable[[], object]) -> None:
    """Call when the session's transaction is committed.

    Never where it, or the savepoint that is open now, is rolled back. The commit of a savepoint
    makes nothing durable, so that nothing is done at it.
    """
    real = _real(session)
    part = real.get_nested_transaction() or real.get_transaction() or real.begin()
    if _KEY not in real.info:
        real.info[_KEY] = []
        event.listen(real, "after_commit", _committed)
        event.listen(real, "after_soft_rollback", _drop)
        event.listen(real, "after_transaction_end", _forget)
    real.info[_KEY].append((part, do))


def waits_for_commit(session: Session) -> bool:
    """Say whether anything waits for the commit of a session."""
    return bool(session.info.get(_KEY))


def _real(session: Session | scoped_session[Session]) -> Session:
    """Return the session behind a registry of them, such as Flask-SQLAlchemy's `db.session`.

    Listened to itself, a registry means the class of its sessions: the commit of any other
    request would wake too early, and the own one nobody.
    """
    return session() if isinstance(session, scoped_session) else session


def _committed(session: Session) -> None:
    if session.in_nested_transaction():
        return
    waiting: _Waiting = session.info[_KEY]
    for _, do in waiting:
        _do_beside_a_loop(do)


def _do_beside_a_loop(do: Callable[[], object]) -> None:
    """Do it; an event loop, which commits by a session of asyncio, does not wait for it."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        do()
    else:
        loop.run_in_executor(None, do)


def _drop(session: Session, ended: SessionTransaction) -> None:
    waiting: _Waiting = session.info[_KEY]
    session.info[_KEY] = [one for one in waiting if not _is_part(one[0], ended)]


def _forget(session: Session, ended: SessionTransaction) -> None:
    """Forget what a session kept that was closed without a commit, or that has been done."""
    if ended.parent is None:
        session.info[_KEY] = []


def _is_part(inner: SessionTransaction | None, outer: SessionTransaction) -> bool:
    while inner is not None and inner is not outer:
        inner = inner.parent
    return inner is outer
