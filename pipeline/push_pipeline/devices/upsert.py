"""The statements that write registrations, built once for each database and kind of caller.

Each takes all its rows as one text, and is one statement however many they are.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import BigInteger, Connection, Text, case, false, func, or_, select, text
from sqlalchemy.types import TypeEngine

from push_pipeline import db
from push_pipeline.devices.rows import columns_of
from push_pipeline.models import DEVICE, Device, Json, Subscription

#: What a registration says anew each time.
RENEWED = ("token", "kind", "platform", "os_version", "expires_at")

#: What it may leave unsaid; what was said before then stays. Some SDKs can say none of these.
KEPT = ("user_id", "properties", "locale", "time_zone")

#: The columns of a registration that are no text.
_TYPES: dict[str, TypeEngine[Any]] = {
    "properties": Json,
    **dict.fromkeys(("expires_at", "created_at", "registered_at"), BigInteger()),
}

_COLUMNS = (
    *("app_id", "device_id", *RENEWED, *KEPT),
    *("environment", "state", "created_at", "registered_at"),
)

_built: dict[tuple[str, str], Any] = {}


def upsert_of(connection: Connection, *, alive: bool) -> Any:
    """Return the upsert of device rows, which returns ids and keys of those that it wrote.

    `alive` says that the devices themselves spoke. Where they did not, a row that says nothing
    new is not written again.
    """
    build = _upsert_alive if alive else _upsert_listed
    return _once(connection, build)


def subscribe_of(connection: Connection) -> Any:
    """Return the insertion of subscriptions that do not exist."""
    return _once(connection, _subscribe)


def _once(connection: Connection, build: Callable[[Connection], Any]) -> Any:
    # Building a statement costs more than running it.
    name = (connection.dialect.name, build.__name__)
    if name not in _built:
        _built[name] = build(connection)
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
        "registered_at": case((known, DEVICE.registered_at), else_=new.registered_at),
    }
