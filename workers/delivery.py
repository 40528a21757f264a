"""Batch → claim, load, render, send, record, plan: what one delivery task does.

A batch is sent in slices of the doubt window. Each slice is noted in the batch row before it is
sent and recorded before the next begins, so a SIGKILL leaves at most one slice in doubt. A
worker that was overtaken (its lease ran out) finds its claim number gone and records nothing.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection

from pipeline import db, telemetry
from pipeline.clock import now_ms
from pipeline.directory.routes import open_route, pause_route
from pipeline.directory.targets import find_targets, put_out_of_service
from pipeline.directory.users import users_of_devices
from pipeline.errors import BadCredential
from pipeline.ledger import batches, runs
from pipeline.ledger.batches import LeaseLost, NewBatch, Progress, Standing
from pipeline.ledger.deliveries import insert_deliveries
from pipeline.ledger.states import RunState
from pipeline.outcome import Outcome, RouteAction, Settled, Verdict
from workers.claim import Leave, Park, Send, SettleRest, decide
from workers.context import Context, RunFacts
from workers.notification_id import notification_ids
from workers.personal import Prepared, Words, send_each_its_own, words_of
from workers.senders.base import Target
from workers.settlement import Report, Retry, Rules, may_resend, settle


class Slice(NamedTuple):
    """Members from `start` to `end`, and the end of the slice after it (the same: the last)."""

    start: int
    end: int
    next_end: int
    doubtful: bool


@dataclass(slots=True)
class Claim:
    """A batch that is ours until its lease ends, with the tokens of its open members."""

    batch: Standing
    number: int
    members: list[int]
    targets: dict[int, Target]
    read_at: int
    slices: list[Slice]
    reasons: dict[str, int] = field(default_factory=dict)
    words: dict[int, Words] = field(default_factory=dict)  # of the users, where they are said


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
            goes_on = _record(claim, part, report, context)
            telemetry.slice_recorded(
                claim.batch.platform, report.tally(), time.monotonic() - started
            )
            if not goes_on:
                break
    except LeaseLost:
        telemetry.lease_lost(batch_id)
        return
    _close_run(claim.batch)


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
                _settle_rest(connection, batch, end, context, now)
            case Send(window):
                return _take(connection, batch, window, context, now)
    _close_run(batch)
    return None


def _take(
    connection: Connection, batch: Standing, window: int, context: Context, now: int
) -> Claim | None:
    slices = list(cut_slices(batch, window, context.settings.doubt_window))
    lease_until = now + context.lease_ms
    if not batches.take(connection, batch, lease_until=lease_until, noted=slices[0].end):
        return None
    members = batches.unpack(batch.members)
    found = find_targets(connection, members[batch.settled :], now)
    targets = {row[0]: Target(*row) for row in found}
    return Claim(batch, batch.claims + 1, members, targets, now, slices, dict(batch.reasons or {}))


def cut_slices(batch: Standing, first: int, window: int) -> Iterator[Slice]:
    """Cut a batch's open members into slices; those an earlier worker left in doubt come first.

    The slice in doubt keeps its bounds: it is exactly what may have been sent.
    """
    start, doubtful = batch.settled, batch.noted > batch.settled
    end = batch.noted if doubtful else min(start + first, batch.size)
    while start < batch.size:
        next_end = min(end + window, batch.size)
        yield Slice(start, end, next_end, doubtful)
        start, end, doubtful = end, next_end, False


def _send(claim: Claim, part: Slice, run: RunFacts, context: Context) -> Report:
    """Send one slice and say what follows; a slice in doubt only if the policy allows it."""
    prepared = run.prepared(claim.batch.platform, now_ms() / 1000)
    rules = _rules(claim.batch, context, prepared.rendered.collapsible, in_doubt=part.doubtful)
    keys = claim.members[part.start : part.end]
    if part.doubtful and not rules.may_resend:
        return _all_alike(Settled.UNKNOWN, "WorkerLost", keys)
    here = [claim.targets[key] for key in keys if key in claim.targets]
    ids = notification_ids(run.run.message_id, run.run.n, [one.device_key for one in here])
    verdicts = _ask_provider(claim, prepared, here, ids, context)
    report = settle(here, verdicts, rules, sent_at=claim.read_at, now=now_ms(), rng=context.rng)
    gone = [(key, None) for key in keys if key not in claim.targets]
    report.end(Settled.REJECTED, "NotRegistered", [*gone])
    return report


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


def _all_alike(settled: Settled, reason: str, keys: list[int]) -> Report:
    report = Report()
    report.end(settled, reason, [(key, None) for key in keys])
    return report


def _rules(
    batch: Standing, context: Context, collapsible: bool = False, *, in_doubt: bool = False
) -> Rules:
    settings = context.settings
    return Rules(
        run_id=batch.run_id,
        attempt=batch.attempt,
        doubtful=batch.doubtful or in_doubt,
        may_resend=may_resend(settings.unknown_policy, collapsible=collapsible),
        guarded=batch.guarded,
        expires_at=batch.run_expires_at,
        keep=settings.ledger,
        backoff=context.backoff,
    )


def _record(claim: Claim, part: Slice, report: Report, context: Context) -> bool:
    """Commit a slice's outcomes and note the next one; False where the batch must be left.

    Raises:
        LeaseLost: somebody else has the batch; nothing was recorded.
    """
    now = now_ms()
    batch = claim.batch
    with db.writing() as connection:
        rest_until = _change_route(connection, batch, report, now)
        finished = part.end == batch.size
        goes_on = not finished and rest_until is None and _may_go_on(connection, batch, now)
        progress = _progress(claim, part.end, report)
        if finished:
            progress = progress._replace(finished_at=now)
        elif goes_on:
            lease_until = now + context.lease_ms
            progress = progress._replace(noted=part.next_end, lease_until=lease_until, woken_at=now)
        else:
            progress = progress._replace(not_before=rest_until or now)
        _write(connection, claim, report, progress, _rules(batch, context), now)
    _tell(batch, report)
    return goes_on


def _progress(claim: Claim, settled: int, report: Report) -> Progress:
    for reason, count in report.tally().reasons.items():
        claim.reasons[reason] = claim.reasons.get(reason, 0) + count
    return Progress(settled, settled, claim.batch.not_before, claim.reasons or None)


def _may_go_on(connection: Connection, batch: Standing, now: int) -> bool:
    """Ask between two slices whether the run was paused or cancelled, or has expired."""
    return now < batch.run_expires_at and runs.is_sendable(connection, batch.run_id)


def _change_route(connection: Connection, batch: Standing, report: Report, now: int) -> int | None:
    """Close or open the route as the provider's answers ask; return until when it rests."""
    if batch.credential_id is None:
        return None
    if report.route is not None:
        until = now + round(report.route.seconds * 1000)
        pause_route(connection, batch.credential_id, until, report.route.held_reason)
        return until
    if batch.held_reason is not None and report.proven:
        open_route(connection, batch.credential_id)
    return None


def _write(
    connection: Connection,
    claim: Claim,
    report: Report,
    progress: Progress,
    rules: Rules,
    now: int,
) -> None:
    """Write a report; the batch first, since it says whether the rest is still ours to write."""
    batch = claim.batch
    batches.record(connection, batch.id, claim.number, report.tally(), progress)
    insert_deliveries(connection, report.settlements(rules, now))
    batches.insert_batches(connection, [_later(batch, one) for one in report.retries], None)
    put_out_of_service(connection, report.evidence)
    if report.suspicion is not None:
        runs.pause(connection, batch.run_id, report.suspicion)


def _later(batch: Standing, retry: Retry) -> NewBatch:
    return NewBatch(
        run_id=batch.run_id,
        platform=batch.platform,
        environment=batch.environment,
        bulk=batch.bulk,
        members=retry.members,
        not_before=retry.not_before,
        attempt=retry.attempt,
        doubtful=retry.doubtful,
    )


def _tell(batch: Standing, report: Report) -> None:
    if report.suspicion is not None:
        telemetry.run_stopped(batch.run_id, report.suspicion)
    if report.route is not None and batch.credential_id is not None:
        telemetry.route_rested(batch.credential_id, report.route.seconds, report.route.held_reason)


def _settle_rest(
    connection: Connection, batch: Standing, end: SettleRest, context: Context, now: int
) -> None:
    """Settle every open member without sending; those in doubt may have arrived: unknown."""
    if not batches.take(connection, batch, lease_until=now, noted=batch.noted):
        return
    members = batches.unpack(batch.members)
    sure_from = batch.size if batch.doubtful else max(batch.noted, batch.settled)
    report = _all_alike(end.settled, end.reason, members[sure_from:])
    report.end(
        Settled.UNKNOWN, end.reason, [(key, None) for key in members[batch.settled : sure_from]]
    )
    claim = Claim(batch, batch.claims + 1, members, {}, now, [], dict(batch.reasons or {}))
    progress = _progress(claim, batch.size, report)._replace(finished_at=now)
    _write(connection, claim, report, progress, _rules(batch, context), now)


def _close_run(batch: Standing) -> None:
    """Close the run if this was its last batch; the tick does it where the fan-out went on."""
    if batch.run_state == RunState.FANNING:
        return
    with db.writing() as connection:
        closed = runs.close_if_done(connection, batch.run_id, now_ms())
    if closed:
        telemetry.run_closed(batch.run_id)
