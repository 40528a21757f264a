"""Channel ∩ users ∩ OS ∩ devices ∩ segment: one selection in SQL, read by pages of device keys."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    inspect,
    select,
    true,
)

from push_pipeline.db import any_of, found_in, grouping, keys_of
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
from push_pipeline.whereclause import Condition, matches, needs_user, parse_clause

#: Devices of a channel that are looked at for one of a platform, while a publisher waits.
LOOKED_AT = 5_000

#: How many times over the subscriptions of a last page are asked for: those that come in between
#: the statement that found no end and the one that reads must push nobody out.
ROOM = 4

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
    end = _find_end(connection, selection, after, limit)
    with grouping(connection) if limit > SORTED else nullcontext():
        rows = connection.execute(_groups(selection, after, end, now, limit)).all()
    return Page([Alike(*row) for row in sorted(rows)], end)


def _groups(
    selection: Selection, after: int, end: int | None, now: int, most: int
) -> Select[str, str, str, "array[int]"]:
    members = _members(selection, after, end, now, most)
    if selection.push_type is not None or len(selection.platforms) < len(Platform):
        return _grouped(members.where(*_of_kind(selection, DEVICE.platform, DEVICE.kind)))
    # Nearly all devices fit: asked of each, it costs a quarter of the page. Of the groups then,
    # and behind a fence, since a planner would ask each device again.
    found = _grouped(members).cte("alike").prefix_with("MATERIALIZED")
    return select(*found.columns).where(*_of_kind(selection, found.c.platform, found.c.kind))


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
    statement = page_query(selection, 0, None, now).add_columns(DEVICE.device_id)
    rows = connection.execute(statement).all()
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
        found = page_query(asked, 0, None, now).limit(1)
        return connection.execute(found).first() is not None
    in_app = app_has(connection, selection.app_id, platform)
    if selection.channel is None or not in_app:
        return in_app
    there = DEVICE.platform == platform, DEVICE.state == "active"
    key = SUBSCRIPTION.device_key
    members = select(key).where(_in_channel(selection.app_id, selection.channel))
    some = members.order_by(key).limit(LOOKED_AT)
    counts = select(func.count(), func.count().filter(*there)).where(found_in(DEVICE.id, some))
    seen, fit = connection.execute(counts).one()
    return bool(fit) or seen == LOOKED_AT


def app_has(connection: Connection, app_id: str, platform: str) -> bool:
    """Tell whether an app has a device of a platform that is in service; it reads one entry."""
    # By the index of those in service, also in a plan for any value: its condition stands here
    # word for word, and an order is asked for that no other way to read has.
    named = select(DEVICE.platform).where(DEVICE.app_id == app_id, IN_SERVICE)
    first = named.where(DEVICE.platform >= platform).order_by(DEVICE.platform).limit(1)
    return connection.execute(first).scalar() == platform


def count_members(connection: Connection, selection: Selection, now: int) -> int:
    """Count an audience, each device once, page by page: all of it is read."""
    counted, end = 0, 0 if selection.platforms else None
    while end is not None:
        after, end = end, _find_end(connection, selection, end, COUNTED)
        members = page_query(selection, after, end, now, COUNTED).order_by(None).subquery()
        counted += connection.execute(select(func.count()).select_from(members)).scalar_one()
    return counted


def _find_end(connection: Connection, selection: Selection, after: int, limit: int) -> int | None:
    """Return the last key of a page; None where none follows it, so that it is the last page."""
    keys = _looked_at(selection, after)
    last = keys.order_by(keys.selected_columns[0]).offset(limit - 1).limit(2)
    found = connection.execute(last).scalars().all()
    return found[0] if len(found) > 1 else None


def page_query(
    selection: Selection, after: int, end: int | None, now: int, most: int | None = None
) -> Select[int, str, str, str]:
    """Select what a member is made of, of the audience after `after` up to `end`.

    `most` is what the caller knows of the stretch: that so many subscriptions are in it at most.
    """
    members = _members(selection, after, end, now, most)
    return members.where(*_of_kind(selection, DEVICE.platform, DEVICE.kind))


def _members(
    selection: Selection, after: int, end: int | None, now: int, most: int | None
) -> Select[int, str, str, str]:
    """Select what `page_query` does, of any platform and kind."""
    segment = parse_clause(selection.segment) if selection.segment else None
    statement = (
        select(DEVICE.id, DEVICE.platform, DEVICE.environment, DEVICE.kind)
        .select_from(_with_user(segment))
        .where(found_in(DEVICE.id, _page_of_keys(selection, after, end, most)))
        .where(*_fit(selection, now))
        .where(*_in_zone(selection.zone))
        .order_by(DEVICE.id)
    )
    return statement if segment is None else statement.where(matches(segment))


def _page_of_keys(
    selection: Selection, after: int, end: int | None, most: int | None
) -> Select[int]:
    keys = _looked_at(selection, after, end)
    if most is None or selection.user_ids or selection.device_ids:
        return keys
    # The last page has no end: a planner that guesses how large the channel is would read the
    # subscriptions of all channels, unless an order and a number are asked for.
    return keys.order_by(keys.selected_columns[0]).limit(most * ROOM)


def _looked_at(selection: Selection, after: int, end: int | None = None) -> Select[int]:
    """Select the keys of a stretch of the users' devices, the channel's or the app's.

    Of them all, or of those named.
    """
    if selection.activity is not None and not selection.activity.starts:
        key, meant = keys_reached(selection.app_id, selection.activity)
    elif selection.user_ids:
        key, meant = _of_users(selection)
    elif selection.channel is None:
        key, meant = DEVICE.id, DEVICE.app_id == selection.app_id
    else:
        key, meant = SUBSCRIPTION.device_key, _in_channel(selection.app_id, selection.channel)
    stretch = select(key).where(meant, *_between(key, after, end))
    return stretch.where(key.in_(_named(selection))) if selection.device_ids else stretch


def _named(selection: Selection) -> Select[int]:
    kept = [kept_id(one, selection.push_type) for one in selection.device_ids]
    named = any_of(DEVICE.device_id, kept)
    keys = keys_of_registrations(selection.device_ids, selection.channel)
    either = named | any_of(DEVICE.id, keys) if keys else named
    return select(DEVICE.id).where(DEVICE.app_id == selection.app_id, either)


def _of_users(selection: Selection) -> tuple[ColumnElement[int], ColumnElement[bool]]:
    """Return the keys of the users' devices, and which of them the channel has."""
    theirs = select(DEVICE.id).where(of_users(selection.app_id, selection.user_ids))
    # Found before anything else is asked: in one query with a page's bounds or with a channel,
    # a planner may read the whole app or the whole channel in the order of keys instead.
    key = theirs.cte("theirs").prefix_with("MATERIALIZED").columns[0]
    if selection.channel is None:
        return key, true()
    subscribed = exists().where(
        SUBSCRIPTION.device_key == key, _in_channel(selection.app_id, selection.channel)
    )
    return key, subscribed


def _in_channel(app_id: str, name: str) -> ColumnElement[bool]:
    # A subquery, not a join: a planner that joins sorts the whole channel for every page.
    channel = select(CHANNEL.id).where(CHANNEL.app_id == app_id, CHANNEL.name == name)
    return SUBSCRIPTION.channel_key == channel.scalar_subquery()


def _between(key: ColumnElement[int], after: int, end: int | None) -> list[ColumnElement[bool]]:
    return [key > after] if end is None else [key > after, key <= end]


def _with_user(segment: Condition | None) -> FromClause:
    devices = inspect(Device).local_table
    if segment is None or not needs_user(segment):
        return devices
    return devices.outerjoin(
        User, and_(USER.app_id == DEVICE.app_id, USER.user_id == DEVICE.user_id)
    )


def _in_zone(part: ZonePart | None) -> list[ColumnElement[bool]]:
    if part is None:
        return []
    zone = case((DEVICE.zone_since > part.as_of, DEVICE.zone_before), else_=DEVICE.time_zone)
    if part.within is not None:
        return [zone == part.within]
    return [zone.is_(None) | ~any_of(zone, part.outside)] if part.outside else []


def _reachable(app_id: str, platform: ColumnElement[str]) -> ColumnElement[bool]:
    """Leave browsers out of what is for all systems, where the app has no key for them."""
    key = exists().where(CREDENTIAL.app_id == app_id, CREDENTIAL.provider == Platform.WEB.family)
    return (platform != Platform.WEB.value) | key


def _of_kind(
    selection: Selection, platform: ColumnElement[str], kind: ColumnElement[str]
) -> Iterator[ColumnElement[bool]]:
    """Say which platforms and kinds of tokens are meant, of a device or of a group."""
    yield platform.in_(_spelled_out(selection.platforms))
    if len(selection.platforms) == len(Platform):
        yield _reachable(selection.app_id, platform)
    # A device of one kind gets no push of another.
    push_type = selection.push_type
    yield kind.not_in(_spelled_out(PUSH_TYPES)) if push_type is None else kind == push_type


def _spelled_out(words: Iterable[str]) -> BindParameter[tuple[str, ...]]:
    """Write some of our own words into a statement itself.

    Bound, they are a list that PostgreSQL makes anew for each device where a plan is for any
    value: half of what a page costs.
    """
    return bindparam(
        None, tuple(map(str, words)), expanding=True, literal_execute=True, unique=True
    )


def _fit(selection: Selection, now: int) -> Sequence[ColumnElement[bool]]:
    activity = selection.activity
    return (
        *(() if activity is None else (is_reached(selection.app_id, activity),)),
        DEVICE.state == "active",
        (DEVICE.expires_at.is_(None) | (DEVICE.expires_at > now)),
    )
