"""The ledger of one message, which balances at every moment.

audience = accepted + rejected + expired + cancelled + unknown + in flight.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, func, select

from push_pipeline.clock import iso, now_ms
from push_pipeline.ledger.batches import ROUTE_OF_BATCH
from push_pipeline.ledger.broadcasts import read_request
from push_pipeline.ledger.messages import Receipt
from push_pipeline.ledger.resending import count_unanswered, find_resent
from push_pipeline.ledger.state_machine import MessageState, RunState
from push_pipeline.ledger.views import Counts, Ledger, RunLedger
from push_pipeline.models import BATCH, CREDENTIAL, MESSAGE, RUN, Batch, Credential, Run
from push_pipeline.options.canary import verdict
from push_pipeline.outcome import Settled, why_it_rests

#: Only first attempts' rows are the audience: a later attempt's members were moved to it.
_AUDIENCE = BATCH.size - BATCH.moved

_COUNTERS = {
    "audience": _AUDIENCE,
    **{settled.value: BATCH[settled] for settled in Settled},
    "inFlight": _AUDIENCE - sum(BATCH[settled] for settled in Settled),
    "resent": BATCH.resent,
}


def find_receipt(connection: Connection, app_id: str, message_id: str) -> Receipt:
    """Read how a message of an app stands, from one row: what clients poll.

    An unknown id, or one of another app, has the status `unknown`.
    """
    message = _find(connection, message_id, app_id)
    if message is None:
        return Receipt(message_id, MessageState.UNKNOWN)
    waiting = (
        why_it_waits(connection, message_id) if message.state == MessageState.SCHEDULED else []
    )
    return Receipt(message.id, message.state, message.error_message or _sentence(waiting))


def find_channel(connection: Connection, app_id: str, message_id: str) -> str | None:
    """Return the channel of an app's message, or None where the app has no such message."""
    statement = select(MESSAGE.channel).where(MESSAGE.id == message_id, MESSAGE.app_id == app_id)
    return connection.execute(statement).scalar_one_or_none()


def read_ledger(connection: Connection, message_id: str, app_id: str | None = None) -> Ledger:
    """Read a message's ledger. An unknown id has the status `unknown` and no runs.

    With `app_id` a message of another app is as good as unknown. The connection must read one
    consistent picture (`db.reading()`): then the audience is the sum of the six at every
    moment, also while the fan-out runs.
    """
    message = _find(connection, message_id, app_id)
    if message is None:
        return Ledger(
            messageId=message_id, status=MessageState.UNKNOWN, errorMessage=None,
            resendable=0, resendOf=None, resentAs=[], runs=[],
        )  # fmt: skip
    statement = select(Run).where(RUN.message_id == message_id).order_by(RUN.n)
    runs = connection.execute(statement).mappings().all()
    waiting = (
        why_it_waits(connection, message_id) if message.state == MessageState.SCHEDULED else []
    )
    broadcast = message.broadcast_channel is not None
    told = [_run_ledger(connection, run, broadcast=broadcast) for run in runs]
    unanswered = any(run["unknown"] for run in told)
    return Ledger(
        messageId=message.id,
        status=message.state,
        errorMessage=message.error_message or _sentence(waiting),
        resendable=count_unanswered(connection, message.id, now_ms()) if unanswered else 0,
        resendOf=message.resend_of,
        resentAs=find_resent(connection, message.id),
        runs=told,
    )


def why_it_waits(connection: Connection, message_id: str) -> list[str]:
    """Say what keeps a message that goes on: runs that were stopped, and routes that rest."""
    stopped = select(RUN.error_message).where(
        RUN.message_id == message_id, RUN.finished_at.is_(None), RUN.error_message.is_not(None)
    )
    resting = (
        select(
            CREDENTIAL.provider,
            CREDENTIAL.environment,
            CREDENTIAL.rest_cause,
            func.coalesce(CREDENTIAL.rest_reason, CREDENTIAL.held_reason),
        )
        .distinct()
        .select_from(Run)
        .join(Batch, BATCH.run_id == RUN.id)
        .join(Credential, ROUTE_OF_BATCH)
        .where(
            RUN.message_id == message_id,
            RUN.finished_at.is_(None),
            BATCH.finished_at.is_(None),
            CREDENTIAL.troubled_since.is_not(None),
        )
        .order_by(CREDENTIAL.provider, CREDENTIAL.environment)
    )
    return [
        *dict.fromkeys(connection.scalars(stopped)),
        *_canaries(connection, message_id),
        *(
            f"{' '.join(filter(None, (provider, environment)))} rests: {why_it_rests(*why)}"
            for provider, environment, *why in connection.execute(resting)
        ),
    ]


def _canaries(connection: Connection, message_id: str) -> list[str]:
    """Say how the canaries of a message went that wait for a look."""
    counts = (BATCH.size - BATCH.moved, BATCH.accepted, BATCH.rejected)
    statement = (
        select(*(func.sum(one) for one in counts))
        .select_from(Batch)
        .join(Run, BATCH.run_id == RUN.id)
        .where(
            RUN.message_id == message_id,
            RUN.state == RunState.PAUSED,
            RUN.fanned_at.is_(None),
            RUN.audience >= RUN.canary,
        )
        .group_by(RUN.id)
    )
    return [verdict(*map(int, row)) for row in connection.execute(statement)]


def _sentence(waiting: list[str]) -> str | None:
    return "; ".join(waiting) or None


def _find(connection: Connection, message_id: str, app_id: str | None) -> Any:
    columns = (MESSAGE.id, MESSAGE.state, MESSAGE.error_message, MESSAGE.resend_of)
    to_channel = MESSAGE.delivery_options["pushBroadcastChannel"].as_string()
    told = to_channel.label("broadcast_channel")
    statement = select(*columns, told).where(MESSAGE.id == message_id)
    if app_id is not None:
        statement = statement.where(MESSAGE.app_id == app_id)
    return connection.execute(statement).one_or_none()


def _run_ledger(connection: Connection, run: RowMapping, *, broadcast: bool) -> RunLedger:
    by_platform = _count_by_platform(connection, run["id"])
    counts = _total(by_platform.values())
    counts["audience"] = run["audience"]  # what the fan-out counted: the batches must agree
    return RunLedger(
        **counts,
        n=run["n"],
        dueAt=iso(run["due_at"]),
        state=run["state"],
        zone=run["zone"],
        zoneDefault=run["zone_default"],
        byPlatform=by_platform,
        byReason=_count_by_reason(connection, run["id"]),
        stopped=_count_stopped(connection, run),
        notFound=run["not_found"] or [],
        notFoundCount=run["not_found_count"],
        rate=run["rate"],
        expectedEndAt=iso(expected_end(run, counts["inFlight"], now_ms())),
        startedAt=iso(run["started_at"]),
        finishedAt=iso(run["finished_at"]),
        broadcast=read_request(connection, run["id"], run["state"]) if broadcast else None,
    )


def expected_end(run: RowMapping, in_flight: int, now: int) -> int | None:
    """Return when a paced run will have been sent, epoch milliseconds, as far as it is known."""
    if not run["rate"] or not run["fanned_at"] or run["state"] != RunState.SENDING:
        return None
    return now + int(in_flight * 1000 / run["rate"])


def _count_stopped(connection: Connection, run: RowMapping) -> int:
    if not run["stopped_routes"]:
        return 0
    waiting = select(func.sum(_COUNTERS["inFlight"])).where(
        BATCH.run_id == run["id"], BATCH.environment.in_(run["stopped_routes"])
    )
    return int(connection.execute(waiting).scalar_one() or 0)


def _total(parts: Iterable[Counts]) -> Counts:
    total: Counter[str] = Counter(dict.fromkeys(_COUNTERS, 0))
    for counts in parts:
        total.update(cast("dict[str, int]", counts))
    return cast("Counts", dict(total))


def _count_by_platform(connection: Connection, run_id: int) -> dict[str, Counts]:
    sums = (func.sum(counter) for counter in _COUNTERS.values())
    statement = (
        select(BATCH.platform, *sums)
        .where(BATCH.run_id == run_id)
        .group_by(BATCH.platform)
        .order_by(BATCH.platform)
    )
    return {
        platform: cast("Counts", dict(zip(_COUNTERS, map(int, counts), strict=True)))
        for platform, *counts in connection.execute(statement)
    }


def _count_by_reason(connection: Connection, run_id: int) -> dict[str, int]:
    statement = select(BATCH.reasons).where(BATCH.run_id == run_id, BATCH.reasons.is_not(None))
    total: Counter[str] = Counter()
    for reasons in connection.scalars(statement):
        total.update(reasons)
    return dict(total.most_common())
