"""Batch → take, ask for its turn, send, record, close: what one delivery task does.

A batch is sent in slices of the doubt window. Each slice is noted in the batch row before it is
sent and recorded before the next begins, so a SIGKILL leaves at most one slice in doubt.
"""

import time
from functools import partial

from push_pipeline import telemetry
from push_pipeline.clock import now_ms
from push_pipeline.ledger.batches import LeaseLost
from push_pipeline.ledger.values import Standing, Tally
from push_workers.delivery.admission import ask_for_turn, cut_budget, give_back
from push_workers.delivery.outlast import outlast
from push_workers.delivery.process import Context
from push_workers.delivery.record import close_run, record_slice, tell_others
from push_workers.delivery.send import read_said, send_slice
from push_workers.delivery.take import take


def deliver(batch_id: int, context: Context) -> bool:
    """Send a batch to its members and record what became of each; False: none was to be sent to.

    A second copy of the task, or one that comes too early, does nothing. What a provider or the
    network does never raises; a database that is away until the lease ends does, and then the
    batch comes back.
    """
    claim = take(batch_id, context)
    if claim is None:
        return False
    if not ask_for_turn(claim, context):
        outlast(claim, partial(give_back, claim))
        return False
    run = context.run_facts(claim.batch.run_id)
    claim.said = outlast(claim, lambda: read_said(claim, run))
    try:
        for part in claim.slices:
            began = time.monotonic()
            report = send_slice(claim, part, run, context)
            goes_on = outlast(claim, partial(record_slice, claim, part, report, context))
            outlast(claim, partial(tell_others, claim, report, context))
            if report.overloaded:
                cut_budget(claim, context)
            _tell(claim.batch, report.tally(), time.monotonic() - began, run.run.due_at)
            if not goes_on:
                break
    except LeaseLost:
        telemetry.lease_lost(batch_id)
        return True
    if claim.closed is None:
        close_run(claim.batch)
    return True


def _tell(batch: Standing, tally: Tally, seconds: float, due_at: int) -> None:
    telemetry.slice_recorded(
        batch.platform,
        tally.ended,
        tally.resent,
        seconds,
        bulk=batch.bulk,
        since_due=max(0, now_ms() - due_at) / 1000,
    )
