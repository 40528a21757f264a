"""Take a batch by its lease and read its tokens, or do what else its row asks for."""

from collections.abc import Sequence

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.db import Connection
from push_pipeline.devices.activity_addresses import find_activity_targets
from push_pipeline.devices.targets import Reachable
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
    Decision,
    Leave,
    Park,
    Reach,
    Send,
    SettleRest,
    cut_slices,
    decide,
    without_others_hold,
)
from push_workers.delivery.process import Context
from push_workers.delivery.record import close_run, settle_rest

#: Seconds in which a probe of a closed route is waited for before somebody sends another.
PROBE_SECONDS = 1.0


def take(batch_id: int, context: Context) -> Claim | None:
    """Return a batch that is ours to send; None where there is nothing to send."""
    now = now_ms()
    batch = _find(batch_id, context)
    if batch is None:
        return None
    match _decide(batch, context, now):
        case Leave():
            return None
        case Park(until):
            with db.writing() as connection:
                batches.postpone(connection, batch, until)
            return None
        case Send(window):
            return _lease(batch, window, context, now)
        case SettleRest() as end:
            with db.writing() as connection:
                settle_rest(connection, _claimed(batch, context, now), end, now)
    close_run(batch)
    return None


def _find(batch_id: int, context: Context) -> Standing | None:
    """Read a batch, and keep its run's message; whoever changes it later says what was seen."""
    with db.glancing() as connection:
        found = batches.find_batch(connection, batch_id, context.known_runs)
    if found is None:
        return None
    context.keep_run(found.standing.run_id, found.message)
    return without_others_hold(found.standing)


def _decide(batch: Standing, context: Context, now: int) -> Decision:
    decision = decide(batch, now, context.window(batch))
    if isinstance(decision, Send) and _is_overtaken(batch, context):
        return SettleRest(Settled.CANCELLED, "Superseded")
    return decision


def _lease(batch: Standing, window: int, context: Context, now: int) -> Claim | None:
    claim = _claimed(batch, context, now)
    claim.slices = list(cut_slices(batch, window, context.window(batch)))
    claim.tells_activity = context.run_facts(batch.run_id).activity is not None
    claim.read_at, claim.lease_until = now, now + context.lease_ms
    claim.allowed_end = batch.size
    together = batch.probes or claim.tells_activity
    with db.writing() if together else db.singly() as connection:
        if batch.probes and not _begin_probe(connection, batch, context, now):
            return None
        targets = _take(connection, claim, context)
    if targets is None:
        return None
    claim.targets = targets
    return claim


def _take(connection: Connection, claim: Claim, context: Context) -> Reach | None:
    """Take the batch, and return whom it goes to; None where another worker was faster."""
    batch, now = claim.batch, claim.read_at
    members, run = claim.members[batch.settled :], context.run_facts(batch.run_id)
    until, end = claim.lease_until, claim.slices[0].end
    if run.activity is None:
        found = batches.take_and_read(
            connection, batch, lease_until=until, doubt_end=end, keys=members, now=now
        )
        return None if found is None else _addressed(found, run.run.push_type)
    if not batches.take(connection, batch, lease_until=until, doubt_end=end):
        return None
    meant = run.activity.activity.audience
    reached = find_activity_targets(connection, batch.app_id, meant, members, now)
    if run.activity.activity.may_be_eased:
        claim.seldom = frozenset(one.key for one in reached if one.seldom)
    return Reach.of([activity_target(one.key, one.token, one.kind, one.address) for one in reached])


def _addressed(found: Sequence[Reachable], push_type: str | None) -> Reach:
    there = [one for one in found if takes(one.kind, push_type)]
    if len(there) == 1:  # nearly always
        kind, keys, tokens = there[0]
        return Reach(dict(zip(keys, tokens, strict=True)), kind)
    tokens_of: dict[int, str] = {}
    kinds: dict[int, str] = {}
    for kind, keys, tokens in there:
        tokens_of.update(zip(keys, tokens, strict=True))
        kinds.update(dict.fromkeys(keys, kind))
    return Reach(tokens_of, kinds=kinds)


def _is_overtaken(batch: Standing, context: Context) -> bool:
    """Tell whether a newer event of the activity says all that this one does."""
    event = context.run_facts(batch.run_id).activity
    if event is None:
        return False
    with db.glancing() as connection:
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
        (min(members), max(members)),
        rules,
        reasons=reasons,
        blocks=batch.blocks,
        badged=batch.badged,
    )
