"""What became of pushes to broadcast channels: one request of a run, whose audience is unknown.

None of it is counted among devices. Its row is written when the run begins, noted before each
attempt, and settled once.
"""

from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from push_pipeline.clock import iso
from push_pipeline.directory.broadcast_channels import take_stamp
from push_pipeline.ledger import runs
from push_pipeline.ledger.messages import close_message
from push_pipeline.ledger.runs import RunView
from push_pipeline.ledger.state_machine import MessageState, RunState
from push_pipeline.ledger.values import ClosedRun
from push_pipeline.ledger.views import BroadcastLedger
from push_pipeline.models import (
    BROADCAST,
    BROADCAST_CHANNEL,
    CREDENTIAL,
    RUN,
    Broadcast,
    Credential,
    Run,
)
from push_pipeline.outcome import Settled

#: Where a message keeps what it says to a broadcast channel.
STORED_AS: Final = "broadcast"

#: How a request ended that Apple has, or may have.
_REACHED: Final = (Settled.ACCEPTED, Settled.UNKNOWN)


class BroadcastRequest(NamedTuple):
    """The request of a run as it stands."""

    run_id: int
    name: str
    environment: str
    channel_id: str
    stamp: int
    request_id: str
    in_doubt: bool
    attempts: int
    outcome: str | None


class Route(NamedTuple):
    """The credential that a request goes by."""

    credential_id: int
    version: int


_COLUMNS = tuple(BROADCAST[name] for name in BroadcastRequest._fields)


def ensure_request(
    connection: Connection, run: RunView, request_id: str, now: int
) -> BroadcastRequest | None:
    """Return a run's request, written at its first turn; None where its channel is gone.

    Its timestamp is that of the time when it was due, and higher than the channel's last.
    """
    found = _find(connection, run.id)
    if found is not None:
        return found
    environment = str(run.content[STORED_AS]["environment"])
    name = str(run.delivery_options.push_broadcast_channel)
    row = connection.execute(
        select(BROADCAST_CHANNEL.channel_id, BROADCAST_CHANNEL.stores).where(
            BROADCAST_CHANNEL.app_id == run.app_id,
            BROADCAST_CHANNEL.environment == environment,
            BROADCAST_CHANNEL.name == name,
        )
    ).one_or_none()
    if row is None or row.channel_id is None:
        return None
    place = {"of_environment": environment, "of_name": name, "of_id": row.channel_id}
    stamp = take_stamp(connection, run.app_id, place, run.due_at // 1000, now)
    if stamp is None:
        return None
    connection.execute(
        insert(Broadcast).values(
            run_id=run.id,
            name=name,
            environment=environment,
            channel_id=row.channel_id,
            stores=row.stores,
            stamp=stamp,
            request_id=request_id,
            in_doubt=False,
        )
    )
    return _find(connection, run.id)


def find_route(connection: Connection, app_id: str, environment: str) -> Route | None:
    """Return the credential of an app's environment, or None where it is gone."""
    row = connection.execute(
        select(CREDENTIAL.id, CREDENTIAL.version)
        .select_from(Credential)
        .where(
            CREDENTIAL.app_id == app_id,
            CREDENTIAL.provider == "apns",
            CREDENTIAL.environment == environment,
        )
    ).one_or_none()
    return None if row is None else Route(*row)


def note_attempt(connection: Connection, request: BroadcastRequest) -> bool:
    """Note that it is sent now; False where another worker is at it."""
    statement = (
        update(Broadcast)
        .where(*_as_seen(request))
        .values(
            in_doubt=True,
            attempts=BROADCAST.attempts + 1,
            resent=BROADCAST.resent + int(request.in_doubt),
        )
    )
    return connection.execute(statement).rowcount == 1


def put_off(
    connection: Connection, request: BroadcastRequest, until: int, *, in_doubt: bool
) -> None:
    """Let it be sent again from then on: the tick takes the run up when its lease has ended."""
    connection.execute(update(Broadcast).where(*_as_seen(request)).values(in_doubt=in_doubt))
    resting = (RUN.id == request.run_id, RUN.state == RunState.FANNING)
    connection.execute(update(Run).where(*resting).values(lease_until=until, woken_at=None))


def settle_request(
    connection: Connection, request: BroadcastRequest, ended: dict[str, Any]
) -> bool:
    """Write how it ended, once; False where another worker has."""
    statement = update(Broadcast).where(*_as_seen(request)).values(**ended)
    return connection.execute(statement).rowcount == 1


def close_run(
    connection: Connection, run: RunView, outcome: str, reason: str | None, now: int
) -> ClosedRun | None:
    """End a run whose request is settled, and its message with it."""
    changes = {"state": RunState.SENDING, "lease_until": None, "fanned_at": now}
    runs.advance(connection, run, cursor=run.cursor, added=0, changes=changes)
    if outcome not in _REACHED:
        error = f"the request to the broadcast channel ended as {outcome}: {reason}"
        close_message(connection, run.message_id, MessageState.FAILED, error, now)
    return runs.close_if_done(connection, run.id, now)


def read_request(connection: Connection, run_id: int, state: str) -> BroadcastLedger | None:
    """Return what became of a run's request; None where it has not begun."""
    row = connection.execute(
        select(Broadcast.__table__).where(BROADCAST.run_id == run_id)  # type: ignore[attr-defined]
    ).one_or_none()
    if row is None:
        return None
    cancelled = row.outcome is None and state == RunState.CANCELLED
    return BroadcastLedger(
        channel=row.name,
        environment=row.environment,
        audience=None,
        timestamp=row.stamp,
        requestId=row.request_id,
        uniqueId=row.unique_id,
        outcome=_cancelled_as(in_doubt=row.in_doubt) if cancelled else row.outcome,
        reason=row.reason,
        attempts=row.attempts,
        resent=row.resent,
        settledAt=iso(row.settled_at),
    )


def count_waiting(connection: Connection) -> list[tuple[str, int, int]]:
    """Count the requests by app that were tried and have not ended; when the oldest was due."""
    statement = (
        select(RUN.app_id, func.count(), func.min(RUN.due_at))
        .join(Broadcast, BROADCAST.run_id == RUN.id)
        .where(RUN.finished_at.is_(None), BROADCAST.attempts > 0, BROADCAST.outcome.is_(None))
        .group_by(RUN.app_id)
        .order_by(RUN.app_id)
    )
    return [tuple(row) for row in connection.execute(statement)]


def _cancelled_as(*, in_doubt: bool) -> str:
    return Settled.UNKNOWN if in_doubt else Settled.CANCELLED


def _as_seen(request: BroadcastRequest) -> tuple[Any, ...]:
    # The number of attempts fences a worker that was overtaken.
    return (
        BROADCAST.run_id == request.run_id,
        BROADCAST.attempts == request.attempts,
        BROADCAST.outcome.is_(None),
    )


def _find(connection: Connection, run_id: int) -> BroadcastRequest | None:
    row = connection.execute(select(*_COLUMNS).where(BROADCAST.run_id == run_id)).one_or_none()
    return None if row is None else BroadcastRequest._make(row)
