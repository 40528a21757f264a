"""Broadcast channels of Apple's that an app knows: name, id, what is kept, the last timestamp."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, case, delete, func, select, update

from push_pipeline import db
from push_pipeline.clock import iso
from push_pipeline.errors import BroadcastChannelExists, UnknownBroadcastChannel
from push_pipeline.models import BROADCAST_CHANNEL, BroadcastChannel

#: Milliseconds after which one that is still being made at Apple was given up.
_GIVEN_UP_MS = 60_000


class Known(NamedTuple):
    """A broadcast channel; `channel_id` is Apple's, None while it is being made."""

    key: int
    name: str
    environment: str
    channel_id: str | None
    stores: str
    created_at: int
    pushed_at: int | None

    def view(self) -> dict[str, Any]:
        """Return it as callers see it. Times are ISO 8601 in UTC."""
        return {
            "name": self.name,
            "channelId": self.channel_id,
            "environment": self.environment,
            "stores": self.stores,
            "createdAt": iso(self.created_at),
            "pushedAt": iso(self.pushed_at),
        }


_COLUMNS = (
    BROADCAST_CHANNEL.id,
    BROADCAST_CHANNEL.name,
    BROADCAST_CHANNEL.environment,
    BROADCAST_CHANNEL.channel_id,
    BROADCAST_CHANNEL.stores,
    BROADCAST_CHANNEL.created_at,
    BROADCAST_CHANNEL.pushed_at,
)


def reserve(
    connection: Connection, app_id: str, environment: str, name: str, stores: str, now: int
) -> int:
    """Note that a channel is being made, and return its row's key.

    Raises:
        BroadcastChannelExists: there is one, or somebody else is making it.
    """
    values = {"app_id": app_id, "environment": environment, "name": name, "stores": stores}
    insertion = db.insert_into(connection, BroadcastChannel).values(
        **values, stamp=0, created_at=now
    )
    given_up = BROADCAST_CHANNEL.channel_id.is_(None) & (
        BROADCAST_CHANNEL.created_at < now - _GIVEN_UP_MS
    )
    statement = insertion.on_conflict_do_update(
        index_elements=["app_id", "environment", "name"],
        set_={"stores": stores, "created_at": now},
        where=given_up,
    )
    key: int | None = connection.execute(statement.returning(BROADCAST_CHANNEL.id)).scalar()
    if key is None:
        raise BroadcastChannelExists(f"there is a broadcast channel {name!r} in {environment}")
    return key


def note_id(connection: Connection, key: int, channel_id: str) -> None:
    """Note the id that Apple gave."""
    statement = update(BroadcastChannel).where(BROADCAST_CHANNEL.id == key)
    connection.execute(statement.values(channel_id=channel_id))


def forget(connection: Connection, key: int) -> None:
    """Remove a channel's row."""
    connection.execute(delete(BroadcastChannel).where(BROADCAST_CHANNEL.id == key))


def find(connection: Connection, app_id: str, environment: str, name: str) -> Known:
    """Read a channel.

    Raises:
        UnknownBroadcastChannel: there is none of this name.
    """
    row = connection.execute(
        select(*_COLUMNS).where(
            BROADCAST_CHANNEL.app_id == app_id,
            BROADCAST_CHANNEL.environment == environment,
            BROADCAST_CHANNEL.name == name,
        )
    ).one_or_none()
    if row is None:
        raise UnknownBroadcastChannel(f"there is no broadcast channel {name!r} in {environment}")
    return Known._make(row)


def list_known(connection: Connection, app_id: str, environment: str) -> list[Known]:
    """List an app's channels in an environment by name."""
    rows = connection.execute(
        select(*_COLUMNS)
        .where(BROADCAST_CHANNEL.app_id == app_id, BROADCAST_CHANNEL.environment == environment)
        .order_by(BROADCAST_CHANNEL.name)
    )
    return [Known._make(row) for row in rows]


def count_channels(connection: Connection) -> list[tuple[str, str, int, int | None]]:
    """Count the channels by app and environment, and say when the longest idle was pushed to."""
    used = func.coalesce(BROADCAST_CHANNEL.pushed_at, BROADCAST_CHANNEL.created_at)
    place = (BROADCAST_CHANNEL.app_id, BROADCAST_CHANNEL.environment)
    statement = select(*place, func.count(), func.min(used)).group_by(*place).order_by(*place)
    return [tuple(row) for row in connection.execute(statement)]


def take_stamp(
    connection: Connection, app_id: str, channel: Mapping[str, str], wanted: int, now: int
) -> int | None:
    """Return the timestamp of a push: the wanted one, or the next that is higher than the last.

    None where the channel is gone, or is another one of the same name.
    """
    given = {"app": app_id, "wanted": wanted, "now": now, **channel}
    return connection.execute(_STAMP, given).scalar_one_or_none()


_STAMP = (
    update(BroadcastChannel)
    .where(
        BROADCAST_CHANNEL.app_id == bindparam("app"),
        BROADCAST_CHANNEL.environment == bindparam("of_environment"),
        BROADCAST_CHANNEL.name == bindparam("of_name"),
        BROADCAST_CHANNEL.channel_id == bindparam("of_id"),
    )
    .values(
        stamp=case(
            (BROADCAST_CHANNEL.stamp >= bindparam("wanted"), BROADCAST_CHANNEL.stamp + 1),
            else_=bindparam("wanted"),
        ),
        pushed_at=func.coalesce(bindparam("now"), BROADCAST_CHANNEL.pushed_at),
    )
    .returning(BROADCAST_CHANNEL.stamp)
)
