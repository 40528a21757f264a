"""Tells once, while a message is watched, who is missing where nothing moves."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from push_pipeline.cli.checks import who_is_missing
from push_pipeline.cli.output import note
from push_pipeline.ledger.views import Ledger, RunLedger

#: Seconds in which something moves if everybody is at work: a tick and what it wakes.
PATIENCE_SECONDS = 3.0

#: States in which a run waits for a worker.
_WAITING = frozenset({"scheduled", "fanning", "sending"})


class Stall:
    """Sees each look at a ledger; asks who is missing if a due one stays as it is."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: Ledger | None = None
        self._since = clock()
        self._told = False

    def see(self, ledger: Ledger) -> None:
        """Take one look into account; a line to the terminal for each that is missing."""
        if ledger != self._seen or not any(map(_is_due, ledger["runs"])):
            self._seen, self._since = ledger, self._clock()
            return
        if not self._told and self._clock() - self._since >= PATIENCE_SECONDS:
            self._told = True
            for one in who_is_missing():
                note(f"nothing moves: {one.name}: {one.says}")


def _is_due(run: RunLedger) -> bool:
    due = run["dueAt"]
    return (
        run["state"] in _WAITING
        and due is not None
        and datetime.fromisoformat(due) <= datetime.now(UTC)
    )
