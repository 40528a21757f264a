"""Which workers have been silent for so long that they are gone; pure.

Only what was watched without a break counts: where Redis was away, or whoever looks was stopped
itself, everybody is looked at anew. So a Redis that is away makes nobody seem to be gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Seconds between two looks, and two signs of a worker.
EVERY_SECONDS = 0.25

#: Seconds. A break that is longer ends the watching.
BREAK_SECONDS = 1.0

#: Seconds without a sign after which a worker is gone whose connection is closed as well …
CLOSED_SECONDS = 0.75

#: … or open: it is stopped, or its host is lost and nobody has told the server.
OPEN_SECONDS = 4.0

#: Seconds for one of whom no sign came since the watching began: it may be coming back to a
#: Redis that was away.
UNSEEN_SECONDS = 5.0


@dataclass(slots=True)
class _Last:
    """The last sign of a worker, since when it is the same, and whether another came before."""

    sign: str
    since: float
    seen: bool


@dataclass(slots=True)
class Watch:
    """The signs of all workers as one of them sees them. Times are seconds of its own clock."""

    _looked: float = 0.0
    _last: dict[str, _Last] = field(default_factory=dict)

    def look(self, signs: Mapping[str, str], now: float) -> None:
        """Note the signs of all workers as they are now."""
        before = self._last if now - self._looked <= BREAK_SECONDS else {}
        self._looked = now
        self._last = {name: _next(before.get(name), sign, now) for name, sign in signs.items()}

    def silent(self) -> dict[str, str]:
        """Return the workers that may be gone, with the last sign of each."""
        return {
            name: last.sign
            for name, last in self._last.items()
            if self._looked - last.since >= (CLOSED_SECONDS if last.seen else UNSEEN_SECONDS)
        }

    def is_gone(self, name: str, *, connected: bool) -> bool:
        """Judge a worker that is silent."""
        last = self._last[name]
        return not connected or self._looked - last.since >= OPEN_SECONDS


def _next(last: _Last | None, sign: str, now: float) -> _Last:
    if last is None:
        return _Last(sign, now, seen=False)
    return last if last.sign == sign else _Last(sign, now, seen=True)
