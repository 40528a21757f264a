"""What drills do to a PostgreSQL of their own: each begins at once, and ends by itself."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

from push_pipeline.supervisor.postgres_server import PostgresServer

#: Seconds that a snapshot is held: as long as any drill.
A_DRILL = 600.0

#: Seconds between two looks for sessions that were opened anew.
_AGAIN = 1.0


def end_sessions(server: PostgresServer, seconds: float) -> None:
    """End all sessions, and those that come anew, for a time."""

    def end_all() -> Iterator[float]:
        for _ in range(int(seconds / _AGAIN)):
            server.signal_sessions(server.sessions(), signal.SIGTERM)
            yield _AGAIN

    _meanwhile(end_all)


def hold_batches(server: PostgresServer, seconds: float) -> None:
    """Lock all batches in a transaction that does nothing then."""

    def hold() -> Iterator[float]:
        with server.connect() as connection, connection.transaction():
            connection.execute("SELECT id FROM pipeline_batch FOR UPDATE")
            yield seconds

    _meanwhile(hold)


def hold_snapshot(server: PostgresServer, _seconds: float) -> None:
    """Keep a snapshot, so that no row that was dead since can be cleaned away."""

    def hold() -> Iterator[float]:
        with server.connect() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.execute("SELECT count(*) FROM pipeline_batch")
            yield A_DRILL

    _meanwhile(hold)


def hold_all_connections(server: PostgresServer, seconds: float) -> None:
    """Take up every connection that the server gives, the workers' as well."""

    def hold() -> Iterator[float]:
        with ExitStack() as held:
            server.signal_sessions(server.sessions(), signal.SIGTERM)
            _take_all(server, held)
            yield seconds

    _meanwhile(hold)


def freeze_sessions(server: PostgresServer, seconds: float) -> None:
    """Let all sessions answer nothing while their connections stay open."""

    def freeze() -> Iterator[float]:
        pids = server.sessions()
        server.signal_sessions(pids, signal.SIGSTOP)
        yield seconds
        server.signal_sessions(pids, signal.SIGCONT)

    _meanwhile(freeze)


def _take_all(server: PostgresServer, held: ExitStack) -> None:
    import psycopg

    with suppress(psycopg.OperationalError):
        while True:
            connection: Any = server.connect()
            held.callback(connection.close)


def _meanwhile(trouble: Callable[[], Iterator[float]]) -> None:
    """Go on beside a trouble, which yields the seconds that it waits for; return once it began."""
    import psycopg  # as above

    begun = threading.Event()

    def work() -> None:
        with suppress(psycopg.Error):  # the server was stopped meanwhile
            for wait in trouble():
                begun.set()
                threading.Event().wait(wait)
        begun.set()

    threading.Thread(target=work, daemon=True).start()
    begun.wait()
