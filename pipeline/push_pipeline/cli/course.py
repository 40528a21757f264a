"""What is seen of a push while something is broken: a look at its ledger again and again."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from push_pipeline import api
from push_pipeline.cli.drills import Stage, facts_of
from push_pipeline.cli.reckoning import Line, Received, reckon
from push_pipeline.errors import DatabaseUnavailable
from push_pipeline.ledger.views import PARTS, RunLedger

#: The share of devices that has its push when something is broken.
BROKEN_AT = 0.2

_POLL_SECONDS = 0.05


class Course(NamedTuple):
    """What was seen of a drill: what had to hold, how long it took, the run in it and after it."""

    lines: list[Line]
    seconds: float
    before: RunLedger
    after: RunLedger


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a drill takes place, for whose devices, and how long one waits for their end."""

    stage: Stage
    app: str
    registered: int
    patience: float


class Watch:
    """Looks at a message's ledger again and again, and whether it balances each time."""

    def __init__(self, message_id: str, patience: float) -> None:
        self.message_id = message_id
        self._ends = time.monotonic() + patience
        self.looks = self.unbalanced = 0

    def follow(self, until: Callable[[RunLedger], bool]) -> RunLedger:
        """Return the run as it is when it is as wanted, has ended, or nobody waits any longer."""
        pause = threading.Event()
        while True:
            late = time.monotonic() > self._ends
            try:
                run = self._look()
            except DatabaseUnavailable:  # it may be what the drill breaks
                if late:
                    raise
            else:
                if until(run) or run["state"] == "finished" or late:
                    return run
            pause.wait(_POLL_SECONDS)

    def _look(self) -> RunLedger:
        run = api.status(self.message_id)["runs"][0]
        self.looks += 1
        counts = facts_of(run)
        self.unbalanced += counts["audience"] != sum(counts[part] for part in PARTS)
        return run


def received_by(stage: Stage) -> Received:
    """Return what the simulated providers counted so far."""
    counts = stage.providers.ask("GET", "/received").values()
    return Received(len(counts), sum(counts))


def balanced(watch: Watch) -> Line:
    """Say whether a message's ledger balanced whenever it was looked at."""
    even = watch.looks - watch.unbalanced
    return Line(not watch.unbalanced, f"the ledger balanced at {even} of {watch.looks} looks")


def tell_lines(lines: Iterable[Line], tell: Callable[[str], None]) -> None:
    """Say of each thing whether it held."""
    for line in lines:
        tell(f"{'ok ' if line.ok else 'BAD'}  {line.says}")


def judge(watch: Watch, after: RunLedger, registered: int, received: Received) -> Iterator[Line]:
    """Compare a message's ledger with who was registered and with what the providers counted."""
    yield balanced(watch)
    ledger = api.status(watch.message_id)
    yield from reckon(ledger, registered, received)
    lost = after["rejected"] + after["expired"] + after["unknown"]
    yield Line(
        not lost, f"nobody was lost: {after['accepted']:,} accepted, {lost:,} ended otherwise"
    )
