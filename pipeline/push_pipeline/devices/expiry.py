"""Registrations that have expired are removed, with their subscriptions."""

from sqlalchemy import Connection, delete, select

from push_pipeline import db
from push_pipeline.models import DEVICE, Device

#: Devices removed at once; each takes its subscriptions along.
LIMIT = 2_000


def remove_expired(connection: Connection, now: int) -> int:
    """Remove the registrations that expired first; return how many.

    Nobody sends to an expired device in the meantime. One that is being registered anew at this
    moment is passed over, not waited for, and then it is no longer expired.
    """
    statement = (
        select(DEVICE.id)
        .where(DEVICE.expires_at <= now)
        .order_by(DEVICE.expires_at)
        .limit(LIMIT)
        .with_for_update(skip_locked=True)
    )
    keys = [key for key in connection.scalars(statement) if key is not None]
    if keys:
        connection.execute(delete(Device).where(db.any_of(DEVICE.id, keys)))
    return len(keys)
