"""What a slice leads to, written in one transaction: outcomes, retries, devices, route, progress.

A worker that was overtaken (its lease ran out) finds its claim number gone and records nothing.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from push_pipeline import db, queues, telemetry
from push_pipeline.clock import now_ms
from push_pipeline.db import Connection
from push_pipeline.devices.activity_addresses import end_dead_addresses
from push_pipeline.devices.targets import put_out_of_service
from push_pipeline.directory.provider_routes import add_recent, find_rest, open_route, pause_route
from push_pipeline.errors import DatabaseUnavailable
from push_pipeline.ledger import batches, runs
from push_pipeline.ledger.blocks import Block, append
from push_pipeline.ledger.deliveries import insert_deliveries
from push_pipeline.ledger.due_batches import find_parked, release_parked
from push_pipeline.ledger.state_machine import RunState
from push_pipeline.ledger.values import DueBatch, NewBatch, Progress, Standing
from push_pipeline.outcome import NO_VERDICTS, Recent, RestCause, Settled, Verdict
from push_pipeline.platform import provider_of
from push_workers.delivery.claim import Claim, Probe, SettleRest, Slice, without_others_hold
from push_workers.delivery.process import Context
from push_workers.delivery.settle import Report, Retry, RouteChange, route_change
from push_workers.senders.registry import reason_label
from push_workers.senders.verdicts import Verdicts

#: Milliseconds after which good news of a route are told to the other workers.
NEWS_MS = 1_000

#: The share of refused tokens that any old list has, and that is no news.
FEW = 0.1


def record_slice(claim: Claim, part: Slice, report: Report, context: Context) -> bool:
    """Commit a slice's outcomes and note the next one; False where the batch must be left.

    A second call for a slice whose commit was made unseen records nothing.

    Raises:
        LeaseLost: somebody else has the batch; nothing was recorded.
    """
    now = now_ms()
    progress = _record_alone(claim, part, report, context, now)
    if progress is None:
        progress = _record(claim, part, report, context, now)
    claim.lease_until = progress.lease_until or claim.lease_until
    claim.reasons, claim.blocks = progress.reasons or {}, progress.blocks
    return progress.lease_until is not None


def _record_alone(
    claim: Claim, part: Slice, report: Report, context: Context, now: int
) -> Progress | None:
    """Record a slice that changes its batch's row alone, in one statement.

    None where it leads to more, or where run or route are not what they were at the claim.
    """
    batch = claim.batch
    finished = part.end == batch.size
    over = now >= batch.run_expires_at or part.next_end > claim.allowed_end
    if (over and not finished) or not _changes_its_row(claim, report, now):
        return None
    seen, tally = (claim.number, part.start), report.tally()
    progress = _progress(claim, part.start, part.end, report, now)
    if finished and batch.is_whole_run:
        progress = progress._replace(finished_at=now)
        with db.writing() as connection:
            claim.closed = batches.record_and_close(connection, batch, seen, tally, progress)
        return progress
    if finished:
        progress = progress._replace(finished_at=now)
        with db.singly() as connection:
            batches.record(connection, batch.id, seen, tally, progress)
        return progress
    progress = _with_next(progress, part, context, now)
    with db.singly() as connection:
        goes_on = batches.record_and_go_on(connection, batch, seen, tally, progress)
    return progress if goes_on else None


def _with_next(progress: Progress, part: Slice, context: Context, now: int) -> Progress:
    """Note the next slice, and go on holding the batch."""
    until = now + context.lease_ms
    return progress._replace(doubt_end=part.next_end, stalls=1, lease_until=until, woken_at=now)


def _until(progress: Progress, claim: Claim, not_before: int, now: int) -> Progress:
    """Leave the batch until a time; whoever gives way wakes it himself."""
    claim.gives_way = claim.gives_way and not_before <= now
    return progress._replace(not_before=not_before, woken_at=now if claim.gives_way else None)


def _record(claim: Claim, part: Slice, report: Report, context: Context, now: int) -> Progress:
    batch = claim.batch
    with db.writing() as connection:
        made = batches.find_progress(connection, batch.id, claim.number) if claim.unsure else None
        if made is not None and made.settled >= part.end:
            return made
        rest_until = _change_route(connection, claim, report, now)
        finished = part.end == batch.size
        if rest_until is None and not finished:
            rest_until = _next_slice_at(connection, claim, part, report, now)
        goes_on = not finished and rest_until is None
        progress = _progress(claim, part.start, part.end, report, now)
        if finished:
            progress = progress._replace(finished_at=now)
        elif goes_on:
            progress = _with_next(progress, part, context, now)
        else:
            progress = _until(progress, claim, rest_until or now, now)
        ends_run = finished and claim.batch.is_whole_run and _touches_nothing_else(claim, report)
        later = _write(connection, claim, part.start, report, progress, now, ends_run=ends_run)
        if report.route is not None and rest_until is not None:
            claim.probe = _choose_probe(connection, batch, later, now, rest_until)
        claim.closed = runs.close_if_done(connection, batch.run_id, now) if ends_run else None
    return progress


def pause_at_once(claim: Claim, context: Context, verdict: Verdict) -> None:
    """Close the route for the others as soon as a provider asks for it.

    The slice that was told so is not over before all that was on its way is answered; what it
    records then closes the route again.
    """
    change = route_change(Verdicts.of([verdict]), claim.rules, now_ms(), context.rng)
    if change is None or claim.batch.credential_id is None:
        return
    with suppress(DatabaseUnavailable), db.writing() as connection:
        _pause(connection, claim.batch.credential_id, change, now_ms())


def tell_others(claim: Claim, report: Report, context: Context) -> None:
    """Tell the other workers, and an operator, what a recorded slice says of route and run."""
    if claim.gives_way:
        message_id = context.run_facts(claim.batch.run_id).run.message_id
        claim.released.append(_as_due(claim.batch, message_id))
        claim.gives_way = False
    if claim.released:
        queues.wake(
            queues.wake_for_batch(
                one.id, one.app_id, one.environment, bulk=one.bulk, of=one.message_id
            )
            for one in claim.released
        )
        claim.released = []
    _wake_probe(claim)
    _share_news(claim, report, context, now_ms())
    _stop_if_suspicious(claim.batch, report)
    _tell(claim, report)
    if claim.closed is not None:
        telemetry.run_closed(*claim.closed)


def _as_due(batch: Standing, message_id: str) -> DueBatch:
    return DueBatch(batch.id, batch.app_id, batch.environment, batch.bulk, message_id)


def _choose_probe(
    connection: Connection, batch: Standing, later: Sequence[int], now: int, rest_until: int
) -> Probe | None:
    """Return who asks the route again that this slice has closed, and when.

    Another batch where one waits: what closed the route may be devices of this one, which would
    ask with them for ever while all others wait.
    """
    if batch.credential_id is None:
        return None
    own = [*later, batch.id]
    other = find_parked(connection, batch.credential_id, now, besides=own)
    if other is not None:
        return Probe(other.id, other.bulk, rest_until)
    return Probe(own[0], batch.bulk, rest_until)


def _wake_probe(claim: Claim) -> None:
    """Let a batch ask a route again as soon as it has rested; the tick finds it a moment later."""
    if claim.probe is not None:
        key, bulk, at = claim.probe
        queues.wake(queues.wake_for_probe(key, at, now_ms(), claim.batch.environment, bulk=bulk))
        claim.probe = None


def _stop_if_suspicious(batch: Standing, report: Report) -> None:
    # In a transaction of its own: cancel locks the run before its batches, so whoever locks
    # them the other way round could meet it in a deadlock and lose a recorded slice.
    if report.suspicion is not None:
        with db.writing() as connection:
            reason = _stopped(batch, report.suspicion)
            runs.stop_route(connection, batch.run_id, batch.environment, reason)


def _stopped(batch: Standing, suspicion: str) -> str:
    route = filter(None, (provider_of(batch.environment), batch.environment))
    return f"{' '.join(route)} {suspicion}"


def _progress(claim: Claim, start: int, settled: int, report: Report, now: int) -> Progress:
    reasons = Counter(claim.reasons) + report.tally().reasons
    progress = Progress(settled, settled, claim.batch.not_before, dict(reasons) or None)
    blocks = claim.blocks
    if claim.kept == "all" and (accepted := report.accepted()):
        blocks = append(blocks, Block.of(start, claim.members[start:settled], accepted, now))
    if blocks is None:
        return progress
    first, last = claim.span
    return progress._replace(blocks=blocks, first_key=first, last_key=last)


def _next_slice_at(
    connection: Connection, claim: Claim, part: Slice, report: Report, now: int
) -> int | None:
    """Return not before when the next slice may be sent, by whoever takes the batch then.

    None where it is sent now.
    """
    until = _rest_by_others(connection, claim.batch, now)
    if until is not None:
        return until
    if report.suspicion is not None or not _may_go_on(connection, claim.batch, now):
        return now
    return claim.resume_at if part.next_end > claim.allowed_end else None


def _may_go_on(connection: Connection, batch: Standing, now: int) -> bool:
    """Ask between two slices whether the run was paused or cancelled, or has expired."""
    return now < batch.run_expires_at and runs.is_sendable(
        connection, batch.run_id, batch.environment
    )


def _change_route(connection: Connection, claim: Claim, report: Report, now: int) -> int | None:
    """Close or open the route as the provider's answers ask; return until when it rests."""
    batch = claim.batch
    if batch.credential_id is None:
        return None
    if report.route is not None:
        return _pause(connection, batch.credential_id, report.route, now)
    if batch.probes and _works_again(batch, report):
        claim.released = release_parked(connection, batch.credential_id, now)
        open_route(connection, batch.credential_id)
    return None


def _pause(connection: Connection, credential_id: int, change: RouteChange, now: int) -> int:
    until = now + round(change.seconds * 1000)
    pause_route(connection, credential_id, now, until, (change.cause, change.reason))
    return until


def _rest_by_others(connection: Connection, batch: Standing, now: int) -> int | None:
    """Ask between two slices whether another worker was told to wait; until when."""
    if batch.credential_id is None:
        return None
    rest = find_rest(connection, batch.credential_id)
    seen = without_others_hold(
        batch._replace(held_reason=rest.held_reason, paused_until=rest.until)
    )
    return seen.paused_until if (seen.paused_until or 0) > now else None


def _works_again(batch: Standing, report: Report) -> bool:
    """Tell whether a probe opens its route: where tokens were refused, one must be accepted."""
    if batch.rest_cause == RestCause.GUARD:
        return report.recent.accepted > 0
    return report.reached


def _share_news(claim: Claim, report: Report, context: Context, now: int) -> None:
    """Add what the provider answered to what all workers know of the route, once a second.

    At once where much of it was bad, or the first good news of a credential. In a transaction
    of its own, so that the route's row, which all share, is locked for a moment only.
    """
    route = claim.batch.credential_id
    if route is None or not any(report.recent):
        return
    lately = claim.rules.recent.plus(report.recent)
    proven = claim.rules.proven or report.recent.accepted > 0
    claim.rules = replace(claim.rules, recent=lately, proven=proven, answered_at=now)
    context.news[route] = fresh = context.news.get(route, NO_VERDICTS).plus(report.recent)
    if _is_urgent(claim.batch, report.recent, now):
        with db.writing() as connection:
            add_recent(connection, route, fresh, now)
        del context.news[route]
        accepted_at = now if fresh.accepted else claim.batch.accepted_at
        claim.batch = claim.batch._replace(counted_at=now, accepted_at=accepted_at)


def _is_urgent(batch: Standing, news: Recent, now: int) -> bool:
    refused = news.misrouted + news.dead
    bad = news.troubled or refused > FEW * (refused + news.accepted)
    told_at = min(batch.counted_at or 0, batch.accepted_at or 0)
    return bool(bad) or now - told_at >= NEWS_MS


def _changes_its_row(claim: Claim, report: Report, now: int) -> bool:
    """Tell whether nothing but the batch's row is written, by a claim that nobody doubts."""
    if claim.unsure or not _touches_nothing_else(claim, report):
        return False
    return not report.settlements(claim.kept, claim.rules, now)


def _touches_nothing_else(claim: Claim, report: Report) -> bool:
    """Tell whether a report is about its batch alone: no lock is taken that others come to first.

    Whoever holds the lock of a run waits for nobody but those who came to the run before it.
    """
    batch = claim.batch
    return not (
        batch.probes or report.route or report.suspicion or report.evidence or report.retries
    )


def _write(
    connection: Connection,
    claim: Claim,
    start: int,
    report: Report,
    progress: Progress,
    now: int,
    *,
    ends_run: bool = False,
) -> list[int]:
    """Write a report, and return the batches of later attempts.

    The batch first, since it says whether the rest is still ours to write.
    """
    batch = claim.batch
    seen, locks_run = (claim.number, start), batch.run_id if ends_run else None
    batches.record(connection, batch.id, seen, report.tally(), progress, locks_run=locks_run)
    insert_deliveries(connection, report.settlements(claim.kept, claim.rules, now))
    later = batches.insert_batches(connection, [_later(batch, one) for one in report.retries], None)
    put_out_of_service(connection, report.evidence, now)
    if claim.tells_activity:  # whose tokens are no device's
        end_dead_addresses(connection, report.evidence, now)
    return later


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
        badged=len(retry.members),
    )


def _tell(claim: Claim, report: Report) -> None:
    batch = claim.batch
    ended = Counter(reason_label(one.reason) for one in report.evidence)
    tell_ended = telemetry.addresses_ended if claim.tells_activity else telemetry.tokens_retired
    tell_ended(ended)
    if report.suspicion is not None:
        telemetry.run_stopped(batch.run_id, _stopped(batch, report.suspicion))
    if report.route is not None and batch.credential_id is not None:
        telemetry.route_rested(batch.credential_id, *report.route)


def settle_rest(connection: Connection, claim: Claim, end: SettleRest, now: int) -> None:
    """Settle every open member without sending; those in doubt may have arrived: unknown."""
    batch = claim.batch
    if not batches.take(connection, batch, lease_until=now, doubt_end=batch.doubt_end):
        return
    sure_from = batch.size if batch.doubtful else max(batch.doubt_end, batch.settled)
    report = Report.of_unsent(end.settled, end.reason, claim.members[sure_from:])
    in_doubt = claim.members[batch.settled : sure_from]
    report.absorb(Report.of_unsent(Settled.UNKNOWN, end.reason, in_doubt))
    report.resent = max(batch.stalls - 1, 0) * (batch.doubt_end - batch.settled)
    progress = _progress(claim, batch.settled, batch.size, report, now)._replace(finished_at=now)
    _write(connection, claim, batch.settled, report, progress, now)


def close_run(batch: Standing) -> None:
    """Close the run if this was its last batch; the tick does it where the fan-out went on."""
    if batch.run_state == RunState.FANNING:
        return
    with db.glancing() as connection:
        if not runs.is_done(connection, batch.run_id):
            return
    with db.writing() as connection:
        closed = runs.close_if_done(connection, batch.run_id, now_ms())
    if closed is not None:
        telemetry.run_closed(*closed)
