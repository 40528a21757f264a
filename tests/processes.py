"""Child processes that end with the test, and waiting for a condition instead of for time."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

#: Where the console scripts of this environment are.
SCRIPTS = Path(sys.executable).parent

#: Seconds between two looks at a condition: short against what is waited for, no load.
POLL_SECONDS = 0.02

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent ends, even by SIGKILL; for `preexec_fn`."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port() -> int:
    """Return a TCP port of the loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(
    condition: Callable[[], object],
    timeout: float = 10.0,
    what: str = "",
    every: float = POLL_SECONDS,
) -> object:
    """Poll until the condition is true and return its value; an AssertionError after `timeout`.

    `every` is for a look that costs what the test is about.
    """
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what or 'the condition'} did not come true in {timeout} s")
        pause.wait(every)
    return value


def cli(*arguments: str) -> list[str | Path]:
    """Return the command line of `push-pipeline` in this environment, for `Process`."""
    return [SCRIPTS / "push-pipeline", *arguments]


def run_cli(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 60.0,
    stdin: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `push-pipeline` to its end, with the test's settings and those of `env`."""
    return subprocess.run(
        [str(word) for word in cli(*arguments)],
        env={**os.environ, **(env or {})},
        cwd=cwd,
        timeout=timeout,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


class Process:
    """A child with its own process group, its output in a file, stopped at the end of `with`.

    It inherits the test's environment, which holds the settings that the test chose and none of
    the machine. On Linux it ends with the thread that started it, however that one ends.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: int | None = None,
    ) -> None:
        self.command = [str(word) for word in command]
        self.log = log
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                self.command,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that a signal reaches its children too
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def signal(self, number: int) -> None:
        """Send a signal to the child alone."""
        self._child.send_signal(number)

    def kill(self) -> None:
        """SIGKILL the whole group and wait until the child is gone."""
        self._signal_group(signal.SIGKILL)
        self._child.wait(timeout=10)

    def stop(self, timeout: float = 15.0) -> int:
        """SIGTERM, wait, kill what is left of the group; the child's exit code."""
        self._child.terminate()
        try:
            self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
        self._signal_group(signal.SIGKILL)
        return self._child.returncode

    def wait(self, timeout: float = 60.0) -> int:
        """Wait for the child's own end; its exit code."""
        return self._child.wait(timeout)

    def wait_for(self, text: str, timeout: float = 30.0) -> str:
        """Wait until the output holds a text; an AssertionError if the child ends first."""

        def seen() -> bool:
            if text in self.output:
                return True
            assert self.alive, f"{self.command} ended with {self._child.returncode}:\n{self.output}"
            return False

        wait_until(seen, timeout, f"{text!r} in the output of {self.command[0]}")
        return self.output

    def _signal_group(self, number: int) -> None:
        try:
            os.killpg(self._child.pid, number)
        except (ProcessLookupError, PermissionError):  # the group is empty
            return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.alive:
            self.stop()
