"""How fast somebody may ask: so many times a second, counted by one gateway process."""

import time
from collections.abc import Callable, Hashable

from push_pipeline.errors import TooManyPublishes

#: Seconds whose share may be asked for at once, after a silence.
BURST_SECONDS = 2.0

#: Who is counted at once: keys and apps that exist. The oldest is forgotten.
COUNTED_MAX = 10_000


class Pace:
    """Buckets that fill by time and are emptied by asking. Used by one event loop only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[Hashable, tuple[float, float]] = {}

    def take(self, who: Hashable, rate: int | None) -> None:
        """Count a publish of somebody who may ask for `rate` a second; None is no bound.

        Raises:
            TooManyPublishes: it is one too many; nothing was counted.
        """
        if rate is None:
            return
        now, most = self._clock(), rate * BURST_SECONDS
        at, left = self._buckets.pop(who, (now, most))
        left = min(most, left + (now - at) * rate)
        self._buckets[who] = (now, left - 1 if left >= 1 else left)
        if len(self._buckets) > COUNTED_MAX:
            del self._buckets[next(iter(self._buckets))]
        if left < 1:
            raise TooManyPublishes(f"no more than {rate} publishes a second are for this caller")
