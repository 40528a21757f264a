"""How fast somebody may ask: so many times a second, counted in this process."""

import time
from collections.abc import Callable, Hashable

#: Seconds whose share may be asked for at once, after a silence.
BURST_SECONDS = 2.0

#: Who is counted at once: keys and apps that exist. The oldest is forgotten.
COUNTED_MAX = 10_000


class Pace:
    """Buckets that fill by time and are emptied by asking. Used by one event loop only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[Hashable, tuple[float, float]] = {}

    def passes(self, who: Hashable, rate: float) -> bool:
        """Count what somebody asks who may do so `rate` times a second; False: it is too much.

        A rate below one lets one through at a time.
        """
        now, most = self._clock(), max(rate * BURST_SECONDS, float(rate > 0))
        at, left = self._buckets.pop(who, (now, most))
        left = min(most, left + (now - at) * rate)
        self._buckets[who] = (now, left - 1 if left >= 1 else left)
        if len(self._buckets) > COUNTED_MAX:
            del self._buckets[next(iter(self._buckets))]
        return left >= 1
