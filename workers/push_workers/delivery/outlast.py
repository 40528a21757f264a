"""Hold on to known answers while the database is away, for as long as the batch is ours.

The one place where a worker waits: what a provider said is in its memory alone, and a batch that
it let go would be sent again, or end as unknown.
"""

from collections.abc import Callable
from typing import TypeVar

from push_pipeline.clock import now_ms
from push_pipeline.clock import pause as let_pass
from push_pipeline.errors import DatabaseUnavailable
from push_workers.delivery.claim import Claim

#: Seconds between two tries: at first, and at most.
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0

#: Milliseconds before the end of a lease at which its batch is left to whoever takes it next.
MARGIN_MS = 1_000

Result = TypeVar("Result")


def outlast(claim: Claim, work: Callable[[], Result]) -> Result:
    """Do what needs the database, again and again until shortly before the lease ends.

    `work` must bear to be done twice: nobody knows whether a commit that was cut was made.

    Raises:
        DatabaseUnavailable: it was away until then.
    """
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return work()
        except DatabaseUnavailable:
            if now_ms() + pause * 1000 >= claim.lease_until - MARGIN_MS:
                raise
            claim.unsure = True
        let_pass(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
