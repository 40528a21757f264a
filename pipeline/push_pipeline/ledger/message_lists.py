"""The messages of an app as a list that is looked at: the newest first, by pages, with counts.

A page costs what it shows: it is cut by an index, and the counts are sums over the few batch
rows of its messages, never over deliveries.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from sqlalchemy import Connection, func, select, tuple_

from push_pipeline import db
from push_pipeline.models import BATCH, BROADCAST, MESSAGE, RUN, Batch, Broadcast, Run
from push_pipeline.options import DeliveryOptions
from push_pipeline.outcome import Settled

#: Messages of a page.
PAGE = 30

#: Messages looked at for one page, however few of them are of the channel or state asked for.
LOOKED_AT = 3_000

_TO = MESSAGE.delivery_options


class SaidTo(NamedTuple):
    """To whom a message goes, and as what."""

    channel: str
    broadcast_channel: str | None = None  # of Apple's: nobody knows how many phones listen
    activity: str | None = None  # the event of a Live Activity that it tells, and its id
    push_type: str | None = None  # of Apple's

    @classmethod
    def of(cls, channel: str, to: DeliveryOptions) -> Self:
        """Read it out of a message's options."""
        told = to.activity
        activity = None if told is None else f"{told.event} of {told.activity_id}"
        return cls(channel, to.push_broadcast_channel, activity, to.push_type)


class Listed(NamedTuple):
    """A message in a list. `counts` has the names of the ledger, over all of its runs."""

    id: str
    channel: str
    state: str
    error_message: str | None
    created_at: int
    counts: dict[str, int]
    broadcast_channel: str | None = None
    push_type: str | None = None
    activity: str | None = None
    outcome: str | None = None  # of the request to a broadcast channel


class Place(NamedTuple):
    """Where a page ends: the time and the id of its last message."""

    created_at: int
    id: str


class Wanted(NamedTuple):
    """Which messages are listed; None is any. Times are epoch milliseconds."""

    channel: str | None = None
    state: str | None = None
    since: int | None = None
    until: int | None = None


def list_newest(
    connection: Connection, app_id: str, wanted: Wanted, after: Place | None = None
) -> tuple[list[Listed], Place | None]:
    """Return a page of messages, and where the next one begins; None after the last."""
    looked_at = (
        select(
            MESSAGE.id,
            MESSAGE.channel,
            MESSAGE.state,
            MESSAGE.error_message,
            MESSAGE.created_at,
        )
        .where(MESSAGE.app_id == app_id)
        .order_by(MESSAGE.created_at.desc(), MESSAGE.id.desc())
        .limit(LOOKED_AT)
    )
    if after is not None:
        looked_at = looked_at.where(tuple_(MESSAGE.created_at, MESSAGE.id) < tuple_(*after))
    if wanted.since is not None:
        looked_at = looked_at.where(MESSAGE.created_at >= wanted.since)
    if wanted.until is not None:
        looked_at = looked_at.where(MESSAGE.created_at < wanted.until)
    near = looked_at.subquery()
    statement = select(near)
    if wanted.channel is not None:
        statement = statement.where(near.c.channel == wanted.channel)
    if wanted.state is not None:
        statement = statement.where(near.c.state == wanted.state)
    ordered = statement.order_by(near.c.created_at.desc(), near.c.id.desc())
    rows = connection.execute(ordered.limit(PAGE + 1)).mappings().all()
    page = rows[:PAGE]
    ids = [row["id"] for row in page]
    counts, said = count_by_message(connection, ids), _said(connection, ids)
    broadcasts = [one for one, its in said.items() if its["broadcast_channel"]]
    outcomes = _outcomes(connection, broadcasts)
    listed = [
        Listed(
            **row,
            **said.get(row["id"], {}),
            counts=counts.get(row["id"], _nothing()),
            outcome=outcomes.get(row["id"]),
        )
        for row in page
    ]
    if len(rows) > PAGE:
        return listed, Place(page[-1]["created_at"], page[-1]["id"])
    return listed, _last_looked_at(connection, near) if wanted != Wanted() else None


def _said(connection: Connection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what messages are beside pushes to a channel; read for those of a page alone.

    The options may have thousands of users in them.
    """
    event, of = _TO[("activity", "event")].as_string(), _TO[("activity", "id")].as_string()
    statement = select(
        MESSAGE.id,
        _TO["pushBroadcastChannel"].as_string().label("broadcast_channel"),
        _TO["pushType"].as_string().label("push_type"),
        event.concat(" of ").concat(of).label("activity"),
    ).where(db.any_of(MESSAGE.id, ids))
    rows = connection.execute(statement).mappings()
    return {row["id"]: {name: row[name] for name in row if name != "id"} for row in rows}


def _outcomes(connection: Connection, ids: Sequence[str]) -> dict[str, str | None]:
    """Return what became of the requests of messages to broadcast channels."""
    if not ids:
        return {}
    statement = (
        select(RUN.message_id, BROADCAST.outcome)
        .join(Broadcast, BROADCAST.run_id == RUN.id)
        .where(db.any_of(RUN.message_id, ids))
    )
    return {row.message_id: row.outcome for row in connection.execute(statement)}


def _last_looked_at(connection: Connection, near: Any) -> Place | None:
    """Return where those end that were looked at, if there may be more behind them."""
    ordered = select(near.c.created_at, near.c.id).order_by(
        near.c.created_at.desc(), near.c.id.desc()
    )
    row = connection.execute(ordered.offset(LOOKED_AT - 1)).first()
    return None if row is None else Place(*row)


class Stored(NamedTuple):
    """A message as it was written."""

    channel: str
    content: dict[str, Any]
    delivery_options: dict[str, Any]
    created_at: int


def find_stored(connection: Connection, app_id: str, message_id: str) -> Stored | None:
    """Return a message of an app as it was written."""
    statement = select(
        MESSAGE.channel, MESSAGE.content, MESSAGE.delivery_options, MESSAGE.created_at
    ).where(MESSAGE.id == message_id, MESSAGE.app_id == app_id)
    row = connection.execute(statement).one_or_none()
    return None if row is None else Stored(*row)


def count_by_message(connection: Connection, ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return what became of the devices of messages, by the ledger's names."""
    if not ids:
        return {}
    audience = BATCH.size - BATCH.moved
    sums = [func.sum(audience), *(func.sum(BATCH[settled]) for settled in Settled)]
    statement = (
        select(RUN.message_id, *sums)
        .select_from(Batch)
        .join(Run, RUN.id == BATCH.run_id)
        .where(db.any_of(RUN.message_id, ids))
        .group_by(RUN.message_id)
    )
    found = {}
    for message_id, total, *parts in connection.execute(statement):
        ended = dict(zip(map(str, Settled), map(int, parts), strict=True))
        found[message_id] = {
            "audience": int(total),
            **ended,
            "inFlight": int(total) - sum(ended.values()),
        }
    return found


def _nothing() -> dict[str, int]:
    return dict.fromkeys(("audience", *map(str, Settled), "inFlight"), 0)


def read_course(connection: Connection, message_id: str, bins: int) -> list[tuple[int, str, int]]:
    """Return how many devices were settled when: time (epoch ms), platform, devices, added up.

    At most `bins` moments, evenly between the first batch that ended and the last.
    """
    ended = (
        select(BATCH.finished_at, BATCH.platform, (BATCH.size - BATCH.moved).label("devices"))
        .join(Run, RUN.id == BATCH.run_id)
        .where(RUN.message_id == message_id, BATCH.finished_at.is_not(None))
        .subquery()
    )
    first, last = connection.execute(
        select(func.min(ended.c.finished_at), func.max(ended.c.finished_at))
    ).one()
    if first is None:
        return []
    step = max(1, (last - first) // bins + 1)
    statement = select(ended.c.finished_at, ended.c.platform, ended.c.devices)
    totals: dict[tuple[int, str], int] = {}
    for at, platform, devices in connection.execute(statement):
        moment = first + (at - first) // step * step
        totals[moment, platform] = totals.get((moment, platform), 0) + int(devices)
    return sorted((at, platform, devices) for (at, platform), devices in totals.items())
