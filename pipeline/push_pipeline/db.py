"""The engine, made on first use in each process, and the kinds of transaction.

PostgreSQL (psycopg 3) and SQLite (WAL) behind one code path. `writing()`, `reading()` and, for
what need not be one transaction, `singly()` and `glancing()` are the only ways in: on SQLite a
writing transaction takes its lock at BEGIN, so that it waits for its turn instead of failing in
the middle, and a reading one never blocks a writer. In a process of a host that shares its
database, all are part of the host's transaction.
"""

import json
import os
import sys
import threading
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from sqlalchemy import Connection as Connection  # noqa: PLC0414 - exported
from sqlalchemy import Engine, Select, bindparam, func, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import ARRAY, BigInteger, Boolean, LargeBinary, Text, TypeDecorator
from sqlmodel import SQLModel

from push_pipeline import engines
from push_pipeline.engines import make_engine as make_engine  # noqa: PLC0414 - exported
from push_pipeline.errors import DatabaseUnavailable, SchemaMissing
from push_pipeline.host import program, sharing
from push_pipeline.ready import Ready
from push_pipeline.settings import get_settings, spelled
from push_pipeline.shown_address import shown

_engines: dict[tuple[str, int], Engine] = {}
_owner = os.getpid()
_making = threading.Lock()


def engine() -> Engine:
    """Return this process's engine, the same to all its threads.

    A forked child has its own connections: it touches no inherited socket, and keeps what its
    parent had compiled.
    """
    settings = get_settings()
    address = settings.database_url, settings.database_connections
    with _making:
        _let_go_of_inherited()
        if address not in _engines:
            _engines[address] = make_engine(*address)
        return _engines[address]


def close_connections() -> None:
    """Close this process's connections; what the engines have compiled stays."""
    with _making:
        _let_go_of_inherited()
        for made in _engines.values():
            made.dispose()


def dispose() -> None:
    """Close this process's connections and forget the engines."""
    close_connections()
    _engines.clear()


def _let_go_of_inherited() -> None:
    """Forget a parent's connections without closing the sockets that the parent still uses."""
    global _owner  # noqa: PLW0603 - the process that the connections belong to
    if os.getpid() != _owner:
        for made in _engines.values():
            made.dispose(close=False)
        _owner = os.getpid()


def _in_a_forked_child() -> None:
    """Make the lock anew: a thread that the child does not have may hold it."""
    global _making, _at_hand
    _making, _at_hand = threading.Lock(), _AtHand()


os.register_at_fork(after_in_child=_in_a_forked_child)


@contextmanager
def writing() -> Iterator[Connection]:
    """Open a transaction that may write; commit at the end, roll back on an error.

    Inside a transaction of a host that shares its database, nothing is durable before that
    commits.

    Raises:
        DatabaseUnavailable, SchemaMissing: in place of the driver's errors.
    """
    host = sharing()
    with _translated(), host.connect(reading=False) if host else _pool().begin() as connection:
        yield connection


def is_a_server() -> bool:
    """Tell whether the database is PostgreSQL and ours alone: it works while we do other things."""
    return sharing() is None and engine().dialect.name == "postgresql"


@contextmanager
def singly() -> Iterator[Connection]:
    """Open a connection on which each statement is a transaction of its own.

    That is one round trip to PostgreSQL instead of three. On SQLite, and where a host shares its
    database, all of them are one transaction as in `writing()`.
    """
    if not is_a_server():
        with writing() as connection:
            yield connection
        return
    with _translated(), _alone() as connection:
        yield connection


@contextmanager
def keeping() -> Iterator[None]:
    """Keep at hand what `singly` and `glancing` take from the pool, for this thread in this block.

    To take a connection and give it back costs as much as a statement. A thread has no second one
    for it: who opens a transaction gives the one at hand back first.
    """
    if _at_hand.keeps:
        yield
        return
    _at_hand.keeps = True
    try:
        yield
    finally:
        _at_hand.keeps = False
        _at_hand.let_go()


class _AtHand(threading.local):
    """The connection that a thread keeps between two statements, if it keeps one."""

    keeps = False
    way_back: ExitStack | None = None
    connection: Connection

    def take(self) -> tuple[Connection, ExitStack]:
        """Return the connection that is kept, or another one, and how it is given back."""
        way_back, self.way_back = self.way_back, None
        if way_back is not None and engines.is_there(self.connection):
            return self.connection, way_back
        if way_back is not None:
            self.connection.invalidate()
            way_back.close()
        fresh = ExitStack()
        return fresh.enter_context(_one_of_the_pool()), fresh

    def keep(self, connection: Connection, way_back: ExitStack) -> None:
        """Keep a connection that was used without an error, or give it back."""
        if not self.keeps or self.way_back is not None:
            way_back.close()
            return
        engines.note_kept(connection)
        self.connection, self.way_back = connection, way_back

    def let_go(self) -> None:
        """Give back what is kept."""
        way_back, self.way_back = self.way_back, None
        if way_back is not None:
            way_back.close()


_at_hand = _AtHand()


@contextmanager
def _one_of_the_pool() -> Iterator[Connection]:
    with engine().connect() as connection, engines.autocommit(connection):
        yield connection


@contextmanager
def _alone() -> Iterator[Connection]:
    """Open a connection to PostgreSQL on which each statement is a transaction of its own."""
    connection, way_back = _at_hand.take()
    try:
        yield connection
    except BaseException:
        way_back.close()
        raise
    _at_hand.keep(connection, way_back)


def _pool() -> Engine:
    """Return the engine, for a transaction; what this thread keeps is given back for it."""
    _at_hand.let_go()
    return engine()


@contextmanager
def glancing() -> Iterator[Connection]:
    """Open a connection on which each statement reads by itself, what is there at its moment.

    That is one round trip to PostgreSQL instead of three. On SQLite, and where a host shares its
    database, all of them are one transaction as in `reading()`.
    """
    with singly() if is_a_server() else reading() as connection:
        yield connection


def after_commit(do: Callable[[], object]) -> None:
    """Call when what `writing()` wrote is durable: now, or when the host's transaction is."""
    host = sharing()
    if host is None:
        do()
    else:
        host.after_commit(do)


@contextmanager
def reading() -> Iterator[Connection]:
    """Open a transaction that only reads, and reads one consistent picture throughout.

    In the process of a host that shares its database it is the host's, as isolated as that is.
    """
    host = sharing()
    with _translated(), host.connect(reading=True) if host else _snapshot() as connection:
        yield connection


@contextmanager
def _snapshot() -> Iterator[Connection]:
    with _pool().connect() as connection:
        options: dict[str, Any] = {"reading": True}
        if connection.dialect.name == "postgresql":
            options["isolation_level"] = "REPEATABLE READ"
        connection.execution_options(**options)
        with connection.begin():
            yield connection


def is_pooled(connection: Connection) -> bool:
    """Tell whether a pooler stands between us and the database."""
    if connection.dialect.name != "postgresql" or sharing() is not None:
        return False
    return engines.is_pooled(connection.connection.driver_connection)


def be_patient(connection: Connection) -> None:
    """Let this transaction wait for as long as it likes between two statements.

    For reading only, where what is read goes to somebody who may pause.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise translate(error) from error
    except PoolTimeout as error:
        raise DatabaseUnavailable(
            "every connection of this process to the database is busy:"
            f" {spelled('database_connections')} says how many there may be"
        ) from error


#: What PostgreSQL says where a failover has left us with a server that only reads.
_READ_ONLY = "25006"


def translate(error: DBAPIError) -> Exception:
    """Name a driver's error in our words, or return it as it is where it is a defect."""
    words = str(error.orig)
    if "no such table" in words or "UndefinedTable" in type(error.orig).__name__:
        return SchemaMissing(f"the database has no schema yet: run `{program()} migrate`")
    away = isinstance(error, OperationalError) or error.connection_invalidated
    if away or getattr(error.orig, "sqlstate", None) == _READ_ONLY:
        first_line = words.strip().splitlines()[0] if words.strip() else "no answer"
        return DatabaseUnavailable(f"the database cannot be used ({whereabouts()}): {first_line}")
    return error


def whereabouts() -> str:
    """Say for an operator which database is meant."""
    return "the one of the application" if sharing() else shown(get_settings().database_url)


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
            item = Text if isinstance(column.type, Text) else BigInteger
            values = bindparam(None, list(values), type_=List(item), unique=True)
        super().__init__(column, values)

    def self_group(self, against: Any = None) -> Self:  # noqa: ARG002 - the base's signature
        """Stand in a condition as it is: with SQLAlchemy's `= 1` SQLite takes no index for it."""
        return self


class found_in(FunctionElement[bool]):  # noqa: N801 - as `any_of`
    """`column` is one of what a query finds, which is made first, and looked up one by one.

    A planner that joins the two may read the whole table in the order of its key beside the few
    that the query finds: what a small channel costs would grow with the installation.
    """

    inherit_cache = True
    name = "found_in"
    type = Boolean()

    def __init__(self, column: Any, query: Select[Any]) -> None:
        super().__init__(column, query.scalar_subquery())

    def self_group(self, against: Any = None) -> Self:  # noqa: ARG002 - the base's signature
        """Stand in a condition as it is, as `any_of` does."""
        return self


class array_of(FunctionElement[Sequence[int]]):  # noqa: N801 - as `any_of`
    """What a query finds as one value: an array of PostgreSQL's."""

    inherit_cache = True
    name = "array_of"
    type = ARRAY(BigInteger)

    def __init__(self, query: Select[Any]) -> None:
        super().__init__(query.scalar_subquery())


class _Keys(TypeDecorator[Any]):
    """Device keys as `keys_of` gives them: bytes of PostgreSQL, JSON of SQLite."""

    impl = LargeBinary
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> "array[int]":
        """Read them, in order."""
        if dialect.name == "sqlite":
            return array("q", sorted(json.loads(value)))
        keys = array("q", bytes(value))
        if sys.byteorder == "little":
            keys.byteswap()
        found = keys.tolist()
        ordered = sorted(found)
        return keys if found == ordered else array("q", ordered)  # in order they mostly come

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ARG002
        """Read what the driver gives as it is: SQLite's is a text."""
        return lambda value: None if value is None else self.process_result_value(value, dialect)


class keys_of(FunctionElement[Any]):  # noqa: N801 - as `any_of`
    """The keys of a group as one value, in order: an `array("q")`.

    A row for each costs Python as much as everything else that is done with them. They are put
    in order here: in PostgreSQL each comparison is one of the group's texts as well, which costs
    twenty times as much.
    """

    inherit_cache = True
    name = "keys_of"
    type = _Keys()


@contextmanager
def grouping(connection: Connection) -> Iterator[None]:
    """Have the database group many rows by a hash and not sort them, in a block of a transaction.

    PostgreSQL takes what `found_in` finds for ten rows, which it would rather sort: that costs
    four times as much. SQLite has no other way than its own.
    """
    if connection.dialect.name == "sqlite":
        yield
        return
    _SORT.send(connection, {"may": "off"})
    yield
    _SORT.send(connection, {"may": "on"})


_SORT = Ready(select(func.set_config("enable_sort", bindparam("may"), true())), early=False)


class _Texts(TypeDecorator[Any]):
    """Texts as `texts_of` gives them: lines of PostgreSQL, JSON of SQLite."""

    impl = Text
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> list[str]:
        """Read them, in the order of their keys."""
        if dialect.name == "sqlite":
            return [text for _, text in sorted(json.loads(value))]
        return str(value).split("\n")


class texts_of(FunctionElement[Any]):  # noqa: N801 - as `any_of`
    """The texts of a group as one value, in the order in which `keys_of` gives its keys.

    None of them may hold a line break.
    """

    inherit_cache = True
    name = "texts_of"
    type = _Texts()

    def __init__(self, key: Any, text: Any) -> None:
        super().__init__(key, text)


class beside(FunctionElement[str]):  # noqa: N801 - as `any_of`
    """Some texts as one, with commas between; NULL where one of them is."""

    inherit_cache = True
    name = "beside"
    type = Text()


class lines_of(FunctionElement[str]):  # noqa: N801 - as `any_of`
    """A text of each row of a group, all as one with commas between; rows where it is NULL not."""

    inherit_cache = True
    name = "lines_of"
    type = Text()


@compiles(beside)
def _beside(element: beside, compiler: SQLCompiler, **keywords: Any) -> str:
    return " || ',' || ".join(compiler.process(part, **keywords) for part in element.clauses)


@compiles(lines_of)
def _lines_of(element: lines_of, compiler: SQLCompiler, **keywords: Any) -> str:
    line = compiler.process(element.clauses, **keywords)
    aggregate = "group_concat" if compiler.dialect.name == "sqlite" else "string_agg"
    return f"{aggregate}({line}, ',')"


@compiles(texts_of)
def _texts_of(element: texts_of, compiler: SQLCompiler, **keywords: Any) -> str:
    key, text = (compiler.process(part, **keywords) for part in element.clauses)
    if compiler.dialect.name == "sqlite":
        return f"json_group_array(json_array({key}, {text}))"
    return f"string_agg({text}, chr(10) ORDER BY {key})"


@compiles(keys_of)
def _keys_of(element: keys_of, compiler: SQLCompiler, **keywords: Any) -> str:
    key = compiler.process(element.clauses, **keywords)
    if compiler.dialect.name == "sqlite":
        return f"json_group_array({key})"
    return f"string_agg(int8send({key}), ''::bytea)"


@compiles(array_of)
def _array_of(element: array_of, compiler: SQLCompiler, **keywords: Any) -> str:
    return f"ARRAY{compiler.process(element.clauses, **keywords)}"


@compiles(found_in)
def _found_in(element: found_in, compiler: SQLCompiler, **keywords: Any) -> str:
    left, query = (compiler.process(part, **keywords) for part in element.clauses)
    if compiler.dialect.name == "sqlite":
        return f"{left} IN {query}"
    return f"{left} = ANY (ARRAY{query})"


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
