"""Metrics and log actions: one function per event. No token, text or key is ever part of one.

`push_pipeline_events_total` counts each of them; what is more than one has a counter beside it.

| event | fields | when |
|---|---|---|
| publish_changed | warnings | a publish says what has no effect, or not the one that was meant |
| publish_lost | message_id, reason | it waited for a host's commit, and could not be written |
| registration_changed | warnings | a registration says what could not be stored as it is |
| publish_begun | run_id, kind | the first run of a message begins, whoever published it |
| fanned_out | run_id, members, batches | a page of a run was committed |
| slice_recorded | platform, ended, resent, times, lane | a slice's outcomes were committed |
| provider_answered | provider, answers, seconds | a provider's answers to a slice are there |
| tokens_retired | reasons | tokens that a provider calls dead or foreign are out of service |
| addresses_ended | reasons | tokens of activities that a provider calls dead are used no more |
| lease_lost | batch_id | a worker was overtaken and recorded nothing |
| broadcast_settled | run_id, outcome | the one request to a broadcast channel ended |
| run_closed | run_id, lane, seconds, first_seconds | nothing of a run is open any more |
| run_stopped | run_id, reason | the guard stopped a run on a route |
| route_rested | credential_id, seconds, cause, reason | a route is closed for everybody |
| budget_waited | provider, seconds | a batch, or its rest, waits for its turn |
| budget_cut | credential_id, left | less is sent: the provider says that it is too much |
| dead_letter_kept | queue, reason | a task message could not be read |
| tick_dropped | host | a tick was too old when a worker came to it |
| claims_released | of, batches, runs | a child or a worker is gone; what it had was taken from it |
| worker_stuck | seconds, waiting, tasks | a worker had work and ended none |
| woken_again | runs, batches | the tick sent wake-ups that went missing |
| registrations_expired | devices | registrations that expired were removed |
| ledger_pruned | messages, runs, deliveries | what was past the retention was deleted |
"""

import logging
from collections.abc import Mapping, Sequence

from push_pipeline.field_warning import FieldWarning
from push_pipeline.metrics.counts import Count, Times
from push_pipeline.outcome import RestCause, Settled, why_it_rests
from push_pipeline.platform import Platform

logger = logging.getLogger("push_pipeline")

#: These end by themselves only if somebody else has caused them.
_FOR_AN_OPERATOR = frozenset({RestCause.TLS, RestCause.REFUSED, RestCause.GUARD})

#: Seconds. A slice is a few round trips to a provider; at the most it takes the send time-out.
SLICE_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

#: Seconds. A turn comes with one of the next ticks, or after a broadcast of minutes.
BUDGET_BUCKETS = (0.1, 0.5, 1, 5, 15, 60, 300, 600)

#: Seconds since a run was due: from a push to one device to a retry after an hour.
RUN_BUCKETS = (*SLICE_BUCKETS, 300, 900, 3600)

#: How a run's batches go: small audiences are not to wait behind large ones.
LANES = ("single", "bulk")

PROVIDERS = ("apns", "fcm", "webpush")

#: Status and reason of what comes sooner or later; any other series begins when it comes.
USUAL_ANSWERS = {
    "apns": ("400 BadDeviceToken", "410 Unregistered", "503 ServiceUnavailable"),
    "fcm": ("400 INVALID_ARGUMENT", "404 UNREGISTERED", "503 UNAVAILABLE"),
    "webpush": ("201 ", "404 ", "410 ", "429 "),
}

#: Why tokens are mostly put out of service.
USUAL_ENDS = (
    "BadDeviceToken",
    "INVALID_ARGUMENT",
    "SENDER_ID_MISMATCH",
    "UNREGISTERED",
    "Unregistered",
)

#: Whom a message is for.
KINDS = ("channel", "users", "devices", "activity", "broadcast")

_EVENTS = (
    *("publish_changed", "publish_lost", "registration_changed"),
    *("publish_begun", "fanned_out", "slice_recorded"),
    *("provider_answered", "tokens_retired", "addresses_ended"),
    *("lease_lost", "broadcast_settled", "run_closed", "run_stopped", "route_rested"),
    "dead_letter_kept",
    *("budget_waited", "budget_cut", "worker_stuck", "claims_released"),
    *("tick_dropped", "woken_again", "registrations_expired", "ledger_pruned"),
)
_PLATFORMS = [(platform.value,) for platform in Platform]
_PROVIDERS = [(provider,) for provider in PROVIDERS]
_LANES = [(lane,) for lane in LANES]

_events = Count(
    "push_pipeline_events_total",
    "What happened, by event",
    ["event"],
    [(name,) for name in _EVENTS],
)
_deliveries = Count(
    "push_pipeline_deliveries_total",
    "Devices by how their delivery ended",
    ["platform", "outcome"],
    [(platform.value, settled.value) for platform in Platform for settled in Settled],
)
_resent = Count(
    "push_pipeline_resent_total",
    "Devices sent to again after an unknown outcome",
    ["platform"],
    _PLATFORMS,
)
_slice_seconds = Times(
    "push_pipeline_slice_seconds",
    "Time to send and record a slice",
    SLICE_BUCKETS,
    labels=["platform"],
    known=_PLATFORMS,
)
_delivery_seconds = Times(
    "push_pipeline_delivery_seconds",
    "Time from when a run is due to when a slice with accepted devices is recorded",
    RUN_BUCKETS,
    labels=["platform", "lane"],
    known=[(*platform, *lane) for platform in _PLATFORMS for lane in _LANES],
)
_first_send_seconds = Times(
    "push_pipeline_first_send_seconds",
    "Time from when a run is due to the end of its first batch with accepted devices",
    RUN_BUCKETS,
    labels=["lane"],
    known=_LANES,
)
_run_seconds = Times(
    "push_pipeline_run_duration_seconds",
    "Time from when a run is due to its end, retries included",
    RUN_BUCKETS,
    labels=["lane"],
    known=_LANES,
)
_publishes = Count(
    "push_pipeline_publishes_total",
    "Messages whose sending began, by whom they are for",
    ["kind"],
    [(kind,) for kind in KINDS],
)
_broadcasts = Count(
    "push_pipeline_broadcasts_total",
    "Requests to broadcast channels that ended; none of them counts a device",
    ["outcome"],
    [(settled.value,) for settled in Settled],
)
_fanned_out = Count("push_pipeline_fanned_out_total", "Members that got their batch row")
_responses = Count(
    "push_pipeline_provider_responses_total",
    "Answers of providers by HTTP status and reason",
    ["provider", "status", "reason"],
    [
        (provider, *answer.split(" "))
        for provider, refusals in USUAL_ANSWERS.items()
        for answer in ("200 ", "none ConnectionLost", "none Timeout", *refusals)
    ],
)
_answer_seconds = Times(
    "push_pipeline_provider_request_seconds",
    "Time until all requests of a slice were answered, connecting included",
    SLICE_BUCKETS,
    labels=["provider"],
    known=_PROVIDERS,
)
_connections = Count(
    "push_pipeline_provider_connections_total",
    "Connections that were opened to a provider, or tried",
    ["provider"],
    _PROVIDERS,
)
_goaways = Count(
    "push_pipeline_provider_goaways_total",
    "Connections that a provider asked to leave",
    ["provider"],
    _PROVIDERS,
)
_retired = Count(
    "push_pipeline_tokens_retired_total",
    "Tokens put out of service by what a provider said of them",
    ["reason"],
    [(reason,) for reason in USUAL_ENDS],
)
_addresses_ended = Count(
    "push_pipeline_activity_addresses_ended_total",
    "Tokens of Live Activities that ended by what a provider said of them",
    ["reason"],
    [(reason,) for reason in USUAL_ENDS],
)
_dead_letters = Count(
    "push_pipeline_dead_letters_total", "Task messages that nobody read", ["queue"]
)
_woken_again = Count(
    "push_pipeline_woken_again_total",
    "Wake-ups that the tick sent again",
    ["kind"],
    [("run",), ("batch",)],
)
_registrations_expired = Count(
    "push_pipeline_registrations_expired_total", "Registrations removed at their expiry"
)
_pruned = Count(
    "push_pipeline_pruned_total",
    "Rows deleted after the retention",
    ["kind"],
    [("messages",), ("runs",), ("deliveries",)],
)
_rests = Count(
    "push_pipeline_route_rests_total",
    "Times that a route was closed",
    ["cause"],
    [(cause.value,) for cause in RestCause],
)
_budget_wait_seconds = Times(
    "push_pipeline_budget_wait_seconds",
    "Time that a batch waits for its turn",
    BUDGET_BUCKETS,
    labels=["provider"],
    known=_PROVIDERS,
)
_budget_cuts = Count(
    "push_pipeline_budget_cuts_total",
    "Times that a provider said that too much was sent",
    ["provider"],
    _PROVIDERS,
)
_lease_lost = Count("push_pipeline_lease_lost_total", "Workers that were overtaken in mid batch")


def publish_changed(warnings: Sequence[FieldWarning]) -> None:
    """A publish does not do all that was said: told by field, without values."""
    if warnings:
        _events.add(1, "publish_changed")
    for warning in warnings:
        # As a literal: a name is the publisher's, and a line break in it would forge a line.
        logger.warning("of a publish: %.200r", str(warning), extra={"action": "publish_changed"})


def publish_lost(message_id: str, reason: str) -> None:
    """A message that waited for the commit of its host could not be written after it."""
    _events.add(1, "publish_lost")
    logger.error(
        "%s is lost, which waited for a commit: %s",
        message_id,
        reason,
        extra={"action": "publish_lost", "message_id": message_id},
    )


def registration_changed(warnings: Sequence[FieldWarning]) -> None:
    """A registration was stored in another way than it was told: by field, without values."""
    if warnings:
        _events.add(1, "registration_changed")
    for warning in warnings:
        logger.warning("of a registration: %s", warning, extra={"action": "registration_changed"})


def publish_begun(run_id: int, kind: str) -> None:
    """The first run of a message begins; counted here, since a host that publishes counts nothing.

    `kind` is one of `KINDS`.
    """
    _events.add(1, "publish_begun")
    _publishes.add(1, kind)
    logger.debug("run %d begins", run_id, extra={"action": "publish_begun", "run_id": run_id})


def broadcast_settled(run_id: int, outcome: Settled) -> None:
    """A request to a broadcast channel ended; whom it reached nobody knows."""
    _events.add(1, "broadcast_settled")
    _broadcasts.add(1, outcome.value)
    told = {"action": "broadcast_settled", "run_id": run_id, "outcome": outcome.value}
    logger.info("the broadcast of run %d ended as %s", run_id, outcome.value, extra=told)


def fanned_out(run_id: int, members: int, batches: int) -> None:
    """A page of a run was committed."""
    _events.add(1, "fanned_out")
    _fanned_out.add(members)
    logger.debug(
        "fanned out %d members of run %d",
        members,
        run_id,
        extra={"action": "fanned_out", "run_id": run_id, "batches": batches},
    )


def slice_recorded(
    platform: str,
    ended: Mapping[Settled, int],
    resent: int,
    seconds: float,
    *,
    bulk: bool,
    since_due: float,
) -> None:
    """A slice's outcomes were committed, so many seconds after its run was due."""
    _events.add(1, "slice_recorded")
    for settled, count in ended.items():
        _deliveries.add(count, platform, settled.value)
    if resent:
        _resent.add(resent, platform)
    _slice_seconds.add(seconds, platform)
    if ended.get(Settled.ACCEPTED):
        _delivery_seconds.add(since_due, platform, LANES[bulk])


def provider_answered(
    provider: str,
    answers: Mapping[tuple[str, str], int],
    seconds: float,
    *,
    connects: int,
    goaways: int,
) -> None:
    """A provider's answers to a slice are there, counted by status and reason.

    Both are of closed lists: labels must not be a provider's to invent.
    """
    _events.add(1, "provider_answered")
    for (status, reason), count in answers.items():
        _responses.add(count, provider, status, reason)
    _answer_seconds.add(seconds, provider)
    if connects:
        _connections.add(connects, provider)
    if goaways:
        _goaways.add(goaways, provider)


def tokens_retired(reasons: Mapping[str, int]) -> None:
    """Tokens that a provider calls dead or foreign were put out of service, by its reasons."""
    if not reasons:
        return
    _events.add(1, "tokens_retired")
    for reason, count in reasons.items():
        _retired.add(count, reason)
    logger.info(
        "%d devices are out of service", sum(reasons.values()), extra={"action": "tokens_retired"}
    )


def addresses_ended(reasons: Mapping[str, int]) -> None:
    """Tokens of activities that a provider calls dead were ended, by its reasons; no device."""
    if not reasons:
        return
    _events.add(1, "addresses_ended")
    for reason, count in reasons.items():
        _addresses_ended.add(count, reason)
    logger.info(
        "%d addresses of activities have ended",
        sum(reasons.values()),
        extra={"action": "addresses_ended"},
    )


def lease_lost(batch_id: int) -> None:
    """A worker was overtaken and recorded nothing."""
    _events.add(1, "lease_lost")
    _lease_lost.add()
    logger.warning(
        "batch %d was taken over; its slice is left to the new owner",
        batch_id,
        extra={"action": "lease_lost", "batch_id": batch_id},
    )


def run_closed(run_id: int, bulk: bool, seconds: float | None, first_seconds: float | None) -> None:
    """Nothing of a run is open any more.

    None: it did not come to its own end, or nothing was accepted.
    """
    _events.add(1, "run_closed")
    lane = LANES[bulk]
    if seconds is not None:
        _run_seconds.add(seconds, lane)
    if first_seconds is not None:
        _first_send_seconds.add(first_seconds, lane)
    logger.info("run %d is finished", run_id, extra={"action": "run_closed", "run_id": run_id})


def run_stopped(run_id: int, reason: str) -> None:
    """The guard stopped a run."""
    _events.add(1, "run_stopped")
    logger.error("run %d %s", run_id, reason, extra={"action": "run_stopped", "run_id": run_id})


def route_rested(credential_id: int, seconds: float, cause: RestCause, reason: str | None) -> None:
    """A route is closed for everybody."""
    _events.add(1, "route_rested")
    _rests.add(1, cause.value)
    logger.log(
        logging.ERROR if cause in _FOR_AN_OPERATOR else logging.WARNING,
        "credential %d rests for %.0f s: %s",
        credential_id,
        seconds,
        why_it_rests(cause, reason),
        extra={"action": "route_rested", "credential_id": credential_id, "cause": cause.value},
    )


def budget_waited(provider: str, seconds: float) -> None:
    """A batch, or its rest, waits for its turn."""
    _events.add(1, "budget_waited")
    _budget_wait_seconds.add(seconds, provider)
    logger.debug(
        "a batch to %s waits %.1f s for its turn",
        provider,
        seconds,
        extra={"action": "budget_waited", "provider": provider},
    )


def budget_cut(credential_id: int, provider: str, left: float) -> None:
    """Less is sent through a credential: its provider says that it is too much."""
    _events.add(1, "budget_cut")
    _budget_cuts.add(1, provider)
    logger.warning(
        "credential %d sends %.0f a second at the most for now: %s says that it is too much",
        credential_id,
        left,
        provider,
        extra={"action": "budget_cut", "credential_id": credential_id},
    )


def dead_letter_kept(queue: str, reason: str) -> None:
    """A task message could not be read."""
    _events.add(1, "dead_letter_kept")
    _dead_letters.add(1, queue)
    logger.error(
        "a message on queue %s was kept as a dead letter: %s",
        queue,
        reason,
        extra={"action": "dead_letter_kept", "queue": queue},
    )


def tick_dropped(host: str) -> None:
    """A tick was too old when a worker came to it."""
    _events.add(1, "tick_dropped")
    logger.warning(
        "a tick of %s was too old when it came, and was dropped: no worker had time for it,"
        " or the clock of one of the two hosts is off",
        host,
        extra={"action": "tick_dropped", "host": host},
    )


def worker_stuck(seconds: float, waiting: int, tasks: int, done: str) -> None:
    """A worker had work and ended none of it."""
    _events.add(1, "worker_stuck")
    logger.error(
        "nothing ended for %.0f s, though %d tasks wait and %d are under way: this worker will %s",
        seconds,
        waiting,
        tasks,
        done,
        extra={"action": "worker_stuck", "waiting": waiting, "tasks": tasks},
    )


def claims_released(of: str, batches: int, runs: int) -> None:
    """A child or a whole worker is gone: others take what it had."""
    _events.add(1, "claims_released")
    logger.warning(
        "a %s is gone: the %d batches and %d fan-outs that it had are taken by others",
        of,
        batches,
        runs,
        extra={"action": "claims_released", "batches": batches, "runs": runs},
    )


def woken_again(runs: int, batches: int) -> None:
    """The tick sent wake-ups that went missing."""
    if not runs and not batches:
        return
    _events.add(1, "woken_again")
    _woken_again.add(runs, "run")
    _woken_again.add(batches, "batch")
    logger.info("woke %d runs and %d batches again", runs, batches, extra={"action": "woken_again"})


def registrations_expired(devices: int) -> None:
    """Registrations that expired were removed."""
    if not devices:
        return
    _events.add(1, "registrations_expired")
    _registrations_expired.add(devices)
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
    _events.add(1, "ledger_pruned")
    for kind, count in counts.items():
        _pruned.add(count, kind)
    logger.info(
        "deleted %d messages, %d runs and %d deliveries past the retention",
        messages,
        runs,
        deliveries,
        extra={"action": "ledger_pruned", **counts},
    )
