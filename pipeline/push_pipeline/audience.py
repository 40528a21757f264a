"""Channel ∩ users ∩ OS ∩ devices ∩ segment: one selection in SQL, read by pages of device keys."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    case,
    cast,
    exists,
    func,
    inspect,
    literal_column,
    select,
    true,
)

from push_pipeline.db import List, any_of, array_of, found_in, grouping, keys_of
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
from push_pipeline.ready import Ready, together
from push_pipeline.whereclause import Condition, matches, needs_user, parse_clause

#: Devices of a channel that are looked at for one of a platform, while a publisher waits.
LOOKED_AT = 5_000

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
        "limit": limit,
        "limit_and_one": limit + 1,
        "skipped": limit - 1,
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


def nothing() -> None:
    """Have nothing to do meanwhile."""


def read_page(
    connection: Connection,
    selection: Selection,
    after: int,
    limit: int,
    now: int,
    meanwhile: Callable[[], None] = nothing,
) -> Page:
    """Read the next page of an audience: the database groups it, and gives the keys of each group.

    The page is cut by subscriptions, not by matches: however few of them match the OS or the
    segment, one page costs the same. A device appears once, since a channel holds it once.
    `meanwhile` is done while PostgreSQL looks.
    """
    if not selection.platforms:
        meanwhile()
        return Page([], None)
    shape = _shape(selection)
    asked = _page_of(shape, connection.dialect.name)
    values = _values(selection, after, now, limit)
    if shape.segment is not None:
        # It may have lists of values, which SQLAlchemy writes out at each execution.
        meanwhile()
        with _grouping(connection, limit):
            rows: Sequence[Sequence[Any]] = connection.execute(asked.statement, values).all()
    else:
        with together(connection), _grouping(connection, limit):
            answer = asked.send(connection, values)
            meanwhile()
        rows = answer.rows
    return Page(sorted(Alike(*row[:-1]) for row in rows if row[0] is not None), rows[0][-1])


def _grouping(connection: Connection, limit: int) -> AbstractContextManager[None]:
    return grouping(connection) if limit > SORTED else nullcontext()


@lru_cache(maxsize=SHAPES)
def _page_of(shape: _Shape, dialect: str) -> Ready:
    """Return what finds a page's groups, and with each the last key of a page that is not the last.

    Where no device fits there is that key alone.
    """
    is_looked_at, last = _stretch(shape, dialect)
    alike = _groups(shape, _members(shape, is_looked_at)).subquery("alike")
    ends = select(last.label("last")).subquery("ends")
    joined = ends.outerjoin(alike, true())
    return Ready(select(*alike.c, ends.c.last).select_from(joined), early=False)


def _groups(
    shape: _Shape, members: Select[int, str, str, str]
) -> Select[str, str, str, "array[int]"]:
    if shape.push_type is not None or len(shape.platforms) < len(Platform):
        return _grouped(members.where(*_of_kind(shape, DEVICE.platform, DEVICE.kind)))
    # Nearly all devices fit: asked of each, it costs a quarter of the page. Of the groups then,
    # and behind a fence, since a planner would ask each device again.
    found = _grouped(members).cte("grouped").prefix_with("MATERIALIZED")
    return select(*found.columns).where(*_of_kind(shape, found.c.platform, found.c.kind))


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
    statement = _query(_shape(selection)).add_columns(DEVICE.device_id)
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
    found = _query(_shape(selection)).limit(1)
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
    counting = _count_of(_shape(selection), connection.dialect.name)
    counted, end = 0, 0 if selection.platforms else None
    while end is not None:
        values = _values(selection, end, now, COUNTED)
        fit, end = connection.execute(counting, values).one()
        counted += fit
    return counted


@lru_cache(maxsize=SHAPES)
def _count_of(shape: _Shape, dialect: str) -> Select[int, int | None]:
    is_looked_at, last = _stretch(shape, dialect)
    members = _members(shape, is_looked_at).where(*_of_kind(shape, DEVICE.platform, DEVICE.kind))
    return select(func.count(), last).select_from(members.order_by(None).subquery())


def _query(shape: _Shape) -> Select[int, str, str, str]:
    """Select all members of an audience of this shape; the values are those of `_values`."""
    members = _members(shape, found_in(DEVICE.id, _looked_at(shape)))
    return members.where(*_of_kind(shape, DEVICE.platform, DEVICE.kind))


def _members(shape: _Shape, is_looked_at: ColumnElement[bool]) -> Select[int, str, str, str]:
    """Select what a member is made of, of any platform and kind."""
    segment = parse_clause(shape.segment) if shape.segment else None
    statement = (
        select(DEVICE.id, DEVICE.platform, DEVICE.environment, DEVICE.kind)
        .select_from(_with_user(segment))
        .where(is_looked_at)
        .where(*_fit(shape.activity))
        .where(*_in_zone(shape.zone))
        .order_by(DEVICE.id)
    )
    return statement if segment is None else statement.where(matches(segment))


def _stretch(shape: _Shape, dialect: str) -> tuple[ColumnElement[bool], ColumnElement[int | None]]:
    """Return which devices a page looks at, and the last key of one that is not the last page."""
    # An order and a number are asked for in any case: a planner that guesses how large a channel
    # is would read the subscriptions of all channels.
    keys = _looked_at(shape)
    keys = keys.order_by(keys.selected_columns[0])
    limit = _bound("limit", BigInteger)
    if dialect == "sqlite":
        behind = keys.offset(_bound("skipped", BigInteger)).limit(2).subquery("behind")
        last = select(func.min(behind.c[0])).having(func.count() > 1)
        return DEVICE.id.in_(keys.limit(limit)), last.scalar_subquery()
    # Looked up once for both, as an array: the keys of a page, and one that may be behind them.
    one_more = keys.limit(_bound("limit_and_one", BigInteger))
    found = select(array_of(one_more).label("listed"))
    stretch = found.cte("stretch").prefix_with("MATERIALIZED")
    page = select(stretch.c.listed[1:limit]).scalar_subquery()
    more = func.cardinality(stretch.c.listed) > limit
    last = select(stretch.c.listed[limit]).where(more)
    return DEVICE.id == any_(cast(page, ARRAY(BigInteger))), last.scalar_subquery()


def _looked_at(shape: _Shape) -> Select[int]:
    """Select the keys after one, of the users' devices, the channel's or the app's.

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
