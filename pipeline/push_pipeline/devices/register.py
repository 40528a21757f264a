"""Devices registered, renewed and ended: each step of it in its order.

A registration is never deleted on a provider's word, only put out of service (`targets`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Text, and_, cast, delete, literal, select, update

from push_pipeline import db, telemetry
from push_pipeline.clock import now_ms
from push_pipeline.devices.conflicts import Room, in_rounds, plan_room
from push_pipeline.devices.locks import lock_holders, lock_stripes, lock_stripes_of_apps
from push_pipeline.devices.registration import Registration, check_registration
from push_pipeline.devices.upsert import (
    channels_of,
    resubscribe_devices,
    subscribe_devices,
    upsert_devices,
)
from push_pipeline.directory.apps import resolve_app
from push_pipeline.errors import UnknownRegistration
from push_pipeline.models import DEVICE, SUBSCRIPTION, Device, Subscription
from push_pipeline.settings import get_settings


def register_device(
    device_id: str,
    device_token: str | Mapping[str, Any],
    os: str,
    *,
    channels: Sequence[str] | None = None,
    app: str | None = None,
    token_type: str | None = None,
    push_type: str | None = None,
    **details: Any,
) -> None:
    """Register a device, or renew its registration. Durable on return; twice is as good as once.

    Channels are added to those it has. `details` are the API's other fields: `osVersion`,
    `userId`, `properties`, `locale`, `timezone`, `environment` (APNs), `expiration`, `badge` (0
    once the app has cleared it; a push with `+1` counts on from there). A `userId`
    that is None or empty unlinks the device from its user; left out, it keeps the user. An app
    for iOS with the Firebase SDK says `token_type="fcm"`: its pushes go by FCM then. The token of
    a browser (`os="WEB"`) is what its page has of `PushSubscription.toJSON()`.

    A token that is not for alerts says what it is for (`push_type`: voip, pushtotalk, location,
    complication, fileprovider, widgets, controls). It is a device of its own, whose id ends with
    the type (`P1.voip`), and gets pushes of that type alone.

    Raises:
        RequestError: a typed error with the API's code; nothing was written.
    """
    now = now_ms()
    fields = {
        "deviceId": device_id,
        "deviceToken": device_token,
        "os": os,
        "channels": list(channels) if channels is not None else None,
        "tokenType": token_type,
        "pushType": push_type,
        **details,
    }
    registration = check_registration(fields, now, get_settings().push_services)
    with db.writing() as connection:
        app_id = resolve_app(connection, app)
        register_devices(connection, app_id, [registration], now, alive=True)
    if registration.warnings:
        telemetry.registration_changed(registration.warnings)


def unregister_device(device_id: str, *, app: str | None = None) -> None:
    """Remove a device and all its subscriptions. Pushes already on their way still arrive.

    Raises:
        UnknownRegistration: there is none.
    """
    with db.writing() as connection:
        app_id = resolve_app(connection, app)
        if not remove_device(connection, app_id, device_id, now_ms()):
            raise UnknownRegistration(f"no device has the id {device_id!r}")


class Arrival(NamedTuple):
    """A registration that was checked, and the app that it is for."""

    app_id: str
    wanted: Registration

    def marks(self) -> Iterator[tuple[str, str]]:
        """Name what no two of one transaction may share: the later could end the earlier one."""
        yield self.app_id, self.wanted.device_id
        yield self.app_id, self.wanted.token


def register_arrivals(connection: Connection, arrivals: Sequence[Arrival], now: int) -> list[int]:
    """Write registrations of which no two share a mark; return the keys of their devices.

    The devices themselves spoke, as `alive` of `register_devices` means it.
    """
    by_app: dict[str, list[Registration]] = {}
    for app_id, wanted in arrivals:
        by_app.setdefault(app_id, []).append(wanted)
    # For all apps at once. Apps share the turns, so that whoever took them app by app would
    # take them in no order, and two could wait in a circle.
    lock_stripes_of_apps(connection, (mark for arrival in arrivals for mark in arrival.marks()))
    keys = {
        app_id: _register(connection, app_id, by_app[app_id], now, alive=True)
        for app_id in sorted(by_app)
    }
    return [keys[app_id][wanted.device_id] for app_id, wanted in arrivals]


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
    return _register(connection, app_id, registrations, now, alive=alive)


def _register(
    connection: Connection,
    app_id: str,
    registrations: Sequence[Registration],
    now: int,
    *,
    alive: bool,
) -> dict[str, int]:
    """Do as `register_devices` says, when it is our turn."""
    rounds = in_rounds(registrations)
    if len(rounds) > 1:  # the rows of all of them first, so that all are locked in one order
        lock_holders(connection, app_id, registrations)
    keys: dict[str, int] = {}
    for wanted in rounds:
        room = plan_room(wanted, lock_holders(connection, app_id, wanted), now)
        kept = channels_of(connection, room.replaced)
        _make_room(connection, app_id, room)
        keys |= room.known
        keys |= upsert_devices(connection, app_id, wanted, now, alive=alive)
        subscribe_devices(connection, app_id, wanted, keys, now)
        resubscribe_devices(connection, kept, keys)
    return keys


def _make_room(connection: Connection, app_id: str, room: Room) -> None:
    if room.gone:
        gone = db.any_of(DEVICE.id, room.gone)
        _leave_channels(connection, gone)
        connection.execute(delete(Device).where(gone))
    if room.freed:
        placeholder = literal("released:").concat(cast(DEVICE.id, Text))
        freed = db.any_of(DEVICE.id, room.freed)
        connection.execute(update(Device).where(freed).values(token=placeholder))
    if room.unlinked:
        unlinked = db.any_of(DEVICE.device_id, room.unlinked)
        of_app = DEVICE.app_id == app_id
        connection.execute(update(Device).where(of_app, unlinked).values(user_id=None))


def remove_device(connection: Connection, app_id: str, device_id: str, now: int) -> bool:
    """Remove a device and its subscriptions; False where it is not registered, or not any more."""
    wanted = and_(DEVICE.app_id == app_id, DEVICE.device_id == device_id)
    _leave_channels(connection, wanted)
    statement = delete(Device).where(wanted).returning(DEVICE.expires_at)
    return any(ends is None or ends > now for ends in connection.scalars(statement))


def _leave_channels(connection: Connection, devices: ColumnElement[bool]) -> None:
    """Remove subscriptions where the database may not do it: SQLite on a host's connection."""
    if connection.dialect.name == "sqlite":
        keys = select(DEVICE.id).where(devices)
        connection.execute(delete(Subscription).where(SUBSCRIPTION.device_key.in_(keys)))
