"""One device's registration: read as a client sees it, and ended in all channels or in some."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, func, select

from push_pipeline.db import any_of
from push_pipeline.devices.locks import lock_stripes
from push_pipeline.devices.possession import Claimant
from push_pipeline.devices.register import remove_device
from push_pipeline.models import CHANNEL, DEVICE, SUBSCRIPTION, Subscription
from push_pipeline.options.channel import normal_name


@dataclass(frozen=True, slots=True)
class Registered:
    """A device that is registered. `expires_at` is epoch milliseconds. No token in its repr."""

    key: int
    device_id: str
    token: str
    platform: str
    os_version: str | None
    expires_at: int | None
    user_id: str | None
    channels: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Registered(device_id={self.device_id!r}, platform={self.platform})"


#: The columns that a `Registered` is made of, before its channels.
OF_REGISTERED = (
    DEVICE.id,
    DEVICE.device_id,
    DEVICE.token,
    DEVICE.platform,
    DEVICE.os_version,
    DEVICE.expires_at,
    DEVICE.user_id,
)


def find_registration(
    connection: Connection, app_id: str, device_id: str, now: int
) -> Registered | None:
    """Read a registration with its channels by name, or None where it is unknown or expired."""
    statement = select(*OF_REGISTERED).where(
        DEVICE.app_id == app_id,
        DEVICE.device_id == device_id,
        _current(now),
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    return Registered(*row, channels=tuple(_channels_of(connection, row.id)))


def require_ownership(
    connection: Connection, app_id: str, device_id: str, claimant: Claimant
) -> None:
    """Check whether who asks may remove a device; one that is unknown is nobody's.

    It stays as it is until the transaction ends.

    Raises:
        OperationDenied: they may not.
    """
    lock_stripes(connection, app_id, [device_id])
    statement = select(DEVICE.token, DEVICE.user_id).where(
        DEVICE.app_id == app_id, DEVICE.device_id == device_id
    )
    for token, user_id in connection.execute(statement):
        claimant.require(token, user_id)


def leave_channels(
    connection: Connection, app_id: str, device_id: str, names: Sequence[str], now: int
) -> int | None:
    """Remove a device from some channels; return in how many it stays, None if it is unknown.

    A device that is in no channel any more is removed: a registration is always with a channel.
    """
    lock_stripes(connection, app_id, [device_id])
    key = connection.execute(
        select(DEVICE.id).where(
            DEVICE.app_id == app_id, DEVICE.device_id == device_id, _current(now)
        )
    ).scalar_one_or_none()
    if key is None:
        return None
    wanted = tuple(map(normal_name, names))
    left = select(CHANNEL.id).where(CHANNEL.app_id == app_id, any_of(CHANNEL.name, wanted))
    connection.execute(
        delete(Subscription).where(
            SUBSCRIPTION.device_key == key, SUBSCRIPTION.channel_key.in_(left)
        )
    )
    remaining = connection.execute(
        select(func.count()).select_from(Subscription).where(SUBSCRIPTION.device_key == key)
    ).scalar_one()
    if not remaining:
        remove_device(connection, app_id, device_id, now)
    return remaining


def _current(now: int) -> ColumnElement[bool]:
    return DEVICE.expires_at.is_(None) | (DEVICE.expires_at > now)


def _channels_of(connection: Connection, key: int) -> Sequence[str]:
    return connection.scalars(
        select(CHANNEL.name)
        .join(Subscription, SUBSCRIPTION.channel_key == CHANNEL.id)
        .where(SUBSCRIPTION.device_key == key)
        .order_by(CHANNEL.name)
    ).all()
