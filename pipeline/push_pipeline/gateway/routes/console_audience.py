"""The console's routes about who is reached: a channel's devices and messages, sizes, states.

A channel is named by its `channelid`, or by its name where no id fits.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from push_pipeline import db
from push_pipeline.audience import Selection, count_members
from push_pipeline.clock import now_ms
from push_pipeline.devices.channels import find_channel
from push_pipeline.devices.subscribers import (
    SortKey,
    count_subscribers,
    list_subscribers,
    unsubscribe,
)
from push_pipeline.errors import InvalidParameter, InvalidWhereClause
from push_pipeline.gateway.auth import Asking
from push_pipeline.gateway.body import DeviceIds
from push_pipeline.gateway.paging import Rows
from push_pipeline.gateway.paths import Named
from push_pipeline.gateway.wire import PushStatus, RegistrationView
from push_pipeline.ledger.channel_messages import count_messages, list_messages
from push_pipeline.ledger.status import read_ledger
from push_pipeline.platform import Platform

router = APIRouter(prefix="/console/messaging", include_in_schema=False)


def read_where(where: str = "") -> str | None:
    """Read a where clause; blank is none, as in a publish.

    Raises:
        InvalidWhereClause: it holds U+0000, which no database takes.
    """
    if "\0" in where:
        raise InvalidWhereClause("the where clause holds the character U+0000")
    return where.strip() or None


def read_order(
    sort_by: Annotated[str, Query(alias="sortBy")] = "",
    direction: Annotated[str, Query(alias="sortDirection")] = "",
) -> list[SortKey]:
    """Read what to sort by: columns separated by commas, each with a direction or that of all.

    Raises:
        InvalidParameter: a direction is neither asc nor desc.
    """
    keys = [part.split() for part in sort_by.split(",") if part.strip()]
    return [_sort_key(column, *(words or [direction or "asc"])) for column, *words in keys]


def _sort_key(column: str, direction: str, *more: str) -> SortKey:
    if more or direction.lower() not in {"asc", "desc"}:
        raise InvalidParameter("a column is sorted asc or desc")
    return SortKey(column, direction.lower() == "desc")


Order = Annotated[list[SortKey], Depends(read_order)]
Where = Annotated[str | None, Depends(read_where)]


@router.get("/channels/{channel}/devices")
def devices(
    channel: Named, asking: Asking, rows: Rows, where: Where, order: Order
) -> list[RegistrationView]:
    """List the devices that are registered with a channel, the oldest first if not sorted."""
    asking.require("admin")
    with db.reading() as connection:
        key, _ = find_channel(connection, asking.app_id, channel)
        found = list_subscribers(
            connection, key, where, order, limit=rows.limit, offset=rows.offset, now=now_ms()
        )
    return [RegistrationView.of(one) for one in found]


@router.get("/channels/{channel}/devices/count")
def device_count(channel: Named, asking: Asking, where: Where) -> int:
    """Count the devices that are registered with a channel."""
    asking.require("admin")
    with db.reading() as connection:
        key, _ = find_channel(connection, asking.app_id, channel)
        return count_subscribers(connection, key, where, now_ms())


@router.delete("/channels/{channel}/devices")
def remove_devices(channel: Named, asking: Asking, device_ids: DeviceIds) -> bool:
    """Take devices out of a channel; a registration with no other channel ends."""
    asking.require("admin")
    with db.writing() as connection:
        key, _ = find_channel(connection, asking.app_id, channel)
        unsubscribe(connection, asking.app_id, key, device_ids)
    return True


@router.get("/channels/{channel}/messages")
def messages(channel: Named, asking: Asking, rows: Rows) -> list[dict[str, Any]]:
    """List the messages of a channel, the newest first."""
    asking.require("admin")
    with db.reading() as connection:
        _, name = find_channel(connection, asking.app_id, channel)
        return list_messages(connection, asking.app_id, name, limit=rows.limit, offset=rows.offset)


@router.get("/channels/{channel}/messages/count")
def message_count(channel: Named, asking: Asking) -> int:
    """Count the messages of a channel."""
    asking.require("admin")
    with db.reading() as connection:
        _, name = find_channel(connection, asking.app_id, channel)
        return count_messages(connection, asking.app_id, name)


@router.get("/pushsize")
def push_size(asking: Asking, where: Where) -> int:
    """Count the devices that a push to a segment would be sent to now, each once."""
    asking.require("admin")
    everything = tuple(platform.value for platform in Platform)
    selection = Selection(asking.app_id, None, everything, segment=where)
    with db.reading() as connection:
        return count_members(connection, selection, now_ms())


@router.get("/{message_id}")
def message_status(message_id: Named, asking: Asking) -> PushStatus:
    """Tell what has become of a message, and of how many devices."""
    asking.require("admin")
    with db.reading() as connection:
        return PushStatus.of_ledger(read_ledger(connection, message_id, app_id=asking.app_id))
