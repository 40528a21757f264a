"""What this process and those below it use, by what they are: processor seconds, peak memory."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

#: A mark in a command line, and whose it is; the first that fits.
_PROGRAMS = (
    ("publish,schedule", "fan-out worker"),
    ("apns,apns.bulk", "delivering workers"),
    ("push_workers.app beat", "beat"),
    ("postgres", "PostgreSQL"),
    ("valkey", "Valkey"),
    ("redis-server", "Valkey"),
    ("/sink-", "sink"),
)
BENCH = "publisher and status"


class Used(NamedTuple):
    """What one living process has used so far."""

    program: str
    cpu_seconds: float
    peak_mb: float


def processes() -> Iterator[Used]:
    """Look at this process and all below it; not at others of this machine."""
    this = psutil.Process()
    for process in [this, *this.children(recursive=True)]:
        with suppress(psutil.Error, OSError):  # it has ended
            times = process.cpu_times()
            status = Path(f"/proc/{process.pid}/status").read_text()
            program = BENCH if process == this else program_of(" ".join(process.cmdline()))
            yield Used(program, times.user + times.system, _peak_mb(status))


def _peak_mb(status: str) -> float:
    kilobytes = status.partition("VmHWM:")[2].split()
    return int(kilobytes[0]) * 1024 / 1e6 if kilobytes else 0.0


def program_of(line: str) -> str:
    """Name what a command line is."""
    return next((name for mark, name in _PROGRAMS if mark in line), "others")


def cpu_by_program() -> Counter[str]:
    """Return the processor seconds of the living processes so far, by what they are."""
    used: Counter[str] = Counter()
    for one in processes():
        used[one.program] += one.cpu_seconds
    return used


def peak_by_program() -> dict[str, float]:
    """Return the megabytes of the largest process at its peak, by what it is."""
    peaks: dict[str, float] = {}
    for one in processes():
        peaks[one.program] = max(peaks.get(one.program, 0.0), one.peak_mb)
    return peaks
