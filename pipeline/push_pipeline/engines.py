"""Engines for the two databases, tuned: PostgreSQL (psycopg 3) and SQLite (WAL)."""

import os
import select
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry, PoolResetState

from push_pipeline.errors import SettingsError
from push_pipeline.ready import DIRECT

#: Seconds a SQLite writer waits for its turn.
SQLITE_BUSY_SECONDS = 30

#: Seconds between two tries at what it does not wait for by itself.
SQLITE_PAUSE_SECONDS = 0.01

#: Seconds between two looks of a writer whether it is its turn.
SQLITE_TURN_SECONDS = 0.002

#: Connections to PostgreSQL that a process keeps open. A worker child needs one, a web process few.
POOL_SIZE = 5

#: Connections that it has at the most, where a setting says nothing else.
MOST_CONNECTIONS = 10

#: Seconds for which an idle connection is trusted that has nothing to read. No firewall forgets
#: one that soon.
TRUSTED_SECONDS = 30.0

#: Milliseconds. PostgreSQL ends a session that does nothing for so long in the middle of a
#: transaction: the locks of a process that was frozen would stay for ever. Between two
#: statements of ours lies the building of a page or of a batch's rows, well below a second.
IDLE_IN_TRANSACTION_MS = 60_000


def make_engine(url: str, connections: int = MOST_CONNECTIONS) -> Engine:
    """Build an engine for a database URL, with so many connections to PostgreSQL at the most.

    Who finds all of them busy waits for one, up to half a minute.

    Raises:
        SettingsError: the URL cannot be read or names a database that is not supported.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed)
    try:
        return _postgresql_engine(parsed, connections)
    except ModuleNotFoundError as error:
        raise SettingsError(
            "PostgreSQL needs its driver: pip install push-pipeline[postgres]"
        ) from error


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError) as error:
        raise SettingsError("PIPELINE_DATABASE_URL is not a database URL") from error
    if backend not in {"postgresql", "postgres", "sqlite"}:
        raise SettingsError("PIPELINE_DATABASE_URL must begin with postgresql:// or sqlite:///")
    return parsed


def _postgresql_engine(url: URL, connections: int) -> Engine:
    kept = min(POOL_SIZE, connections)
    made = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=kept,
        max_overflow=connections - kept,
        pool_reset_on_return=None,  # `_roll_back` does, where there is anything to roll back
        hide_parameters=True,  # tokens are among them, and errors are logged
        execution_options={DIRECT: True},
    )
    event.listen(made, "connect", _tune_postgresql)
    event.listen(made, "checkout", partial(_refuse_a_lost_one, made.dialect.do_ping))
    event.listen(made, "checkin", _note_idle)
    event.listen(made, "reset", _roll_back)
    return made


def _refuse_a_lost_one(
    ping: Callable[[Any], bool], connection: Any, record: ConnectionPoolEntry, _: object
) -> None:
    """Have a connection replaced, and those beside it, which the server ended while it was idle.

    The server's farewell, or the end of the stream, is there to be read: so a connection with
    nothing to read needs no round trip to be trusted. Where a firewall forgot it nothing comes,
    so one that was idle for longer is asked.
    """
    if not _is_there(ping, connection, record.info):
        raise InvalidatePoolError


def note_kept(connection: Connection) -> None:
    """Note that a connection is idle now, though it is not back in the pool."""
    connection.info["idle_since"] = time.monotonic()


def is_there(connection: Connection) -> bool:
    """Tell whether a connection that was kept is still one, as it is told of those in the pool."""
    driver = connection.connection.driver_connection
    return _is_there(connection.dialect.do_ping, driver, connection.info)


def _is_there(ping: Callable[[Any], bool], driver: Any, info: Mapping[Any, Any]) -> bool:
    idle_since = info.get("idle_since")
    if idle_since is None:  # it is new
        return True
    try:
        if time.monotonic() - idle_since > TRUSTED_SECONDS or _has_something_to_read(driver):
            ping(driver)
    except driver.Error:
        return False
    return True


def _has_something_to_read(connection: Any) -> bool:
    look = select.poll()
    look.register(connection.fileno(), select.POLLIN)
    return bool(look.poll(0))


def _note_idle(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["idle_since"] = time.monotonic()


def _roll_back(connection: Any, _record: ConnectionPoolEntry, state: PoolResetState) -> None:
    """End a transaction that its owner left open; nearly none is, and to ask costs nothing."""
    if not state.terminate_only and connection.info.transaction_status:
        connection.rollback()


def is_pooled(connection: Any) -> bool:
    """Tell whether a psycopg connection goes through a pooler, which gives us many servers.

    A pooler (PgBouncer) makes up the process number that a client is told when it connects.
    """
    told = connection.info.backend_pid
    return bool(connection.execute("SELECT pg_backend_pid()").fetchone()[0] != told)


#: What a session is told. A plan for any value is kept for as long as nobody analyses the table:
#: one that was made when it had a page would read the whole table, however large it has grown
#: (a push to one device cost four times as much after some thousand in a new database). With the
#: penalty, where there is no other way than the whole table, nothing is to be compiled for it.
_SESSION = """SELECT set_config('idle_in_transaction_session_timeout', %s, false),
    set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false)"""


def _tune_postgresql(connection: Any, _record: object) -> None:
    if is_pooled(connection):
        # What is prepared or set in one transaction would be another client's in the next one.
        connection.prepare_threshold = None
        connection.commit()
        return
    # A statement, not parameters of the connection: poolers refuse those that they do not know.
    connection.execute(_SESSION, (str(IDLE_IN_TRANSACTION_MS),))
    connection.commit()


@contextmanager
def autocommit(connection: Connection) -> Iterator[None]:
    """Have each statement of a connection to PostgreSQL be a transaction of its own.

    SQLAlchemy's own way to it changes the session's isolation twice.
    """
    driver: Any = connection.connection.driver_connection
    driver.autocommit = True
    try:
        yield
    finally:
        if not driver.info.transaction_status:  # else it is lost, and is not used again
            driver.autocommit = False


def _sqlite_engine(url: URL) -> Engine:
    if url.database and url.database != ":memory:" and not url.database.startswith("file:"):
        _make_private(Path(url.database))
    made = create_engine(url, connect_args={"timeout": SQLITE_BUSY_SECONDS}, hide_parameters=True)
    event.listen(made, "connect", _tune_sqlite)
    event.listen(made, "begin", _begin_sqlite)
    return made


def _make_private(file: Path) -> None:
    """Make a new database file readable by its owner alone: tokens and texts are in it.

    What SQLite puts beside it gets the same mode. One that exists keeps what its owner gave it.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(OSError):  # it exists, or SQLite says what is wrong with the place
        os.close(os.open(file, os.O_CREAT | os.O_EXCL, 0o600))


def _tune_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own transaction handling is switched off: it would begin too late (at the
    # first write), which is how SQLite writers come to fail with "database is locked".
    connection.isolation_level = None
    _write_ahead(connection)
    # Synced at each commit, a quarter of a millisecond: without it a machine that loses power
    # loses the last ones, and a message of which publish said that it cannot be lost.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Keep the journal as a log, which a file remembers.

    The one statement for which SQLite does not wait its turn, however long it may: of two who
    open a new file at the same moment one would fail.
    """
    gives_up = time.monotonic() + SQLITE_BUSY_SECONDS
    pause = threading.Event()
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > gives_up:
                raise
            pause.wait(SQLITE_PAUSE_SECONDS)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("reading", False):
        connection.exec_driver_sql("BEGIN")
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        if not _has_begun_in_turn(driver):
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # says what is wrong
    finally:
        driver.execute(f"PRAGMA busy_timeout = {round(SQLITE_BUSY_SECONDS * 1000)}")


def _has_begun_in_turn(driver: sqlite3.Connection) -> bool:
    """Begin a transaction that writes, as soon as no other does; False where that fails.

    SQLite's own waiting sleeps longer and longer, up to a tenth of a second, while transactions
    of a millisecond come and go: of workers' children each waited half of its time.
    """
    gives_up = time.monotonic() + SQLITE_BUSY_SECONDS
    pause = threading.Event()
    while True:
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY  # or a kind of it
            if not is_busy or time.monotonic() > gives_up:
                return False
        else:
            return True
        pause.wait(SQLITE_TURN_SECONDS)
