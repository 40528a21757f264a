"""The folder that holds one machine's installation: lock, secrets, database, logs, sockets.

`up` writes `up.env` into it: the settings of the installation that it runs. Commands that are
run beside it read that file, and so work on the same database and broker without configuration.
"""

import fcntl
import os
import secrets
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from push_pipeline.errors import SetupError

#: Bytes of randomness in a secret that is made here.
SECRET_BYTES = 32


class AlreadyRunning(SetupError):
    """Another `up` runs in this folder."""


class StateFolder:
    """A folder of our own, readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def logs(self) -> Path:
        """Where every child process writes its log."""
        return self.path / "log"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one `up`; the system lets go of it when the process ends.

        Raises:
            AlreadyRunning: another process holds it.
        """
        with (self.path / "up.lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunning(_who_runs(file.name)) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def secret(self, name: str) -> str:
        """Return a secret that is made once and kept, readable by its owner alone."""
        path = self.path / name
        if not path.exists():
            write_private(path, secrets.token_hex(SECRET_BYTES))
        return path.read_text().strip()

    def write_environment(self, values: Mapping[str, str]) -> None:
        """Write `up.env`; a shell can read it too."""
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in values.items()]
        write_private(self.path / "up.env", "".join(lines))


def read_environment(folder: Path) -> dict[str, str]:
    """Return what `write_environment` wrote; nothing where no `up` ever ran."""
    try:
        text = (folder / "up.env").read_text()
    except OSError:
        return {}
    pairs = (word.partition("=") for word in shlex.split(text))
    return {name: value for name, _, value in pairs}


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read; a reader never sees half of it."""
    new = path.with_name(f".{path.name}.new")
    with open(new, "w", opener=_private) as file:
        file.write(text)
    new.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _who_runs(lock: str) -> str:
    folder = Path(lock).parent
    pid = Path(lock).read_text().strip()
    return f"push-pipeline runs in {folder} already (process {pid}): stop that one with Ctrl-C"
