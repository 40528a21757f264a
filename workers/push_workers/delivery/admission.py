"""How much of a batch may be sent now: asked once for the batch, of what all workers may send.

Who gets nothing gives the batch back until its turn; nobody waits for a turn inside a worker.
"""

from push_pipeline import db, telemetry
from push_pipeline.budgets import Ask, Grant, budget_key, limits_of, pace_key, pace_limits
from push_pipeline.clock import now_ms
from push_pipeline.ledger import batches, runs
from push_pipeline.platform import provider_of
from push_workers.delivery.claim import Claim
from push_workers.delivery.process import Context


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
