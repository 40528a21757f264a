"""Who takes what is published in the database's place: in the tests of hosts, see `testing`."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from push_pipeline import queues
from push_pipeline.ledger.messages import Receipt
from push_pipeline.publishing.draft import Draft

if TYPE_CHECKING:
    from sqlalchemy.orm import Session, scoped_session


class Recorder(Protocol):
    """Takes drafts, and answers as if they had been written."""

    def take(
        self, draft: Draft, app: str | None, session: "Session | scoped_session[Session] | None"
    ) -> Receipt:
        """Take one draft, which was checked."""


#: The recorder of this thread or task; a test of another thread has its own.
_own: ContextVar[Recorder | None] = ContextVar("push_pipeline_recorder", default=None)

#: All that record now. A thread that a test has started knows no context: the newest is its.
_all: list[Recorder] = []
_lock = threading.Lock()


def recorder() -> Recorder | None:
    """Return who records what is published here, if anybody does."""
    own = _own.get()
    if own is not None or not _all:
        return own
    with _lock:
        return _all[-1] if _all else None


@contextmanager
def recorded_by(one: Recorder) -> Iterator[None]:
    """Let somebody take what is published, in this context and in threads without one."""
    outer = _own.get()
    _own.set(one)
    with _lock:
        _all.append(one)
    try:
        yield
    finally:
        with _lock:
            _all.remove(one)
        _own.set(outer)


def check_broker() -> None:
    """Make sure that workers could be woken of a publish.

    Raises:
        SettingsError: nobody said where the broker is.
    """
    if recorder() is None:
        queues.broker_url()
