"""The schema's history: `upgrade()` brings a database up to date, whoever else does the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from push_pipeline.errors import SchemaMissing, SchemaTooNew
from push_pipeline.migrations import compatibility, prefixing
from push_pipeline.migrations.compatibility import SchemaState

#: Where this history notes its revision: the default name belongs to a host's own history.
VERSION_TABLE = "pipeline_alembic_version"

#: A number of our own for PostgreSQL's advisory lock; any constant does.
LOCK = 7_305_806_421


def upgrade(engine: Engine) -> str | None:
    """Bring the schema up to date and return the revision that it had before.

    Safe to run twice and at the same time: the second waits for the first (an advisory lock
    on PostgreSQL, the write lock on SQLite) and then finds nothing to do. All or nothing. Tables
    of a host in the same database, and its own Alembic history, are not touched. Nor is the
    schema of a newer release that this one can work with.

    Raises:
        SetupError: a table with a name of ours is somebody else's.
        SchemaTooNew: a newer release made the schema, and this one cannot work with it.
    """
    with engine.connect() as connection, _tables_may_be_rebuilt(connection), connection.begin():
        return upgrade_within(connection)


def upgrade_within(connection: Connection) -> str | None:
    """Do as `upgrade`, in a transaction that is open; SQLite checks no foreign keys in it.

    Raises:
        SetupError: a table with a name of ours is somebody else's.
        SchemaTooNew: a newer release made the schema, and this one cannot work with it.
    """
    _wait_for_turn(connection)
    before = revision(connection)
    if before is None:
        before = prefixing.adopt(connection, VERSION_TABLE)
    elif (found := state(connection)).too_new:
        _refuse_unusable(found)
        return before
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    compatibility.leave_note(connection, head())
    return before


def revision(connection: Connection) -> str | None:
    """Return the revision that a database is at, or None where it has no schema."""
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def head() -> str:
    """Return the newest revision that this release knows."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None  # noqa: S101 - the package ships at least one revision
    return newest


def state(connection: Connection) -> SchemaState:
    """Tell what a database has, and whether this release can work with it."""
    found, newest = revision(connection), head()
    if found in (None, newest):
        return compatibility.judge(found, newest, frozenset(), None)
    script = ScriptDirectory.from_config(_config())
    known = frozenset(one.revision for one in script.walk_revisions())
    return compatibility.judge(found, newest, known, compatibility.read_note(connection))


def check_usable(connection: Connection) -> None:
    """Make sure that this release can work with a database's schema.

    Raises:
        SchemaMissing: it has none, or that of an older release.
        SchemaTooNew: a newer release made it, and this one cannot work with it.
    """
    _refuse_unusable(state(connection))


def _refuse_unusable(found: SchemaState) -> None:
    if not found.usable:
        error = SchemaTooNew if found.too_new else SchemaMissing
        raise error(f"the database's schema: {found.says}")


def _wait_for_turn(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


@contextmanager
def _tables_may_be_rebuilt(connection: Connection) -> Iterator[None]:
    """Keep SQLite from emptying the tables that refer to one while that is built anew.

    Said to the driver, since SQLite heeds it only outside a transaction.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - it was just taken from the pool
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
