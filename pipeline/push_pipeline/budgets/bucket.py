"""A token bucket that ramps up, is cut by a provider in trouble, and says when to come back; pure.

The rule is told twice: here, for a process that has lost Redis, and in `script.lua`, for all of
them together. A test compares the two, decision by decision.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

#: Seconds from a start to the full rate; Google asks for sixty at least. A budget that nobody
#: used for so long starts anew.
RAMP_SECONDS = 60.0

#: What a start begins with, as a share of the full rate.
START_SHARE = 0.1

#: A broadcast leaves this share of a bucket to single pushes.
RESERVED_SHARE = 0.1

#: Seconds in which a rate that was cut has doubled again.
DOUBLING_SECONDS = 60.0

#: A rate that was cut and has grown so far is free again, where the provider publishes none.
FREE_AFTER = 16.0

#: Seconds: all who meet the same trouble cut once.
CUT_ONCE_SECONDS = 5.0

#: A number is a number only up to here.
MOST_DOUBLINGS = 64.0

#: No rate is cut below so many a second: who sends less is not what is too much.
LEAST_RATE = 500.0

#: Seconds over which it is counted what is really used.
WINDOW_SECONDS = 5.0

#: Seconds. Nobody is told to come back later than this.
LONGEST_WAIT = 600.0

#: Tokens that are lost by rounding.
_ROUNDING = 1e-6


class Limits(NamedTuple):
    """What is allowed, a second; a rate of 0 is none until the provider complains."""

    rate: float
    burst_seconds: float = 2.0
    ramps: bool = False


class Ask(NamedTuple):
    """What a batch needs: for its first slice, for each other one, for all of it."""

    first: int
    step: int
    wanted: int
    bulk: bool = True


class Grant(NamedTuple):
    """How many may be sent to now, and in how many seconds to ask for the others."""

    allowed: int
    wait: float


@dataclass(slots=True)
class Bucket:
    """What is left to spend, as of a moment in seconds."""

    level: float = 0.0
    at: float = -math.inf
    busy_since: float = 0.0
    cap: float = 0.0  # what a cut left of the rate; 0: it was not cut
    cap_at: float = 0.0
    seen: float = 0.0  # taken in the window that began at `seen_at`
    seen_at: float = 0.0
    seen_rate: float = 0.0  # of the window before
    line: float = 0.0  # when those who were told to come back will all have been served

    def take(self, limits: Limits, ask: Ask, now: float) -> Grant:
        """Take what a batch may send now; where that is not all, say when to ask again."""
        self._pass_time(limits, now)
        if not self._full_rate(limits, now):
            self.seen += ask.wanted
            return Grant(ask.wanted, 0.0)
        capacity = self._full_rate(limits, now) * limits.burst_seconds
        free = self.level - (RESERVED_SHARE * capacity if ask.bulk else 0.0)
        need = min(float(ask.first), capacity * (1 - RESERVED_SHARE))
        allowed = 0
        if free + _ROUNDING >= need:
            more = max(0.0, free - ask.first + _ROUNDING) // ask.step * ask.step
            allowed = min(ask.wanted, ask.first + int(more))
            self._spend(allowed)
            free -= allowed
        if allowed == ask.wanted:
            return Grant(allowed, 0.0)
        until = self.supplied(limits, now, max(0.0, need - free))
        if ask.bulk:
            served = self.supplied(limits, max(self.line, now), ask.wanted - allowed)
            self.line = min(served, now + LONGEST_WAIT)
            until = max(until, self.line)
        return Grant(allowed, min(until - now, LONGEST_WAIT))

    def put_back(self, limits: Limits, tokens: int, now: float) -> None:
        """Return what was taken and not spent."""
        self._pass_time(limits, now)
        self._spend(-tokens)

    def cut(self, limits: Limits, now: float) -> float:
        """Halve the rate that was really used: the provider is in trouble; return what is left."""
        if self.cap and now - self.cap_at < CUT_ONCE_SECONDS:
            return self.cap
        used = max(self.seen_rate, self.seen / max(now - self.seen_at, 1.0))
        most = self.rate(limits, now)
        self.cap = max(LEAST_RATE, (min(used, most) if most else used) / 2)
        self.cap_at = now
        self.level = min(self.level, self.cap * limits.burst_seconds)
        return self.cap

    def supplied(self, limits: Limits, since: float, tokens: float) -> float:
        """Return when so many tokens will have come since a moment."""
        rate = self.rate(limits, since)
        if self.cap and rate < self._ramped(limits, since):
            return since + DOUBLING_SECONDS * math.log2(
                1 + tokens * math.log(2) / (DOUBLING_SECONDS * rate)
            )
        full_at = self.busy_since + RAMP_SECONDS
        if not limits.ramps or since >= full_at:
            return since + tokens / rate
        steeper = limits.rate * (1 - START_SHARE) / RAMP_SECONDS
        by_then = (rate + limits.rate) / 2 * (full_at - since)
        if tokens > by_then:
            return full_at + (tokens - by_then) / limits.rate
        return since + (math.sqrt(rate * rate + 2 * steeper * tokens) - rate) / steeper

    def _pass_time(self, limits: Limits, now: float) -> None:
        if now - self.at > RAMP_SECONDS:
            self.busy_since = self.seen_at = self.line = now
            self.seen = self.seen_rate = 0.0
            self.level = math.inf
        elif now > self.at:
            self.level += self.rate(limits, now) * (now - self.at)
        self.at = max(now, self.at)
        if self.cap and self._is_free(limits, now):
            self.cap = 0.0
        self.level = min(self.level, self._full_rate(limits, now) * limits.burst_seconds)
        if now - self.seen_at >= WINDOW_SECONDS:
            self.seen_rate = self.seen / (now - self.seen_at)
            self.seen, self.seen_at = 0.0, now

    def _spend(self, tokens: int) -> None:
        self.level -= tokens
        self.seen += tokens

    def _grown(self, now: float) -> float:
        doublings = (now - self.cap_at) / DOUBLING_SECONDS
        return self.cap * math.exp2(min(doublings, MOST_DOUBLINGS))

    def _is_free(self, limits: Limits, now: float) -> bool:
        return self._grown(now) >= (limits.rate or self.cap * FREE_AFTER)

    def _full_rate(self, limits: Limits, now: float) -> float:
        """Return the rate without a ramp; 0: none."""
        if not self.cap:
            return limits.rate
        return min(self._grown(now), limits.rate) if limits.rate else self._grown(now)

    def _ramped(self, limits: Limits, now: float) -> float:
        """Return the rate without a cut; infinity: none."""
        if not limits.rate or not limits.ramps:
            return limits.rate or math.inf
        share = START_SHARE + (1 - START_SHARE) * (now - self.busy_since) / RAMP_SECONDS
        return limits.rate * min(1.0, share)

    def rate(self, limits: Limits, now: float) -> float:
        """Return the rate at a moment; 0: none."""
        rate = min(self._ramped(limits, now), self._grown(now) if self.cap else math.inf)
        return 0.0 if math.isinf(rate) else rate
