"""Devices and their subscriptions: registered in bulk, retired on evidence, not deleted for it."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, case, delete, false, select, update

from pipeline import db
from pipeline.directory.channels import ensure_channels
from pipeline.models import DEVICE, Device, Subscription
from pipeline.outcome import DeviceAction
from pipeline.registration import Registration

#: What a registration writes over an older one of the same device.
_RENEWED = (
    "token",
    "kind",
    "platform",
    "os_version",
    "environment",
    "user_id",
    "properties",
    "locale",
    "time_zone",
    "expires_at",
)

_STATES = {DeviceAction.RETIRE: "retired", DeviceAction.QUARANTINE: "quarantined"}


def register_devices(
    connection: Connection,
    app_id: str,
    registrations: Sequence[Registration],
    now: int,
    *,
    alive: bool,
) -> dict[str, int]:
    """Write registrations in one upsert; return device keys by device id.

    `alive` says that the devices themselves spoke just now: then a retired token is active
    again. An import is no proof of life: it leaves the state of a token that it does not
    change. Channels are added, never removed. A token that appears with a new device id moves
    to it. The last of several registrations with the same device id or token counts.
    """
    wanted = _without_repeats(registrations)
    _release_moved_tokens(connection, app_id, wanted)
    keys = _upsert(connection, app_id, wanted, now, alive=alive)
    _subscribe(connection, app_id, wanted, keys, now)
    return keys


def _without_repeats(registrations: Sequence[Registration]) -> list[Registration]:
    by_device = {one.device_id: one for one in registrations}
    return list({one.token: one for one in by_device.values()}.values())


def _release_moved_tokens(
    connection: Connection, app_id: str, registrations: Sequence[Registration]
) -> None:
    owners = {one.token: one.device_id for one in registrations}
    statement = select(DEVICE.id, DEVICE.token, DEVICE.device_id).where(
        DEVICE.app_id == app_id, db.any_of(DEVICE.token, list(owners))
    )
    moved = [row.id for row in connection.execute(statement) if owners[row.token] != row.device_id]
    if moved:
        connection.execute(delete(Device).where(db.any_of(DEVICE.id, moved)))


def _upsert(
    connection: Connection,
    app_id: str,
    registrations: Sequence[Registration],
    now: int,
    *,
    alive: bool,
) -> dict[str, int]:
    rows = [
        {name: getattr(one, name) for name in _RENEWED}
        | {
            "app_id": app_id,
            "device_id": one.device_id,
            "platform": one.platform.value,
            "properties": dict(one.properties) if one.properties is not None else None,
            "state": "active",
            "created_at": now,
            "registered_at": now,
        }
        for one in registrations
    ]
    statement = db.insert_into(connection, Device)
    new = statement.excluded
    known = false() if alive else DEVICE.token == new.token
    renewed = {name: new[name] for name in _RENEWED} | {
        "state": case((known, DEVICE.state), else_="active"),
        "state_reason": case((known, DEVICE.state_reason), else_=None),
        "registered_at": case((known, DEVICE.registered_at), else_=new.registered_at),
    }
    upsert = statement.on_conflict_do_update(
        index_elements=["app_id", "device_id"], set_=renewed
    ).returning(DEVICE.device_id, DEVICE.id)
    return {
        device_id: key for device_id, key in connection.execute(upsert, rows) if key is not None
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
    rows = [
        {"channel_key": channels[name], "device_key": keys[one.device_id]}
        for one in registrations
        for name in one.channels
    ]
    connection.execute(db.insert_into(connection, Subscription).on_conflict_do_nothing(), rows)


def unregister_device(connection: Connection, app_id: str, device_id: str) -> bool:
    """Remove a device and its subscriptions; False where it is not registered."""
    statement = delete(Device).where(DEVICE.app_id == app_id, DEVICE.device_id == device_id)
    return connection.execute(statement).rowcount == 1


def find_targets(
    connection: Connection, keys: Sequence[int], now: int
) -> list[tuple[int, str, str]]:
    """Return (key, token, kind) of those devices that may be sent to now."""
    statement = select(DEVICE.id, DEVICE.token, DEVICE.kind).where(
        db.any_of(DEVICE.id, keys),
        DEVICE.state == "active",
        DEVICE.expires_at.is_(None) | (DEVICE.expires_at > now),
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(statement)]


def put_out_of_service(
    connection: Connection, evidence: Sequence[tuple[int, str, DeviceAction, int, str | None]]
) -> None:
    """Retire or quarantine devices: (key, token, action, dead since, reason) each.

    One conditional update each: a device that registered again after the evidence, or whose
    token is another one by now, keeps its state, however the two race.
    """
    statement = (
        update(Device)
        .where(
            DEVICE.id == bindparam("key"),
            DEVICE.token == bindparam("dead_token"),
            DEVICE.registered_at <= bindparam("dead_since"),
            DEVICE.state == "active",
        )
        .values(state=bindparam("new_state"), state_reason=bindparam("why"))
    )
    rows = [
        {
            "key": key,
            "dead_token": token,
            "dead_since": since,
            "new_state": _STATES[action],
            "why": why,
        }
        for key, token, action, since, why in evidence
    ]
    if rows:
        connection.execute(statement, rows)
