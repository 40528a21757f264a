"""Messages: written once with their first run, found again by id or by dedupe key."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, insert, inspect, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel

from push_pipeline.bound_rows import ROWS, as_text, recordset
from push_pipeline.errors import DedupeKeyReused
from push_pipeline.field_warning import FieldWarning
from push_pipeline.ledger.state_machine import MessageMove, MessageState, RunState
from push_pipeline.models import MESSAGE, RUN, Message, Run
from push_pipeline.options import DeliveryOptions
from push_pipeline.ready import Ready, among


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a publish answers.

    `status` is the API's word: `scheduled` once it was accepted, `failed` where by construction
    nobody can be reached. `error_message` is None where all is well. `warnings` are what was
    dropped or changed of what was said, `not_found` the devices that it named and that are not in
    its audience. `replayed` says that the message existed already: its dedupe key was used
    before, for the same.
    """

    message_id: str
    status: str
    error_message: str | None = None
    warnings: tuple[FieldWarning, ...] = ()
    not_found: tuple[str, ...] = ()
    replayed: bool = field(default=False, compare=False)


class Once(NamedTuple):
    """What is noted of a message that is to be said once.

    `key_before` is the key under which a release that took no fingerprints noted the same.
    """

    key: str
    fingerprint: bytes
    key_before: str | None = None


#: Why a message failed that named devices.
NOBODY_NAMED_IS_THERE: Final = "none of the devices that it names is in the audience"


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message that was checked and is ready to be written."""

    app_id: str
    channel: str
    content: dict[str, Any]
    delivery_options: DeliveryOptions
    once: Once | None
    due_at: int
    ttl_ms: int
    failure: str | None = None  # why it can reach nobody, where that is certain
    id: str | None = None  # made when it is written, where nobody was told it before
    traceparent: str | None = None  # of its publish, where somebody traces it


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


class Written(NamedTuple):
    """What became of a new message: its receipt, and the keys of its runs in their order."""

    receipt: Receipt
    run_keys: list[int]


def write_messages(
    connection: Connection, planned: Sequence[tuple[NewMessage, Sequence[NewRun]]], now: int
) -> list[Written]:
    """Write messages and their runs, two statements for all; return what became of each.

    One that is certain to reach nobody has no runs. With a dedupe key that was used meanwhile
    nothing is written and the first receipt is returned: two callers at once get the same one,
    and so do two in one call.

    Raises:
        DedupeKeyReused: it was used for another message.
    """
    by_id = {one[0].id or new_message_id(): one for one in planned}
    fresh = _insert_messages(connection, {key: new for key, (new, _) in by_id.items()}, now)
    going = {key: one for key, one in by_id.items() if key in fresh and one[0].failure is None}
    run_keys = _insert_runs(connection, going)
    return [
        Written(
            fresh_receipt(key, new) if key in fresh else find_said(connection, [new])[0],
            run_keys.get(key, []),
        )
        for key, (new, _) in by_id.items()
    ]


def find_said(connection: Connection, news: Sequence[NewMessage]) -> dict[int, Receipt]:
    """Return the receipts of messages that were said before, by their places in `news`.

    Raises:
        DedupeKeyReused: a key was used for another message.
    """
    once = [new.once for new in news if new.once is not None]
    if not once:
        return {}
    keys = {key for one in once for key in (one.key, one.key_before) if key is not None}
    columns = (MESSAGE.app_id, MESSAGE.dedupe_key, MESSAGE.fingerprint)
    rows = connection.execute(
        select(*columns, MESSAGE.id, MESSAGE.state, MESSAGE.error_message).where(
            MESSAGE.app_id.in_({new.app_id for new in news}), MESSAGE.dedupe_key.in_(keys)
        )
    )
    known = {(row.app_id, row.dedupe_key): row for row in rows}
    found = ((place, _said(new, known)) for place, new in enumerate(news))
    return {place: receipt for place, receipt in found if receipt is not None}


def _said(new: NewMessage, known: Mapping[tuple[str, str], Any]) -> Receipt | None:
    if new.once is None:
        return None
    row = known.get((new.app_id, new.once.key))
    if row is None and new.once.key_before is not None:
        row = known.get((new.app_id, new.once.key_before))
        if row is not None and row.fingerprint is not None:  # a host's, of a key that looks alike
            return None
    if row is None:
        return None
    if row.fingerprint not in (None, new.once.fingerprint):
        raise DedupeKeyReused
    status = row.state if row.state == MessageState.FAILED else MessageState.SCHEDULED
    return Receipt(row.id, status, row.error_message, replayed=True)


def _insert_messages(
    connection: Connection, news: Mapping[str, NewMessage], now: int
) -> frozenset[str]:
    """Insert messages by id; return the ids of those whose dedupe key is new."""
    rows: list[dict[str, Any]] = [
        {
            "id": message_id,
            "app_id": new.app_id,
            "channel": new.channel,
            "content": new.content,
            "delivery_options": new.delivery_options.to_json(),
            "dedupe_key": new.once and new.once.key,
            "fingerprint": new.once and new.once.fingerprint,
            "state": _state(new),
            "error_message": new.failure,
            "created_at": now,
            "ended_at": None if new.failure is None else now,
            "traceparent": new.traceparent,
        }
        # In one order, so that two callers with the same keys do not wait in a circle.
        for message_id, new in sorted(news.items(), key=lambda one: one[1].once or ("",))
    ]
    once = any(row["dedupe_key"] is not None for row in rows)
    if connection.dialect.name == "postgresql":
        told = as_text({**row, "fingerprint": _read_out(row["fingerprint"])} for row in rows)
        written = _messages_at_once(once=once).send(connection, {ROWS: told})
        return frozenset(key for (key,) in written.rows) if once else frozenset(news)
    statement = sqlite.insert(Message)
    if once:
        statement = statement.on_conflict_do_nothing(index_elements=_ONCE)
    return frozenset(connection.scalars(statement.returning(MESSAGE.id), rows))


#: What a message is known by where it is to be said once.
_ONCE = ("app_id", "dedupe_key")

_MESSAGE_COLUMNS = (
    *("id", "app_id", "channel", "content", "delivery_options", "dedupe_key", "fingerprint"),
    *("state", "error_message", "created_at", "ended_at", "traceparent"),
)

_RUN_COLUMNS = (
    *("n", "due_at", "woken_at", "zone", "zone_default", "message_id", "app_id"),
    *("expires_at", "state", "bulk", "guarded"),
)


@cache
def _messages_at_once(*, once: bool) -> Ready:
    """Return what inserts messages, and where some may have been said tells which it did."""
    statement = _at_once(Message, _MESSAGE_COLUMNS)
    if not once:
        return Ready(statement)
    statement = statement.on_conflict_do_nothing(index_elements=_ONCE)
    return Ready(statement.returning(MESSAGE.id))


@cache
def _runs_at_once() -> Ready:
    return Ready(_at_once(Run, _RUN_COLUMNS).returning(RUN.message_id, RUN.n, RUN.id))


def _at_once(table: type[SQLModel], names: Sequence[str]) -> postgresql.Insert:
    columns = inspect(table).columns
    told = recordset({name: columns[name].type for name in names})
    return postgresql.insert(table).from_select(names, select(*told))


def _read_out(fingerprint: bytes | None) -> str | None:
    """Return bytes as PostgreSQL reads them out of a text."""
    return None if fingerprint is None else f"\\x{fingerprint.hex()}"


_INSERT_RUNS = insert(Run).returning(RUN.id, sort_by_parameter_order=True)


def _insert_runs(
    connection: Connection, going: Mapping[str, tuple[NewMessage, Sequence[NewRun]]]
) -> dict[str, list[int]]:
    """Insert the runs of messages; return their keys by message."""
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
        for message_id, (new, runs) in going.items()
        for one in runs
    ]
    keys: dict[str, list[int]] = {message_id: [] for message_id in going}
    if rows and connection.dialect.name == "postgresql":
        written = _runs_at_once().rows(connection, {ROWS: as_text(rows)})
        for message_id, _, key in sorted(map(tuple, written)):  # by number
            keys[message_id].append(key)
    elif rows:
        for row, key in zip(rows, connection.scalars(_INSERT_RUNS, rows), strict=True):
            if key is not None:
                keys[row["message_id"]].append(key)
    return keys


def _state(new: NewMessage) -> MessageState:
    return MessageState.SCHEDULED if new.failure is None else MessageState.FAILED


def fresh_receipt(
    message_id: str, new: NewMessage, warnings: tuple[FieldWarning, ...] = ()
) -> Receipt:
    """Return what the publish of a new message answers."""
    return Receipt(message_id, _state(new), new.failure, warnings)


_CLOSE = Ready(
    update(Message)
    .where(MESSAGE.id == bindparam("message_id"), among(MESSAGE.state, MessageMove.CLOSE.sources))
    .values(
        state=bindparam("new_state"), error_message=bindparam("error"), ended_at=bindparam("now")
    )
)


def close_message(
    connection: Connection, message_id: str, state: MessageState, error: str | None, now: int
) -> None:
    """Write the end of a message that has no further run: published or failed."""
    end = {"message_id": message_id, "new_state": state, "error": error, "now": now}
    _CLOSE.count(connection, end)
