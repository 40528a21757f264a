"""The tables in which two Django packages keep devices, read by pages.

A page is a query of its own: one that stayed open would keep SQLite from writing to the same file.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError

from push_pipeline.devices.foreign import (
    Found,
    Record,
    Skipped,
    read_apns_device,
    read_fcm_device,
    read_gcm_device,
    read_webpush_device,
)
from push_pipeline.errors import DatabaseUnavailable, SettingsError
from push_pipeline.shown_address import shown

T = TypeVar("T")

#: The columns of all of these tables that are read; which a table lacks is None.
COLUMNS: Final = (
    *("active", "application_id", "auth", "browser", "cloud_message_type", "date_created"),
    *("device_id", "p256dh", "registration_id", "type", "user_id"),
)

#: Rows of a page.
PAGE = 5_000


@dataclass(frozen=True, slots=True)
class ForeignTable:
    """A table, with the label of its model in Django. Without `read` its rows are skipped."""

    name: str
    model: str
    read: Callable[[Record], Found | Skipped] | None = None

    @property
    def called(self) -> str:
        """Return how its developers call it."""
        return self.model.partition(".")[2]


#: By the name of the package.
TABLES: Final[Mapping[str, Sequence[ForeignTable]]] = {
    "django-push-notifications": (
        ForeignTable(
            "push_notifications_apnsdevice", "push_notifications.APNSDevice", read_apns_device
        ),
        ForeignTable(
            "push_notifications_gcmdevice", "push_notifications.GCMDevice", read_gcm_device
        ),
        ForeignTable("push_notifications_wnsdevice", "push_notifications.WNSDevice"),
        ForeignTable(
            "push_notifications_webpushdevice",
            "push_notifications.WebPushDevice",
            read_webpush_device,
        ),
    ),
    "fcm-django": (ForeignTable("fcm_django_fcmdevice", "fcm_django.FCMDevice", read_fcm_device),),
}


class Tables(Protocol):
    """Where such tables are: a database, or Django's models."""

    def place(self) -> str:
        """Name it, for an error."""

    def count(self, table: ForeignTable) -> int | None:
        """Return how many rows a table has; None where there is no such table."""

    def page(self, table: ForeignTable, after: Any) -> list[tuple[Any, Record]]:
        """Return the first rows behind a primary key, each with its own; None begins."""


def rows(tables: Tables, table: ForeignTable) -> Iterator[tuple[Any, Record]]:
    """Yield the rows of a table with their primary keys, in the order of these."""
    after: Any = None
    while page := tables.page(table, after):
        yield from page
        after = page[-1][0]


class DatabaseTables:
    """The tables of a database, found by its URL. It is only read.

    Raises:
        SettingsError: it is no URL of a database, or that database's driver is not installed.
        DatabaseUnavailable: of the methods; it cannot be reached or read.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        try:
            parsed = make_url(url)
            if parsed.drivername in {"postgresql", "postgres"}:
                parsed = parsed.set(drivername="postgresql+psycopg")
            self._engine = sa.create_engine(parsed, poolclass=sa.NullPool, hide_parameters=True)
        except (ArgumentError, NoSuchModuleError) as error:
            raise SettingsError("--database is not a database URL") from error
        except ModuleNotFoundError as error:
            raise SettingsError(f"the driver of that database is missing: {error.name}") from error
        self._known: dict[str, sa.Table] = {}

    def place(self) -> str:
        """Name the database, without its password."""
        return shown(self._url)

    def count(self, table: ForeignTable) -> int | None:
        """Return how many rows a table has; None where there is no such table."""
        try:
            counting = sa.select(sa.func.count()).select_from(self._table(table))
        except NoSuchTableError:
            return None
        return int(self._rows(counting)[0][0])

    def page(self, table: ForeignTable, after: Any) -> list[tuple[Any, Record]]:
        """Return the first rows behind a primary key, each with its own; None begins."""
        found = self._table(table)
        key = next(iter(found.primary_key))
        columns = [found.c[name] for name in COLUMNS if name in found.c]
        statement = sa.select(key.label("pk"), *columns).order_by(key).limit(PAGE)
        if after is not None:
            statement = statement.where(key > after)
        uuids = [one.name for one in columns if _is_uuid(one)]
        return [(row[0], _with_uuids(row, uuids)) for row in self._rows(statement)]

    def _table(self, table: ForeignTable) -> sa.Table:
        if table.name not in self._known:
            self._known[table.name] = self._asked(
                lambda connection: sa.Table(table.name, sa.MetaData(), autoload_with=connection)
            )
        return self._known[table.name]

    def _rows(self, statement: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        return self._asked(lambda connection: connection.execute(statement).all())

    def _asked(self, ask: Callable[[sa.Connection], T]) -> T:
        try:
            with self._engine.connect() as connection:
                return ask(connection)
        except NoSuchTableError:
            raise
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", error)).splitlines()[0]
            raise DatabaseUnavailable(f"cannot read {self.place()}: {reason}") from error


def _is_uuid(column: sa.Column[Any]) -> bool:
    """Tell whether Django keeps a UUID there, for which SQLite and MySQL have no type."""
    return isinstance(column.type, sa.CHAR) and column.type.length == len(UUID(int=0).hex)


def _with_uuids(row: sa.Row[Any], names: Sequence[str]) -> Record:
    told = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name
    return told | {name: str(UUID(told[name])) for name in names if told[name]}
