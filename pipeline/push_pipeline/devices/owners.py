"""Whose a device is, its way from a user to nobody, and its end with its user."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, and_, delete, select, update

from push_pipeline import db
from push_pipeline.devices.activity_addresses import leave_activities
from push_pipeline.devices.locks import lock_stripes
from push_pipeline.devices.of_users import of_users
from push_pipeline.devices.subscribers import channels_of
from push_pipeline.directory.apps import resolve_app
from push_pipeline.models import DEVICE, Device


def owner_of(device_id: str, *, app: str | None = None) -> str | None:
    """Return the id of the user whose device it is; None where it is nobody's or unknown."""
    with db.reading() as connection:
        app_id = resolve_app(connection, app)
        of_device = (DEVICE.app_id == app_id, DEVICE.device_id == device_id)
        return connection.scalar(select(DEVICE.user_id).where(*of_device))


def unlink_device(device_id: str, *, app: str | None = None) -> bool:
    """Take a device from its user; False where it is nobody's or unknown. Durable on return.

    It keeps its registration and its channels, and leaves the activities that it had. What is
    on its way to its user may still arrive.
    """
    with db.writing() as connection:
        app_id = resolve_app(connection, app)
        lock_stripes(connection, app_id, [device_id])
        linked = (
            DEVICE.app_id == app_id,
            DEVICE.device_id == device_id,
            DEVICE.user_id.is_not(None),
        )
        leave_activities(connection, and_(*linked))
        return bool(connection.execute(update(Device).where(*linked).values(user_id=None)).rowcount)


class Named(NamedTuple):
    """A device, and all the names by which a message may be addressed to it."""

    key: int
    device_id: str
    names: frozenset[str]


def named_devices(
    connection: Connection, app_id: str, *, user_id: str | None = None, device_id: str = ""
) -> list[Named]:
    """Return the devices of a user, or the one with an id, by their names."""
    meant = DEVICE.device_id == device_id if user_id is None else of_users(app_id, [user_id])
    rows = connection.execute(
        select(DEVICE.id, DEVICE.device_id).where(DEVICE.app_id == app_id, meant)
    ).all()
    channels = channels_of(connection, [key for key, _ in rows])
    return [
        Named(key, told, frozenset({told, *_registration_ids(key, channels[key])}))
        for key, told in rows
    ]


def remove_devices(connection: Connection, app_id: str, device_ids: Sequence[str]) -> int:
    """Remove devices with their subscriptions; return how many there were.

    Nobody else gets their keys, and nothing leads from a key to anybody any more.
    """
    lock_stripes(connection, app_id, device_ids)
    # Locked in the order of keys, as workers and registrations lock them.
    named = (DEVICE.app_id == app_id, db.any_of(DEVICE.device_id, device_ids))
    locked = select(DEVICE.id).where(*named).order_by(DEVICE.id).with_for_update()
    keys = [key for key in connection.scalars(locked) if key is not None]
    return connection.execute(delete(Device).where(db.any_of(DEVICE.id, keys))).rowcount


def _registration_ids(key: int, channels: Sequence[str]) -> list[str]:
    ids = [f"{key}::{channel}" for channel in channels]
    return [*ids, ",".join(ids)]
