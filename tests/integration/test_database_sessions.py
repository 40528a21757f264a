"""The connections of a process: its own after a fork, and ended where it stands still."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress

import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import bindparam, select, text, update
from sqlalchemy.exc import IntegrityError

from push_pipeline import db, engines, ready
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.errors import DatabaseUnavailable
from push_pipeline.models import APP, App
from push_pipeline.ready import Ready, together
from push_pipeline.settings import Settings
from push_workers.consumer.prefork import warm_up
from tests.processes import Process, wait_until

#: A process that locks the app's row, says so and keeps its transaction open.
HOLDER = """
from threading import Event
from sqlalchemy import select
from push_pipeline import db, engines
from push_pipeline.models import APP

engines.IDLE_IN_TRANSACTION_MS = 1_000
with db.writing() as connection:
    connection.execute(select(APP.id).with_for_update()).all()
    print("locked", flush=True)
    Event().wait()
"""


#: A process that uses the database, forks, and uses it in both.
FORKING = """
import os
from sqlalchemy import select
from push_pipeline import db
from push_pipeline.models import APP

def read():
    with db.reading() as connection:
        assert connection.execute(select(APP.id)).all() == []

read()
engine, ours = db.engine(), db.engine().pool
child = os.fork()
if child == 0:
    assert db.engine() is engine and len(engine._compiled_cache) > 0
    assert engine.pool is not ours and engine.pool.checkedin() == 0
read()
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0 and engine.pool is ours
    read()
print("parent" if child else "child", flush=True)
"""


@pytest.fixture
def postgresql(postgresql_url: str, configure: Callable[..., Settings]) -> None:
    configure(database_url=postgresql_url)
    with db.writing() as connection:
        ensure_app(connection, "APP-1", "The tests' app", now_ms())


def test_a_transaction_that_stands_still_is_ended_and_says_so(
    postgresql: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "IDLE_IN_TRANSACTION_MS", 200)
    db.dispose()

    def stand_still() -> None:
        with db.writing() as connection:
            connection.execute(update(App).values(name="never written"))
            pid = connection.connection.driver_connection.info.backend_pid
            wait_until(lambda: not is_alive(pid), 10, "the end of the session")
            connection.execute(select(APP.id)).all()

    with pytest.raises(DatabaseUnavailable, match="idle-in-transaction"):
        stand_still()

    with db.reading() as connection:  # and the process goes on with another session
        assert connection.execute(select(APP.name)).scalar_one() == "The tests' app"


@pytest.mark.parametrize("trusted", [30.0, -1.0], ids=["just used", "idle for long"])
def test_connections_that_the_server_ended_while_they_were_idle_are_replaced(
    postgresql: None, monkeypatch: pytest.MonkeyPatch, trusted: float
) -> None:
    monkeypatch.setattr(engines, "TRUSTED_SECONDS", trusted)
    mine = text("SELECT pg_backend_pid()")
    with db.reading() as one, db.reading() as other:
        ended = {one.execute(mine).scalar_one(), other.execute(mine).scalar_one()}

    administrator = db.make_engine(db.engine().url.render_as_string(hide_password=False))
    end = text("SELECT pg_terminate_backend(:pid, 10000)")  # waits for the end of the session
    with administrator.begin() as connection:
        assert all(connection.execute(end, {"pid": pid}).scalar_one() for pid in ended)
    administrator.dispose()

    with db.writing() as one, db.reading() as other:
        assert not {one.execute(mine).scalar_one(), other.execute(mine).scalar_one()} & ended


def test_a_statement_is_a_transaction_of_its_own_where_it_is_said_singly(postgresql: None) -> None:
    rename = Ready(update(App).values(name=bindparam("new_name")))

    with db.singly() as connection:
        assert rename.count(connection, {"new_name": "the first"}) == 1
        with db.reading() as other:
            assert other.execute(select(APP.name)).scalar_one() == "the first"
    with suppress(KeyError), db.writing() as connection:
        rename.count(connection, {"new_name": "never written"})
        raise KeyError

    with db.reading() as connection:  # and what is one transaction is one again
        assert connection.execute(select(APP.name)).scalar_one() == "the first"


def test_a_thread_keeps_one_session_at_hand_and_takes_no_second_for_a_transaction(
    postgresql: None,
) -> None:
    rename = Ready(update(App).values(name=bindparam("new_name")))
    mine = text("SELECT pg_backend_pid()")
    sessions = set()
    db.dispose()

    with db.keeping():
        for _ in range(2):
            with db.singly() as connection:
                rename.count(connection, {"new_name": "the first"})
                sessions.add(connection.execute(mine).scalar_one())
        with suppress(KeyError), db.writing() as connection:
            rename.count(connection, {"new_name": "never written"})
            sessions.add(connection.execute(mine).scalar_one())
            raise KeyError
        with db.glancing() as connection:
            assert connection.execute(select(APP.name)).scalar_one() == "the first"
            assert connection.connection.driver_connection.autocommit
            sessions.add(connection.execute(mine).scalar_one())
        assert db.engine().pool.status().endswith("Current Checked out connections: 1")

    assert len(sessions) == 1
    assert db.engine().pool.status().endswith("Current Checked out connections: 0")
    with db.writing() as connection:
        assert not connection.connection.driver_connection.autocommit


@pytest.mark.parametrize("trusted", [30.0, -1.0], ids=["just used", "idle for long"])
def test_a_session_that_is_ended_while_it_is_kept_is_replaced(
    postgresql: None, monkeypatch: pytest.MonkeyPatch, trusted: float
) -> None:
    monkeypatch.setattr(engines, "TRUSTED_SECONDS", trusted)
    mine = text("SELECT pg_backend_pid()")
    administrator = db.make_engine(db.engine().url.render_as_string(hide_password=False))

    with db.keeping():
        with db.singly() as connection:
            ended = connection.execute(mine).scalar_one()
        with administrator.begin() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": ended})
        with db.singly() as connection:
            assert connection.execute(mine).scalar_one() != ended
    administrator.dispose()


@pytest.fixture
def sqlite(sqlite_url: str, configure: Callable[..., Settings]) -> None:
    configure(database_url=sqlite_url)
    with db.writing() as connection:
        ensure_app(connection, "APP-1", "The tests' app", now_ms())


def test_many_who_write_to_sqlite_at_once_all_have_their_turn(sqlite: None) -> None:
    def write(_: int) -> None:
        with db.writing() as connection:
            name = connection.execute(select(APP.name)).scalar_one()
            connection.execute(update(App).values(name=f"{name}x"))

    with ThreadPoolExecutor(8) as pool:
        assert len([*pool.map(write, range(80))]) == 80

    with db.reading() as connection:
        written: str = connection.execute(select(APP.name)).scalar_one()
    assert written == "The tests' app" + 80 * "x"


def test_who_may_not_write_to_sqlite_in_time_is_told_and_may_read(
    sqlite: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "SQLITE_BUSY_SECONDS", 0.05)
    with db.writing():
        with pytest.raises(DatabaseUnavailable, match="locked"), db.writing():
            pass
        with db.reading() as connection, db.glancing() as other:
            assert {one.execute(select(APP.id)).scalar_one() for one in (connection, other)} == {
                "APP-1"
            }

    with db.writing() as connection:
        connection.execute(update(App).values(name="mine"))
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 50


def test_a_glance_at_postgresql_is_a_transaction_of_its_own(postgresql: None) -> None:
    with db.glancing() as connection:
        driver = connection.connection.driver_connection
        assert driver.autocommit
        connection.execute(select(APP.id)).all()
        assert driver.info.transaction_status == TransactionStatus.IDLE


@contextmanager
def kept() -> Iterator[db.Connection]:
    with db.keeping(), db.singly() as connection:
        yield connection


@pytest.mark.parametrize("opened", [db.singly, db.writing, kept])
def test_a_session_that_the_driver_finds_ended_is_replaced(
    postgresql: None, opened: Callable[[], AbstractContextManager[db.Connection]]
) -> None:
    names = Ready(select(APP.id).where(APP.name != bindparam("unwanted")))

    def find_it_ended() -> None:
        with opened() as connection:
            pid = connection.connection.driver_connection.info.backend_pid
            with db.writing() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid})
            names.rows(connection, {"unwanted": ""})

    with pytest.raises(DatabaseUnavailable, match=r"terminating|closed"):
        find_it_ended()

    with opened() as connection:
        assert [tuple(row) for row in names.rows(connection, {"unwanted": ""})] == [("APP-1",)]


def test_statements_are_answered_when_all_were_sent(settings: Settings) -> None:
    rename = Ready(update(App).values(name=bindparam("new_name")).returning(APP.id))
    read = Ready(select(APP.name).where(APP.id == bindparam("app_id")))
    with db.writing() as connection:
        ensure_app(connection, "APP-1", "The tests' app", now_ms())

    with db.writing() as connection:
        with together(connection):
            changed = rename.send(connection, {"new_name": "another"})
            name = read.send(connection, {"app_id": "APP-1"})
        nobody = read.rows(connection, {"app_id": "APP-2"})

    assert ([*changed.rows[0]], [*name.rows[0]], list(nobody)) == (["APP-1"], ["another"], [])


def test_what_goes_wrong_with_one_of_many_statements_undoes_all(postgresql: None) -> None:
    rename = Ready(update(App).values(name=bindparam("new_name")))

    def go_wrong() -> None:
        with db.writing() as connection, together(connection):
            rename.send(connection, {"new_name": "never written"})
            rename.send(connection, {"new_name": None})
            rename.send(connection, {"new_name": "nor this"})

    with pytest.raises(IntegrityError):
        go_wrong()

    with db.reading() as connection:
        assert connection.execute(select(APP.name)).scalar_one() == "The tests' app"


def test_a_transaction_that_is_left_open_is_rolled_back(postgresql: None) -> None:
    borrowed = db.engine().raw_connection()
    borrowed.cursor().execute("UPDATE pipeline_app SET name = 'never written'")
    borrowed.close()

    with db.reading() as connection:
        assert connection.execute(select(APP.name)).scalar_one() == "The tests' app"


def test_the_locks_of_a_frozen_process_are_given_back(
    postgresql: None, spawn: Callable[..., Process]
) -> None:
    holder = spawn(sys.executable, "-c", HOLDER)
    holder.wait_for("locked")
    holder.signal(signal.SIGSTOP)
    try:
        with db.writing() as connection:  # waits for the lock
            connection.execute(text("SET LOCAL lock_timeout = '20s'"))
            changed = connection.execute(update(App).values(name="changed")).rowcount
    finally:
        holder.signal(signal.SIGCONT)

    assert changed == 1


def test_who_reads_for_somebody_that_pauses_is_not_ended(
    postgresql: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "IDLE_IN_TRANSACTION_MS", 200)
    db.dispose()

    with db.reading() as connection:
        db.be_patient(connection)
        shown = connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one()

    assert shown == "0"
    with db.reading() as connection:
        shown = connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one()
    assert shown == "200ms"


def test_any_number_of_threads_has_one_engine_and_few_connections(postgresql: None) -> None:
    db.dispose()
    together = threading.Barrier(64, timeout=30)

    def first_use() -> int:
        together.wait()
        with db.reading() as connection:
            connection.execute(select(APP.name)).all()
        return id(db.engine())

    with ThreadPoolExecutor(64) as threads:
        engines_made = {used.result() for used in [threads.submit(first_use) for _ in range(64)]}
    assert len(engines_made) == 1
    with db.reading() as connection:
        ours = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        assert connection.execute(text(ours)).scalar_one() <= 10


def test_who_gets_no_connection_is_told_which_setting_to_raise(
    postgresql: None, configure: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(database_connections=1)
    db.dispose()
    monkeypatch.setattr(db.engine().pool, "_timeout", 0.1)

    def two_at_once() -> None:
        with db.reading(), db.reading():
            pass

    with pytest.raises(DatabaseUnavailable, match="PIPELINE_DATABASE_CONNECTIONS says how many"):
        two_at_once()


def test_a_child_that_is_forked_while_a_thread_makes_an_engine_makes_its_own(
    settings: Settings,
) -> None:
    forked = """
import os
from push_pipeline import db, queues
db._making.acquire(), queues._lock.acquire()
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
else:
    with db.reading():
        queues.backlog("publish")
    os._exit(0)
"""
    subprocess.run([sys.executable, "-c", forked], check=True, timeout=60)


def test_a_worker_that_is_warm_holds_no_connection_and_keeps_what_it_compiled(
    settings: Settings,
) -> None:
    warm_up()

    assert db.engine().pool.checkedin() == 0
    compiled = number_of_compiled_statements()
    warm_up()
    assert number_of_compiled_statements() == compiled > 0


def number_of_compiled_statements() -> int:
    ours = sum(one._compiled is not None for one in ready._made)
    return len(db.engine()._compiled_cache) + ours


def test_a_child_has_connections_of_its_own_and_what_its_parent_compiled(
    settings: Settings,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKING], check=False, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout.split()) == (0, ["child", "parent"]), done.stderr


def test_a_worker_without_a_database_is_not_warm_and_starts_all_the_same(
    configure: Callable[..., Settings], broker_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    configure(database_url="postgresql://nobody@/none?host=/nowhere", broker_url=broker_url)

    warm_up()

    assert "the first tasks will be slow" in caplog.text


def is_alive(pid: int) -> bool:
    with db.reading() as connection:
        statement = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
        return bool(connection.execute(statement, {"pid": pid}).scalar_one())
