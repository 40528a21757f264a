"""Devices that were put out of service are taken back, by their ids, by when or by why.

For what a wrong credential or a provider's fault did. A token that really is dead is put out
again by the next push to it: nothing here says that the device is alive.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, literal_column, select, update

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.devices.inventory import views_of
from push_pipeline.devices.views import ACTIVE, DeviceView
from push_pipeline.directory.apps import resolve_app
from push_pipeline.errors import EmptyAudience, InvalidParameter, UnknownDevice
from push_pipeline.models import DEVICE, Device
from push_pipeline.options.moment import epoch_ms
from push_pipeline.options.texts import is_text

#: Devices taken back at once: few enough to be locked for a moment, and told in one answer.
AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Revival:
    """What a call took back: each device as it was before, with its state, why and since when.

    `more` says that others are left that were asked for as well: call again. `unchanged` are the
    ids that were given and are not out of service: active, or not registered.
    """

    devices: list[DeviceView]
    more: bool
    unchanged: list[str]


def revive_devices(
    device_ids: Iterable[str] | None = None,
    *,
    since: datetime | int | str | None = None,
    reason: str | None = None,
    app: str | None = None,
) -> Revival:
    """Take devices back into service: those named, or those put out since a time or for a reason.

    `since` (aware datetime, epoch milliseconds, ISO 8601) and `reason` (the provider's word,
    such as `BadDeviceToken`) narrow each other. What was put out before times were noted has
    none, and is found by its reason or its id. At most a thousand at a call, the ones longest
    out first; durable on return, twice is as good as once.

    Raises:
        EmptyAudience: no id was named, and neither time nor reason.
        InvalidParameter: ids and a time or reason exclude each other, or one of them is wrong.
    """
    ids = None if device_ids is None else _check_ids(device_ids)
    if (ids is None) == (since is None and reason is None):
        raise InvalidParameter("name devices, or say since when or for which reason they are out")
    with db.writing() as connection:
        app_id = resolve_app(connection, app)
        if ids is not None:
            wanted = [DEVICE.app_id == app_id, db.any_of(DEVICE.device_id, ids)]
        else:
            wanted = [DEVICE.app_id == app_id, *_put_out(since, reason)]
        keys = _find(connection, wanted)
        devices = _revive(connection, keys[:AT_ONCE])
    found = {one["deviceId"] for one in devices}
    unchanged = [one for one in ids or () if one not in found]
    return Revival(devices, len(keys) > AT_ONCE, unchanged)


#: Why a device is out of service that somebody has put out.
BY_OPERATOR = "ByOperator"


def put_out_device(device_id: str, *, app: str | None = None) -> bool:
    """Send nothing to a device until it registers again or is revived; False where it was out.

    Durable on return, twice is as good as once.

    Raises:
        UnknownDevice: there is none.
    """
    with db.writing() as connection:
        app_id = resolve_app(connection, app)
        named = (DEVICE.app_id == app_id, DEVICE.device_id == device_id)
        if connection.execute(select(DEVICE.id).where(*named)).first() is None:
            raise UnknownDevice(f"no device has the id {device_id!r}")
        put = update(Device).where(*named, DEVICE.state == ACTIVE)
        out = {"state": "quarantined", "state_reason": BY_OPERATOR, "state_since": now_ms()}
        return bool(connection.execute(put.values(out)).rowcount)


def _check_ids(device_ids: Iterable[str]) -> list[str]:
    given = [device_ids] if isinstance(device_ids, str) else list(device_ids)
    if not given:
        raise EmptyAudience("the list of devices is empty")
    if len(given) > AT_ONCE:
        raise InvalidParameter(f"at most {AT_ONCE} devices can be named at once")
    if not all(isinstance(one, str) and is_text(one) for one in given):
        raise InvalidParameter("a device id is text")
    return list(dict.fromkeys(given))


def _put_out(since: datetime | int | str | None, reason: str | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if since is not None:
        try:
            conditions.append(DEVICE.state_since >= (epoch_ms(since) or 0))
        except ValueError as wrong:
            raise InvalidParameter(f"since {wrong}") from None
    if reason is not None:
        if not is_text(reason):
            raise InvalidParameter("a reason is text")
        conditions.append(DEVICE.state_reason == reason)
    return conditions


def _find(connection: Connection, wanted: list[ColumnElement[bool]]) -> list[int]:
    """Return the keys of devices that are out of service, one more than is done at once."""
    out = select(DEVICE.id).where(*wanted, _is_out())
    # In the order of both indexes, so that neither a time nor a reason sorts all that are out.
    ordered = out.order_by(DEVICE.state_since, DEVICE.id).limit(AT_ONCE + 1)
    return [key for key in connection.scalars(ordered) if key is not None]


def _revive(connection: Connection, keys: list[int]) -> list[DeviceView]:
    """Make devices active; return them as they were."""
    if not keys:
        return []
    # Locked in the order of keys, as workers and registrations lock them; who came back by a
    # registration meanwhile is left alone.
    still_out: Select[Any] = select(Device).where(db.any_of(DEVICE.id, keys), _is_out())
    devices = views_of(connection, still_out.order_by(DEVICE.id).with_for_update())
    connection.execute(
        update(Device)
        .where(db.any_of(DEVICE.id, keys), _is_out())
        .values(state=ACTIVE, state_reason=None, state_since=None)
    )
    return devices


def _is_out() -> ColumnElement[bool]:
    # As the indexes say it: bound, no planner could prove that they have all of these.
    return DEVICE.state != literal_column(f"'{ACTIVE}'")
