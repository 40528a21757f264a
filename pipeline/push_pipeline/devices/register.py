"""Devices and their subscriptions: registered in bulk, retired on evidence, not deleted for it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Text,
    bindparam,
    cast,
    delete,
    literal,
    select,
    union,
    update,
)

from push_pipeline import db
from push_pipeline.devices.channels import ensure_channels
from push_pipeline.devices.conflicts import in_rounds
from push_pipeline.devices.locks import lock_stripes
from push_pipeline.devices.registration import Registration
from push_pipeline.devices.rows import ROWS, as_text
from push_pipeline.devices.upsert import KEPT, RENEWED, subscribe_of, upsert_of
from push_pipeline.models import DEVICE, Device

_OF_APP = select(DEVICE.id).where(DEVICE.app_id == bindparam("app"))

#: The rows that share a token or a device id with what is registered: each half by its own
#: index, which one condition with OR would not use.
_CONCERNED = (
    select(DEVICE.id, DEVICE.token, DEVICE.device_id, DEVICE.user_id, DEVICE.expires_at)
    .where(
        DEVICE.id.in_(
            union(
                _OF_APP.where(db.any_of(DEVICE.token, bindparam("tokens", type_=db.List(Text)))),
                _OF_APP.where(
                    db.any_of(DEVICE.device_id, bindparam("device_ids", type_=db.List(Text)))
                ),
            )
        )
    )
    .order_by(DEVICE.id)
    .with_for_update()
)


def register_devices(
    connection: Connection,
    app_id: str,
    registrations: Sequence[Registration],
    now: int,
    *,
    alive: bool,
) -> dict[str, int]:
    """Write registrations in a few statements; return device keys by device id.

    `alive` says that the devices themselves spoke just now: then a retired token is active
    again. An import is no proof of life: it leaves the state of a token that it does not
    change. Channels are added, never removed, save where the registration had expired. A token
    that appears with a new device id moves to it. Several registrations with the same device id
    or token count one after the other, within one call as well as between callers at once.
    """
    names = {name for one in registrations for name in (one.device_id, one.token)}
    lock_stripes(connection, app_id, names)
    rounds = in_rounds(registrations)
    if len(rounds) > 1:  # the rows of all of them first, so that all are locked in one order
        _lock_concerned(connection, app_id, registrations)
    keys: dict[str, int] = {}
    for wanted in rounds:
        keys |= _make_room(connection, app_id, wanted, now)
        keys |= _upsert(connection, app_id, wanted, now, alive=alive)
        _subscribe(connection, app_id, wanted, keys, now)
    return keys


def _make_room(
    connection: Connection, app_id: str, registrations: Sequence[Registration], now: int
) -> dict[str, int]:
    """Remove what has expired and take each token from the device that had it before.

    Returns the keys of the devices that are known, by device id.
    """
    rows = _lock_concerned(connection, app_id, registrations)
    current = [row for row in rows if row.expires_at is None or row.expires_at > now]
    if len(current) < len(rows):
        _delete(connection, list({row.id for row in rows} - {row.id for row in current}))
    _release_moved_tokens(connection, app_id, registrations, current)
    return {row.device_id: row.id for row in current}


def _release_moved_tokens(
    connection: Connection,
    app_id: str,
    registrations: Sequence[Registration],
    rows: Sequence[Row[Any, Any, Any, Any, Any]],
) -> None:
    """Take each token from the device that had it before, and from its user."""
    coming = {one.token: one for one in registrations}
    staying = {one.device_id for one in registrations}
    moved = [row for row in rows if coming.get(row.token, row).device_id != row.device_id]
    if not moved:
        return
    users = {row.device_id: row.user_id for row in rows}
    strangers = [
        coming[row.token].device_id
        for row in moved
        if row.user_id is not None and users.get(coming[row.token].device_id) != row.user_id
    ]
    # A device that gives its token away and gets another one in the same round keeps its row:
    # with it go the subscriptions.
    _free_tokens(connection, [row.id for row in moved if row.device_id in staying])
    _delete(connection, [row.id for row in moved if row.device_id not in staying])
    _unlink(connection, app_id, strangers)


def _lock_concerned(
    connection: Connection, app_id: str, registrations: Sequence[Registration]
) -> Sequence[Row[Any, Any, Any, Any, Any]]:
    # In the order of keys, as the workers' updates go: two that lock the same rows in
    # different orders would end in a deadlock.
    tokens = [one.token for one in registrations]
    device_ids = [one.device_id for one in registrations]
    told = {"app": app_id, "tokens": tokens, "device_ids": device_ids}
    return connection.execute(_CONCERNED, told).all()


def _free_tokens(connection: Connection, keys: Sequence[int]) -> None:
    if keys:
        placeholder = literal("released:").concat(cast(DEVICE.id, Text))
        connection.execute(
            update(Device).where(db.any_of(DEVICE.id, keys)).values(token=placeholder)
        )


def _delete(connection: Connection, keys: Sequence[int]) -> None:
    if keys:
        connection.execute(delete(Device).where(db.any_of(DEVICE.id, keys)))


def _unlink(connection: Connection, app_id: str, device_ids: Sequence[str]) -> None:
    if device_ids:
        connection.execute(
            update(Device)
            .where(DEVICE.app_id == app_id, db.any_of(DEVICE.device_id, device_ids))
            .values(user_id=None)
        )


def _upsert(
    connection: Connection,
    app_id: str,
    registrations: Sequence[Registration],
    now: int,
    *,
    alive: bool,
) -> dict[str, int]:
    rows = as_text(_row(app_id, one, now) for one in registrations)
    written = connection.execute(upsert_of(connection, alive=alive), {ROWS: rows})
    return {device_id: key for device_id, key in written if key is not None}


def _row(app_id: str, one: Registration, now: int) -> dict[str, Any]:
    return {name: getattr(one, name) for name in (*RENEWED, *KEPT, "environment")} | {
        "app_id": app_id,
        "device_id": one.device_id,
        "platform": one.platform.value,
        "properties": dict(one.properties) if one.properties is not None else None,
        "state": "active",
        "created_at": now,
        "registered_at": now,
    }


def _subscribe(
    connection: Connection,
    app_id: str,
    registrations: Sequence[Registration],
    keys: dict[str, int],
    now: int,
) -> None:
    names = list(dict.fromkeys(name for one in registrations for name in one.channels))
    channels = ensure_channels(connection, app_id, names, now)
    rows = as_text(
        {"channel_key": channels[name], "device_key": keys[one.device_id]}
        for one in registrations
        for name in one.channels
    )
    connection.execute(subscribe_of(connection), {ROWS: rows})


def unregister_device(connection: Connection, app_id: str, device_id: str, now: int) -> bool:
    """Remove a device and its subscriptions; False where it is not registered, or not any more."""
    statement = (
        delete(Device)
        .where(DEVICE.app_id == app_id, DEVICE.device_id == device_id)
        .returning(DEVICE.expires_at)
    )
    return any(ends is None or ends > now for ends in connection.scalars(statement))
