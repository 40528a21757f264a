"""The schema of before its names began with `pipeline_`: found, and renamed where it stands.

Up to revision 0005 the tables were called `app`, `message`, `run`…, and their revision stood in
Alembic's default table. Both names belong to hosts as well, so what is found is looked at
closely before it is taken for ours.
"""

from sqlalchemy import Connection, inspect, text

from push_pipeline.errors import SetupError

#: The tables of then, and what they are called now.
RENAMED = {
    "app_user": "pipeline_user",
    **{
        name: f"pipeline_{name}"
        for name in (
            *("app", "api_key", "app_access", "credential", "channel", "device"),
            *("subscription", "template", "message", "run", "batch", "delivery"),
            *("set_aside", "heartbeat"),
        )
    },
}

#: What tables of then had, all of it at once: no host has these by chance.
_PROOF = {
    "batch": {"run_id", "members", "claims", "stalls", "settled", "noted"},
    "delivery": {"run_id", "device_key", "outcome", "settled_at"},
    "device": {"app_id", "device_id", "token", "registered_at"},
    "run": {"message_id", "n", "due_at", "cursor"},
}

_OLD_VERSION_TABLE = "alembic_version"

_OLD_REVISIONS = frozenset({"0001", "0002", "0003", "0004", "0005"})

#: Names on PostgreSQL begin with the table's: keys, checks and foreign keys; indexes; sequences.
_CONSTRAINTS = text("SELECT conname FROM pg_constraint WHERE conrelid = to_regclass(:name)")
_INDEXES = text("SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"
                " AND tablename = :name")  # fmt: skip
_SEQUENCE = text("SELECT pg_get_serial_sequence(:name, 'id')")


def adopt(connection: Connection, version_table: str) -> str | None:
    """Give the schema of then its new names; return its revision, or None where there is none.

    Raises:
        SetupError: a table with a name of ours is there, and nothing says that it is ours.
    """
    tables = set(inspect(connection).get_table_names())
    _refuse_foreign(tables)
    found = _old_revision(connection, tables)
    if found is None:
        return None
    for old, new in RENAMED.items():
        if old in tables:
            _rename(connection, old, new)
    _move_revision(connection, found, version_table)
    return found


def _refuse_foreign(tables: set[str]) -> None:
    ours = {*RENAMED.values(), "pipeline_dead_letter", "pipeline_schema"}
    if taken := sorted(tables & ours):
        raise SetupError(
            f"the database has a table {taken[0]} that this release did not make: rename it, or"
            " give push-pipeline a database of its own (PIPELINE_DATABASE_URL)"
        )


def _old_revision(connection: Connection, tables: set[str]) -> str | None:
    if not {_OLD_VERSION_TABLE, *_PROOF} <= tables or not _is_ours(connection):
        return None
    rows = set(connection.scalars(text(f"SELECT version_num FROM {_OLD_VERSION_TABLE}")))  # noqa: S608 - a constant
    return max(rows & _OLD_REVISIONS, default=None)


def _is_ours(connection: Connection) -> bool:
    inspector = inspect(connection)
    return all(
        columns <= {column["name"] for column in inspector.get_columns(table)}
        for table, columns in _PROOF.items()
    )


def _rename(connection: Connection, old: str, new: str) -> None:
    """Rename a table with its constraints, indexes and sequence."""
    if connection.dialect.name == "postgresql":
        _rename_its_names(connection, old, new)
    else:
        _rename_its_indexes(connection, old)
    connection.execute(text(f'ALTER TABLE "{old}" RENAME TO "{new}"'))


def _rename_its_names(connection: Connection, old: str, new: str) -> None:
    constraints = connection.scalars(_CONSTRAINTS, {"name": f'"{old}"'}).all()
    for name in constraints:
        wanted = new + name.removeprefix(old)
        connection.execute(text(f'ALTER TABLE "{old}" RENAME CONSTRAINT "{name}" TO "{wanted}"'))
    for name in connection.scalars(_INDEXES, {"name": old}).all():
        if not name.startswith(new):  # a key's index went with its constraint
            connection.execute(text(f'ALTER INDEX "{name}" RENAME TO "pipeline_{name}"'))
    if "id" in {column["name"] for column in inspect(connection).get_columns(old)}:
        sequence = connection.scalar(_SEQUENCE, {"name": f'"{old}"'})
        if sequence is not None:
            connection.execute(text(f'ALTER SEQUENCE {sequence} RENAME TO "{new}_id_seq"'))


def _rename_its_indexes(connection: Connection, old: str) -> None:
    """SQLite renames no index: made anew from its own words, before the table's name changes."""
    made = text("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :name"
                " AND sql IS NOT NULL")  # fmt: skip
    for name, words in connection.execute(made, {"name": old}).all():
        connection.execute(text(f'DROP INDEX "{name}"'))
        connection.exec_driver_sql(words.replace(name, f"pipeline_{name}", 1))


def _move_revision(connection: Connection, found: str, version_table: str) -> None:
    connection.execute(
        text(f"CREATE TABLE IF NOT EXISTS {version_table} (version_num VARCHAR(32) NOT NULL,"
             f" CONSTRAINT {version_table}_pkc PRIMARY KEY (version_num))")
    )  # fmt: skip
    connection.execute(text(f"INSERT INTO {version_table} VALUES (:found)"), {"found": found})  # noqa: S608 - a constant
    connection.execute(
        text(f"DELETE FROM {_OLD_VERSION_TABLE} WHERE version_num = :found"),  # noqa: S608 - a constant
        {"found": found},
    )
    if connection.execute(text(f"SELECT 1 FROM {_OLD_VERSION_TABLE}")).first() is None:  # noqa: S608 - a constant
        connection.execute(text(f"DROP TABLE {_OLD_VERSION_TABLE}"))
