"""Log lines of requests, written together at the end of a turn of the event loop.

A batch answers fifty requests in one turn. Written one by one, their lines cost as much as what
they tell of. Every other line is written at once, and those that wait before it.
"""

import asyncio
import logging
import sys
import time
from typing import TextIO

from push_pipeline.gateway import access_log


class LogWriter(logging.StreamHandler[TextIO]):
    """Writes to the standard error output; what waits is written also when the process ends."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream or sys.stderr)
        self.setFormatter(_Line("%(asctime)s %(levelname)s %(message)s"))
        self._waiting: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, or let it wait for the others of this turn."""
        try:
            first = not self._waiting
            self._waiting.append(self.format(record))
            if record.name != access_log.NAME or not _in_a_turn():
                self.flush()
            elif first:
                asyncio.get_running_loop().call_soon(self.flush)
        except Exception:  # noqa: BLE001 - as every handler of the standard library
            self.handleError(record)

    def flush(self) -> None:
        """Write what waits."""
        self.acquire()
        try:
            waiting, self._waiting = self._waiting, []
            if waiting:
                self.stream.write(self.terminator.join((*waiting, "")))
            super().flush()
        finally:
            self.release()


class _Line(logging.Formatter):
    """Writes a moment as the standard library does, and each second once."""

    _second = 0
    _written = ""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - the base's signature
        """Return the moment of a record."""
        second = int(record.created)
        if second != self._second:
            self._second = second
            self._written = time.strftime(self.default_time_format, self.converter(second))
        return f"{self._written},{int(record.msecs):03d}"


def log_no_places() -> None:
    """Let records do without thread, process and line of code: none of our lines shows them."""
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - as the library's manual has it under "Optimization"


def _in_a_turn() -> bool:
    return asyncio._get_running_loop() is not None  # noqa: SLF001 - the other one raises
