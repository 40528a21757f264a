"""How large pages and batches are, when a turn ends, when a paced run's batches are due; pure."""

from collections.abc import Sequence
from dataclasses import replace

from push_pipeline.ledger.values import NewBatch

#: Seconds of its rate that a batch of a paced run is for.
BATCH_SECONDS = 1.0

#: Batches that a run has at least before they grow, and times the usual that they grow to.
ENOUGH = 50
LARGEST = 5

#: Seconds that a page may take, and the fewest subscriptions that it has for that.
PAGE_SECONDS = 0.03
LEAST_PAGE = 5_000


def page_size(size: int, took: float) -> int:
    """Return how many subscriptions there is time for, as a page of `size` took so many seconds.

    Half of them at the least and twice as many at the most: a page may have been late by chance.
    """
    most = size * 2
    wanted = int(size * PAGE_SECONDS / took) if took > 0 else most
    return max(LEAST_PAGE, size // 2, min(most, wanted))


def would_end_late(passed: float, page: float, turn: float) -> bool:
    """Tell whether another page, as long as the one before it, would end after a turn."""
    return passed + page > turn


def pace_of(rate: float | None, over: int, audience: int) -> float | None:
    """Return the devices a second that a run is sent to; None where it is as fast as it can."""
    if rate is not None:
        return rate
    return max(audience, 1) / over if over else None


def batch_limit(rate: float | None, batch_size: int, before: int) -> int:
    """Return how many members a batch may have; `before` members of the run have theirs.

    What a batch costs beside its members (a message, a claim, a few commits) is less of a large
    audience's time that way, and there are always enough batches for all workers.
    """
    if rate is not None:
        return max(1, min(batch_size, int(rate * BATCH_SECONDS)))
    return max(batch_size, min(batch_size * LARGEST, before // ENOUGH))


def spaced(
    planned: Sequence[NewBatch], rate: float | None, due_at: int, before: int
) -> list[NewBatch]:
    """Return batches, each due when those before it have had their time.

    `before` members of the run have their batches already; `due_at` is epoch milliseconds.
    """
    if rate is None:
        return list(planned)
    found = []
    for one in planned:
        at = due_at + int(before * 1000 / rate)
        found.append(replace(one, not_before=max(at, one.not_before)))
        before += len(one.members)
    return found
