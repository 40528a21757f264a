"""Wrong keys, counted by the address they come from: who tries keys out is told to stop."""

import time

from push_pipeline.errors import TooManyAttempts

#: Wrong keys within one window that an address may show: enough for somebody who mistypes.
FAILURES_MAX = 20

#: Seconds.
WINDOW_SECONDS = 60.0

#: Addresses that are counted at once; the oldest is forgotten, which bounds the memory.
ADDRESSES_MAX = 10_000


class RateLimiter:
    """How many wrong keys came from where, within the last minute.

    Counted by address and not by app: nobody elsewhere can use up the attempts of a real app.
    """

    def __init__(self) -> None:
        self._counts: dict[str, tuple[float, int]] = {}

    def count(self, address: str) -> None:
        """Count a wrong key.

        Raises:
            TooManyAttempts: too many came from this address.
        """
        began, count = self._current(address)
        if count >= FAILURES_MAX:
            raise TooManyAttempts
        self._counts[address] = (began, count + 1)
        if len(self._counts) > ADDRESSES_MAX:
            del self._counts[next(iter(self._counts))]

    def _current(self, address: str) -> tuple[float, int]:
        now = time.monotonic()
        began, count = self._counts.get(address, (now, 0))
        if now - began < WINDOW_SECONDS:
            return began, count
        del self._counts[address]
        return now, 0
