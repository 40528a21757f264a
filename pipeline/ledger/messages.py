"""Messages: written once with their first run, found again by id or by dedupe key."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, insert, select, update

from pipeline import db
from pipeline.ledger.states import MessageState, RunState
from pipeline.models import MESSAGE, RUN, Message, Run

#: The channel of a message that is for the devices of all channels: a name that none can have.
EVERY_CHANNEL: Final = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a publish answers.

    `status` is the API's word: `scheduled` once it was accepted, `failed` where by construction
    nobody can be reached. `error_message` is None where all is well.
    """

    message_id: str
    status: str
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message that was checked and is ready to be written."""

    app_id: str
    channel: str
    content: dict[str, Any]
    delivery_options: dict[str, Any]
    dedupe_key: str | None
    due_at: int
    ttl_ms: int
    failure: str | None = None  # why it can reach nobody, where that is certain


def new_message_id() -> str:
    """Make a message id of the API's form."""
    return f"message:{str(uuid.uuid4()).upper()}"


class NewRun(NamedTuple):
    """A run of a new message. `woken_at` is when its wake-up will arrive; None: nobody sends one.

    `zone` is set where the message goes by local time.
    """

    n: int
    due_at: int
    woken_at: int | None
    zone: str | None = None
    zone_default: bool = False


def write_message(
    connection: Connection, new: NewMessage, runs: Sequence[NewRun], now: int
) -> tuple[Receipt, list[int]]:
    """Write a message and its runs; return its receipt and the keys of the runs, in order.

    One that is certain to reach nobody has none. With a dedupe key that was used before nothing
    is written and the first receipt is returned: two callers at once get the same one.
    """
    message_id = new_message_id()
    status = MessageState.SCHEDULED if new.failure is None else MessageState.FAILED
    statement = db.insert_into(connection, Message).values(
        id=message_id,
        app_id=new.app_id,
        channel=new.channel,
        content=new.content,
        delivery_options=new.delivery_options,
        dedupe_key=new.dedupe_key,
        state=status,
        error_message=new.failure,
        created_at=now,
        ended_at=None if new.failure is None else now,
    )
    if new.dedupe_key is not None:
        statement = statement.on_conflict_do_nothing(index_elements=["app_id", "dedupe_key"])
    if connection.execute(statement.returning(MESSAGE.id)).first() is None:
        return _receipt_of(connection, new), []
    keys = [] if new.failure else _insert_runs(connection, message_id, new, runs)
    return Receipt(message_id, status, new.failure), keys


def _insert_runs(
    connection: Connection, message_id: str, new: NewMessage, runs: Sequence[NewRun]
) -> list[int]:
    rows = [
        {
            **one._asdict(),
            "message_id": message_id,
            "app_id": new.app_id,
            "expires_at": one.due_at + new.ttl_ms,
            "state": RunState.SCHEDULED,
            "bulk": False,
            "guarded": True,
        }
        for one in runs
    ]
    statement = insert(Run).returning(RUN.id, sort_by_parameter_order=True)
    return [key for key in connection.scalars(statement, rows) if key is not None]


def _receipt_of(connection: Connection, new: NewMessage) -> Receipt:
    row = connection.execute(
        select(MESSAGE.id, MESSAGE.state, MESSAGE.error_message).where(
            MESSAGE.app_id == new.app_id, MESSAGE.dedupe_key == new.dedupe_key
        )
    ).one()
    status = row.state if row.state == MessageState.FAILED else MessageState.SCHEDULED
    return Receipt(row.id, status, row.error_message)


def close_message(
    connection: Connection, message_id: str, state: str, error: str | None, now: int
) -> None:
    """Write the end of a message that has no further run."""
    connection.execute(
        update(Message)
        .where(MESSAGE.id == message_id, MESSAGE.state == MessageState.SCHEDULED)
        .values(state=state, error_message=error, ended_at=now)
    )
