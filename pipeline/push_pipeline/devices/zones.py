"""Which time zones an audience is in."""

from collections.abc import Sequence

from sqlalchemy import Connection, exists, select

from push_pipeline.db import any_of, found_in
from push_pipeline.devices.of_users import of_users
from push_pipeline.devices.registration import keys_of_registrations
from push_pipeline.models import APP, CHANNEL, DEVICE, SUBSCRIPTION
from push_pipeline.options.time_zone import known_time_zones


def default_zone(connection: Connection, app_id: str) -> str:
    """Return the time zone of an app's devices that told none."""
    return str(connection.execute(select(APP.time_zone).where(APP.id == app_id)).scalar_one())


def find_zones(
    connection: Connection,
    app_id: str,
    channel: str | None,
    device_ids: Sequence[str] = (),
    user_ids: Sequence[str] = (),
) -> list[str]:
    """Find the time zones of a channel's devices (None: any channel), or of those named.

    Reads the whole channel once where no user is named: a second or so for a million devices. A
    name that this machine does not know is left out.
    """
    statement = select(DEVICE.time_zone).distinct()
    statement = statement.where(DEVICE.app_id == app_id, DEVICE.time_zone.is_not(None))
    if channel is not None:
        key = select(CHANNEL.id).where(CHANNEL.app_id == app_id, CHANNEL.name == channel)
        of_channel = SUBSCRIPTION.channel_key == key.scalar_subquery()
        if device_ids or user_ids:
            theirs = exists().where(of_channel, SUBSCRIPTION.device_key == DEVICE.id)
            statement = statement.where(theirs)
        else:
            subscribed = select(SUBSCRIPTION.device_key).where(of_channel)
            statement = statement.where(found_in(DEVICE.id, subscribed))
    if device_ids:
        keys = keys_of_registrations(device_ids, channel)
        named = any_of(DEVICE.device_id, device_ids)
        statement = statement.where(named | any_of(DEVICE.id, keys) if keys else named)
    if user_ids:
        statement = statement.where(of_users(app_id, user_ids))
    known = known_time_zones()
    return [name for name in connection.scalars(statement) if name in known]
