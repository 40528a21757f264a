"""The one place that reads the clock, and waits by it; a simulation puts its own in its place."""

import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What tells the time and lets it pass."""

    def now_ms(self) -> int:
        """Return the time now in epoch milliseconds."""

    def seconds(self) -> float:
        """Return the seconds since some moment, to measure by: nobody sets this clock."""

    def pause(self, seconds: float) -> None:
        """Return after so many seconds."""


class _SystemClock:
    """This machine's."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def seconds(self) -> float:
        return time.monotonic()

    def pause(self, seconds: float) -> None:
        threading.Event().wait(seconds)


_clock: Clock = _SystemClock()


def go_by(clock: Clock | None) -> None:
    """Tell the time by another clock from now on; by the machine's again with None."""
    global _clock  # noqa: PLW0603 - one for the process
    _clock = clock or _SystemClock()


def now_ms() -> int:
    """Return the time now in epoch milliseconds."""
    return _clock.now_ms()


def seconds() -> float:
    """Return the seconds since some moment, to measure by: nobody sets this clock."""
    return _clock.seconds()


def pause(seconds: float) -> None:
    """Return after so many seconds."""
    _clock.pause(seconds)


def iso(at_ms: int | None) -> str | None:
    """Write epoch milliseconds as ISO 8601 in UTC, or None for None."""
    if at_ms is None:
        return None
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
