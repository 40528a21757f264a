"""The schema is created by migrations, once, whoever else does the same at the same time."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect
from sqlmodel import SQLModel

from pipeline import db, errors, migrations, models, status
from pipeline.settings import Settings


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/deep/folder/empty.db"
    server = request.getfixturevalue("postgres")
    return server.url(server.create())


def test_the_schema_is_what_the_models_say(settings: Settings) -> None:
    assert models.BATCH
    with db.reading() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, SQLModel.metadata) == []
        assert migrations.revision(connection) == migrations.head()


def test_several_who_migrate_at_once_all_succeed(empty_url: str) -> None:
    engines = [db.make_engine(empty_url) for _ in range(4)]

    with ThreadPoolExecutor(4) as threads:
        before = list(threads.map(migrations.upgrade, engines))

    assert before.count(None) == 1
    assert set(before) == {None, migrations.head()}
    assert "delivery" in inspect(engines[0]).get_table_names()
    for engine in engines:
        engine.dispose()


def test_a_database_without_schema_is_named_with_the_remedy(configure, empty_url: str) -> None:
    configure(database_url=empty_url, broker_url="redis://127.0.0.1:1")

    with pytest.raises(errors.SchemaMissing, match="push-pipeline migrate"):
        status("message:X")
    db.dispose()


def test_a_database_that_is_not_there_is_named(configure) -> None:
    configure(database_url="postgresql://nobody@127.0.0.1:1/none")

    with pytest.raises(errors.DatabaseUnavailable, match="cannot be used"):
        status("message:X")
    db.dispose()
