"""Our SQL on Django's own connection, inside Django's own transaction.

SQLAlchemy compiles and sends; Django connects, begins, commits and closes. So what a view
publishes is committed or rolled back with the view's rows, savepoints included.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg, PGExecutionContext_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.pool import NullPool


@contextmanager
def guest_connection(alias: str | None, *, reading: bool = False) -> Iterator[Connection]:
    """Open a savepoint of the transaction of Django that is open, or a transaction.

    A transaction of its own that is only for reading reads one consistent picture.
    """
    name = alias or DEFAULT_DB_ALIAS
    alone = not connections[name].in_atomic_block
    with transaction.atomic(using=name), _engine(name).connect() as connection:
        if reading and alone and connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield connection


@cache
def _engine(alias: str) -> Engine:
    """Build the engine that asks Django for a connection each time: it keeps none."""
    connections[alias].ensure_connection()
    vendor = connections[alias].vendor
    return create_engine(
        f"push_pipeline_{vendor}+django://",
        creator=lambda: connections[alias].connection,
        poolclass=NullPool,
        pool_reset_on_return=None,
        hide_parameters=True,  # tokens are among them, and errors are logged
        **({"use_native_hstore": False} if vendor == "postgresql" else {}),
    )


class _Guest(DefaultDialect):
    """A dialect that leaves to Django when a transaction or a connection begins and ends."""

    def on_connect(self) -> Any:
        """Change nothing of a connection that is the host's: its functions, its handlers."""

    def do_begin(self, dbapi_connection: object) -> None:
        """Leave it to Django."""

    do_commit = do_rollback = do_close = do_terminate = do_begin


class _OwnCursors(PGExecutionContext_psycopg):
    """Cursors that read JSON; those of Django's connection give its text."""

    def create_default_cursor(self) -> Any:
        """Make one on Django's connection, without its adapters for JSON."""
        from psycopg import Cursor
        from psycopg.rows import tuple_row
        from psycopg.types.json import JsonbLoader, JsonLoader

        connection: Any = self._dbapi_connection.driver_connection
        cursor = Cursor(connection, row_factory=tuple_row)
        cursor.adapters.register_loader("json", JsonLoader)
        cursor.adapters.register_loader("jsonb", JsonbLoader)
        return cursor


class GuestPostgresql(_Guest, PGDialect_psycopg):
    """PostgreSQL by psycopg 3, on a connection of Django's."""

    supports_statement_cache = True
    execution_ctx_cls = _OwnCursors


class GuestSqlite(_Guest, SQLiteDialect_pysqlite):
    """SQLite, on a connection of Django's."""

    supports_statement_cache = True


registry.register("push_pipeline_postgresql.django", __name__, "GuestPostgresql")
registry.register("push_pipeline_sqlite.django", __name__, "GuestSqlite")
