"""Batch → claim, load, render, send, record: what one delivery task does.

A batch is sent in slices of the doubt window. Each slice is noted in the batch row before it is
sent and recorded before the next begins, so a SIGKILL leaves at most one slice in doubt.
"""

import time
from collections.abc import Iterator

from push_pipeline import db, telemetry
from push_pipeline.clock import now_ms
from push_pipeline.db import Connection
from push_pipeline.devices.targets import find_targets
from push_pipeline.directory.users import users_of_devices
from push_pipeline.errors import BadCredential
from push_pipeline.ledger import batches, runs
from push_pipeline.ledger.batches import LeaseLost
from push_pipeline.ledger.state_machine import RunState
from push_pipeline.ledger.values import Standing, Tally
from push_pipeline.outcome import Outcome, RouteAction, Settled, Verdict
from push_workers.delivery.claim import Leave, Park, Send, SettleRest, decide
from push_workers.delivery.notification_id import notification_ids
from push_workers.delivery.personalise import Prepared, Words, send_each_its_own, words_of
from push_workers.delivery.process import Context, RunFacts
from push_workers.delivery.record import (
    Claim,
    Slice,
    all_alike,
    record_slice,
    rules_for,
    settle_rest,
)
from push_workers.delivery.settle import Report, Rules, settle
from push_workers.senders.base import Target


def deliver(batch_id: int, context: Context) -> None:
    """Send a batch to its members and record what became of each.

    A second copy of the task, or one that comes too early, does nothing. What a provider or the
    network does never raises; a database that is away does, and then the end of the lease
    brings the batch back.
    """
    claim = _claim(batch_id, context)
    if claim is None:
        return
    run = context.run_facts(claim.batch.run_id)
    claim.words = _read_words(claim, run.columns(claim.batch.platform))
    try:
        for part in claim.slices:
            started = time.monotonic()
            report = _send(claim, part, run, context)
            goes_on = record_slice(claim, part, report, context)
            _tell_of_slice(claim.batch.platform, report.tally(), time.monotonic() - started)
            if not goes_on:
                break
    except LeaseLost:
        telemetry.lease_lost(batch_id)
        return
    _close_run(claim.batch)


def _tell_of_slice(platform: str, tally: Tally, seconds: float) -> None:
    telemetry.slice_recorded(platform, tally.ended, tally.resent, seconds)


def _claim(batch_id: int, context: Context) -> Claim | None:
    """Take the batch and read its tokens, or do what else its row asks for."""
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
            case SettleRest() as end:
                settle_rest(connection, batch, end, context, now)
            case Send(window):
                return _take(connection, batch, window, context, now)
    _close_run(batch)
    return None


def _take(
    connection: Connection, batch: Standing, window: int, context: Context, now: int
) -> Claim | None:
    slices = list(cut_slices(batch, window, context.settings.doubt_window))
    lease_until = now + context.lease_ms
    if not batches.take(connection, batch, lease_until=lease_until, doubt_end=slices[0].end):
        return None
    members = batches.unpack(batch.members)
    found = find_targets(connection, members[batch.settled :], now)
    targets = {row[0]: Target(*row) for row in found}
    return Claim(batch, batch.claims + 1, members, targets, now, slices, dict(batch.reasons or {}))


def cut_slices(batch: Standing, first: int, window: int) -> Iterator[Slice]:
    """Cut a batch's open members into slices; those an earlier worker left in doubt come first.

    The slice in doubt keeps its bounds: it is exactly what may have been sent.
    """
    start, doubtful = batch.settled, batch.doubt_end > batch.settled
    end = batch.doubt_end if doubtful else min(start + first, batch.size)
    while start < batch.size:
        next_end = min(end + window, batch.size)
        yield Slice(start, end, next_end, doubtful)
        start, end, doubtful = end, next_end, False


def _send(claim: Claim, part: Slice, run: RunFacts, context: Context) -> Report:
    """Send one slice and say what follows; a slice in doubt only if the policy allows it."""
    prepared = run.prepared(claim.batch.platform, now_ms() / 1000)
    rules = rules_for(claim.batch, context, prepared.rendered.collapsible, in_doubt=part.doubtful)
    keys = claim.members[part.start : part.end]
    if part.doubtful and not rules.may_resend:
        return all_alike(Settled.UNKNOWN, "WorkerLost", keys)
    here = [claim.targets[key] for key in keys if key in claim.targets]
    ids = notification_ids(run.run.message_id, run.run.n, [one.device_key for one in here])
    verdicts = _ask_provider(claim, prepared, here, ids, context)
    report = settle(here, verdicts, rules, sent_at=claim.read_at, now=now_ms(), rng=context.rng)
    gone = [key for key in keys if key not in claim.targets]
    report.absorb(all_alike(_end_of_the_gone(rules), "NotRegistered", gone))
    return report


def _end_of_the_gone(rules: Rules) -> Settled:
    """Devices that left meanwhile: a copy that was sent before they did may have arrived."""
    return Settled.UNKNOWN if rules.doubtful else Settled.REJECTED


def _read_words(claim: Claim, columns: tuple[str, ...]) -> dict[int, Words]:
    """Read what a personal message says of each device's user: one query for the batch."""
    if not columns:
        return {}
    with db.reading() as connection:
        users = users_of_devices(connection, list(claim.targets))
    return {key: words_of(columns, users.get(key)) for key in claim.targets}


def _ask_provider(
    claim: Claim, prepared: Prepared, targets: list[Target], ids: list[str], context: Context
) -> list[Verdict]:
    if not targets:
        return []
    try:
        sender = context.sender(claim.batch)
        if prepared.splice is None:
            return sender.send(prepared.rendered, targets, ids)
        words = [claim.words[one.device_key] for one in targets]
        return send_each_its_own(sender, prepared, targets, ids, words)
    except BadCredential:
        refused = Verdict(Outcome.MISCONFIGURED, "BadCredential", route=RouteAction.HOLD)
        return [refused] * len(targets)


def _close_run(batch: Standing) -> None:
    """Close the run if this was its last batch; the tick does it where the fan-out went on."""
    if batch.run_state == RunState.FANNING:
        return
    with db.writing() as connection:
        closed = runs.close_if_done(connection, batch.run_id, now_ms())
    if closed:
        telemetry.run_closed(batch.run_id)
