"""Our SQL in a session of the host's, and so in the transaction of its request."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session


@contextmanager
def guest_connection(session: Session, *, reading: bool) -> Iterator[Connection]:
    """Open a savepoint of a session's transaction, or only take part in it for reading."""
    connection = session.connection()
    if reading:
        yield connection
        return
    _begin(connection)
    with session.begin_nested():
        yield session.connection()


def _begin(connection: Connection) -> None:
    """Begin on SQLite, whose driver does so at the first change only.

    A savepoint would be a transaction of its own, committed at its end, and a transaction that
    has read before it writes may be refused ("database is locked") where it could wait.
    """
    if connection.dialect.name != "sqlite":
        return
    driver: Any = connection.connection.driver_connection
    if not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def engine_of(session: Session) -> Engine:
    """Return the engine that a session is bound to; no connection is opened."""
    return session.get_bind().engine


def session_of_extension(app: Flask) -> Session | None:
    """Return the session that Flask-SQLAlchemy has for the application context that is open."""
    sessions = getattr(app.extensions.get("sqlalchemy"), "session", None)
    found = sessions() if callable(sessions) else None
    return found if isinstance(found, Session) else None
