"""Which time zones an audience is in."""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, Select, exists, select

from push_pipeline.db import any_of, found_in
from push_pipeline.devices.of_users import of_users
from push_pipeline.devices.registration import keys_of_registrations
from push_pipeline.models import APP, CHANNEL, DEVICE, SUBSCRIPTION
from push_pipeline.options.time_zone import known_time_zones

#: Devices of a channel whose zones are read by one statement.
PAGE = 10_000


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
        if not (device_ids or user_ids):
            return _known(_of_channel(connection, statement, of_channel))
        theirs = exists().where(of_channel, SUBSCRIPTION.device_key == DEVICE.id)
        statement = statement.where(theirs)
    if device_ids:
        keys = keys_of_registrations(device_ids, channel)
        named = any_of(DEVICE.device_id, device_ids)
        statement = statement.where(named | any_of(DEVICE.id, keys) if keys else named)
    if user_ids:
        statement = statement.where(of_users(app_id, user_ids))
    return _known(connection.scalars(statement))


def _of_channel(
    connection: Connection, zones: Select[str | None], of_channel: ColumnElement[bool]
) -> set[str | None]:
    """Read a channel's zones page by page: the whole of it, and nothing of other channels."""
    key, found = SUBSCRIPTION.device_key, set[str | None]()
    end: int | None = 0
    while end is not None:
        page = select(key).where(of_channel, key > end).order_by(key).limit(PAGE)
        found.update(connection.scalars(zones.where(found_in(DEVICE.id, page))))
        end = connection.execute(page.offset(PAGE - 1).limit(1)).scalar()
    return found


def _known(zones: Iterable[str | None]) -> list[str]:
    known = known_time_zones()
    return [name for name in zones if name in known]
