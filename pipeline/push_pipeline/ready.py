"""Statements that are said all the time: compiled once, and executed by the driver itself.

What SQLAlchemy does for each execution (its context, the keys of its result) costs a worker two
to three times what the driver takes. It executes them all the same where the driver is SQLite's,
or a host's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Insert, Select, Update, or_
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import LargeBinary, TypeDecorator, TypeEngine

#: The option of an engine whose driver reads and writes values as `Ready` takes them to.
DIRECT = "push_pipeline_direct"

_Change = Callable[[Any], Any]


class _Compiled(NamedTuple):
    """A statement for a dialect: its text, the values in it, and what changes others on the way."""

    text: str
    fixed: Mapping[str, Any]
    bound: Sequence[tuple[str, _Change]]
    read: Sequence[tuple[int, _Change]]
    binary: bool  # whether it finds bytes: as text they are twice as many, to be read one by one


_made: list["Ready"] = []


class Answer:
    """What a statement gave; where it was sent with others, it is there when all were sent."""

    def __init__(self, result: Any, read: Sequence[tuple[int, _Change]] = ()) -> None:
        self._result = result
        self._read = read

    @property
    def rows(self) -> Sequence[Sequence[Any]]:
        """What it found, each time it is asked."""
        if not isinstance(self._result, list):
            self._result = self._result.fetchall()
        if self._read:
            self._result, self._read = [_read(row, self._read) for row in self._result], ()
        return self._result

    @property
    def count(self) -> int:
        """How many rows it changed."""
        changed: int = self._result.rowcount
        return changed


class Ready:
    """A statement that is built once and executed with values for its bound parameters.

    It says `among` instead of `IN`, which SQLAlchemy writes anew at each execution. Not `early`
    is one of which there may be any number: it is compiled when it is first said.
    """

    def __init__(
        self, statement: Insert | Select[*tuple[Any, ...]] | Update, *, early: bool = True
    ) -> None:
        self.statement = statement
        self._compiled: _Compiled | None = None
        if early:
            _made.append(self)

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Execute it and return what it finds."""
        return self.send(connection, values).rows

    def count(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Execute it and return how many rows it changed."""
        return self.send(connection, values).count

    def send(self, connection: Connection, values: Mapping[str, Any]) -> Answer:
        """Execute it, or inside `together` have it executed with the others."""
        if not _is_direct(connection):
            result = connection.execute(self.statement, values)
            return Answer(result.all() if result.returns_rows else result)
        compiled = self.compiled(connection.dialect)
        return Answer(_executed(connection, compiled, values), compiled.read)

    def compiled(self, dialect: Dialect) -> _Compiled:
        """Return it as the driver takes it; made once, as a process has one such engine."""
        if self._compiled is None:
            self._compiled = _compile(self.statement, dialect)
        return self._compiled


def compile_all(connection: Connection) -> None:
    """Compile every statement that is made, so that the first push need not."""
    if _is_direct(connection):
        for one in _made:
            one.compiled(connection.dialect)


@contextmanager
def together(connection: Connection) -> Iterator[None]:
    """Send statements to PostgreSQL at once, in one round trip; answers are there at the end.

    Each of them is executed, whatever the one before it changed. Who then finds that one should
    not have been rolls the transaction back.
    """
    if not _is_direct(connection):
        yield
        return
    driver: Any = connection.connection.driver_connection
    try:
        with driver.pipeline():
            yield
    except connection.dialect.loaded_dbapi.Error as error:
        raise _told(connection, "", error) from error


def _is_direct(connection: Connection) -> bool:
    return DIRECT in connection.get_execution_options()


def among(column: ColumnElement[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """Say that a column is one of a few values."""
    return or_(*(column == value for value in values))


def _compile(statement: Insert | Select[Any] | Update, dialect: Dialect) -> _Compiled:
    """Compile for the one dialect of which the driver executes statements."""
    compiled = statement.compile(dialect=dialect)
    changes = {
        name: change
        for name, bind in compiled.binds.items()
        if (change := bind.type.dialect_impl(dialect).bind_processor(dialect)) is not None
    }
    given = {name for name, bind in compiled.binds.items() if bind.required}
    bound = [(name, change) for name, change in changes.items() if name in given]
    fixed = {
        name: changes[name](value) if name in changes else value
        for name, value in compiled.params.items()
        if name not in given
    }
    read = [
        (index, change)
        for index, column in enumerate(statement.exported_columns)
        if isinstance(column.type, TypeDecorator)  # all others are as the driver reads them
        and (change := column.type.result_processor(dialect, None)) is not None
    ]
    binary = any(isinstance(_plain(one.type), LargeBinary) for one in statement.exported_columns)
    return _Compiled(str(compiled), fixed, bound, read, binary)


def _plain(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    return type_.impl_instance if isinstance(type_, TypeDecorator) else type_


def _executed(connection: Connection, compiled: _Compiled, values: Mapping[str, Any]) -> Any:
    """Return the driver's cursor after it; its errors are SQLAlchemy's."""
    bound = {**compiled.fixed, **values}
    for name, change in compiled.bound:
        bound[name] = change(bound[name])
    cursor: Any = connection.connection.cursor()
    try:
        return cursor.execute(compiled.text, bound, binary=compiled.binary)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _told(connection, compiled.text, error) from error


def _told(connection: Connection, text: str, error: Exception) -> BaseException:
    dialect = connection.dialect
    lost = dialect.is_disconnect(error, connection.connection.driver_connection, None)  # type: ignore[arg-type]
    if lost:
        connection.invalidate(error)
    return DBAPIError.instance(
        text,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=lost,
        dialect=dialect,
    )


def _read(row: tuple[Any, ...], changes: Sequence[tuple[int, _Change]]) -> list[Any]:
    values = list(row)
    for index, change in changes:
        if values[index] is not None:
            values[index] = change(values[index])
    return values
