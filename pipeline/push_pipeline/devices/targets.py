"""What a delivery needs of devices: their tokens before it, their retirement after it."""

from array import array
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, select, update

from push_pipeline import db
from push_pipeline.models import DEVICE, Device
from push_pipeline.outcome import DeviceAction, Evidence
from push_pipeline.ready import Ready

_STATES = {DeviceAction.RETIRE: "retired", DeviceAction.QUARANTINE: "quarantined"}


class Reachable(NamedTuple):
    """Devices whose tokens are of one kind, and their tokens in the same order."""

    kind: str
    keys: "array[int]"
    tokens: list[str]


# A row for a kind of token, not for a device: reading a thousand costs more than finding them.
REACHABLE = (
    select(DEVICE.kind, db.keys_of(DEVICE.id), db.texts_of(DEVICE.id, DEVICE.token))
    .where(
        db.any_of(DEVICE.id, bindparam("keys", type_=db.List(BigInteger))),
        DEVICE.state == "active",
        DEVICE.expires_at.is_(None) | (DEVICE.expires_at > bindparam("now")),
    )
    .group_by(DEVICE.kind)
)
_TARGETS = Ready(REACHABLE)

_LOCALES = Ready(
    select(DEVICE.locale, db.keys_of(DEVICE.id))
    .where(
        db.any_of(DEVICE.id, bindparam("keys", type_=db.List(BigInteger))),
        DEVICE.locale.is_not(None),
    )
    .group_by(DEVICE.locale)
)

_OUT_OF_SERVICE = (
    update(Device)
    .where(
        DEVICE.id == bindparam("key"),
        DEVICE.token == bindparam("dead_token"),
        DEVICE.registered_at <= bindparam("dead_since"),
        DEVICE.state == "active",
    )
    .values(
        state=bindparam("new_state"),
        state_reason=bindparam("why"),
        state_since=bindparam("since"),
    )
)


def find_targets(connection: Connection, keys: Sequence[int], now: int) -> list[Reachable]:
    """Return those devices that may be sent to now, with their tokens."""
    rows = _TARGETS.rows(connection, {"keys": keys, "now": now})
    return [Reachable._make(row) for row in rows]


def find_locales(connection: Connection, keys: Sequence[int]) -> dict[str, "array[int]"]:
    """Return the keys of those devices that have a locale, by locale."""
    rows = _LOCALES.rows(connection, {"keys": keys})
    return {row[0]: row[1] for row in rows}


def put_out_of_service(connection: Connection, evidence: Sequence[Evidence], now: int) -> None:
    """Retire or quarantine devices, one conditional update each; `now` is epoch milliseconds.

    A device that registered again after the evidence, or whose token is another one by now,
    keeps its state, however the two race. The rows are locked in the order of keys, as the
    registrations lock them, so that neither waits for the other in a circle.
    """
    rows = [
        {
            "key": one.key,
            "dead_token": one.token,
            "dead_since": one.dead_since,
            "new_state": _STATES[one.action],
            "why": one.reason,
            "since": now,
        }
        for one in sorted(evidence, key=attrgetter("key"))
    ]
    if rows:
        connection.execute(_OUT_OF_SERVICE, rows)
