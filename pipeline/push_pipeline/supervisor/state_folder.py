"""The folder that holds one machine's installation: lock, secrets, database, logs, sockets.

`up` writes `up.env` into it: the settings of the installation that it runs. Commands that are
run beside it read that file, and so work on the same database and broker without configuration.
"""

import fcntl
import os
import secrets
import shlex
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from push_pipeline.errors import SetupError

#: The bits of a file's mode that let group and others do anything.
OTHERS = 0o077

#: What says that a folder was made by us: one of these is in it.
_OURS = frozenset({"up.lock", "pipeline.db", "demo"})

#: Bytes of randomness in a secret that is made here.
SECRET_BYTES = 32


class AlreadyRunning(SetupError):
    """Another `up` runs in this folder."""


class FolderIsOpen(SetupError):
    """The folder for keys and database can be read by others."""


class StateFolder:
    """A folder of our own, readable by its owner alone.

    Raises:
        FolderIsOpen: it exists, others can look into it, and it holds nothing that says that it
            is ours to close.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        with _nobody_else():
            self.path.mkdir(parents=True, exist_ok=True)
        _close(self.path)

    @property
    def logs(self) -> Path:
        """Where every child process writes its log."""
        return self.path / "log"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one `up`; the system lets go of it when the process ends.

        What this process and its children make meanwhile is for their owner alone.

        Raises:
            AlreadyRunning: another process holds it.
        """
        with _nobody_else(), (self.path / "up.lock").open("a+") as file:
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


@contextmanager
def _nobody_else() -> Iterator[None]:
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _close(folder: Path) -> None:
    """Take from others what they may do in a folder of ours, and in all that is in it."""
    entries = {entry.name for entry in folder.iterdir()}
    if folder.stat().st_mode & OTHERS and entries and entries.isdisjoint(_OURS):
        raise FolderIsOpen(
            f"{folder} can be read by others and was not made by push-pipeline: `chmod 700` it,"
            " or name another folder with --state"
        )
    try:
        for path in (folder, *folder.rglob("*")):
            mode = path.lstat().st_mode
            if mode & OTHERS and not stat.S_ISLNK(mode):
                path.chmod(stat.S_IMODE(mode) & ~OTHERS)
    except PermissionError:
        raise FolderIsOpen(f"{folder} belongs to somebody else: name another one") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _who_runs(lock: str) -> str:
    folder = Path(lock).parent
    pid = Path(lock).read_text().strip()
    return f"push-pipeline runs in {folder} already (process {pid}): stop that one with Ctrl-C"
