"""What a worker that was woken for a batch should do with it; pure."""

from dataclasses import dataclass

from push_pipeline.ledger.state_machine import SENDABLE, BatchState, RunState, batch_state
from push_pipeline.ledger.values import Standing
from push_pipeline.outcome import Settled

#: Claims without a recorded slice between them after which a batch is taken for poisoned: it
#: kills its worker, and would do so for ever.
MAX_STALLS = 10


@dataclass(frozen=True, slots=True)
class Leave:
    """Do nothing: it is finished, in somebody's hands, not due, or paused."""


@dataclass(frozen=True, slots=True)
class Park:
    """Put it off: its route rests until then."""

    until: int


@dataclass(frozen=True, slots=True)
class SettleRest:
    """Settle what is left without sending. Members in doubt end as unknown all the same."""

    settled: Settled
    reason: str


@dataclass(frozen=True, slots=True)
class Send:
    """Take it and send, in slices of at most `window`."""

    window: int


Decision = Leave | Park | SettleRest | Send


def decide(batch: Standing, now: int, window: int) -> Decision:
    """Decide from the batch's row, its run's and its route's."""
    if _is_not_ours(batch, now):
        return Leave()
    if (end := _end_without_sending(batch, now)) is not None:
        return end
    if batch.paused_until is not None and batch.paused_until > now:
        return Park(batch.paused_until)
    # A credential that was refused gets one probe; a thousand refusals would prove no more.
    return Send(1 if batch.held_reason else window)


def _is_not_ours(batch: Standing, now: int) -> bool:
    return (
        batch_state(batch.finished_at, batch.lease_until, now) is not BatchState.WAITING
        or batch.not_before > now
        or batch.run_state == RunState.PAUSED
    )


def _end_without_sending(batch: Standing, now: int) -> SettleRest | None:
    if batch.run_state not in SENDABLE:
        return SettleRest(Settled.CANCELLED, "Cancelled")
    if batch.run_expires_at <= now:
        return SettleRest(Settled.EXPIRED, "Expired")
    if batch.credential_id is None:
        return SettleRest(Settled.REJECTED, "NoCredential")
    if batch.stalls >= MAX_STALLS:
        return SettleRest(Settled.REJECTED, "Abandoned")
    return None
