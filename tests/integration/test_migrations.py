"""The schema is created by migrations, once, whoever else does the same at the same time."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, insert, inspect, select, text

from push_pipeline import db, errors, migrations, models, register_device, status, unregister_device
from push_pipeline.directory.apps import ensure_app
from push_pipeline.directory.templates import PUSH, get_template
from push_pipeline.models import CHANNEL, SUBSCRIPTION, App, Channel, Device, Subscription
from push_pipeline.settings import Settings

OURS = {"version_table": migrations.VERSION_TABLE}


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/deep/folder/empty.db"
    server = request.getfixturevalue("postgres")
    return server.url(server.create())


# SQLite has none of them.
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based")
def test_the_schema_is_what_the_models_say(settings: Settings) -> None:
    assert models.BATCH
    with db.reading() as connection:
        context = MigrationContext.configure(connection, opts=OURS)
        assert compare_metadata(context, models.Table.metadata) == []
        assert migrations.revision(connection) == migrations.head()


def test_postgresql_does_not_try_to_compress_members(postgresql_url: str, configure) -> None:
    configure(database_url=postgresql_url)
    members = text(
        "SELECT attstorage FROM pg_attribute"
        " WHERE attrelid = 'pipeline_batch'::regclass AND attname = 'members'"
    )

    with db.reading() as connection:
        assert connection.execute(members).scalar_one() in ("e", b"e")  # external


def test_several_who_migrate_at_once_all_succeed(empty_url: str) -> None:
    engines = [db.make_engine(empty_url) for _ in range(4)]

    with ThreadPoolExecutor(4) as threads:
        before = list(threads.map(migrations.upgrade, engines))

    assert before.count(None) == 1
    assert set(before) == {None, migrations.head()}
    assert "pipeline_delivery" in inspect(engines[0]).get_table_names()
    for engine in engines:
        engine.dispose()


def test_who_opens_a_new_file_waits_for_who_writes_in_it(tmp_path) -> None:
    engine = db.make_engine(f"sqlite:///{tmp_path}/new.db")
    first = sqlite3.connect(tmp_path / "new.db", isolation_level=None)
    first.execute("CREATE TABLE t (x)")
    first.execute("BEGIN IMMEDIATE")

    def journal() -> str:
        with engine.connect() as connection:
            return connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()

    with ThreadPoolExecutor(1) as thread:
        second = thread.submit(journal)
        with pytest.raises(TimeoutError):
            second.result(0.2)
        first.execute("COMMIT")
        assert second.result(10) == "wal"
    first.close()
    engine.dispose()


def test_a_migration_leaves_what_refers_to_a_table_that_it_builds_anew(empty_url: str) -> None:
    engine = db.make_engine(empty_url)
    with engine.begin() as connection:
        upgrade_to(connection, "0004")
        connection.execute(text("INSERT INTO pipeline_app VALUES ('APP-1', 'An app', 0, 'UTC')"))
        connection.execute(text("INSERT INTO pipeline_channel VALUES (1, 'APP-1', 'news', 0)"))
        connection.execute(
            text(
                "INSERT INTO pipeline_device (id, app_id, device_id, token, kind, platform,"
                " environment, state, created_at, registered_at)"
                " VALUES (7, 'APP-1', 'dev-7', 'ab', 'apns', 'IOS', '', 'active', 0, 0)"
            )
        )
        connection.execute(text("INSERT INTO pipeline_subscription VALUES (1, 7)"))

    migrations.upgrade(engine)

    with engine.begin() as connection:
        assert connection.execute(text("SELECT * FROM pipeline_subscription")).all() == [(1, 7)]
        connection.execute(text("DELETE FROM pipeline_device"))
        assert connection.execute(text("SELECT * FROM pipeline_subscription")).all() == []
    engine.dispose()


def test_channels_whose_names_look_alike_become_one(empty_url: str) -> None:
    split, whole = "Cafe\u0301", "Caf\u00e9"
    body = json.dumps({"name": "t", "message": "x", "channelName": split})
    engine = db.make_engine(empty_url)
    with engine.begin() as connection:
        upgrade_to(connection, "0015")
        connection.execute(insert(App).values(id="APP-1", name="An app", created_at=0))
        for key, name in enumerate((split, whole, "A\u0300", "news")):
            row = {"id": key, "app_id": "APP-1", "name": name, "created_at": 0}
            connection.execute(insert(Channel).values(row))
        device = {"app_id": "APP-1", "kind": "apns", "platform": "IOS", "environment": ""}
        device |= {"state": "active", "created_at": 0, "registered_at": 0}
        for key, channels in ((7, (0, 1)), (8, (0, 2))):
            told = {**device, "id": key, "device_id": f"d{key}", "token": f"t{key}"}
            connection.execute(insert(Device).values(told))
            for channel in channels:
                row = {"channel_key": channel, "device_key": key}
                connection.execute(insert(Subscription).values(row))
        connection.execute(
            text(
                "INSERT INTO pipeline_message (id, app_id, channel, content, delivery_options,"
                " state, created_at) VALUES ('m', 'APP-1', :split, '{}', '{}', 'scheduled', 0)"
            ),
            {"split": split},
        )
        template = "INSERT INTO pipeline_template VALUES (1, 'APP-1', 'push', 't', :body, 0)"
        connection.execute(text(template), {"body": body})

    migrations.upgrade(engine)

    with engine.connect() as connection:
        names = connection.execute(select(CHANNEL.id, CHANNEL.name).order_by(CHANNEL.id)).all()
        assert names == [(1, whole), (2, "\u00c0"), (3, "news")]
        columns = select(SUBSCRIPTION.channel_key, SUBSCRIPTION.device_key)
        assert sorted(connection.execute(columns).all()) == [(1, 7), (1, 8), (2, 8)]
        assert connection.execute(text("SELECT channel FROM pipeline_message")).scalar() == whole
        found = get_template(connection, "APP-1", PUSH, "t")
        assert found.channel_name == whole
    engine.dispose()


def test_the_key_of_a_removed_device_is_given_to_no_other(settings: Settings, configure) -> None:
    configure(app_id="APP-1")
    with db.writing() as connection:
        ensure_app(connection, "APP-1", "An app", 0)

    keys = []
    for _ in range(2):
        register_device("dev-1", "ab" * 32, "IOS")
        with db.reading() as connection:
            keys.append(connection.execute(select(models.DEVICE.id)).scalar_one())
        unregister_device("dev-1")

    assert keys[0] < keys[1]
    db.dispose()


def upgrade_to(connection: Connection, revision: str) -> None:
    config = migrations._config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


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


def made_by_a_newer_release(engine: Engine, usable_from: str) -> None:
    migrations.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {migrations.VERSION_TABLE} SET version_num = '9999'"))
        note = (
            "UPDATE pipeline_schema SET revision = '9999', release = '7.0', usable_from = :oldest"
        )
        connection.execute(text(note), {"oldest": usable_from})


def test_a_newer_schema_that_still_serves_this_release_is_worked_with(empty_url: str) -> None:
    engine = db.make_engine(empty_url)
    made_by_a_newer_release(engine, usable_from=migrations.head())

    assert migrations.upgrade(engine) == "9999"
    with engine.connect() as connection:
        migrations.check_usable(connection)
        assert "push-pipeline 7.0" in migrations.state(connection).says
    engine.dispose()


def test_a_schema_that_is_too_new_is_named_with_the_release_that_is_needed(empty_url: str) -> None:
    engine = db.make_engine(empty_url)
    made_by_a_newer_release(engine, usable_from="9998")

    needed = "install push-pipeline 7.0 or newer"
    with pytest.raises(errors.SchemaTooNew, match=needed):
        migrations.upgrade(engine)
    with engine.connect() as connection, pytest.raises(errors.SchemaTooNew, match=needed):
        migrations.check_usable(connection)
    engine.dispose()
