"""The one place that reads the clock."""

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """Return the time now in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def iso(at_ms: int | None) -> str | None:
    """Write epoch milliseconds as ISO 8601 in UTC, or None for None."""
    if at_ms is None:
        return None
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
