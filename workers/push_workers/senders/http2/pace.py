"""When a connection may be opened: back-off after failures, a budget otherwise.

Apple treats fast connecting and disconnecting as an attack ("Sending notification requests to
APNs"); and a host that is down gains nothing from being asked by every batch.
"""

from random import Random

#: Seconds before the first try after a failure, doubled at each further one up to the cap. A
#: short one: the route, which all workers share, rests for longer the longer an outage lasts,
#: and the probe that ends it must not find its own process still waiting.
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 1.2
#: Connections a second that may replace ones that worked and ended.
REFILL_PER_SECOND = 1.0


class Pace:
    """Decides when to connect to one host. Times are any monotonic clock's seconds."""

    def __init__(self, burst: int, random: Random) -> None:
        self._burst = burst
        self._budget = float(burst)
        self._refilled_at = 0.0
        self._failures = 0
        self._not_before = 0.0
        self._random = random

    @property
    def is_failing(self) -> bool:
        """The last connection gave no answer."""
        return self._failures > 0

    def allows(self, now: float) -> bool:
        """A connection may be opened now."""
        return now >= self._not_before and self._level(now) >= 1

    def connecting(self, now: float) -> None:
        """One is being opened."""
        self._budget = self._level(now) - 1
        self._refilled_at = now

    def failed(self, now: float) -> None:
        """One ended before it gave any answer. Failures at the same time count once."""
        if now < self._not_before:
            return
        longest = min(FIRST_WAIT_SECONDS * 2**self._failures, LONGEST_WAIT_SECONDS)
        # A part of the wait is random: workers that lost the same host must not return together.
        wait = self._random.uniform(max(longest / 2, FIRST_WAIT_SECONDS), longest)
        self._failures = min(self._failures + 1, 16)
        self._not_before = now + wait

    def earned(self) -> None:
        """One that ended has done a connection's work: replacing it costs nothing."""
        self._budget += 1

    def answered(self) -> None:
        """One works."""
        self._failures = 0
        self._not_before = 0.0

    def _level(self, now: float) -> float:
        return min(self._burst, self._budget + (now - self._refilled_at) * REFILL_PER_SECOND)
