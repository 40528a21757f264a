"""Rules: which requests get which action. An ordered list; the first that matches wins."""

import hashlib
import time
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from push_workers.simulator.messages import Shape


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Match(_Frozen):
    """Every given condition must hold; an empty match takes every request."""

    provider: Literal["apns", "fcm", "webpush"] | None = None
    prefix: str = ""  # of the token
    topic: str | None = None
    nth: tuple[int, ...] = ()  # which requests of that token, the first is 1
    every: int | None = Field(default=None, ge=1)  # every k-th of those that match the rest
    probability: float | None = Field(default=None, ge=0, le=1)
    after: float = 0.0  # seconds since the rules were set
    until: float | None = None


class Action(_Frozen):
    """What happens to a request. Without status and reason it succeeds, after the rest is done."""

    status: int | None = None
    reason: str = ""
    retry_after: float | None = None  # seconds
    retry_after_date: bool = False  # write it as an HTTP-date
    delay: float | tuple[float, float] = 0.0  # seconds before it is processed
    cut: Literal["", "headers", "unprocessed", "processed", "answer"] = ""
    rst: int | None = None  # RST_STREAM with this code; the request is not processed
    never: bool = False  # processed, never answered
    goaway: str = ""  # after this answer: GOAWAY with this reason
    shape: Shape = Shape.WHOLE
    dead_since: int | None = None  # epoch milliseconds, for 410


class Rule(_Frozen):
    """A match, its action, and how often it may be used at most."""

    match: Match = Match()
    action: Action = Action()
    times: int | None = None


class RuleBook:
    """The rules in force and what they must remember: requests per token, uses per rule.

    Chance is a hash of seed, token and n, so a run can be repeated: the same token behaves the
    same however requests interleave. `every` and `times` depend on the order of arrival.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._rules: list[Rule] = []
        self.cuts_at_headers = False
        self.clear()

    def clear(self) -> None:
        """Forget all rules and counts."""
        self.set([])
        self.attempts: dict[str, int] = {}

    def set(self, rules: list[Rule]) -> None:
        """Replace the rules; the time windows start now."""
        self._rules = rules
        self._since = time.monotonic()
        self._met = [0] * len(rules)
        self._used = [0] * len(rules)
        self.cuts_at_headers = any(rule.action.cut == "headers" for rule in rules)

    def count(self, token: str) -> None:
        """Count a request of this token, whatever becomes of it."""
        self.attempts[token] = self.attempts.get(token, 0) + 1

    def action(self, provider: str, token: str, topic: str) -> Action | None:
        """Return the action of the first rule that matches a request that was counted."""
        if not self._rules:
            return None
        return self._first(provider, token, topic, self.attempts[token], at_headers=False)

    def at_headers(self, provider: str, token: str) -> Action | None:
        """Return the action of a rule that cuts the connection before the body is read."""
        nth = self.attempts.get(token, 0) + 1
        return self._first(provider, token, "", nth, at_headers=True)

    def chance(self, salt: str, token: str) -> float:
        """Return a number in [0, 1) that depends on seed, salt, token and its request count."""
        return int.from_bytes(self.digest(salt, token)[:6]) / 2**48

    def digest(self, salt: str, token: str) -> bytes:
        """Return 16 bytes that depend on seed, salt, token and its request count."""
        text = f"{self._seed}:{salt}:{token}:{self.attempts.get(token, 0)}"
        return hashlib.blake2b(text.encode(), digest_size=16).digest()

    def _first(
        self, provider: str, token: str, topic: str, nth: int, *, at_headers: bool
    ) -> Action | None:
        for index, rule in enumerate(self._rules):
            if (rule.action.cut == "headers") is not at_headers:
                continue
            if self._matches(rule.match, provider, token, topic, nth) and self._due(index, token):
                return rule.action
        return None

    def _matches(self, match: Match, provider: str, token: str, topic: str, nth: int) -> bool:
        if match.provider not in (None, provider) or not token.startswith(match.prefix):
            return False
        if match.topic not in (None, topic) or (match.nth and nth not in match.nth):
            return False
        elapsed = time.monotonic() - self._since
        return match.after <= elapsed and (match.until is None or elapsed < match.until)

    def _due(self, index: int, token: str) -> bool:
        rule = self._rules[index]
        chance = rule.match.probability
        if chance is not None and self.chance(str(index), token) >= chance:
            return False
        self._met[index] += 1
        if rule.match.every and self._met[index] % rule.match.every:
            return False
        if rule.times is not None and self._used[index] >= rule.times:
            return False
        self._used[index] += 1
        return True
