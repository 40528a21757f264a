"""The devices of one channel: listed and counted as registrations, and taken out of it."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeVarTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, exists, func, select

from push_pipeline.db import any_of, found_in
from push_pipeline.devices.locks import lock_stripes
from push_pipeline.devices.lookup import OF_REGISTERED, Registered
from push_pipeline.errors import InvalidParameter
from push_pipeline.models import (
    CHANNEL,
    DEVICE,
    SUBSCRIPTION,
    USER,
    Channel,
    Device,
    Subscription,
    User,
)
from push_pipeline.whereclause import matches, parse_clause
from push_pipeline.whereclause.expressions import by_code_point

Columns = TypeVarTuple("Columns")

#: What devices may be sorted by, as in a where clause: alike on both databases.
_SORTED_BY: Final[dict[str, ColumnElement[Any]]] = {
    "objectId": DEVICE.id,
    "deviceId": by_code_point(DEVICE.device_id),
    "deviceToken": by_code_point(DEVICE.token),
    "os": by_code_point(DEVICE.platform),
    "osVersion": by_code_point(DEVICE.os_version),
    "expiration": DEVICE.expires_at,
    "created": DEVICE.created_at,
    "updated": DEVICE.registered_at,
}


class SortKey(NamedTuple):
    """A column of a registration that a list goes by."""

    column: str
    descending: bool = False


def list_subscribers(
    connection: Connection,
    channel: int,
    clause: str | None,
    order: Sequence[SortKey] = (),
    *,
    limit: int,
    offset: int,
    now: int,
) -> list[Registered]:
    """List devices of a channel (by its key) with all their channels.

    They are in the order asked for, what is not set last, and then in that of their keys.

    They are those whose registration has not expired at `now` (epoch milliseconds), also those
    that are out of service. `clause` narrows them as a segment does.

    Raises:
        InvalidWhereClause: the clause is wrong.
        InvalidParameter: there is no such column to sort by.
    """
    statement = _among(select(*OF_REGISTERED), channel, clause, now)
    ordered = statement.order_by(*map(_sorted_by, order), DEVICE.id)
    rows = connection.execute(ordered.limit(limit).offset(offset)).all()
    channels = channels_of(connection, [row.id for row in rows])
    return [Registered(*row, channels=tuple(channels[row.id])) for row in rows]


def count_subscribers(connection: Connection, channel: int, clause: str | None, now: int) -> int:
    """Count what `list_subscribers` lists.

    Raises:
        InvalidWhereClause: the clause is wrong.
    """
    counting = select(func.count()).select_from(Device)
    return connection.execute(_among(counting, channel, clause, now)).scalar_one()


def unsubscribe(
    connection: Connection, app_id: str, channel: int, device_ids: Sequence[str]
) -> None:
    """Take devices out of a channel (by its key); ids that are not in it are left alone.

    A device that is in no channel any more is removed: a registration is always with a channel.
    """
    if not device_ids:
        return
    lock_stripes(connection, app_id, device_ids)
    # Locked in the order of keys, as registrations and workers lock them: no circle of waiting.
    within = exists().where(
        SUBSCRIPTION.channel_key == channel, SUBSCRIPTION.device_key == DEVICE.id
    )
    named = (
        select(DEVICE.id)
        .where(DEVICE.app_id == app_id, any_of(DEVICE.device_id, device_ids))
        .where(within)
        .order_by(DEVICE.id)
        .with_for_update()
    )
    keys = [key for key in connection.scalars(named) if key is not None]
    connection.execute(
        delete(Subscription).where(
            SUBSCRIPTION.channel_key == channel, any_of(SUBSCRIPTION.device_key, keys)
        )
    )
    elsewhere = exists().where(SUBSCRIPTION.device_key == DEVICE.id)
    connection.execute(delete(Device).where(any_of(DEVICE.id, keys), ~elsewhere))


def _sorted_by(key: SortKey) -> ColumnElement[Any]:
    column = _SORTED_BY.get(key.column)
    if column is None:
        raise InvalidParameter(f"nothing is sorted by that: known are {', '.join(_SORTED_BY)}")
    return (column.desc() if key.descending else column.asc()).nulls_last()


def _among(
    statement: Select[*Columns], channel: int, clause: str | None, now: int
) -> Select[*Columns]:
    within = (
        select(SUBSCRIPTION.device_key)
        .where(SUBSCRIPTION.channel_key == channel)
        # Of an index: else a plan for any channel, which is a large one, reads all of them.
        .order_by(SUBSCRIPTION.device_key)
    )
    current = DEVICE.expires_at.is_(None) | (DEVICE.expires_at > now)
    found = statement.where(found_in(DEVICE.id, within), current)
    if clause is None:
        return found
    of_user = and_(USER.app_id == DEVICE.app_id, USER.user_id == DEVICE.user_id)
    return found.outerjoin(User, of_user).where(matches(parse_clause(clause)))


def channels_of(connection: Connection, keys: Sequence[int]) -> dict[int, list[str]]:
    """Return the names of the channels of devices, by device key; one query for all."""
    statement = (
        select(SUBSCRIPTION.device_key, CHANNEL.name)
        .join(Channel, CHANNEL.id == SUBSCRIPTION.channel_key)
        .where(any_of(SUBSCRIPTION.device_key, keys))
        .order_by(CHANNEL.name)
    )
    names: dict[int, list[str]] = defaultdict(list)
    for key, name in connection.execute(statement):
        names[key].append(name)
    return names
