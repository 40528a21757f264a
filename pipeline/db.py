"""The engine, made on first use in each process, and the two kinds of transaction.

PostgreSQL (psycopg 3) and SQLite (WAL) behind one code path. `writing()` and `reading()` are
the only ways in: on SQLite a writing transaction takes its lock at BEGIN, so that it waits for
its turn instead of failing in the middle, and a reading one never blocks a writer.
"""

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection as Connection  # noqa: PLC0414 - exported
from sqlalchemy import Engine, bindparam, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Dialect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import BigInteger, Boolean, Text, TypeDecorator
from sqlmodel import SQLModel

from pipeline.errors import DatabaseUnavailable, SchemaMissing, SettingsError
from pipeline.settings import get_settings

#: Seconds a SQLite writer waits for its turn.
SQLITE_BUSY_SECONDS = 30

#: Connections one process may hold to PostgreSQL. A worker child needs one, a web process a few.
POOL_SIZE = 5

_engines: dict[tuple[int, str], Engine] = {}


def engine() -> Engine:
    """Return this process's engine; a forked child gets its own and touches no inherited socket."""
    url = get_settings().database_url
    key = (os.getpid(), url)
    if key not in _engines:
        _abandon_inherited()
        _engines[key] = make_engine(url)
    return _engines[key]


def dispose() -> None:
    """Close this process's connections."""
    for (pid, _), made in list(_engines.items()):
        if pid == os.getpid():
            made.dispose()
    _engines.clear()


def _abandon_inherited() -> None:
    """Forget a parent's engines without closing the sockets that the parent still uses."""
    for pid, url in list(_engines):
        if pid != os.getpid():
            _engines.pop((pid, url)).dispose(close=False)


def make_engine(url: str) -> Engine:
    """Build an engine for a database URL.

    Raises:
        SettingsError: the URL cannot be read or names a database that is not supported.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed)
    try:
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_size=POOL_SIZE,
            pool_pre_ping=True,
            hide_parameters=True,  # tokens are among them, and errors are logged
        )
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


def _sqlite_engine(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    made = create_engine(url, connect_args={"timeout": SQLITE_BUSY_SECONDS}, hide_parameters=True)
    event.listen(made, "connect", _tune_sqlite)
    event.listen(made, "begin", _begin_sqlite)
    return made


def _tune_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own transaction handling is switched off: it would begin too late (at the
    # first write), which is how SQLite writers come to fail with "database is locked".
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def writing() -> Iterator[Connection]:
    """Open a transaction that may write; commit at the end, roll back on an error.

    Raises:
        DatabaseUnavailable, SchemaMissing: in place of the driver's errors.
    """
    with _translated(), engine().begin() as connection:
        yield connection


@contextmanager
def reading() -> Iterator[Connection]:
    """Open a transaction that only reads, and reads one consistent picture throughout."""
    with _translated(), engine().connect() as connection:
        options: dict[str, Any] = {"reading": True}
        if connection.dialect.name == "postgresql":
            options["isolation_level"] = "REPEATABLE READ"
        connection.execution_options(**options)
        with connection.begin():
            yield connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise translate(error) from error


def translate(error: DBAPIError) -> Exception:
    """Name a driver's error in our words, or return it as it is where it is a defect."""
    words = str(error.orig)
    if "no such table" in words or "UndefinedTable" in type(error.orig).__name__:
        return SchemaMissing()
    if isinstance(error, OperationalError) or error.connection_invalidated:
        first_line = words.strip().splitlines()[0] if words.strip() else "no answer"
        return DatabaseUnavailable(f"the database cannot be used: {first_line}")
    return error


def insert_into(connection: Connection, table: type[SQLModel]) -> postgresql.Insert | sqlite.Insert:
    """Begin an INSERT that knows ON CONFLICT, which both databases spell alike."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


class List(TypeDecorator[Any]):
    """A list as one bound text: an array literal of numbers, or JSON.

    The driver's own arrays are written item by item in Python, which for a batch's thousand
    keys costs more than the query.
    """

    impl = Text
    cache_ok = True

    def __init__(self, item: type[BigInteger] | type[Text]) -> None:
        super().__init__()
        self.item = item

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        """Write the list as `any_of` reads it."""
        if dialect.name == "postgresql" and self.item is BigInteger:
            return "{" + ",".join(map(str, value)) + "}"
        return json.dumps(list(value))


class any_of(FunctionElement[bool]):  # noqa: N801 - reads as a function in a query
    """`column` is one of `values`, bound as one value however many there are.

    `IN` with a thousand parameters costs more to compile and send than to answer. `values` may
    be a bound parameter of the type `List`, for a statement that is built once.
    """

    inherit_cache = True
    name = "any_of"
    type = Boolean()

    def __init__(
        self, column: Any, values: Sequence[int] | Sequence[str] | BindParameter[Any]
    ) -> None:
        if not isinstance(values, BindParameter):
            item = Text if values and isinstance(values[0], str) else BigInteger
            values = bindparam(None, list(values), type_=List(item), unique=True)
        super().__init__(column, values)


@compiles(any_of)
def _any_of(element: any_of, compiler: SQLCompiler, **keywords: Any) -> str:
    column, values = element.clauses
    left = compiler.process(column, **keywords)
    right = compiler.process(values, **keywords)
    if compiler.dialect.name == "sqlite":
        return f"{left} IN (SELECT value FROM json_each({right}))"  # noqa: S608 - both are compiled
    if isinstance(values.type, List) and values.type.item is BigInteger:
        return f"{left} = ANY (CAST({right} AS bigint[]))"
    texts = f"SELECT jsonb_array_elements_text(CAST({right} AS jsonb))"
    return f"{left} = ANY (ARRAY({texts}))"
