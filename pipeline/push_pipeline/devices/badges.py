"""The badge of each device, as a push sets or raises it; an app says its own by registering."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, Connection, bindparam, func, select, update

from push_pipeline import db
from push_pipeline.content.badge import BadgeChange
from push_pipeline.models import DEVICE, Device

_OF_THESE = db.any_of(DEVICE.id, bindparam("keys", type_=db.List(BigInteger)))
_OTHERWISE = DEVICE.badge.is_distinct_from(bindparam("number"))

# In the order of keys, as registrations lock them: two that lock the same rows in different
# orders would end in a deadlock.
_LOCK = select(DEVICE.id).where(_OF_THESE).order_by(DEVICE.id).with_for_update()
_LOCK_OTHERWISE = _LOCK.where(_OTHERWISE)

_RAISE = (
    update(Device)
    .where(_OF_THESE)
    .values(badge=func.coalesce(DEVICE.badge, 0) + bindparam("number"))
)
_SET = update(Device).where(_OF_THESE, _OTHERWISE).values(badge=bindparam("number"))

_FIND = select(DEVICE.id, func.coalesce(DEVICE.badge, 0)).where(_OF_THESE)


def change_badges(connection: Connection, keys: Sequence[int], change: BadgeChange) -> None:
    """Raise the badges of devices, or set those that are others."""
    told = {"keys": keys, "number": change.number}
    if change.raised:
        connection.execute(_LOCK, {"keys": keys})
        connection.execute(_RAISE, told)
    else:
        connection.execute(_LOCK_OTHERWISE, told)
        connection.execute(_SET, told)


def find_badges(connection: Connection, keys: Sequence[int]) -> dict[int, int]:
    """Return the badges of devices by their keys; one that nobody has set is 0."""
    rows = connection.execute(_FIND, {"keys": keys}).all()
    return {key: badge for key, badge in rows if key is not None}
