"""Messages: written once with their first run, found again by id or by dedupe key."""

import uuid
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from pipeline import db
from pipeline.ledger.states import MessageState, RunState
from pipeline.models import MESSAGE, Message, Run

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


def write_message(
    connection: Connection, new: NewMessage, woken_at: int | None, now: int
) -> tuple[Receipt, int | None]:
    """Write a message and its first run; return its receipt and the run, if it has one.

    `woken_at` is when the caller's wake-up will arrive, None where it sends none.
    With a dedupe key that was used before nothing is written and the first receipt is
    returned: two callers at once get the same one.
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
        return _receipt_of(connection, new), None
    run_id = None if new.failure else insert_run(connection, message_id, new, woken_at)
    return Receipt(message_id, status, new.failure), run_id


def insert_run(
    connection: Connection, message_id: str, new: NewMessage, woken_at: int | None
) -> int:
    """Write the first run of a message; return its key."""
    statement = insert(Run).values(
        message_id=message_id,
        app_id=new.app_id,
        n=1,
        due_at=new.due_at,
        expires_at=new.due_at + new.ttl_ms,
        state=RunState.SCHEDULED,
        bulk=False,
        guarded=True,
        woken_at=woken_at,
    )
    key = connection.execute(statement).inserted_primary_key
    assert key is not None  # noqa: S101 - the database made one
    return int(key[0])


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
