"""The devices of an app as an operator looks at them: listed by pages, or one of them."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, exists, select

from push_pipeline import db
from push_pipeline.devices.of_users import of_users
from push_pipeline.devices.subscribers import channels_of
from push_pipeline.devices.views import DevicePage, DeviceView, view_of
from push_pipeline.directory.apps import resolve_app
from push_pipeline.errors import InvalidParameter, UnknownChannel, UnknownDevice, UnknownOs
from push_pipeline.models import CHANNEL, DEVICE, SUBSCRIPTION, Device
from push_pipeline.options.channel import normal_name
from push_pipeline.options.user_ids import check_user_id
from push_pipeline.platform import NAMES, Platform

#: Devices in a page where nobody asks for another number, and the most that may be.
PAGE, PAGE_MAX = 100, 1_000

#: The greatest key that a row may have: 64 bits.
KEY_MAX = 2**63 - 1

#: Devices looked at for one page, however few of them have the system that is asked for.
LOOKED_AT = 10_000

#: Times that many keys are asked for at the most.
ROOM = 4


#: Devices whose tokens are hashed at the most, to find one by its hash.
HASHED_MAX = 200_000

_HASH = re.compile("[0-9a-f]{8,64}")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which devices are listed; None is any."""

    app_id: str
    user_id: str | None
    channel: int | None
    platform: str | None


def list_devices(
    *,
    user: str | None = None,
    channel: str | None = None,
    os: str | None = None,
    limit: int = PAGE,
    after: int = 0,
    app: str | None = None,
) -> DevicePage:
    """List devices, also those that are out of service, the oldest registration first.

    A page costs the same whatever the installation's size: it is cut by the user's devices, by
    the channel's or by the app's, in the order of an index. With `os` it looks at 10,000 of them
    at most, so that it may be short, or empty, and yet have a `next`: where the next page begins,
    given back as `after`.

    Raises:
        RequestError: there is no such channel or system, or a number is out of its range.
    """
    if not 1 <= limit <= PAGE_MAX:
        raise InvalidParameter(f"limit is a number from 1 to {PAGE_MAX}")
    if not 0 <= after <= KEY_MAX:
        raise InvalidParameter("after is what the page before told as its next")
    platform = None if os is None else check_os(os)
    with db.reading() as connection:
        app_id = resolve_app(connection, app)
        wanted = _Wanted(
            app_id,
            None if user is None else check_user_id(user),
            None if channel is None else _channel_key(connection, app_id, channel),
            platform,
        )
        return _read_page(connection, wanted, after, limit)


def show_device(device_id: str, *, app: str | None = None) -> DeviceView:
    """Return what is known of a device, also of one whose registration has expired.

    Raises:
        UnknownDevice: there is none.
    """
    with db.reading() as connection:
        app_id = resolve_app(connection, app)
        named = (DEVICE.app_id == app_id, DEVICE.device_id == device_id)
        views = views_of(connection, select(Device).where(*named))
    if not views:
        raise UnknownDevice(f"no device has the id {device_id!r}")
    return views[0]


def device_of_token(connection: Connection, app_id: str, token: str) -> str | None:
    """Return the id of the device that has a token, or None.

    In its place the SHA-256 of the token may be given, in hex, or its first eight digits or more:
    no index is kept for it, so that the first 200,000 devices of the app are looked at.
    """
    of_app = DEVICE.app_id == app_id
    by_token = select(DEVICE.device_id).where(of_app, DEVICE.token == token)
    found: str | None = connection.execute(by_token).scalar()
    if found is not None or not _HASH.fullmatch(token.lower()):
        return found
    each = select(DEVICE.device_id, DEVICE.token).where(of_app).order_by(DEVICE.id)
    paged = each.limit(HASHED_MAX).execution_options(yield_per=LOOKED_AT)
    with connection.execute(paged) as rows:
        for device_id, one in rows:
            if hashlib.sha256(one.encode()).hexdigest().startswith(token.lower()):
                return str(device_id)
    return None


def devices_of_user(connection: Connection, app_id: str, user_id: str) -> list[DeviceView]:
    """Return all devices of a user, the oldest registration first."""
    return views_of(
        connection, select(Device).where(of_users(app_id, [user_id])).order_by(DEVICE.id)
    )


def views_of(connection: Connection, statement: Select[Any]) -> list[DeviceView]:
    """Return the devices that a statement selects, with their channels."""
    return _views(connection, connection.execute(statement).mappings().all())


def check_os(name: str) -> str:
    """Return a system's name as it is stored.

    Raises:
        UnknownOs: there is none of this name.
    """
    if name.upper() not in Platform.__members__:
        raise UnknownOs(f"os {name[:20]!r} is unknown: use {NAMES}")
    return Platform[name.upper()].value


def _read_page(connection: Connection, wanted: _Wanted, after: int, limit: int) -> DevicePage:
    looked_at = limit if wanted.platform is None else LOOKED_AT
    keys = _stretch(wanted, after)
    last = keys.order_by(keys.selected_columns[0]).offset(looked_at - 1).limit(1)
    end: int | None = connection.execute(last).scalar()
    # An order and a number are asked for, as above: else a plan for any channel reads all
    # subscriptions. Whoever came since then is no more than there is room for.
    stretch = _stretch(wanted, after, end)
    stretch = stretch.order_by(stretch.selected_columns[0]).limit(looked_at * ROOM)
    # Sorted by no index: else such a plan reads all devices in their order until some are found.
    statement = select(Device).where(db.found_in(DEVICE.id, stretch)).order_by(DEVICE.id + 0)
    if wanted.platform is not None:
        statement = statement.where(DEVICE.platform == wanted.platform)
    rows = connection.execute(statement.limit(limit + 1)).mappings().all()
    if len(rows) > limit:
        end = rows[limit - 1]["id"]
    return DevicePage(devices=_views(connection, rows[:limit]), next=end)


def _stretch(wanted: _Wanted, after: int, end: int | None = None) -> Select[int]:
    """Select the keys of a stretch of the user's devices, the channel's or the app's."""
    if wanted.user_id is not None:
        theirs = select(DEVICE.id).where(of_users(wanted.app_id, [wanted.user_id]))
        # Found before the order of keys is thought of: else a planner may read the whole app.
        key = theirs.cte("theirs").prefix_with("MATERIALIZED").columns[0]
        stretch = select(key).where(*_between(key, after, end))
        if wanted.channel is None:
            return stretch
        of_channel = SUBSCRIPTION.channel_key == wanted.channel
        return stretch.where(exists().where(SUBSCRIPTION.device_key == key, of_channel))
    if wanted.channel is not None:
        key, meant = SUBSCRIPTION.device_key, SUBSCRIPTION.channel_key == wanted.channel
    else:
        key, meant = DEVICE.id, DEVICE.app_id == wanted.app_id
    return select(key).where(meant, *_between(key, after, end))


def _between(key: ColumnElement[int], after: int, end: int | None) -> list[ColumnElement[bool]]:
    return [key > after] if end is None else [key > after, key <= end]


def _channel_key(connection: Connection, app_id: str, name: str) -> int:
    of_app = (CHANNEL.app_id == app_id, CHANNEL.name == normal_name(name))
    key: int | None = connection.execute(select(CHANNEL.id).where(*of_app)).scalar()
    if key is None:
        raise UnknownChannel(f"no channel has the name {name!r}")
    return key


def _views(connection: Connection, rows: Sequence[RowMapping]) -> list[DeviceView]:
    channels = channels_of(connection, [row["id"] for row in rows])
    return [view_of(row, channels[row["id"]]) for row in rows]
