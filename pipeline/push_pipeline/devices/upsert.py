"""The rows that registrations write: channels, devices, subscriptions.

Devices and subscriptions are each one statement however many there are, built once for each
database and kind of caller. It takes all its rows as one bound text: bound value by value, a
thousand rows cost more to compile and send than to write.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Text,
    bindparam,
    case,
    false,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.types import TypeEngine

from push_pipeline import db
from push_pipeline.bound_rows import ROWS, as_text, columns_of
from push_pipeline.devices.registration import KEPT, NOBODY, Registration
from push_pipeline.errors import QuotaExceeded
from push_pipeline.models import (
    CHANNEL,
    DEVICE,
    SUBSCRIPTION,
    Channel,
    Device,
    Json,
    Subscription,
)
from push_pipeline.ready import Ready

#: Channels of an app, which come by themselves when somebody names them. Whoever has a key out of
#: an app's binary could fill the table.
CHANNELS_OF_APP_MAX = 10_000

#: What a registration says anew each time.
RENEWED = ("token", "kind", "platform", "os_version", "expires_at")

#: The columns of a registration that are no text.
_TYPES: dict[str, TypeEngine[Any]] = {
    "properties": Json,
    **dict.fromkeys(("expires_at", "created_at", "registered_at", "badge"), BigInteger()),
}

_COLUMNS = (
    *("app_id", "device_id", *RENEWED, *KEPT),
    *("environment", "state", "created_at", "registered_at"),
)

_built: dict[tuple[str, str], Ready] = {}


_CHANNELS = Ready(
    select(CHANNEL.name, CHANNEL.id).where(
        CHANNEL.app_id == bindparam("app"),
        db.any_of(CHANNEL.name, bindparam("names", type_=db.List(Text))),
    )
)


def ensure_channels(
    connection: Connection, app_id: str, names: Sequence[str], now: int, *, trusted: bool = True
) -> dict[str, int]:
    """Return the keys of channels by name, creating those that do not exist.

    Raises:
        QuotaExceeded: the app has as many as others than trusted callers may make.
    """
    found = _find_channels(connection, app_id, names)
    missing = sorted({*names} - {*found})  # in one order, so that two callers cannot deadlock
    if missing:
        if not trusted:
            _require_room(connection, app_id, len(missing))
        rows = [{"app_id": app_id, "name": name, "created_at": now} for name in missing]
        connection.execute(db.insert_into(connection, Channel).on_conflict_do_nothing(), rows)
        found = _find_channels(connection, app_id, names)
    return found


def _require_room(connection: Connection, app_id: str, more: int) -> None:
    counting = select(func.count()).select_from(Channel).where(CHANNEL.app_id == app_id)
    if connection.execute(counting).scalar_one() + more > CHANNELS_OF_APP_MAX:
        raise QuotaExceeded(
            f"the app has {CHANNELS_OF_APP_MAX} channels: new ones need a key with the scope admin"
        )


def upsert_devices(
    connection: Connection,
    app_id: str,
    registrations: Sequence[Registration],
    now: int,
    *,
    alive: bool,
) -> dict[str, int]:
    """Write device rows; return the keys of those that were written, by device id.

    `alive` says that the devices themselves spoke. Where they did not, a row that says nothing
    new is not written again.
    """
    _unlink(connection, app_id, [one.device_id for one in registrations if one.user_id == NOBODY])
    rows = as_text(_row(app_id, one, now) for one in registrations)
    upsert = _once(connection, _upsert_alive if alive else _upsert_listed)
    written = upsert.rows(connection, {ROWS: rows})
    return {device_id: key for device_id, key in written if key is not None}


def _unlink(connection: Connection, app_id: str, device_ids: Sequence[str]) -> None:
    """Take devices from their users: the upsert cannot, to which NULL means unsaid."""
    if device_ids:
        named = db.any_of(DEVICE.device_id, device_ids)
        linked = DEVICE.user_id.is_not(None)
        statement = update(Device).where(DEVICE.app_id == app_id, named, linked)
        connection.execute(statement.values(user_id=None))


def _row(app_id: str, one: Registration, now: int) -> dict[str, Any]:
    return {name: getattr(one, name) for name in (*RENEWED, *KEPT, "environment")} | {
        "app_id": app_id,
        "device_id": one.device_id,
        "platform": one.platform.value,
        "user_id": one.user_id or None,
        "properties": dict(one.properties) if one.properties is not None else None,
        "state": "active",
        "created_at": now,
        "registered_at": now,
    }


def subscribe_devices(
    connection: Connection,
    app_id: str,
    registrations: Sequence[Registration],
    keys: dict[str, int],
    now: int,
) -> None:
    """Add devices to the channels that they name; `keys` are theirs by device id."""
    names = list(dict.fromkeys(name for one in registrations for name in one.channels))
    trusted = all(one.claimant.trusted for one in registrations)
    channels = ensure_channels(connection, app_id, names, now, trusted=trusted)
    rows = as_text(
        {"channel_key": channels[name], "device_key": keys[one.device_id]}
        for one in registrations
        for name in one.channels
    )
    _once(connection, _subscribe).send(connection, {ROWS: rows})


def channels_of(connection: Connection, devices: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the channels' keys of devices, each with the id of the device."""
    if not devices:
        return []
    ids = {key: device_id for device_id, key in devices.items()}
    statement = select(SUBSCRIPTION.device_key, SUBSCRIPTION.channel_key).where(
        db.any_of(SUBSCRIPTION.device_key, list(ids))
    )
    return [(ids[key], channel) for key, channel in connection.execute(statement)]


def resubscribe_devices(
    connection: Connection, channels: Sequence[tuple[str, int]], keys: Mapping[str, int]
) -> None:
    """Add devices to the channels that `channels_of` told; `keys` are theirs by device id."""
    if channels:
        rows = as_text(
            {"channel_key": channel, "device_key": keys[device_id]}
            for device_id, channel in channels
        )
        _once(connection, _subscribe).send(connection, {ROWS: rows})


def _once(connection: Connection, build: Callable[[Connection], Any]) -> Ready:
    # Building a statement costs more than running it.
    name = (connection.dialect.name, build.__name__)
    if name not in _built:
        _built[name] = Ready(build(connection), early=False)
    return _built[name]


def _subscribe(connection: Connection) -> Any:
    names = ("channel_key", "device_key")
    told = columns_of(connection, dict.fromkeys(names, BigInteger()))
    return (
        db.insert_into(connection, Subscription)
        .from_select(names, select(*told).where(text("true")))
        .on_conflict_do_nothing()
    )


def _upsert_alive(connection: Connection) -> Any:
    return _upsert(connection, alive=True)


def _upsert_listed(connection: Connection) -> Any:
    return _upsert(connection, alive=False)


def _upsert(connection: Connection, *, alive: bool) -> Any:
    told = columns_of(connection, {name: _TYPES.get(name, Text()) for name in _COLUMNS})
    # SQLite takes the ON of ON CONFLICT for a join's where the SELECT has no WHERE.
    statement = db.insert_into(connection, Device).from_select(
        _COLUMNS, select(*told).where(text("true"))
    )
    renewed = _renewed(statement.excluded, alive=alive)
    changed = or_(*(DEVICE[name].is_distinct_from(value) for name, value in renewed.items()))
    return statement.on_conflict_do_update(
        index_elements=["app_id", "device_id"], set_=renewed, where=None if alive else changed
    ).returning(DEVICE.device_id, DEVICE.id)


def _renewed(new: Any, *, alive: bool) -> dict[str, Any]:
    same_token = DEVICE.token == new.token
    known = false() if alive else same_token
    moved = func.coalesce(new.time_zone, DEVICE.time_zone).is_distinct_from(DEVICE.time_zone)
    return {
        **{name: new[name] for name in RENEWED},
        **{name: func.coalesce(new[name], DEVICE[name]) for name in KEPT},
        "zone_before": case((moved, DEVICE.time_zone), else_=DEVICE.zone_before),
        "zone_since": case((moved, new.registered_at), else_=DEVICE.zone_since),
        "environment": case(
            (new.environment != "", new.environment), (same_token, DEVICE.environment), else_=""
        ),
        "state": case((known, DEVICE.state), else_="active"),
        "state_reason": case((known, DEVICE.state_reason), else_=None),
        "state_since": case((known, DEVICE.state_since), else_=None),
        "registered_at": case((known, DEVICE.registered_at), else_=new.registered_at),
    }


def _find_channels(connection: Connection, app_id: str, names: Sequence[str]) -> dict[str, int]:
    found = _CHANNELS.rows(connection, {"app": app_id, "names": [*names]})
    return {name: key for name, key in found if key is not None}
