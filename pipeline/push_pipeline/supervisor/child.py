"""One program kept running: started again with a back-off when it dies, stopped when asked."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

#: Seconds before a program that died is started again: the first time, and at the most.
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0

#: Seconds. A program that ran for so long was healthy: its next pause is the first one again.
HEALTHY_AFTER = 30.0

#: Bytes of a log in which the last line is looked for.
LAST_BYTES = 2_000

Tell = Callable[[str], None]


class Roll(Protocol):
    """Where process groups are noted, so that none outlives the supervisor."""

    def add(self, group: int) -> None:
        """Note a group that was just started."""

    def remove(self, group: int) -> None:
        """Strike out a group that is gone."""


@dataclass(frozen=True, slots=True)
class Program:
    """A command to keep running. `grace` is how many seconds it may take to stop.

    `user` is the number of who runs it, with the group of that number, where that is not us;
    `environment` is what it has beside ours.
    """

    name: str
    command: Sequence[str]
    grace: float = 3.0
    user: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


class Child:
    """A running program. Its output goes to a file; it has its own session and process group.

    The group is what is killed in the end, so that a program's own children never stay behind,
    neither when it is stopped nor before it is started again.
    """

    def __init__(self, program: Program, log: Path, roll: Roll, tell: Tell) -> None:
        self.program = program
        self.log = log
        self._roll = roll
        self._tell = tell
        self._stopping = threading.Event()
        self._pause = FIRST_PAUSE
        self._process = self._spawn()
        self._keeper = threading.Thread(target=self._keep, name=program.name, daemon=True)
        self._keeper.start()

    def ask_to_stop(self) -> None:
        """Send SIGTERM, and let nobody start it again."""
        self._stopping.set()
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL its whole group; it is started again."""
        _kill_group(self._process.pid)

    def wait_or_kill(self, deadline: float) -> None:
        """Wait until it is gone; kill its whole group at `deadline` (monotonic seconds)."""
        self._keeper.join(max(0.0, deadline - time.monotonic()))
        if self._keeper.is_alive():
            _kill_group(self._process.pid)
            self._keeper.join()

    def _keep(self) -> None:
        while True:
            started = time.monotonic()
            code = self._process.wait()
            self._sweep()
            if self._stopping.is_set():
                return
            pause = self._next_pause(time.monotonic() - started)
            self._tell(
                f"{self.program.name} ended ({self._ending(code)}); it starts again in"
                f" {pause:g} s; see {self.log}"
            )
            if self._stopping.wait(pause):
                return
            self._process = self._spawn()
            if self._stopping.is_set():  # asked to stop between the wait and the start
                self._process.send_signal(signal.SIGTERM)

    def _next_pause(self, ran_for: float) -> float:
        pause = FIRST_PAUSE if ran_for > HEALTHY_AFTER else self._pause
        self._pause = min(pause * 2, LONGEST_PAUSE)
        return pause

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - the commands are our own
                self.program.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=self.program.user,
                group=self.program.user,
                extra_groups=None if self.program.user is None else [],
                env={**os.environ, **self.program.environment},
                start_new_session=True,  # a Ctrl-C is the supervisor's alone, to stop in order
            )
        self._roll.add(process.pid)
        return process

    def _sweep(self) -> None:
        _kill_group(self._process.pid)
        self._roll.remove(self._process.pid)

    def _ending(self, code: int) -> str:
        """Say how it ended; one that was killed had no chance to say why."""
        return f"signal {-code}" if code < 0 else f"exit code {code}: {_last_line(self.log)}"


def _kill_group(group: int) -> None:
    """SIGKILL what is left of a process group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _last_line(log: Path) -> str:
    """Return what a program said last: mostly why it ended."""
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_BYTES))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
