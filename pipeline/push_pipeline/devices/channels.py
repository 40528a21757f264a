"""Channels as an operator keeps them; registering and publishing make those that they name."""

from collections.abc import Collection
from typing import NoReturn

from sqlalchemy import Connection, Text, bindparam, cast, delete, select, update
from sqlalchemy.exc import IntegrityError

from push_pipeline import db
from push_pipeline.devices.locks import lock_all_stripes
from push_pipeline.devices.registration import DEFAULT_CHANNEL
from push_pipeline.errors import ChannelExists, OperationDenied, UnknownChannel
from push_pipeline.models import CHANNEL, SUBSCRIPTION, Channel
from push_pipeline.options import check_channel_name
from push_pipeline.options.channel import normal_name
from push_pipeline.ready import Ready

#: Channels on either side that are looked at. Whoever publishes to a channel of nobody pays for
#: them, and an app may do so all the time.
NEIGHBOURS_MAX = 100

# The first one, not EXISTS: a planner may make a join of that, and read all subscriptions.
_HAS_SOMEBODY = (
    select(SUBSCRIPTION.device_key)
    .where(SUBSCRIPTION.channel_key == CHANNEL.id)
    .correlate(Channel)
    .order_by(SUBSCRIPTION.device_key)  # the first of the index, not the first that a scan meets
    .limit(1)
    .scalar_subquery()
    .is_not(None)
)


def create_channel(connection: Connection, app_id: str, name: object, now: int) -> int:
    """Create a channel and return its key.

    Raises:
        InvalidChannelName: no channel may have this name.
        ChannelExists: there is one of this name.
    """
    row = {"app_id": app_id, "name": check_channel_name(name), "created_at": now}
    made: int | None = connection.execute(
        db.insert_into(connection, Channel)
        .values(row)
        .on_conflict_do_nothing()
        .returning(CHANNEL.id)
    ).scalar_one_or_none()
    if made is None:
        raise ChannelExists
    return made


def list_channels(
    connection: Connection, app_id: str, *, limit: int, offset: int
) -> list[tuple[int, str]]:
    """List the keys and names of channels of an app, by name."""
    statement = select(CHANNEL.id, CHANNEL.name).where(CHANNEL.app_id == app_id)
    rows = connection.execute(statement.order_by(CHANNEL.name).limit(limit).offset(offset))
    return [(key, name) for key, name in rows if key is not None]


_POPULATED = Ready(
    select(CHANNEL.name).where(
        CHANNEL.app_id == bindparam("app"),
        _HAS_SOMEBODY,
        db.any_of(CHANNEL.name, bindparam("names", type_=db.List(Text))),
    )
)


def find_populated(connection: Connection, app_id: str, names: Collection[str]) -> set[str]:
    """Return those of some channels that anybody is in."""
    return {name for (name,) in _POPULATED.rows(connection, {"app": app_id, "names": [*names]})}


def find_neighbours(connection: Connection, app_id: str, name: str) -> list[str]:
    """Return channels with somebody in them whose names stand near a name, in the index's order."""
    populated = select(CHANNEL.name).where(CHANNEL.app_id == app_id, _HAS_SOMEBODY)
    after = populated.where(CHANNEL.name > name).order_by(CHANNEL.name)
    before = populated.where(CHANNEL.name < name).order_by(CHANNEL.name.desc())
    return [one for way in (after, before) for one in connection.scalars(way.limit(NEIGHBOURS_MAX))]


def find_channel(connection: Connection, app_id: str, wanted: str) -> tuple[int, str]:
    """Return the key and name of a channel by its key, or by its name where no key fits.

    Raises:
        UnknownChannel: there is none.
    """
    # Compared as texts: whatever digits were sent, no number is too large for the database.
    by_key = cast(CHANNEL.id, Text) == wanted
    statement = (
        select(CHANNEL.id, CHANNEL.name)
        .where(CHANNEL.app_id == app_id, by_key | (CHANNEL.name == normal_name(wanted)))
        .order_by(by_key.desc())
        .limit(1)
    )
    key, name = connection.execute(statement).one_or_none() or (None, "")
    if key is None:
        raise UnknownChannel(f"no channel has the id or the name {wanted!r}")
    return key, name


def rename_channel(connection: Connection, key: int, name: object) -> None:
    """Rename a channel; its subscriptions stay. After an error the transaction is void.

    Raises:
        InvalidChannelName: no channel may have this name.
        OperationDenied: it is the default channel, which every SDK counts on.
        ChannelExists: another channel has the name.
        UnknownChannel: it was deleted meanwhile.
    """
    statement = (
        update(Channel)
        .where(CHANNEL.id == key, CHANNEL.name != DEFAULT_CHANNEL)
        .values(name=check_channel_name(name))
    )
    try:
        renamed = connection.execute(statement).rowcount
    except IntegrityError:  # not asked before: somebody could take the name in between
        raise ChannelExists from None
    if not renamed:
        _explain_unrenamed(connection, key)


def _explain_unrenamed(connection: Connection, key: int) -> NoReturn:
    if connection.execute(select(CHANNEL.id).where(CHANNEL.id == key)).first() is None:
        raise UnknownChannel
    raise OperationDenied("the default channel cannot be renamed")


def delete_channel(connection: Connection, app_id: str, name: str) -> None:
    """Delete a channel and its subscriptions; the devices stay.

    Raises:
        UnknownChannel: there is none of this name.
        OperationDenied: it is the default channel, which every SDK counts on.
    """
    if name == DEFAULT_CHANNEL:
        raise OperationDenied("the default channel cannot be deleted")
    # A registration that has just found the channel must not lose it before it commits.
    lock_all_stripes(connection)
    named = CHANNEL.name == normal_name(name)
    statement = delete(Channel).where(CHANNEL.app_id == app_id, named)
    if connection.execute(statement).rowcount == 0:
        raise UnknownChannel(f"no channel has the name {name!r}")
