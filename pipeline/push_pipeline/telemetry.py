"""Metrics and log actions: one function per event. No token, text or key is ever part of one.

| event | fields | when |
|---|---|---|
| publish_changed | warnings | a publish says what has no effect, or not the one that was meant |
| registration_changed | warnings | a registration says what could not be stored as it is |
| fanned_out | run_id, members, batches | a page of a run was committed |
| slice_recorded | platform, ended, resent, seconds | a slice's outcomes were committed |
| lease_lost | batch_id | a worker was overtaken and recorded nothing |
| run_closed | run_id | nothing of a run is open any more |
| run_stopped | run_id, reason | the guard stopped a run |
| route_rested | credential_id, seconds, cause, reason | a route is closed for everybody |
| dead_letter_kept | queue, reason | a task message could not be read |
| woken_again | runs, batches | the tick sent wake-ups that went missing |
| registrations_expired | devices | registrations that expired were removed |
| ledger_pruned | messages, runs, deliveries | what was past the retention was deleted |
"""

import logging
from collections.abc import Mapping, Sequence

from prometheus_client import Counter, Histogram

from push_pipeline.field_warning import FieldWarning
from push_pipeline.outcome import RestCause, Settled, why_it_rests

logger = logging.getLogger("push_pipeline")

#: These end by themselves only if somebody else has caused them.
_FOR_AN_OPERATOR = frozenset({RestCause.TLS, RestCause.REFUSED, RestCause.GUARD})

_deliveries = Counter(
    "pipeline_deliveries_total", "Devices by how their delivery ended", ["platform", "outcome"]
)
_resent = Counter(
    "pipeline_resent_total", "Devices sent to again after an unknown outcome", ["platform"]
)
_slice_seconds = Histogram(
    "pipeline_slice_seconds", "Time to send and record a slice", ["platform"]
)
_fanned_out = Counter("pipeline_fanned_out_total", "Members that got their batch row")
_dead_letters = Counter(
    "pipeline_dead_letters_total", "Task messages that could not be read", ["queue"]
)
_woken_again = Counter("pipeline_woken_again_total", "Wake-ups that the tick sent again", ["kind"])
_registrations_expired = Counter(
    "pipeline_registrations_expired_total", "Registrations removed at their expiry"
)
_pruned = Counter("pipeline_pruned_total", "Rows deleted after the retention", ["kind"])
_rests = Counter("pipeline_route_rests_total", "Times that a route was closed", ["cause"])
_lease_lost = Counter("pipeline_lease_lost_total", "Workers that were overtaken in mid batch")


def publish_changed(warnings: Sequence[FieldWarning]) -> None:
    """A publish does not do all that was said: told by field, without values."""
    for warning in warnings:
        # As a literal: a name is the publisher's, and a line break in it would forge a line.
        logger.warning("of a publish: %.200r", str(warning), extra={"action": "publish_changed"})


def registration_changed(warnings: Sequence[FieldWarning]) -> None:
    """A registration was stored in another way than it was told: by field, without values."""
    for warning in warnings:
        logger.warning("of a registration: %s", warning, extra={"action": "registration_changed"})


def fanned_out(run_id: int, members: int, batches: int) -> None:
    """A page of a run was committed."""
    _fanned_out.inc(members)
    logger.debug(
        "fanned out %d members of run %d",
        members,
        run_id,
        extra={"action": "fanned_out", "run_id": run_id, "batches": batches},
    )


def slice_recorded(
    platform: str, ended: Mapping[Settled, int], resent: int, seconds: float
) -> None:
    """A slice's outcomes were committed."""
    for settled, count in ended.items():
        _deliveries.labels(platform, settled.value).inc(count)
    if resent:
        _resent.labels(platform).inc(resent)
    _slice_seconds.labels(platform).observe(seconds)


def lease_lost(batch_id: int) -> None:
    """A worker was overtaken and recorded nothing."""
    _lease_lost.inc()
    logger.warning(
        "batch %d was taken over; its slice is left to the new owner",
        batch_id,
        extra={"action": "lease_lost", "batch_id": batch_id},
    )


def run_closed(run_id: int) -> None:
    """Nothing of a run is open any more."""
    logger.info("run %d is finished", run_id, extra={"action": "run_closed", "run_id": run_id})


def run_stopped(run_id: int, reason: str) -> None:
    """The guard stopped a run."""
    logger.error("run %d %s", run_id, reason, extra={"action": "run_stopped", "run_id": run_id})


def route_rested(credential_id: int, seconds: float, cause: RestCause, reason: str | None) -> None:
    """A route is closed for everybody."""
    _rests.labels(cause.value).inc()
    logger.log(
        logging.ERROR if cause in _FOR_AN_OPERATOR else logging.WARNING,
        "credential %d rests for %.0f s: %s",
        credential_id,
        seconds,
        why_it_rests(cause, reason),
        extra={"action": "route_rested", "credential_id": credential_id, "cause": cause.value},
    )


def dead_letter_kept(queue: str, reason: str) -> None:
    """A task message could not be read."""
    _dead_letters.labels(queue).inc()
    logger.error(
        "a message on queue %s was kept as a dead letter: %s",
        queue,
        reason,
        extra={"action": "dead_letter_kept", "queue": queue},
    )


def woken_again(runs: int, batches: int) -> None:
    """The tick sent wake-ups that went missing."""
    if not runs and not batches:
        return
    _woken_again.labels("run").inc(runs)
    _woken_again.labels("batch").inc(batches)
    logger.info("woke %d runs and %d batches again", runs, batches, extra={"action": "woken_again"})


def registrations_expired(devices: int) -> None:
    """Registrations that expired were removed."""
    if not devices:
        return
    _registrations_expired.inc(devices)
    logger.info(
        "removed %d registrations that expired",
        devices,
        extra={"action": "registrations_expired", "devices": devices},
    )


def ledger_pruned(messages: int, runs: int, deliveries: int) -> None:
    """What was past the retention was deleted."""
    counts = {"messages": messages, "runs": runs, "deliveries": deliveries}
    if not any(counts.values()):
        return
    for kind, count in counts.items():
        _pruned.labels(kind).inc(count)
    logger.info(
        "deleted %d messages, %d runs and %d deliveries past the retention",
        messages,
        runs,
        deliveries,
        extra={"action": "ledger_pruned", **counts},
    )
