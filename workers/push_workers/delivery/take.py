"""Take a batch by its lease and read its tokens, or do what else its row asks for."""

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.db import Connection
from push_pipeline.devices.targets import find_targets
from push_pipeline.ledger import batches
from push_pipeline.ledger.values import Standing
from push_workers.delivery.claim import Claim, Leave, Park, Send, SettleRest, cut_slices, decide
from push_workers.delivery.process import Context
from push_workers.delivery.record import close_run, settle_rest
from push_workers.senders.base import Target


def take(batch_id: int, context: Context) -> Claim | None:
    """Return a batch that is ours to send; None where there is nothing to send."""
    now = now_ms()
    with db.writing() as connection:
        batch = batches.find_batch(connection, batch_id)
        if batch is None:
            return None
        match decide(batch, now, context.settings.doubt_window):
            case Leave():
                return None
            case Park(until):
                batches.postpone(connection, batch, until)
                return None
            case Send(window):
                return _lease(connection, batch, window, context, now)
            case SettleRest() as end:
                settle_rest(connection, _claimed(batch, context), end, now)
    close_run(batch)
    return None


def _lease(
    connection: Connection, batch: Standing, window: int, context: Context, now: int
) -> Claim | None:
    claim = _claimed(batch, context)
    claim.slices = list(cut_slices(batch, window, context.settings.doubt_window))
    lease_until = now + context.lease_ms
    if not batches.take(connection, batch, lease_until=lease_until, doubt_end=claim.slices[0].end):
        return None
    found = find_targets(connection, claim.members[batch.settled :], now)
    claim.targets = {row[0]: Target(*row) for row in found}
    claim.read_at = now
    return claim


def _claimed(batch: Standing, context: Context) -> Claim:
    members = batches.unpack(batch.members)
    return Claim(
        batch, batch.claims + 1, members, context.rules(batch), reasons=dict(batch.reasons or {})
    )
