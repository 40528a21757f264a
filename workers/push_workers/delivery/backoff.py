"""(outcome, attempt) → how long to wait before the next one, or give up; pure."""

import random
from dataclasses import dataclass

from push_pipeline.outcome import Outcome

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


@dataclass(frozen=True, slots=True)
class Backoff:
    """The operator's schedule of retries."""

    max_attempts: int
    patient: bool = False
    factor: float = 1.0  # scales our own waits, never a provider's

    def wait(
        self, outcome: Outcome, attempt: int, retry_after: float | None, rng: random.Random
    ) -> float | None:
        """Return the seconds to wait after `attempt` failed so, or None to give up.

        A provider's Retry-After is obeyed to the second and never shortened.
        """
        if attempt >= self.max_attempts:
            return None
        ours = self._own_wait(outcome, attempt) * self.factor
        stretched = ours * (1 + JITTER * rng.uniform(0, 1))
        if retry_after is None:
            return stretched
        return max(min(retry_after, LONGEST_RETRY_AFTER), 0.0)

    def _own_wait(self, outcome: Outcome, attempt: int) -> float:
        first = FIRST_WAIT[outcome]
        if self.patient and outcome is Outcome.UNAVAILABLE:
            first = PATIENT_FIRST_WAIT
        return min(first * 2.0 ** (attempt - 1), LONGEST_WAIT)
