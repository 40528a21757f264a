"""Whose a device is, and its way from a user to nobody."""

from sqlalchemy import select, update

from push_pipeline import db
from push_pipeline.devices.locks import lock_stripes
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

    It keeps its registration and its channels. Pushes on their way to its user may still arrive.
    """
    with db.writing() as connection:
        app_id = resolve_app(connection, app)
        lock_stripes(connection, app_id, [device_id])
        linked = (
            DEVICE.app_id == app_id,
            DEVICE.device_id == device_id,
            DEVICE.user_id.is_not(None),
        )
        return bool(connection.execute(update(Device).where(*linked).values(user_id=None)).rowcount)
