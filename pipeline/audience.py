"""Channel ∩ OS ∩ named devices: one selection in SQL, read in key order, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, select

from pipeline.db import any_of
from pipeline.models import CHANNEL, DEVICE, SUBSCRIPTION, Channel, Device


@dataclass(frozen=True, slots=True)
class Selection:
    """Who is meant. No device ids means everybody in the channel."""

    app_id: str
    channel: str
    platforms: tuple[str, ...]
    device_ids: tuple[str, ...] = ()


class Member(NamedTuple):
    """A device of the audience."""

    key: int
    platform: str
    environment: str


class Page(NamedTuple):
    """A stretch of the audience. `cursor` is where the next one begins, None after the last."""

    members: list[Member]
    cursor: int | None


def read_page(
    connection: Connection, selection: Selection, after: int, limit: int, now: int
) -> Page:
    """Read the next page of an audience, in the order of device keys.

    The page is cut by subscriptions, not by matches: however few of them match the OS, one
    page costs the same. A device appears once, since a channel holds it once.
    """
    page = (
        select(SUBSCRIPTION.device_key)
        .join(Channel, CHANNEL.id == SUBSCRIPTION.channel_key)
        .where(
            CHANNEL.app_id == selection.app_id,
            CHANNEL.name == selection.channel,
            SUBSCRIPTION.device_key > after,
        )
        .order_by(SUBSCRIPTION.device_key)
        .limit(limit)
    )
    if selection.device_ids:
        named = select(DEVICE.id).where(
            DEVICE.app_id == selection.app_id, any_of(DEVICE.device_id, selection.device_ids)
        )
        page = page.where(SUBSCRIPTION.device_key.in_(named))
    stretch = page.subquery()
    statement = (
        select(stretch.c.device_key, DEVICE.platform, DEVICE.environment)
        .outerjoin_from(
            stretch, Device, and_(DEVICE.id == stretch.c.device_key, *_fit(selection, now))
        )
        .order_by(stretch.c.device_key)
    )
    rows = connection.execute(statement).all()
    members = [
        Member(key, platform, environment) for key, platform, environment in rows if platform
    ]
    return Page(members, rows[-1][0] if len(rows) == limit else None)


def _fit(selection: Selection, now: int) -> Sequence[ColumnElement[bool]]:
    return (
        DEVICE.platform.in_(selection.platforms),
        DEVICE.state == "active",
        (DEVICE.expires_at.is_(None) | (DEVICE.expires_at > now)),
    )
