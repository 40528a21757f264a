"""Send the one request of a run that goes to a broadcast channel, and say what became of it.

Crash rules: it is noted before it is sent. Who finds it noted and not settled does not know
whether Apple has it, and the unknown policy decides as it does for devices: it goes again with the
same timestamp, which a phone takes for the same, unless it has an alert, which would ring twice.
"""

from typing import Final, NamedTuple

from push_pipeline import db, telemetry
from push_pipeline.clock import now_ms
from push_pipeline.content.live_activity import document, request_headers
from push_pipeline.content.values import compact_json
from push_pipeline.directory.apps import unknown_policy
from push_pipeline.errors import BadCredential
from push_pipeline.ledger import broadcasts
from push_pipeline.ledger.broadcasts import STORED_AS, BroadcastRequest, Route
from push_pipeline.ledger.notification_id import notification_ids
from push_pipeline.ledger.runs import RunView
from push_pipeline.options.activity import ActivityOptions
from push_pipeline.outcome import Outcome, Settled, Verdict
from push_workers.delivery.process import Context
from push_workers.delivery.settle import may_resend

#: Seconds between two attempts at the most; Apple names no wait for most of its troubles.
_LONGEST_WAIT: Final = 300

#: A notification's id is of a device's key; a request to a channel has none.
_NO_DEVICE: Final = 0


class Ended(NamedTuple):
    """How a request ended, and why."""

    settled: Settled
    reason: str | None
    unique_id: str | None = None  # Apple's, in the sandbox


class Again(NamedTuple):
    """When a request is sent again (epoch milliseconds), and whether Apple may have it."""

    at: int
    in_doubt: bool


def before_sending(
    request: BroadcastRequest, expires_at: int, now: int, *, repeatable: bool
) -> Ended | None:
    """Decide whether a request is not to be sent; None where it is. Pure."""
    if request.in_doubt and not repeatable:
        return Ended(Settled.UNKNOWN, "WorkerLost")
    if expires_at <= now:
        return Ended(Settled.UNKNOWN if request.in_doubt else Settled.EXPIRED, "Expired")
    return None


def after_sending(
    verdict: Verdict, attempts: int, expires_at: int, now: int, *, repeatable: bool, factor: float
) -> Ended | Again:
    """Decide what follows from Apple's answer. Pure."""
    match verdict.outcome:
        case Outcome.ACCEPTED:
            return Ended(Settled.ACCEPTED, None, verdict.provider_id)
        case Outcome.UNKNOWN if not repeatable:
            return Ended(Settled.UNKNOWN, verdict.reason)
        case Outcome.EXPIRED:
            return Ended(Settled.EXPIRED, verdict.reason)
        case Outcome.UNKNOWN | Outcome.THROTTLED | Outcome.UNAVAILABLE | Outcome.MISCONFIGURED:
            wait = max(verdict.retry_after or 0.0, min(_LONGEST_WAIT, 2.0**attempts) * factor)
            at, doubt = now + int(wait * 1000), verdict.outcome is Outcome.UNKNOWN
            if at < expires_at:
                return Again(at, doubt)
            return Ended(Settled.UNKNOWN if doubt else Settled.EXPIRED, verdict.reason)
        case _:
            return Ended(Settled.REJECTED, verdict.reason)


def send_broadcast(run: RunView, context: Context) -> bool:
    """Send the request of a run that is ours, unless it is settled; close the run then.

    Returned is whether there was anything to do.
    """
    now = now_ms()
    (request_id,) = notification_ids(run.message_id, run.n, [_NO_DEVICE])
    with db.writing() as connection:
        request = broadcasts.ensure_request(connection, run, request_id, now)
        if request is None:
            closed = broadcasts.close_run(
                connection, run, Settled.REJECTED, "the channel is gone", now
            )
        policy = run.delivery_options.unknown_policy or unknown_policy(connection, run.app_id)
    if request is None:
        telemetry.broadcast_settled(run.id, Settled.REJECTED)
        return closed is not None
    said = ActivityOptions.from_json(run.content[STORED_AS]["event"])
    repeatable = may_resend(policy or context.settings.unknown_policy, collapsible=not said.alerts)
    if request.outcome is not None:
        end: Ended | Again | None = Ended(Settled(request.outcome), None)
    else:
        end = before_sending(request, run.expires_at, now, repeatable=repeatable)
    if end is None:
        attempted = _attempt(run, request, said, context)
        if attempted is None:
            return False
        request, verdict = attempted
        factor = context.settings.retry_factor
        end = after_sending(
            verdict, request.attempts, run.expires_at, now_ms(),
            repeatable=repeatable, factor=factor,
        )  # fmt: skip
    _record(run, request, end)
    return True


def _attempt(
    run: RunView, request: BroadcastRequest, said: ActivityOptions, context: Context
) -> tuple[BroadcastRequest, Verdict] | None:
    with db.writing() as connection:
        route = broadcasts.find_route(connection, run.app_id, request.environment)
        if not broadcasts.note_attempt(connection, request):
            return None
    noted = request._replace(attempts=request.attempts + 1, in_doubt=True)
    return noted, _ask_apple(run, noted, said, route, context)


def _ask_apple(
    run: RunView,
    request: BroadcastRequest,
    said: ActivityOptions,
    route: Route | None,
    context: Context,
) -> Verdict:
    kept = run.delivery_options.ttl_seconds
    headers = request_headers(said, run.expires_at // 1000 if kept else 0)
    body = compact_json(document(said, request.stamp))
    named = {"apns-channel-id": request.channel_id, "apns-request-id": request.request_id}
    try:
        if route is None:
            return Verdict(Outcome.MISCONFIGURED, "NoCredential")
        return context.broadcaster(*route).broadcast({**headers, **named}, body)
    except BadCredential:
        return Verdict(Outcome.MISCONFIGURED, "BadCredential")


def _record(run: RunView, request: BroadcastRequest, end: Ended | Again) -> None:
    now = now_ms()
    closed = None
    with db.writing() as connection:
        if isinstance(end, Again):
            broadcasts.put_off(connection, request, end.at, in_doubt=end.in_doubt)
            return
        fresh = request.outcome is None and broadcasts.settle_request(
            connection,
            request,
            {
                "outcome": end.settled,
                "reason": end.reason,
                "unique_id": end.unique_id,
                "settled_at": now,
            },
        )
        closed = broadcasts.close_run(connection, run, end.settled, end.reason, now)
    if fresh:
        telemetry.broadcast_settled(run.id, end.settled)
    if closed is not None:
        telemetry.run_closed(*closed)
