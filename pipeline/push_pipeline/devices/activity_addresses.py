"""Where activities are reached: addresses that apps report, and that end without their device.

An address for starting one is the device's as its token is. One of an activity is for the user
whose device it was when it was reported: where the device is somebody else's by now, or nobody's,
it is nobody's address any more.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    FromClause,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    inspect,
    literal,
    or_,
    select,
    true,
    update,
)

from push_pipeline import db
from push_pipeline.clock import iso
from push_pipeline.devices.locks import lock_stripes
from push_pipeline.models import (
    ACTIVITY,
    ACTIVITY_ADDRESS,
    DEVICE,
    Activity,
    ActivityAddress,
    Device,
)
from push_pipeline.options.activity import ActivityAudience
from push_pipeline.outcome import Evidence
from push_pipeline.platform import Platform

_A = ACTIVITY_ADDRESS

#: Rows that are deleted at once.
PRUNED = 5_000

_DEAD = (
    update(ActivityAddress)
    .where(
        _A.device_key == bindparam("key"),
        _A.token == bindparam("dead_token"),
        _A.reported_at <= bindparam("dead_since"),
        _A.ended_at.is_(None),
    )
    .values(ended_at=bindparam("since"), end_reason=bindparam("why"))
)


class Reported(NamedTuple):
    """What an app reports: for one activity (by its row's key), or for starting any of a type."""

    device_id: str
    token: str
    activity_key: int | None
    attributes_type: str | None
    frequent: bool | None


def put_address(connection: Connection, app_id: str, reported: Reported, now: int) -> bool:
    """Note an address in the place of the one before; False where the device is unknown.

    The same token is nobody else's afterwards.
    """
    lock_stripes(connection, app_id, (reported.device_id, reported.token))
    device = connection.execute(
        select(DEVICE.id, DEVICE.user_id).where(
            DEVICE.app_id == app_id, DEVICE.device_id == reported.device_id
        )
    ).one_or_none()
    if device is None:
        return False
    old = or_(and_(_A.device_key == device.id, _same_use(reported)), _A.token == reported.token)
    connection.execute(delete(ActivityAddress).where(_A.app_id == app_id, old))
    row = {
        "app_id": app_id,
        "device_key": device.id,
        "activity_key": reported.activity_key,
        "attributes_type": reported.attributes_type,
        "token": reported.token,
        "user_id": None if reported.activity_key is None else device.user_id,
        "frequent": reported.frequent,
        "reported_at": now,
    }
    connection.execute(insert(ActivityAddress), [row])
    return True


def may_report(
    connection: Connection,
    app_id: str,
    device_id: str,
    activity_key: int,
    named: tuple[Sequence[str], Sequence[str]],
) -> bool:
    """Tell whether a device may say that it has an activity that is not open to all.

    It was started on it, or on another device of its user; or it is about to be, on the users and
    devices that are `named`.
    """
    users, devices = named
    theirs = (_A.device_key == DEVICE.id) | (_A.user_id == DEVICE.user_id)
    started = exists(select(_A.id).where(_A.activity_key == activity_key, theirs))
    named_now = db.any_of(DEVICE.user_id, users) | db.any_of(DEVICE.device_id, devices)
    known = select(DEVICE.id).where(DEVICE.app_id == app_id, DEVICE.device_id == device_id)
    return connection.execute(known.where(started | named_now)).first() is not None


def note_started(
    connection: Connection, app_id: str, activity_id: str, device_keys: Sequence[int], now: int
) -> None:
    """Note that an activity is on devices: on Android's it is reached by their own token."""
    if not device_keys:
        return
    columns = ("app_id", "device_key", "activity_key", "user_id", "reported_at")
    there = (
        select(DEVICE.app_id, DEVICE.id, ACTIVITY.id, DEVICE.user_id, literal(now, BigInteger))
        .where(DEVICE.app_id == ACTIVITY.app_id, db.any_of(DEVICE.id, device_keys))
        .where(_is(app_id, activity_id))
        .order_by(DEVICE.id)
    )
    statement = db.insert_into(connection, ActivityAddress).from_select(columns, there)
    again = {
        "user_id": statement.excluded.user_id,
        "reported_at": statement.excluded.reported_at,
        "ended_at": None,
        "end_reason": None,
    }
    connection.execute(
        statement.on_conflict_do_update(index_elements=["activity_key", "device_key"], set_=again)
    )


def keys_reached(
    app_id: str | BindParameter[str], meant: ActivityAudience
) -> tuple[ColumnElement[int], ColumnElement[bool]]:
    """Return the keys of the devices that have an activity, and which of them have."""
    return _A.device_key, and_(_A.activity_key == _key(app_id, meant), _A.ended_at.is_(None))


def is_reached(app_id: str | BindParameter[str], meant: ActivityAudience) -> ColumnElement[bool]:
    """Return the condition that an event reaches a device."""
    here = select(_A.id).where(_A.device_key == DEVICE.id, _A.ended_at.is_(None), _has_token())
    if meant.starts:
        return (DEVICE.platform == Platform.ANDROID) | exists(here.where(_may_start(meant)))
    return exists(here.where(_A.activity_key == _key(app_id, meant), _still_theirs()))


class Reached(NamedTuple):
    """Where an event reaches a device; without a token of the activity at the device's own."""

    key: int
    token: str
    kind: str
    address: str | None
    seldom: bool  # its user has switched frequent updates off


def find_activity_targets(
    connection: Connection, app_id: str, meant: ActivityAudience, keys: Sequence[int], now: int
) -> list[Reached]:
    """Return where the devices are reached that may be sent to now.

    The end of an activity goes to those as well whose address has ended with it.
    """
    wanted = and_(_A.device_key == DEVICE.id, _address_of(app_id, meant), _has_token())
    address, beside = _looked_up(connection, wanted)
    found = (
        select(DEVICE.id, DEVICE.token, DEVICE.kind, DEVICE.platform)
        .add_columns(address.c.id, address.c.token, address.c.frequent)
        .select_from(inspect(Device).local_table.outerjoin(address, beside))
        .where(
            db.any_of(DEVICE.id, keys),
            DEVICE.state == "active",
            DEVICE.expires_at.is_(None) | (DEVICE.expires_at > now),
        )
    )
    return [
        Reached(key, token, kind, address, frequent is False)
        for key, token, kind, platform, known, address, frequent in connection.execute(found)
        if known is not None or (meant.starts and platform == Platform.ANDROID)
    ]


def _looked_up(
    connection: Connection, wanted: ColumnElement[bool]
) -> tuple[FromClause, ColumnElement[bool]]:
    """Return the wanted addresses of a device, and the condition to join them by.

    Behind a fence where there is one: for some thousand devices PostgreSQL would read all
    addresses of the activity, each time, and not those of the devices.
    """
    if connection.dialect.name == "sqlite":
        return inspect(ActivityAddress).local_table, wanted
    theirs = select(_A.id, _A.token, _A.frequent).where(wanted).correlate(Device)
    return theirs.offset(0).lateral("theirs"), true()


def end_dead_addresses(connection: Connection, evidence: Sequence[Evidence], now: int) -> int:
    """End addresses that a provider calls dead; one that was reported since stays. Count them."""
    rows = [
        {
            "key": one.key,
            "dead_token": one.token,
            "dead_since": one.dead_since,
            "since": now,
            "why": one.reason,
        }
        for one in sorted(evidence, key=attrgetter("key"))
    ]
    return sum(connection.execute(_DEAD, row).rowcount for row in rows)


def end_addresses(connection: Connection, app_id: str, activity_id: str, now: int) -> None:
    """End all addresses of an activity that has ended."""
    theirs = (
        _A.activity_key == select(ACTIVITY.id).where(_is(app_id, activity_id)).scalar_subquery()
    )
    connection.execute(
        update(ActivityAddress)
        .where(theirs, _A.ended_at.is_(None), _A.reported_at <= now)
        .values(ended_at=now, end_reason="Ended")
    )


def leave_activities(connection: Connection, device_keys: ColumnElement[bool]) -> None:
    """Take devices, those that meet a condition, out of the activities that they have."""
    keys = select(DEVICE.id).where(device_keys)
    connection.execute(
        delete(ActivityAddress).where(_A.device_key.in_(keys), _A.activity_key.is_not(None))
    )


def remove_address(
    connection: Connection, app_id: str, device_id: str, use: ColumnElement[bool]
) -> bool:
    """Remove a device's address of an activity, or for starting one; False where it has none."""
    device = select(DEVICE.id).where(DEVICE.app_id == app_id, DEVICE.device_id == device_id)
    found = delete(ActivityAddress).where(_A.device_key == device.scalar_subquery(), use)
    return bool(connection.execute(found).rowcount)


def used_for(activity_key: int | None, attributes_type: str | None) -> ColumnElement[bool]:
    """Return the condition that an address is of an activity, or for starting one of a type."""
    if activity_key is not None:
        return _A.activity_key == activity_key
    return and_(_A.activity_key.is_(None), _A.attributes_type == attributes_type)


def addresses_of(connection: Connection, device_keys: Sequence[int]) -> list[dict[str, Any]]:
    """Tell where activities are, or may be started, on devices; no token is told."""
    found = (
        select(
            DEVICE.device_id.label("deviceId"),
            ACTIVITY.activity_id.label("activityId"),
            func.coalesce(_A.attributes_type, ACTIVITY.attributes_type).label("attributesType"),
            _A.reported_at.label("reportedAt"),
            _A.ended_at.label("endedAt"),
        )
        .join(Device, DEVICE.id == _A.device_key)
        .outerjoin(Activity, ACTIVITY.id == _A.activity_key)
        .where(db.any_of(_A.device_key, device_keys))
        .order_by(_A.id)
    )
    return [
        {**row, "reportedAt": iso(row["reportedAt"]), "endedAt": iso(row["endedAt"])}
        for row in connection.execute(found).mappings()
    ]


def count_addresses(connection: Connection, activity_key: int) -> tuple[int, int]:
    """Count an activity's addresses: those that are in use, and all."""
    counts = (
        select(func.count().filter(_A.ended_at.is_(None)), func.count())
        .join(Device, DEVICE.id == _A.device_key)
        .where(_A.activity_key == activity_key, _has_token())
    )
    used, known = connection.execute(counts).one()
    return used, known


def prune_addresses(connection: Connection, before: int) -> int:
    """Delete some addresses that ended before a time."""
    old = select(_A.id).where(_A.ended_at < before).order_by(_A.ended_at).limit(PRUNED)
    return connection.execute(delete(ActivityAddress).where(_A.id.in_(old))).rowcount


def _address_of(app_id: str, meant: ActivityAudience) -> ColumnElement[bool]:
    if meant.starts:
        return and_(_may_start(meant), _A.ended_at.is_(None))
    here = and_(_A.activity_key == _key(app_id, meant), _still_theirs())
    ended_with_it = _A.ended_at.is_(None) | (_A.end_reason == "Ended")
    return and_(here, ended_with_it if meant.ends else _A.ended_at.is_(None))


def _same_use(reported: Reported) -> ColumnElement[bool]:
    return used_for(reported.activity_key, reported.attributes_type)


def _may_start(meant: ActivityAudience) -> ColumnElement[bool]:
    return and_(_A.activity_key.is_(None), _A.attributes_type == meant.attributes_type)


def _has_token() -> ColumnElement[bool]:
    return _A.token.is_not(None) | (DEVICE.platform == Platform.ANDROID)


def _still_theirs() -> ColumnElement[bool]:
    return _A.user_id.is_(None) | (_A.user_id == DEVICE.user_id)


def _key(app_id: str | BindParameter[str], meant: ActivityAudience) -> ColumnElement[int]:
    return select(ACTIVITY.id).where(_is(app_id, meant.activity_id)).scalar_subquery()


def _is(app_id: str | BindParameter[str], activity_id: str) -> ColumnElement[bool]:
    return and_(ACTIVITY.app_id == app_id, ACTIVITY.activity_id == activity_id)
