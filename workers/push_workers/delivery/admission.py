"""How much of a batch may be sent now: asked once for the batch, of what all workers may send.

Who gets nothing gives the batch back until its turn; nobody waits for a turn inside a worker. And
a broadcast's batch gives the rest back where it keeps others waiting.
"""

import time

from push_pipeline import db, queues, telemetry
from push_pipeline.budgets import Ask, Grant, budget_key, limits_of, pace_key, pace_limits
from push_pipeline.clock import now_ms
from push_pipeline.ledger import batches, runs
from push_pipeline.platform import provider_of
from push_workers.delivery.claim import Claim, Slice
from push_workers.delivery.process import Context

#: Seconds after which a broadcast's batch lets others go first, if any wait, and how often that
#: is asked; and after which it does so unasked, so that no task lasts many slices of a slow route.
TURN_SECONDS = 0.05
LONGEST_TURN_SECONDS = 2.0


class Turn:
    """How long a batch's task has been sending."""

    def __init__(self) -> None:
        self._began = self._asked = time.monotonic()

    def is_over(self, claim: Claim) -> bool:
        """Tell between two slices whether a broadcast's batch should let others go first."""
        now = time.monotonic()
        if not claim.batch.bulk or now - self._asked < TURN_SECONDS:
            return False
        self._asked = now
        if now - self._began >= LONGEST_TURN_SECONDS:
            return True
        return queues.others_wait(claim.batch.environment, claim.batch.app_id)


def ask_for_turn(claim: Claim, context: Context) -> bool:
    """Note how far a batch may be sent now; False where it must be given back."""
    grant = _take(claim, context)
    claim.allowed_end = claim.batch.settled + grant.allowed
    claim.resume_at = min(now_ms() + round(grant.wait * 1000), claim.batch.run_expires_at)
    if grant.wait:
        telemetry.budget_waited(provider_of(claim.batch.environment), grant.wait)
    return grant.allowed > 0


def give_back(claim: Claim) -> None:
    """Put a batch that was not sent to back as it was, until its turn."""
    batch = claim.batch
    with db.writing() as connection:
        goes_on = runs.is_sendable(connection, batch.run_id, batch.environment)
        until = claim.resume_at if goes_on else now_ms()
        batches.give_back(connection, batch, claim.number, until)


def give_way(claim: Claim, part: Slice, context: Context) -> None:
    """Leave what follows a slice to a later turn, and put back what was allowed for it."""
    claim.gives_way = True
    _put_back(claim, claim.allowed_end - part.end, context)
    claim.allowed_end, claim.resume_at = part.end, now_ms()


def _put_back(claim: Claim, tokens: int, context: Context) -> None:
    batch = claim.batch
    if batch.rate is not None:
        pace = pace_key(batch.run_id), pace_limits(batch.rate, context.settings)
        context.budgets.put_back(*pace, tokens)
    if batch.credential_id is not None:
        limits = limits_of(provider_of(batch.environment), context.settings)
        context.budgets.put_back(budget_key(batch.credential_id), limits, tokens)


def cut_budget(claim: Claim, context: Context) -> None:
    """Send less from now on: the provider says that it is too much."""
    if claim.batch.credential_id is None:
        return
    provider = provider_of(claim.batch.environment)
    key = budget_key(claim.batch.credential_id)
    left = context.budgets.cut(key, limits_of(provider, context.settings))
    telemetry.budget_cut(claim.batch.credential_id, provider, left)


def _take(claim: Claim, context: Context) -> Grant:
    """Take of the message's own pace first; what the credential does not allow is put back."""
    batch = claim.batch
    wanted = batch.size - batch.settled
    if batch.rate is None:
        return _take_of_credential(claim, wanted, context)
    key, limits = pace_key(batch.run_id), pace_limits(batch.rate, context.settings)
    paced = context.budgets.take(key, limits, _ask(claim, wanted, context)._replace(bulk=True))
    if not paced.allowed:
        return paced
    grant = _take_of_credential(claim, paced.allowed, context)
    if grant.allowed < paced.allowed:
        context.budgets.put_back(key, limits, paced.allowed - grant.allowed)
    return Grant(grant.allowed, max(grant.wait, paced.wait))


def _ask(claim: Claim, wanted: int, context: Context) -> Ask:
    first = claim.slices[0]
    return Ask(first.end - first.start, context.window(claim.batch), wanted, bulk=claim.batch.bulk)


def _take_of_credential(claim: Claim, wanted: int, context: Context) -> Grant:
    batch = claim.batch
    if batch.credential_id is None:
        return Grant(wanted, 0.0)
    limits = limits_of(provider_of(batch.environment), context.settings)
    ask = _ask(claim, wanted, context)
    grant = context.budgets.take(budget_key(batch.credential_id), limits, ask)
    # A probe goes whatever was spent: all others wait for its news.
    return grant._replace(allowed=max(grant.allowed, 1)) if batch.probes else grant
