"""A token bucket: so many per minute, with a burst of as many."""

import time


class Allowance:
    """Counts per key (a device, a project). A minute's worth may come at once."""

    def __init__(self) -> None:
        self._levels: dict[str, tuple[float, float]] = {}  # key -> tokens left, at

    def take(self, key: str, per_minute: int, scale: float) -> bool:
        """Take one; False where nothing is left. `scale` makes the minutes shorter."""
        now = time.monotonic()
        level, at = self._levels.get(key, (float(per_minute), now))
        level = min(per_minute, level + (now - at) * scale * per_minute / 60)
        if level < 1:
            self._levels[key] = (level, now)
            return False
        self._levels[key] = (level - 1, now)
        return True

    def clear(self) -> None:
        """Forget all counts."""
        self._levels.clear()
