"""Connections that wait for their client: bounded, so that waiting ones keep nobody out.

A connection costs its owner nothing and us a descriptor. Where there are too many the one that
has waited longest is closed, never the newcomer refused: whoever means it has sent a whole head
within moments, also behind a proxy whose address stands for everybody.
"""

import logging
import resource
import time
from typing import Protocol

logger = logging.getLogger(__name__)

#: Connections of one address whose request is not there: a proxy's are there at once.
HALF_OPEN_MAX = 100

#: Seconds for which a head may be on its way beyond that bound. Many connections are accepted
#: before the first byte of any is read: those of a proxy that has just found us again.
HALF_OPEN_SECONDS = 5.0

#: The part of the process's descriptors that may wait; the rest is for those being answered.
WAITING_SHARE = 0.75

#: Connections, where the system sets no bound.
WAITING_MAX = 50_000

#: Seconds between two lines of the log.
TELL_SECONDS = 60.0


class Connection(Protocol):
    """What waits."""

    def close(self) -> None:
        """Close it at once."""


class Crowd:
    """Who waits, the longest first. Used by one event loop only."""

    def __init__(self, in_all: int | None = None) -> None:
        self._in_all = in_all or _descriptors()
        self._waiting: dict[Connection, str | None] = {}
        self._half_open: dict[str, dict[Connection, float]] = {}  # since when
        self._told_at = float("-inf")
        self._untold = 0

    def begin(self, connection: Connection, half_open_of: str | None = None) -> None:
        """Note a connection that begins to wait; those of an address have a bound of their own."""
        self.end(connection)
        self._waiting[connection] = half_open_of
        if half_open_of is not None:
            mine = self._half_open.setdefault(half_open_of, {})
            mine[connection] = time.monotonic()
            self._thin_out(half_open_of, mine)
        if len(self._waiting) > self._in_all:
            self.give_up(next(iter(self._waiting)), "there are too many")

    def _thin_out(self, address: str, mine: dict[Connection, float]) -> None:
        now = time.monotonic()
        while len(mine) > HALF_OPEN_MAX:
            longest, since = next(iter(mine.items()))
            if now - since < HALF_OPEN_SECONDS:
                return
            self.give_up(longest, f"{address} left many requests half open")

    def end(self, connection: Connection) -> None:
        """Strike out a connection that does not wait any more."""
        address = self._waiting.pop(connection, None)
        if address is not None:
            mine = self._half_open[address]
            del mine[connection]
            if not mine:
                del self._half_open[address]

    def give_up(self, connection: Connection, why: str) -> None:
        """Close a connection that has waited too long, and say so once a minute."""
        self.end(connection)
        connection.close()
        self._untold += 1
        now = time.monotonic()
        if now - self._told_at < TELL_SECONDS:
            return
        extra = {"action": "connections_closed", "count": self._untold}
        logger.warning("%d waiting connections were closed: %s", self._untold, why, extra=extra)
        self._told_at, self._untold = now, 0


def _descriptors() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(WAITING_MAX, int(soft * WAITING_SHARE)) if soft > 0 else WAITING_MAX
