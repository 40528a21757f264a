"""One database with a host's tables and its own Alembic history: neither is in the other's way."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Engine, Integer, MetaData, Table, Text, inspect, text
from sqlmodel import Field, SQLModel

from push_pipeline import db, migrations, models
from push_pipeline.errors import SchemaMissing, SetupError
from tests.services import Postgres

DATA = Path(__file__).parents[1] / "data"

HOST_REVISION = """
from alembic import op
import sqlalchemy as sa
revision, down_revision = {revision!r}, {before!r}
def upgrade():
    op.create_table({table!r}, sa.Column("id", sa.Integer, primary_key=True))
def downgrade():
    op.drop_table({table!r})
"""

HOST_ENV = """
from alembic import context
context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
"""

#: Names that hosts like, and that were ours once.
HOST_TABLES = ("message", "device", "run", "app", "batch", "delivery")


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/shared.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.url(server.create())


@pytest.fixture
def engine(url: str):
    made = db.make_engine(url)
    yield made
    made.dispose()


class Host:
    """A host application with an Alembic history of its own, with the default version table."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        (folder / "versions").mkdir(parents=True)
        (folder / "env.py").write_text(HOST_ENV)
        before = None
        for number, table in enumerate(HOST_TABLES, start=1):
            words = HOST_REVISION.format(revision=f"{number:04}", before=before, table=table)
            (folder / "versions" / f"{number:04}.py").write_text(words)
            before = f"{number:04}"

    def upgrade(self, revision: str = "head") -> None:
        config = Config()
        config.set_main_option("script_location", str(self.folder))
        with self.engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)

    @property
    def revision(self) -> str | None:
        with self.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()


@pytest.fixture
def host(engine: Engine, tmp_path: Path) -> Host:
    return Host(engine, tmp_path / "host")


def ours(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return migrations.revision(connection)


def test_a_host_that_migrates_before_beside_and_after_us(engine: Engine, host: Host) -> None:
    host.upgrade("0003")
    assert ours(engine) is None  # its revision is not taken for ours

    migrations.upgrade(engine)
    host.upgrade("0005")  # a revision that we had under this name as well
    migrations.upgrade(engine)
    host.upgrade()
    migrations.upgrade(engine)

    assert (host.revision, ours(engine)) == ("0006", migrations.head())
    tables = set(inspect(engine).get_table_names())
    assert set(HOST_TABLES) < tables
    mine = {name for name in tables if name.startswith("pipeline_")}
    assert tables - mine == {*HOST_TABLES, "alembic_version"}


def test_a_host_at_a_revision_of_ours_is_told_that_there_is_no_schema(
    engine: Engine, host: Host
) -> None:
    host.upgrade("0005")

    with engine.connect() as connection, pytest.raises(SchemaMissing, match="migrate"):
        migrations.check_usable(connection)


def test_with_the_line_of_the_readme_autogenerate_leaves_our_tables(
    engine: Engine, host: Host
) -> None:
    migrations.upgrade(engine)
    host.upgrade()
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    words = readme[readme.index("def include_object(") :]
    told: dict[str, object] = {}
    exec(words[: words.index("\n```")], told)  # as a host copies it
    metadata = MetaData()
    for name in HOST_TABLES:
        Table(name, metadata, Column("id", Integer, primary_key=True))

    with engine.connect() as connection:
        opts = {"include_object": told["include_object"]}
        proposed = compare_metadata(MigrationContext.configure(connection, opts=opts), metadata)

    assert proposed == []


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based")
def test_the_schema_of_before_is_renamed_with_all_that_is_in_it(
    kind: str, url: str, engine: Engine
) -> None:
    bring_old_schema(kind, engine)
    assert ours(engine) is None

    assert migrations.upgrade(engine) == "0005"

    assert ours(engine) == migrations.head()
    with engine.connect() as connection:
        opts = {"version_table": migrations.VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, models.Table.metadata) == []
        kept = [
            "SELECT device_id FROM pipeline_device JOIN pipeline_subscription"
            " ON device_key = pipeline_device.id",
            "SELECT pipeline_run.state FROM pipeline_run JOIN pipeline_message"
            " ON message_id = pipeline_message.id WHERE pipeline_run.id = 3",
            "SELECT reason FROM pipeline_dead_letter",
        ]
        assert [connection.scalar(text(one)) for one in kept] == ["dev-7", "sending", "is no JSON"]
    assert names_of(engine) == names_of_a_fresh_one(engine, url)
    with engine.begin() as connection:  # what refers to a table still does
        connection.execute(text("DELETE FROM pipeline_app"))
        for table in ("device", "subscription", "run"):
            counted = text(f"SELECT count(*) FROM pipeline_{table}")
            assert connection.scalar(counted) == 0, table


def test_the_schema_of_before_beside_a_new_host_history(
    kind: str, engine: Engine, host: Host
) -> None:
    bring_old_schema(kind, engine)
    migrations.upgrade(engine)

    host.upgrade()  # the names and the version table are free for it now

    assert (host.revision, ours(engine)) == ("0006", migrations.head())


def test_a_table_of_somebody_else_with_a_name_of_ours_is_named(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE pipeline_message (id INTEGER)"))

    with pytest.raises(SetupError, match=r"table pipeline_message .* rename it"):
        migrations.upgrade(engine)

    assert inspect(engine).get_table_names() == ["pipeline_message"]


def test_a_schema_that_was_taken_down_to_nothing_can_be_made_again(engine: Engine) -> None:
    migrations.upgrade(engine)
    config = migrations._config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")  # leaves the table of the revision, and no row in it

    assert migrations.upgrade(engine) is None
    assert ours(engine) == migrations.head()


def test_models_of_a_host_may_have_the_names_of_ours() -> None:
    class Message(SQLModel, table=True):
        id: int | None = Field(default=None, primary_key=True)
        text: str = Field(sa_column=Column(Text))

    assert Message.metadata is SQLModel.metadata
    assert not any(name.startswith("pipeline_") for name in SQLModel.metadata.tables)
    assert all(name.startswith("pipeline_") for name in models.Table.metadata.tables)
    SQLModel.metadata.remove(SQLModel.metadata.tables["message"])


def bring_old_schema(kind: str, engine: Engine) -> None:
    words = (DATA / f"schema_0005_{kind}.sql").read_text()
    if kind == "sqlite":
        with closing(sqlite3.connect(engine.url.database or "")) as connection:
            connection.executescript(words)
        return
    with engine.begin() as connection:
        connection.connection.driver_connection.execute(words)


def names_of(engine: Engine) -> set[str]:
    """The names of everything: on PostgreSQL also of keys, constraints and sequences."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            return set(connection.scalars(text("SELECT name FROM sqlite_master")))
        of = "WHERE connamespace = current_schema()::regnamespace AND conname NOT LIKE '%not_null'"
        return set(
            connection.scalars(
                text(
                    "SELECT relname FROM pg_class"
                    " WHERE relnamespace = current_schema()::regnamespace"
                    f" UNION SELECT conname FROM pg_constraint {of}"
                )
            )
        )


def names_of_a_fresh_one(engine: Engine, url: str) -> set[str]:
    if engine.dialect.name == "sqlite":
        fresh = db.make_engine(url.replace("shared.db", "fresh.db"))
    else:
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("CREATE DATABASE fresh TEMPLATE template0"))
        fresh = db.make_engine(engine.url.set(database="fresh").render_as_string(False))
    migrations.upgrade(fresh)
    names = names_of(fresh)
    fresh.dispose()
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("DROP DATABASE fresh"))
    return names
