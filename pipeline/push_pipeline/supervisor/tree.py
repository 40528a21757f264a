"""A tree of child processes: started stage by stage, stopped in the opposite order."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from push_pipeline.supervisor import warden
from push_pipeline.supervisor.child import Child, Program, Tell
from push_pipeline.supervisor.stop import uninterrupted


class Warden:
    """The process that kills the others if this one is killed; see warden.py."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-I", "-S", str(warden.__file__)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            text=True,
            bufsize=1,
        )

    def add(self, group: int) -> None:
        """Note a process group that was just started."""
        self._say(f"+{group}\n")

    def remove(self, group: int) -> None:
        """Strike out a process group that is gone."""
        self._say(f"-{group}\n")

    def close(self) -> None:
        """Let it go; what it still has noted is killed."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def _say(self, line: str) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(line)


class Tree:
    """Child processes that all end with this one, whichever way it ends.

    Leaving the `with` block stops them: the stage that was started last is stopped first, so
    that workers can still reach the broker while they put down their work.
    """

    def __init__(self, logs: Path, tell: Tell) -> None:
        self._logs = logs
        self._tell = tell
        self._warden = Warden()
        self._stages: list[list[Child]] = []

    def start(self, *programs: Program) -> None:
        """Start programs that belong together; they are stopped together."""
        stage: list[Child] = []
        self._stages.append(stage)
        with uninterrupted():  # a child that nobody has noted would stay behind
            for program in programs:
                log = _fresh(self._logs / f"{program.name}.log")
                stage.append(Child(program, log, self._warden, self._tell))

    def kill(self, name: str) -> None:
        """SIGKILL a program with all that it started, as a drill; it is started again."""
        for child in (child for stage in self._stages for child in stage):
            if child.program.name == name:
                child.kill()

    def stop(self) -> None:
        """Stop all: SIGTERM, then SIGKILL for what takes longer than its grace."""
        while self._stages:
            stage = self._stages[-1]
            started = time.monotonic()
            for child in stage:
                child.ask_to_stop()
            for child in stage:
                child.wait_or_kill(started + child.program.grace)
            self._stages.pop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            self._warden.close()


def _fresh(log: Path) -> Path:
    """Begin a new log and keep the last one beside it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    return log
