"""Channel ∩ users ∩ OS ∩ devices ∩ segment: one selection in SQL, read by pages of device keys."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Text,
    and_,
    bindparam,
    case,
    exists,
    func,
    inspect,
    literal_column,
    select,
    true,
)

from push_pipeline.db import List, any_of, found_in, grouping, keys_of
from push_pipeline.devices.activity_addresses import is_reached, keys_reached
from push_pipeline.devices.of_users import of_users
from push_pipeline.devices.registration import key_of_registration, keys_of_registrations
from push_pipeline.models import (
    CHANNEL,
    CREDENTIAL,
    DEVICE,
    IN_SERVICE,
    SUBSCRIPTION,
    USER,
    Device,
    User,
)
from push_pipeline.options import EVERY_CHANNEL, DeliveryOptions
from push_pipeline.options.activity import ActivityAudience
from push_pipeline.platform import Platform
from push_pipeline.push_type import PUSH_TYPES, kept_id
from push_pipeline.ready import Ready
from push_pipeline.whereclause import Condition, matches, needs_user, parse_clause

#: Devices of a channel that are looked at for one of a platform, while a publisher waits.
LOOKED_AT = 5_000

#: How many times over the subscriptions of a last page are asked for: those that come in between
#: the statement that found no end and the one that reads must push nobody out.
ROOM = 4

#: Shapes of audiences whose statements are kept.
SHAPES = 256

#: Devices of a page that are grouped as the planner likes.
SORTED = 5_000

#: Devices that are counted by one statement.
COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class ZonePart:
    """Devices by the time zone that they had at `as_of` (epoch milliseconds).

    Those in the zone `within`, or with None those of no zone, or of none that is in `outside`.
    The time is one and the same for all parts of an audience: whoever travels from one zone to
    another meanwhile is still in exactly one of them.
    """

    as_of: int
    within: str | None
    outside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """Who is meant: no channel means any; no device ids, users and segment mean everybody.

    A device may also be named by the id of its registration in the channel.
    """

    app_id: str
    channel: str | None
    platforms: tuple[str, ...]
    device_ids: tuple[str, ...] = ()
    segment: str | None = None  # a where clause
    zone: ZonePart | None = None
    user_ids: tuple[str, ...] = ()
    activity: ActivityAudience | None = None  # only where it is, or may be started
    push_type: str | None = None  # of Apple's, with devices of its own; None: ordinary ones


class _Shape(NamedTuple):
    """What decides how an audience is asked for: all of a selection but the values in it.

    A segment and an activity are what they are: their values stand in the statement.
    """

    in_channel: bool
    platforms: tuple[str, ...]
    named: bool
    registered: bool  # some names may be those of registrations
    users: bool
    segment: str | None
    zone: str | None
    activity: ActivityAudience | None
    push_type: str | None


def _shape(one: Selection) -> _Shape:
    zone = None
    if one.zone is not None and (one.zone.within is not None or one.zone.outside):
        zone = "outside" if one.zone.within is None else "within"
    return _Shape(
        one.channel is not None,
        one.platforms,
        bool(one.device_ids),
        bool(keys_of_registrations(one.device_ids, one.channel)),
        bool(one.user_ids),
        one.segment,
        zone,
        one.activity,
        one.push_type,
    )


def _values(one: Selection, after: int, now: int, limit: int = 0) -> dict[str, Any]:
    """Return the values of an audience, also those that its shape does not ask for."""
    zone = one.zone or ZonePart(0, None)
    return {
        "app": one.app_id,
        "channel": one.channel,
        "named": [kept_id(name, one.push_type) for name in one.device_ids],
        "registered": keys_of_registrations(one.device_ids, one.channel),
        "users": list(one.user_ids),
        "as_of": zone.as_of,
        "within": zone.within,
        "outside": list(zone.outside),
        "now": now,
        "after": after,
        "skipped": limit - 1,
        "room": limit * ROOM,
    }


def _bound(name: str, type_: Any) -> BindParameter[Any]:
    return bindparam(name, type_=type_)


_APP = _bound("app", Text)

# A subquery, not a join: a planner that joins sorts the whole channel for every page.
_CHANNEL_KEY = select(CHANNEL.id).where(
    CHANNEL.app_id == _APP, CHANNEL.name == _bound("channel", Text)
)
_IN_CHANNEL = SUBSCRIPTION.channel_key == _CHANNEL_KEY.scalar_subquery()


class Alike(NamedTuple):
    """Devices of an audience that have these in common, by their keys, in order."""

    platform: str
    environment: str
    kind: str  # of their tokens
    keys: "array[int]"


class Page(NamedTuple):
    """A stretch of the audience. `cursor` is where the next one begins, None after the last."""

    groups: list[Alike]
    cursor: int | None

    @property
    def size(self) -> int:
        """How many devices it has."""
        return sum(len(one.keys) for one in self.groups)

    @property
    def keys(self) -> list[int]:
        """The keys of them all, in order."""
        return sorted(chain.from_iterable(one.keys for one in self.groups))


def read_page(
    connection: Connection, selection: Selection, after: int, limit: int, now: int
) -> Page:
    """Read the next page of an audience: the database groups it, and gives the keys of each group.

    The page is cut by subscriptions, not by matches: however few of them match the OS or the
    segment, one page costs the same. A device appears once, since a channel holds it once.
    """
    if not selection.platforms:
        return Page([], None)
    shape, values = _shape(selection), _values(selection, after, now, limit)
    end = _find_end(connection, shape, values)
    groups = _groups(shape, ended=end is not None)
    with grouping(connection) if limit > SORTED else nullcontext():
        rows = _rows(connection, shape, groups, values | {"end": end})
    return Page(sorted(Alike(*row) for row in rows), end)


def _rows(
    connection: Connection, shape: _Shape, asked: Ready, values: dict[str, Any]
) -> Sequence[Sequence[Any]]:
    if shape.segment is None:
        return asked.rows(connection, values)
    # A segment may have lists of values, which SQLAlchemy writes out at each execution.
    return connection.execute(asked.statement, values).all()


@lru_cache(maxsize=SHAPES)
def _groups(shape: _Shape, *, ended: bool) -> Ready:
    members = _members(shape, ended=ended, bounded=True)
    if shape.push_type is not None or len(shape.platforms) < len(Platform):
        few = members.where(*_of_kind(shape, DEVICE.platform, DEVICE.kind))
        return Ready(_grouped(few), early=False)
    # Nearly all devices fit: asked of each, it costs a quarter of the page. Of the groups then,
    # and behind a fence, since a planner would ask each device again.
    found = _grouped(members).cte("alike").prefix_with("MATERIALIZED")
    fit = select(*found.columns).where(*_of_kind(shape, found.c.platform, found.c.kind))
    return Ready(fit, early=False)


def _grouped(members: Select[int, str, str, str]) -> Select[str, str, str, "array[int]"]:
    alike = DEVICE.platform, DEVICE.environment, DEVICE.kind
    keys = keys_of(DEVICE.id).label("members")
    columns = members.with_only_columns(*alike, keys, maintain_column_froms=True)
    return columns.order_by(None).group_by(*alike)


def select_for(app_id: str, channel: str, to: DeliveryOptions) -> Selection:
    """Return whom a message to a channel, or to all of them, is for."""
    return Selection(
        app_id,
        None if channel == EVERY_CHANNEL else channel,
        tuple(sorted(to.platforms)),
        to.device_ids,
        to.segment_query,
        None,
        to.user_ids,
        to.activity,
        to.push_type,
    )


def find_missing(connection: Connection, selection: Selection, now: int) -> tuple[str, ...]:
    """Return the names of devices that name nobody of an audience: unknown, retired, elsewhere.

    One query, whose cost is that of the names.
    """
    statement = page_query(_shape(selection)).add_columns(DEVICE.device_id)
    rows = connection.execute(statement, _values(selection, 0, now)).all()
    keys, ids = {row[0] for row in rows}, {row[-1] for row in rows}
    return tuple(
        name
        for name in selection.device_ids
        if name not in ids
        and kept_id(name, selection.push_type) not in ids
        and key_of_registration(name, selection.channel) not in keys
    )


def may_have(connection: Connection, selection: Selection, platform: str, now: int) -> bool:
    """Tell whether an audience may have a device of a platform, its segment aside.

    One that names users or devices is looked through; of others the app's devices are asked by
    an index, and of the channel's the first few thousand. In a larger one there may be some.
    """
    asked = replace(selection, platforms=(platform,), segment=None)
    if selection.user_ids or selection.device_ids:
        return has_anybody(connection, asked, now)
    in_app = app_has(connection, selection.app_id, platform)
    if selection.channel is None or not in_app:
        return in_app
    there = DEVICE.platform == platform, DEVICE.state == "active"
    key = SUBSCRIPTION.device_key
    some = select(key).where(_IN_CHANNEL).order_by(key).limit(LOOKED_AT)
    counts = select(func.count(), func.count().filter(*there)).where(found_in(DEVICE.id, some))
    seen, fit = connection.execute(counts, _values(selection, 0, now)).one()
    return bool(fit) or seen == LOOKED_AT


def has_anybody(connection: Connection, selection: Selection, now: int) -> bool:
    """Tell whether an audience that names users or devices has anybody; it reads those alone."""
    found = page_query(_shape(selection)).limit(1)
    return connection.execute(found, _values(selection, 0, now)).first() is not None


def app_has(connection: Connection, app_id: str, platform: str) -> bool:
    """Tell whether an app has a device of a platform that is in service; it reads one entry."""
    # By the index of those in service, also in a plan for any value: its condition stands here
    # word for word, and an order is asked for that no other way to read has.
    named = select(DEVICE.platform).where(DEVICE.app_id == app_id, IN_SERVICE)
    first = named.where(DEVICE.platform >= platform).order_by(DEVICE.platform).limit(1)
    return connection.execute(first).scalar() == platform


def count_members(connection: Connection, selection: Selection, now: int) -> int:
    """Count an audience, each device once, page by page: all of it is read."""
    shape = _shape(selection)
    counted, end = 0, 0 if selection.platforms else None
    while end is not None:
        values = _values(selection, end, now, COUNTED)
        end = _find_end(connection, shape, values)
        members = page_query(shape, ended=end is not None, bounded=True).order_by(None).subquery()
        counting = select(func.count()).select_from(members)
        counted += connection.execute(counting, values | {"end": end}).scalar_one()
    return counted


def _find_end(connection: Connection, shape: _Shape, values: dict[str, Any]) -> int | None:
    """Return the last key of a page; None where none follows it, so that it is the last page."""
    found = _rows(connection, shape, _last_of_page(shape), values)
    return found[0][0] if len(found) > 1 else None


@lru_cache(maxsize=SHAPES)
def _last_of_page(shape: _Shape) -> Ready:
    """Return what finds the last key of a page, and the one behind it."""
    keys = _looked_at(shape)
    last = keys.order_by(keys.selected_columns[0]).offset(_bound("skipped", BigInteger)).limit(2)
    return Ready(last, early=False)


def page_query(
    shape: _Shape, *, ended: bool = False, bounded: bool = False
) -> Select[int, str, str, str]:
    """Select what a member is made of, of an audience of this shape after a key.

    Up to another key where it is `ended`. Where it is `bounded` the caller knows how many
    subscriptions are in the stretch at most. The values are those of `_values`.
    """
    members = _members(shape, ended=ended, bounded=bounded)
    return members.where(*_of_kind(shape, DEVICE.platform, DEVICE.kind))


def _members(shape: _Shape, *, ended: bool, bounded: bool) -> Select[int, str, str, str]:
    """Select what `page_query` does, of any platform and kind."""
    segment = parse_clause(shape.segment) if shape.segment else None
    statement = (
        select(DEVICE.id, DEVICE.platform, DEVICE.environment, DEVICE.kind)
        .select_from(_with_user(segment))
        .where(found_in(DEVICE.id, _page_of_keys(shape, ended=ended, bounded=bounded)))
        .where(*_fit(shape.activity))
        .where(*_in_zone(shape.zone))
        .order_by(DEVICE.id)
    )
    return statement if segment is None else statement.where(matches(segment))


def _page_of_keys(shape: _Shape, *, ended: bool, bounded: bool) -> Select[int]:
    keys = _looked_at(shape, ended=ended)
    if not bounded or shape.users or shape.named:
        return keys
    # The last page has no end: a planner that guesses how large the channel is would read the
    # subscriptions of all channels, unless an order and a number are asked for.
    return keys.order_by(keys.selected_columns[0]).limit(_bound("room", BigInteger))


def _looked_at(shape: _Shape, *, ended: bool = False) -> Select[int]:
    """Select the keys of a stretch of the users' devices, the channel's or the app's.

    Of them all, or of those named.
    """
    if shape.activity is not None and not shape.activity.starts:
        key, meant = keys_reached(_APP, shape.activity)
    elif shape.users:
        key, meant = _of_users(in_channel=shape.in_channel)
    elif not shape.in_channel:
        key, meant = DEVICE.id, DEVICE.app_id == _APP
    else:
        key, meant = SUBSCRIPTION.device_key, _IN_CHANNEL
    stretch = select(key).where(meant, key > _bound("after", BigInteger))
    if ended:
        stretch = stretch.where(key <= _bound("end", BigInteger))
    return stretch.where(key.in_(_named(shape))) if shape.named else stretch


def _named(shape: _Shape) -> Select[int]:
    named = any_of(DEVICE.device_id, _bound("named", List(Text)))
    either = named | any_of(DEVICE.id, _bound("registered", List(BigInteger)))
    return select(DEVICE.id).where(DEVICE.app_id == _APP, either if shape.registered else named)


def _of_users(*, in_channel: bool) -> tuple[ColumnElement[int], ColumnElement[bool]]:
    """Return the keys of the users' devices, and which of them the channel has."""
    theirs = select(DEVICE.id).where(of_users(_APP, _bound("users", List(Text))))
    # Found before anything else is asked: in one query with a page's bounds or with a channel,
    # a planner may read the whole app or the whole channel in the order of keys instead.
    key = theirs.cte("theirs").prefix_with("MATERIALIZED").columns[0]
    if not in_channel:
        return key, true()
    return key, exists().where(SUBSCRIPTION.device_key == key, _IN_CHANNEL)


def _with_user(segment: Condition | None) -> FromClause:
    devices = inspect(Device).local_table
    if segment is None or not needs_user(segment):
        return devices
    return devices.outerjoin(
        User, and_(USER.app_id == DEVICE.app_id, USER.user_id == DEVICE.user_id)
    )


def _in_zone(part: str | None) -> list[ColumnElement[bool]]:
    if part is None:
        return []
    since = DEVICE.zone_since > _bound("as_of", BigInteger)
    zone = case((since, DEVICE.zone_before), else_=DEVICE.time_zone)
    if part == "within":
        return [zone == _bound("within", Text)]
    return [zone.is_(None) | ~any_of(zone, _bound("outside", List(Text)))]


def _reachable(platform: ColumnElement[str]) -> ColumnElement[bool]:
    """Leave browsers out of what is for all systems, where the app has no key for them."""
    key = exists().where(CREDENTIAL.app_id == _APP, CREDENTIAL.provider == Platform.WEB.family)
    return (platform != Platform.WEB.value) | key


def _of_kind(
    shape: _Shape, platform: ColumnElement[str], kind: ColumnElement[str]
) -> Iterator[ColumnElement[bool]]:
    """Say which platforms and kinds of tokens are meant, of a device or of a group."""
    yield platform.in_(_spelled_out(one for one in Platform if one in shape.platforms))
    if len(shape.platforms) == len(Platform):
        yield _reachable(platform)
    # A device of one kind gets no push of another.
    push_type = shape.push_type
    yield kind.not_in(_spelled_out(PUSH_TYPES)) if push_type is None else kind == push_type


def _spelled_out(words: Iterable[str]) -> list[ColumnElement[str]]:
    """Write some of our own words into a statement itself.

    Bound, they are a list that PostgreSQL makes anew for each device where a plan is for any
    value: half of what a page costs.
    """
    return [literal_column(f"'{word}'") for word in words]


def _fit(activity: ActivityAudience | None) -> Sequence[ColumnElement[bool]]:
    return (
        *(() if activity is None else (is_reached(_APP, activity),)),
        DEVICE.state == "active",
        (DEVICE.expires_at.is_(None) | (DEVICE.expires_at > _bound("now", BigInteger))),
    )
