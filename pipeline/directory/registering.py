"""The one statement that writes registrations, built once for each database and kind of caller."""

from typing import Any

from sqlalchemy import Connection, case, false, func

from pipeline import db
from pipeline.models import DEVICE, Device

#: What a registration says anew each time.
RENEWED = ("token", "kind", "platform", "os_version", "expires_at")

#: What it may leave unsaid; what was said before then stays. Some SDKs can say none of these.
KEPT = ("user_id", "properties", "locale", "time_zone")

_built: dict[tuple[str, bool], Any] = {}


def upsert_of(connection: Connection, *, alive: bool) -> Any:
    """Return the upsert of device rows, which returns device ids and keys.

    `alive` says that the devices themselves spoke. Building it costs more than running it.
    """
    kind = (connection.dialect.name, alive)
    if kind not in _built:
        _built[kind] = _build(connection, alive=alive)
    return _built[kind]


def _build(connection: Connection, *, alive: bool) -> Any:
    statement = db.insert_into(connection, Device)
    new = statement.excluded
    same_token = DEVICE.token == new.token
    known = false() if alive else same_token
    moved = func.coalesce(new.time_zone, DEVICE.time_zone).is_distinct_from(DEVICE.time_zone)
    renewed = {
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
    return statement.on_conflict_do_update(
        index_elements=["app_id", "device_id"], set_=renewed
    ).returning(DEVICE.device_id, DEVICE.id)
