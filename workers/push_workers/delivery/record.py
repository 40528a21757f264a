"""What a slice leads to, written in one transaction: outcomes, retries, devices, route, progress.

A worker that was overtaken (its lease ran out) finds its claim number gone and records nothing.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from push_pipeline import db, telemetry
from push_pipeline.clock import now_ms
from push_pipeline.db import Connection
from push_pipeline.devices.targets import put_out_of_service
from push_pipeline.directory.provider_routes import open_route, pause_route
from push_pipeline.ledger import batches, runs
from push_pipeline.ledger.deliveries import insert_deliveries
from push_pipeline.ledger.values import NewBatch, Progress, Standing
from push_pipeline.outcome import Settled
from push_workers.delivery.claim import SettleRest
from push_workers.delivery.personalise import Words
from push_workers.delivery.process import Context
from push_workers.delivery.settle import Report, Retry, Rules, may_resend
from push_workers.senders.base import Target


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


def rules_for(
    batch: Standing, context: Context, collapsible: bool = False, *, in_doubt: bool = False
) -> Rules:
    """Gather what decides beside the verdicts."""
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
        copies=max(1, batch.doubtful + batch.stalls * in_doubt),
    )


def record_slice(claim: Claim, part: Slice, report: Report, context: Context) -> bool:
    """Commit a slice's outcomes and note the next one; False where the batch must be left.

    Raises:
        LeaseLost: somebody else has the batch; nothing was recorded.
    """
    now = now_ms()
    batch = claim.batch
    with db.writing() as connection:
        rest_until = _change_route(connection, batch, report, now)
        finished = part.end == batch.size
        stopped = rest_until is not None or report.suspicion is not None
        goes_on = not finished and not stopped and _may_go_on(connection, batch, now)
        progress = _progress(claim, part.end, report)
        if finished:
            progress = progress._replace(finished_at=now)
        elif goes_on:
            lease_until = now + context.lease_ms
            progress = progress._replace(
                doubt_end=part.next_end, stalls=1, lease_until=lease_until, woken_at=now
            )
        else:
            progress = progress._replace(not_before=rest_until or now)
        _write(connection, claim, report, progress, rules_for(batch, context), now)
    _stop_if_suspicious(batch, report)
    _tell(batch, report)
    return goes_on


def _stop_if_suspicious(batch: Standing, report: Report) -> None:
    # In a transaction of its own: cancel locks the run before its batches, so whoever locks
    # them the other way round could meet it in a deadlock and lose a recorded slice.
    if report.suspicion is not None:
        with db.writing() as connection:
            runs.pause(connection, batch.run_id, report.suspicion)


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


def settle_rest(
    connection: Connection, batch: Standing, end: SettleRest, context: Context, now: int
) -> None:
    """Settle every open member without sending; those in doubt may have arrived: unknown."""
    if not batches.take(connection, batch, lease_until=now, doubt_end=batch.doubt_end):
        return
    members = batches.unpack(batch.members)
    sure_from = batch.size if batch.doubtful else max(batch.doubt_end, batch.settled)
    report = all_alike(end.settled, end.reason, members[sure_from:])
    report.absorb(all_alike(Settled.UNKNOWN, end.reason, members[batch.settled : sure_from]))
    report.resent = max(batch.stalls - 1, 0) * (batch.doubt_end - batch.settled)
    claim = Claim(batch, batch.claims + 1, members, {}, now, [], dict(batch.reasons or {}))
    progress = _progress(claim, batch.size, report)._replace(finished_at=now)
    _write(connection, claim, report, progress, rules_for(batch, context), now)


def all_alike(settled: Settled, reason: str, keys: list[int]) -> Report:
    """Report members that all end the same way, without having been sent to."""
    report = Report()
    report.end(settled, reason, [(key, None) for key in keys])
    return report
