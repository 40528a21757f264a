"""Databases that tests have one after another: emptied, where that leaves them as they were.

Making one and dropping it takes PostgreSQL longer than most tests, and an engine that knows the
database already has its statements compiled.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg import sql

from tests.services import Postgres

#: Where Linux keeps files in memory, and how much of it must be free to be used.
MEMORY, ENOUGH_BYTES = Path("/dev/shm"), 1_000_000_000

#: All that tests have been seen to change beside rows: tables, columns, statistics, settings.
_SHAPE = """
SELECT (SELECT md5(string_agg(concat_ws(' ', oid, relname, reloptions), ',' ORDER BY oid))
          FROM pg_class WHERE oid >= 16384),
       (SELECT md5(string_agg(concat_ws(' ', attrelid, attname, atttypid, attnotnull, atthasdef),
                              ',' ORDER BY attrelid, attnum))
          FROM pg_attribute WHERE attrelid >= 16384),
       (SELECT md5(string_agg(oid::text, ',' ORDER BY oid)) FROM pg_constraint),
       (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_proc WHERE oid >= 16384),
       (SELECT count(*) FROM pg_statistic WHERE starelid >= 16384),
       (SELECT count(*) FROM pg_db_role_setting), (SELECT count(*) FROM pg_roles),
       (SELECT version_num FROM pipeline_alembic_version),
       (SELECT string_agg(note::text, ',') FROM pipeline_schema AS note)
"""

_CUT_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

_BEGIN_SEQUENCES_ANEW = """
SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
  FROM pg_sequences WHERE last_value IS NOT NULL
"""

_TABLES = """
SELECT tablename FROM pg_tables
 WHERE schemaname = 'public' AND tablename NOT IN ('pipeline_alembic_version', 'pipeline_schema')
"""


class PostgresDatabases:
    """Copies of a template on one server, each given to one test at a time."""

    def __init__(self, server: Postgres, template: str) -> None:
        self._server, self._template = server, template
        self._free: list[str] = []
        self._shapes: dict[str, object] = {}

    def take(self) -> str:
        """Return the name of a database with the schema and no row."""
        if self._free:
            return self._free.pop()
        name = self._server.create(self._template)
        with self._connect(name) as connection:
            self._shapes[name] = connection.execute(_SHAPE).fetchone()
        return name

    def give_back(self, name: str) -> None:
        """Empty a database for the next test; one that was changed otherwise is dropped."""
        with suppress(psycopg.Error):
            if self._is_emptied(name):
                self._free.append(name)
                return
        self._server.drop(name)

    def _is_emptied(self, name: str) -> bool:
        with self._connect(name) as connection:
            connection.execute(_CUT_OTHERS)
            if connection.execute(_SHAPE).fetchone() != self._shapes[name]:
                return False
            full = _full_tables(connection)
            if full:
                connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(full)))
            connection.execute(_BEGIN_SEQUENCES_ANEW)
        return True

    def _connect(self, name: str) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self._server.directory), user="postgres", dbname=name, autocommit=True
        )


def _full_tables(connection: psycopg.Connection) -> list[sql.Identifier]:
    tables = [sql.Identifier(name) for (name,) in connection.execute(_TABLES)]
    asked = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(number, table)
        for number, table in enumerate(tables)
    )
    return [tables[number] for (number,) in connection.execute(asked)]


@contextmanager
def directory_in_memory() -> Iterator[Path]:
    """Make a directory in which no commit waits for a disk; where memory is short, on one."""
    roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH_BYTES
    with TemporaryDirectory(prefix="sqlite-", dir=MEMORY if roomy else None) as name:
        yield Path(name)


class SqliteFile:
    """A file that is a fresh copy of a template for each test, always at the same path."""

    def __init__(self, template: Path, directory: Path) -> None:
        self._template = template
        self.path = directory / "pipeline.db"

    def renew(self) -> str:
        """Put a copy of the template in the place of what a test has left; return its URL."""
        for name in (f"{self.path}-wal", f"{self.path}-shm", self.path):
            Path(name).unlink(missing_ok=True)  # whoever still has it open keeps the old one
        shutil.copyfile(self._template, self.path)
        return f"sqlite:///{self.path}"
