"""Wrong keys, counted by where they come from and how they begin: who tries keys out is slowed.

Nobody with a right key is ever refused for it: a key is late at the most, and only before it was
right once.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence

from push_pipeline.errors import TooManyAttempts

#: Wrong keys of one origin within one window: enough for somebody who mistypes.
FAILURES_MAX = 20

#: Seconds.
WINDOW_SECONDS = 60.0

#: Seconds that a key from such an origin waits; longer, the more of them wait.
SLOW_SECONDS = 0.5
SLOWEST_SECONDS = 10.0

#: Keys that wait at once before each waits longer: together, twice as many a second are tried.
WAITING = 10

#: Origins that are counted at once; the oldest is forgotten, which bounds the memory.
ORIGINS_MAX = 10_000


class RateLimiter:
    """How many wrong keys came of which origin within the last minute.

    An origin is a network or the beginning of a key, not an app: nobody elsewhere can use up the
    attempts of a real app.
    """

    def __init__(self) -> None:
        self._counts: dict[str, tuple[float, int]] = {}
        self._waiting: Counter[str] = Counter()

    async def slow_down(self, origins: Sequence[str]) -> None:
        """Wait, if one of a key's origins had too many wrong ones."""
        hot = [origin for origin in origins if self._current(origin)[1] >= FAILURES_MAX]
        if not hot:
            return
        self._waiting.update(hot)
        waiting = max(self._waiting[origin] for origin in hot)
        try:
            await asyncio.sleep(min(SLOW_SECONDS * (1 + waiting / WAITING), SLOWEST_SECONDS))
        finally:
            self._waiting.subtract(hot)
            self._waiting += Counter()  # drops those that nobody waits for

    def count(self, origins: Sequence[str]) -> None:
        """Count a wrong key.

        Raises:
            TooManyAttempts: one of its origins has had too many.
        """
        counts = [self._count(origin) for origin in origins]
        if max(counts) > FAILURES_MAX:
            raise TooManyAttempts

    def _count(self, origin: str) -> int:
        began, count = self._current(origin)
        self._counts[origin] = (began, count + 1)
        if len(self._counts) > ORIGINS_MAX:
            del self._counts[next(iter(self._counts))]
        return count + 1

    def _current(self, origin: str) -> tuple[float, int]:
        now = time.monotonic()
        began, count = self._counts.get(origin, (now, 0))
        if now - began < WINDOW_SECONDS:
            return began, count
        del self._counts[origin]
        return now, 0
