"""(outcome, attempt) → how long to wait before the next one; how long a route rests; pure."""

import random
from dataclasses import dataclass
from typing import NamedTuple

from push_pipeline.outcome import Outcome, RestCause

#: Seconds. Google asks for ten at least after a 5xx, a minute after a 429 without Retry-After;
#: Apple names no time for 429 and "later" for 5xx.
FIRST_WAIT = {Outcome.UNAVAILABLE: 10.0, Outcome.THROTTLED: 60.0, Outcome.UNKNOWN: 10.0}

#: Seconds. What Apple's documentation suggests after a 5xx, for those who can wait.
PATIENT_FIRST_WAIT = 900.0

#: Seconds. No wait of ours is longer; a provider's own Retry-After may be.
LONGEST_WAIT = 3_600.0

#: Seconds. A Retry-After beyond a day is a mistake somewhere, and is cut.
LONGEST_RETRY_AFTER = 86_400.0

#: A wait is stretched by up to this share: what failed together must not return together.
JITTER = 0.25


class Rest(NamedTuple):
    """How long a route rests, in seconds: at first, as a share of the trouble so far, at most."""

    first: float
    share: float
    longest: float


#: Who cannot be reached is asked again soon, by a single probe: it costs nobody anything, and
#: all wait for its news. Who answers that it is overloaded is left alone for longer each time.
_UNREACHABLE = Rest(1.0, 0.02, 60.0)
RESTS = {
    RestCause.DNS: _UNREACHABLE,
    RestCause.CONNECT: _UNREACHABLE,
    RestCause.TLS: _UNREACHABLE,
    RestCause.SILENCE: _UNREACHABLE,
    RestCause.SIGN_IN: Rest(5.0, 0.05, 60.0),
    RestCause.UNAVAILABLE: Rest(10.0, 0.15, LONGEST_WAIT),
    RestCause.THROTTLED: Rest(60.0, 1.0, LONGEST_WAIT),
    RestCause.REFUSED: Rest(60.0, 0.0, 60.0),
    RestCause.GUARD: Rest(60.0, 0.0, 60.0),
}


@dataclass(frozen=True, slots=True)
class Backoff:
    """The operator's schedule of retries."""

    max_attempts: int
    patient: bool = False
    factor: float = 1.0  # scales our own waits, never a provider's

    def wait(
        self, outcome: Outcome, attempt: int, retry_after: float | None, rng: random.Random
    ) -> float:
        """Return the seconds to wait after `attempt` failed so.

        The larger of ours and the provider's: a Retry-After is never shortened, and one of a
        second does not turn the back-off into a hail of requests.
        """
        return self._at_least(self._own_wait(outcome, attempt), retry_after, rng)

    def rest(
        self, cause: RestCause, troubled: float, retry_after: float | None, rng: random.Random
    ) -> float:
        """Return the seconds that a route rests which has been in trouble for so many."""
        rest = RESTS[cause]
        ours = min(max(rest.first, rest.share * troubled), rest.longest)
        if self.patient and cause is RestCause.UNAVAILABLE:
            ours = max(ours, PATIENT_FIRST_WAIT)
        return self._at_least(ours, retry_after, rng)

    def least(self, outcome: Outcome, attempt: int) -> float:
        """Return the seconds that were waited at the least after `attempt` failed so."""
        return self._own_wait(outcome, max(attempt, 1)) * self.factor

    def is_exhausted(self, attempt: int) -> bool:
        """Tell whether `attempt` was the last one."""
        return attempt >= self.max_attempts

    def _at_least(self, seconds: float, asked: float | None, rng: random.Random) -> float:
        ours = seconds * self.factor * (1 + JITTER * rng.uniform(0, 1))
        return max(ours, min(asked or 0.0, LONGEST_RETRY_AFTER))

    def _own_wait(self, outcome: Outcome, attempt: int) -> float:
        first = FIRST_WAIT[outcome]
        if self.patient and outcome is Outcome.UNAVAILABLE:
            first = PATIENT_FIRST_WAIT
        return min(first * 2.0 ** min(attempt - 1, 30), LONGEST_WAIT)
