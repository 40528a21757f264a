"""The ledger of one message, which balances at every moment.

audience = accepted + rejected + expired + cancelled + unknown + in flight.
"""

from collections import Counter
from typing import Any

from sqlalchemy import Connection, func, select

from push_pipeline.clock import iso
from push_pipeline.ledger.messages import Receipt
from push_pipeline.ledger.state_machine import MessageState
from push_pipeline.models import BATCH, MESSAGE, RUN, Run

_SETTLED = ("accepted", "rejected", "expired", "cancelled", "unknown")
_OPEN = BATCH.size - BATCH.moved - sum(BATCH[name] for name in _SETTLED)


def find_receipt(connection: Connection, app_id: str, message_id: str) -> Receipt:
    """Read how a message of an app stands, from one row: what clients poll.

    An unknown id, or one of another app, has the status `unknown`.
    """
    message = _find(connection, message_id, app_id)
    if message is None:
        return Receipt(message_id, MessageState.UNKNOWN)
    return Receipt(message.id, message.state, message.error_message)


def find_channel(connection: Connection, app_id: str, message_id: str) -> str | None:
    """Return the channel of an app's message, or None where the app has no such message."""
    statement = select(MESSAGE.channel).where(MESSAGE.id == message_id, MESSAGE.app_id == app_id)
    return connection.execute(statement).scalar_one_or_none()


def read_status(
    connection: Connection, message_id: str, app_id: str | None = None
) -> dict[str, Any]:
    """Read a message's ledger. An unknown id has the status `unknown` and no runs.

    With `app_id` a message of another app is as good as unknown. The connection must read one
    consistent picture (`db.reading()`): then the audience is the sum of the six at every
    moment, also while the fan-out runs.
    """
    message = _find(connection, message_id, app_id)
    if message is None:
        return {
            "messageId": message_id,
            "status": MessageState.UNKNOWN,
            "errorMessage": None,
            "runs": [],
        }
    runs = connection.execute(select(Run).where(RUN.message_id == message_id).order_by(RUN.n))
    views = [_run_view(connection, run) for run in runs.mappings()]
    stopped = next((run["errorMessage"] for run in views if run.get("errorMessage")), None)
    return {
        "messageId": message.id,
        "status": message.state,
        "errorMessage": message.error_message or stopped,
        "runs": [{k: v for k, v in run.items() if k != "errorMessage"} for run in views],
    }


def _find(connection: Connection, message_id: str, app_id: str | None) -> Any:
    statement = select(MESSAGE.id, MESSAGE.state, MESSAGE.error_message).where(
        MESSAGE.id == message_id
    )
    if app_id is not None:
        statement = statement.where(MESSAGE.app_id == app_id)
    return connection.execute(statement).one_or_none()


def _run_view(connection: Connection, run: Any) -> dict[str, Any]:
    by_platform = _count_by_platform(connection, run["id"])
    total: Counter[str] = Counter()
    for counts in by_platform.values():
        total.update(counts)
    return {
        "n": run["n"],
        "dueAt": iso(run["due_at"]),
        "state": run["state"],
        "zone": run["zone"],
        "zoneDefault": run["zone_default"],
        "audience": run["audience"],
        **{name: total[name] for name in (*_SETTLED, "inFlight", "resent")},
        "byPlatform": by_platform,
        "byReason": _count_by_reason(connection, run["id"]),
        "startedAt": iso(run["started_at"]),
        "finishedAt": iso(run["finished_at"]),
        "errorMessage": run["error_message"],
    }


def _count_by_platform(connection: Connection, run_id: int) -> dict[str, dict[str, int]]:
    # Only first attempts' rows are the audience: a later attempt's members were moved to it.
    audience = func.sum(BATCH.size - BATCH.moved)
    statement = (
        select(
            BATCH.platform,
            audience,
            *(func.sum(BATCH[name]) for name in _SETTLED),
            func.sum(_OPEN),
            func.sum(BATCH.resent),
        )
        .where(BATCH.run_id == run_id)
        .group_by(BATCH.platform)
        .order_by(BATCH.platform)
    )
    names = ("audience", *_SETTLED, "inFlight", "resent")
    return {
        platform: dict(zip(names, map(int, counts), strict=True))
        for platform, *counts in connection.execute(statement)
    }


def _count_by_reason(connection: Connection, run_id: int) -> dict[str, int]:
    statement = select(BATCH.reasons).where(BATCH.run_id == run_id, BATCH.reasons.is_not(None))
    total: Counter[str] = Counter()
    for reasons in connection.scalars(statement):
        total.update(reasons)
    return dict(total.most_common())
