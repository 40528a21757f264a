"""Take a batch by its lease and read its tokens, or do what else its row asks for."""

from collections.abc import Sequence
from itertools import repeat

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.db import Connection
from push_pipeline.devices.activity_addresses import find_activity_targets
from push_pipeline.devices.targets import Reachable, find_targets
from push_pipeline.directory.provider_routes import begin_probe
from push_pipeline.ledger import batches
from push_pipeline.ledger.activities import find_newest
from push_pipeline.ledger.values import Standing
from push_pipeline.options.activity import is_overtaken
from push_pipeline.outcome import Settled
from push_pipeline.push_type import takes
from push_workers.delivery.activity import activity_target
from push_workers.delivery.claim import (
    Claim,
    Leave,
    Park,
    Send,
    SettleRest,
    cut_slices,
    decide,
    without_others_hold,
)
from push_workers.delivery.process import Context
from push_workers.delivery.record import close_run, settle_rest
from push_workers.senders.base import Target

#: Seconds in which a probe of a closed route is waited for before somebody sends another.
PROBE_SECONDS = 1.0


def take(batch_id: int, context: Context) -> Claim | None:
    """Return a batch that is ours to send; None where there is nothing to send."""
    now = now_ms()
    with db.writing() as connection:
        found = batches.find_batch(connection, batch_id, context.known_runs)
        if found is None:
            return None
        batch = without_others_hold(found.standing)
        context.keep_run(batch.run_id, found.message)
        decision = decide(batch, now, context.window(batch))
        if isinstance(decision, Send) and _is_overtaken(connection, batch, context):
            decision = SettleRest(Settled.CANCELLED, "Superseded")
        match decision:
            case Leave():
                return None
            case Park(until):
                batches.postpone(connection, batch, until)
                return None
            case Send(window):
                return _lease(connection, batch, window, context, now)
            case SettleRest() as end:
                settle_rest(connection, _claimed(batch, context, now), end, now)
    close_run(batch)
    return None


def _lease(
    connection: Connection, batch: Standing, window: int, context: Context, now: int
) -> Claim | None:
    if batch.probes and not _begin_probe(connection, batch, context, now):
        return None
    claim = _claimed(batch, context, now)
    claim.slices = list(cut_slices(batch, window, context.window(batch)))
    lease_until = now + context.lease_ms
    if not batches.take(connection, batch, lease_until=lease_until, doubt_end=claim.slices[0].end):
        return None
    claim.targets = _targets(connection, claim, context, now)
    claim.tells_activity = context.run_facts(batch.run_id).activity is not None
    claim.read_at, claim.lease_until = now, lease_until
    claim.allowed_end = batch.size
    return claim


def _targets(connection: Connection, claim: Claim, context: Context, now: int) -> dict[int, Target]:
    members = claim.members[claim.batch.settled :]
    event = context.run_facts(claim.batch.run_id).activity
    if event is None:
        push_type = context.run_facts(claim.batch.run_id).run.push_type
        found = find_targets(connection, members, now)
        return _addressed([one for one in found if takes(one.kind, push_type)])
    meant = event.activity.audience
    rows = find_activity_targets(connection, claim.batch.app_id, meant, members, now)
    return {row[0]: activity_target(*row) for row in rows}


def _addressed(found: Sequence[Reachable]) -> dict[int, Target]:
    targets: dict[int, Target] = {}
    for kind, keys, tokens in found:
        count = len(keys)
        alike = repeat(kind, count), repeat(None, count)
        made = map(Target._make, zip(keys, tokens, *alike, strict=True))
        targets.update(zip(keys, made, strict=True))
    return targets


def _is_overtaken(connection: Connection, batch: Standing, context: Context) -> bool:
    """Tell whether a newer event of the activity says all that this one does."""
    event = context.run_facts(batch.run_id).activity
    if event is None:
        return False
    newest = find_newest(connection, batch.app_id, event.activity.activity_id)
    return newest is not None and is_overtaken(event.activity, event.timestamp, newest)


def _begin_probe(connection: Connection, batch: Standing, context: Context, now: int) -> bool:
    """Make this batch the one that asks whether its route's provider answers again."""
    if batch.credential_id is None:
        return True
    until = now + max(1, round(PROBE_SECONDS * context.backoff.factor * 1000))
    if begin_probe(connection, batch.credential_id, batch.paused_until, until):
        return True
    batches.postpone(connection, batch, until)
    return False


def _claimed(batch: Standing, context: Context, now: int) -> Claim:
    members = batches.unpack(batch.members)
    rules = context.rules(batch, now)
    reasons = dict(batch.reasons or {})
    return Claim(
        batch,
        batch.claims + 1,
        members,
        rules,
        reasons=reasons,
        blocks=batch.blocks,
        badged=batch.badged,
    )
