"""Fixtures for every test: a clean environment, real servers, a database of its own."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
import hypothesis
import pytest
import redis

from push_pipeline.settings import Settings, get_settings, reset_settings
from push_pipeline.settings_report import PREFIX, variable
from tests.databases import PostgresDatabases, SqliteFile, directory_in_memory
from tests.measured import measured, pytest_terminal_summary
from tests.order import (
    pytest_collection_modifyitems,
    pytest_runtest_call,
    pytest_runtest_protocol,
    pytest_xdist_make_scheduler,
)
from tests.processes import Process
from tests.services import Postgres, Valkey

if TYPE_CHECKING:
    from tests.running import Stand

__all__ = [
    "measured",
    "pytest_collection_modifyitems",
    "pytest_runtest_call",
    "pytest_runtest_protocol",
    "pytest_terminal_summary",
    "pytest_xdist_make_scheduler",
]

# How long an example takes says how busy the machine is, and nothing of the code.
hypothesis.settings.register_profile(
    "tests", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("tests")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Let a skipped test fail in CI: a missing program must not look like a pass."""
    return _failed_in_ci((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """Let a skipped module fail in CI."""
    return _failed_in_ci((yield))


def _failed_in_ci(report):
    expected = hasattr(report, "wasxfail")
    if report.skipped and not expected and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may be missing: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting of the machine reaches a test, and none of a test reaches the next."""
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        monkeypatch.delenv(name)
    reset_settings()
    yield
    reset_settings()


@pytest.fixture(scope="session")
def system_authorities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The machine's authorities as tests have them: one, where loading a hundred takes 30 ms."""
    path = tmp_path_factory.mktemp("authorities") / "system.pem"
    first, end, _ = Path(certifi.where()).read_text().partition("-----END CERTIFICATE-----\n")
    path.write_text(first + end)
    return path


@pytest.fixture
def configure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, system_authorities: Path
) -> Callable[..., Settings]:
    """Set settings by field name, for this process and its children; called again, it adds.

    The working directory is the test's own: no `.env` of a developer is read, nothing is left,
    and what its processes count is its own.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(system_authorities))
    monkeypatch.setenv(variable("metrics_dir"), str(tmp_path / "metrics"))

    def set_all(**values: object) -> Settings:
        for field, value in values.items():
            monkeypatch.setenv(variable(field), "" if value is None else str(value))
        reset_settings()
        return get_settings()

    return set_all


@pytest.fixture
def nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker runs: what asks them all, as `doctor` does, need not wait for their answers."""
    monkeypatch.setattr("push_pipeline.cli.checks.PING_SECONDS", 0.1)


@pytest.fixture
def settings(configure: Callable[..., Settings], database_url: str, broker_url: str) -> Settings:
    """The settings of a complete installation: a database with the schema, and a broker."""
    return configure(
        database_url=database_url,
        broker_url=broker_url,
        secret_key="a secret of the tests only",
        operator_key="the operators' key of the tests",
    )


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A Redis server for the session; a test that kills or freezes one starts its own."""
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def broker_url(valkey: Valkey) -> Iterator[str]:
    """An empty logical database of the session's Redis server."""
    url = valkey.new_database()
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    yield url
    with redis.Redis.from_url(url) as client:
        client.flushdb()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for the session; a test that kills one starts its own."""
    server = Postgres()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> str:
    """The name of a PostgreSQL database with the schema and no row."""
    name = postgres.create()
    _migrate(postgres.url(name))
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the schema and no row."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database with the schema and no row; every test that asks for it runs on both kinds."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(scope="session")
def sqlite_file(sqlite_template: Path) -> Iterator[SqliteFile]:
    """The file that each test on SQLite finds renewed."""
    with directory_in_memory() as directory:
        yield SqliteFile(sqlite_template, directory)


@pytest.fixture
def sqlite_url(sqlite_file: SqliteFile) -> Iterator[str]:
    """A SQLite database of the test's own."""
    yield sqlite_file.renew()
    _close_connections()


@pytest.fixture(scope="session")
def postgres_databases(postgres: Postgres, postgres_template: str) -> PostgresDatabases:
    """The databases that tests on PostgreSQL have one after another."""
    return PostgresDatabases(postgres, postgres_template)


@pytest.fixture
def postgresql_url(postgres: Postgres, postgres_databases: PostgresDatabases) -> Iterator[str]:
    """A PostgreSQL database of the test's own."""
    name = postgres_databases.take()
    yield postgres.url(name)
    _close_connections()
    postgres_databases.give_back(name)


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Start processes that are stopped when the test ends: `spawn(*command, env=…)`."""
    with ExitStack() as running:
        yield spawner(tmp_path, running.enter_context)


def spawner(directory: Path, keep: Callable[[Process], object]) -> Callable[..., Process]:
    """Return what starts processes with logs in a directory, and gives each to who ends it."""
    numbers = count()

    def start(*command: str | Path, **options: object) -> Process:
        process = Process(command, directory / f"process-{next(numbers)}.log", **options)
        keep(process)
        return process

    return start


@pytest.fixture
def open_stand(
    spawn: Callable[..., Process], configure: Callable[..., Settings], tmp_path: Path
) -> Iterator[Callable[..., "Stand"]]:
    """Open an installation of real processes on a database: `open_stand(url, batch_size=10)`."""
    from tests.running import Stand  # a test without processes needs none of its imports

    with ExitStack() as opened:

        def open_one(database_url: str, **settings: object) -> Stand:
            stand = Stand(spawn, configure, database_url, tmp_path, **settings)
            opened.callback(stand.close)
            return stand

        yield open_one


@pytest.fixture
def stand(open_stand: Callable[..., "Stand"], postgresql_url: str) -> "Stand":
    """An installation of real processes on PostgreSQL; the test starts workers and beats."""
    return open_stand(postgresql_url)


def _migrate(url: str) -> None:
    from push_pipeline import db, migrations  # a test without a database needs none of them

    engine = db.make_engine(url)
    migrations.upgrade(engine)
    engine.dispose()


def _close_connections() -> None:
    from push_pipeline import db

    db.close_connections()
