"""Batch → take, ask for its turn, send, record, close: what one delivery task does.

A batch is sent in slices of the doubt window. Each slice is noted in the batch row before it is
sent and recorded before the next begins, so a SIGKILL leaves at most one slice in doubt.
"""

import time
from functools import partial
from typing import Final

from push_pipeline import db, queues, telemetry, tracing
from push_pipeline.clock import now_ms
from push_pipeline.ledger.batches import LeaseLost
from push_pipeline.ledger.values import Standing, Tally
from push_pipeline.platform import provider_of
from push_workers.delivery.admission import Turn, ask_for_turn, cut_budget, give_back, give_way
from push_workers.delivery.claim import Claim
from push_workers.delivery.outlast import outlast
from push_workers.delivery.process import Context, RunFacts
from push_workers.delivery.record import close_run, record_slice, tell_others
from push_workers.delivery.send import read_said, send_slice
from push_workers.delivery.settle import Report
from push_workers.delivery.take import take

#: OpenTelemetry's word for how many messages a span is about.
COUNT: Final = "messaging.batch.message_count"


@db.keeping()
def deliver(batch_id: int, context: Context) -> bool:
    """Send a batch to its members and record what became of each; False: none was to be sent to.

    A second copy of the task, or one that comes too early, does nothing. What a provider or the
    network does never raises; a database that is away until the lease ends does, and then the
    batch comes back.
    """
    woken = time.time_ns()
    claim = take(batch_id, context)
    if claim is None:
        return False
    queues.note_claim(batch_id, claim.number)
    if not ask_for_turn(claim, context):
        outlast(claim, partial(give_back, claim))
        return False
    run = context.run_facts(claim.batch.run_id)
    claim.said = outlast(claim, lambda: read_said(claim, run))
    with tracing.work("deliver batch", run.run.trace, _about(claim), woken) as span:
        try:
            _send_slices(claim, run, context, span)
        except LeaseLost:
            telemetry.lease_lost(batch_id)
            return True
        if claim.closed is None:
            close_run(claim.batch)
    return True


def _send_slices(claim: Claim, run: RunFacts, context: Context, span: tracing.Told) -> None:
    provider, turn = provider_of(claim.batch.environment), Turn()
    for part in claim.slices:
        began = time.monotonic()
        asked: tracing.Attributes = {
            "push_pipeline.provider": provider,
            COUNT: part.end - part.start,
        }
        with tracing.call(f"send {provider}", span, asked) as call:
            report = send_slice(claim, part, run, context)
            tally = report.tally()
            tracing.tell(call, _became(report, tally))
        if part.end < claim.allowed_end and turn.is_over(claim):
            give_way(claim, part, context)
        goes_on = outlast(claim, partial(record_slice, claim, part, report, context))
        outlast(claim, partial(tell_others, claim, report, context))
        if report.overloaded:
            cut_budget(claim, context)
        _tell(claim.batch, tally, time.monotonic() - began, run.run.due_at)
        if not goes_on:
            return


def _about(claim: Claim) -> tracing.Attributes:
    batch = claim.batch
    return {
        "messaging.operation.name": "deliver",
        "messaging.operation.type": "process",
        COUNT: batch.size - batch.settled,
        "push_pipeline.run_id": batch.run_id,
        "push_pipeline.batch_id": batch.id,
        "push_pipeline.platform": batch.platform,
        "push_pipeline.attempt": batch.attempt,
    }


def _became(report: Report, tally: Tally) -> tracing.Attributes:
    why = {} if report.route is None else {"error.type": report.route.cause.value}
    ended = {f"push_pipeline.{settled}": count for settled, count in tally.ended.items()}
    return {**ended, **why, "push_pipeline.moved": tally.moved}


def _tell(batch: Standing, tally: Tally, seconds: float, due_at: int) -> None:
    telemetry.slice_recorded(
        batch.platform,
        tally.ended,
        tally.resent,
        seconds,
        bulk=batch.bulk,
        since_due=max(0, now_ms() - due_at) / 1000,
    )
