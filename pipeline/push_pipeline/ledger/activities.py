"""Activities: each event gets its timestamp here, one after the other, whoever publishes it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, exists, func, select, update

from push_pipeline import db
from push_pipeline.errors import InvalidParameter, UnknownActivity
from push_pipeline.models import ACTIVITY, ACTIVITY_ADDRESS, MESSAGE, Activity
from push_pipeline.options.activity import (
    ActivityAudience,
    ActivityEvent,
    ActivityOptions,
    Newest,
    Urgent,
    next_timestamp,
    read_audience,
)


class Stamped(NamedTuple):
    """An event that has its place in its activity's course."""

    said: ActivityOptions
    timestamp: int | None  # epoch seconds; None: that of the time at which it is due
    over_budget: bool


def lock_activities(
    connection: Connection, app_id: str, meant: Sequence[ActivityAudience], now: int
) -> None:
    """Wait until nobody else publishes an event of these; those that are started are made."""
    started = [one for one in meant if one.starts]
    if started:
        ensure_activities(connection, app_id, started, now)
    named = db.any_of(ACTIVITY.activity_id, sorted({one.activity_id for one in meant}))
    locked = select(ACTIVITY.id).where(ACTIVITY.app_id == app_id, named).order_by(ACTIVITY.id)
    connection.execute(locked.with_for_update()).all()


def ensure_activities(
    connection: Connection, app_id: str, named: Sequence[ActivityAudience], now: int
) -> None:
    """Make activities that nobody has told of."""
    rows = [
        {
            "app_id": app_id,
            "activity_id": one.activity_id,
            "attributes_type": one.attributes_type,
            "created_at": now,
            "updated_at": now,
        }
        for one in sorted(named, key=lambda one: one.activity_id)
    ]
    statement = db.insert_into(connection, Activity)
    connection.execute(
        statement.on_conflict_do_nothing(index_elements=["app_id", "activity_id"]), rows
    )


def stamp(
    connection: Connection,
    app_id: str,
    said: ActivityOptions,
    message_id: str,
    *,
    opens: bool,
    waits: bool,
    now: int,
) -> Stamped:
    """Give an event its timestamp and note it as its activity's newest.

    A start that `waits` for its time, or for that of each zone, gets that one. One that `opens`
    an activity is for a channel, so that any device may say that it has it. An end without a
    state has the last one. Who calls holds the activity (`lock_activities`).

    Raises:
        UnknownActivity: nobody has told of it, or it has ended.
        InvalidParameter: it is of another type.
        QuotaExceeded: there are too many at once.
    """
    row = find_activity(connection, app_id, said.activity_id)
    if row is None or (row.ended_at is not None and said.event is not ActivityEvent.START):
        raise UnknownActivity(f"no activity {said.activity_id!r} is under way")
    if row.attributes_type and said.attributes_type not in (None, row.attributes_type):
        raise InvalidParameter(f"the activity is of the type {row.attributes_type}")
    if said.state is None:
        said = said.model_copy(update={"state": _last_state(connection, row.message_id)})
    starts = said.event is ActivityEvent.START
    narrow = (row.event is None or not row.is_open) and not opens
    timestamp = None if waits else next_timestamp(row.stamped_at, now)
    urgent = Urgent(row.urgent_since, row.urgent_count).plus(said.urgency > 5, now)  # noqa: PLR2004
    connection.execute(
        update(Activity)
        .where(ACTIVITY.id == row.id)
        .values(
            attributes_type=said.attributes_type or row.attributes_type,
            event=said.event.value,
            stamped_at=row.stamped_at if timestamp is None else timestamp,
            message_id=message_id,
            is_open=not narrow if starts else row.is_open,
            urgent_since=urgent.since,
            urgent_count=urgent.events,
            updated_at=now,
            ended_at=now if said.event is ActivityEvent.END else None,
        )
    )
    return Stamped(said, timestamp, urgent.is_over_budget)


def end_unstarted(connection: Connection, app_id: str, message_id: str, now: int) -> None:
    """End the activity whose newest event is a start that was cancelled before it was anywhere."""
    to = connection.scalar(select(MESSAGE.delivery_options).where(MESSAGE.id == message_id)) or {}
    if "activity" not in to:
        return
    meant = read_audience(to["activity"])
    connection.execute(
        update(Activity)
        .where(
            ACTIVITY.app_id == app_id,
            ACTIVITY.activity_id == meant.activity_id,
            ACTIVITY.message_id == message_id,
            ACTIVITY.event == ActivityEvent.START.value,
            ACTIVITY.ended_at.is_(None),
            ~exists().where(ACTIVITY_ADDRESS.activity_key == ACTIVITY.id),
        )
        .values(ended_at=now, updated_at=now)
    )


def find_activity(connection: Connection, app_id: str, activity_id: str) -> Any:
    """Read an activity's row; None where nobody has told of it."""
    meant = (ACTIVITY.app_id == app_id, ACTIVITY.activity_id == activity_id)
    return connection.execute(select(*ACTIVITY).where(*meant)).one_or_none()


def find_newest(connection: Connection, app_id: str, activity_id: str) -> Newest | None:
    """Read what was said last of an activity; None where it is forgotten."""
    meant = (ACTIVITY.app_id == app_id, ACTIVITY.activity_id == activity_id)
    row = connection.execute(
        select(ACTIVITY.stamped_at, ACTIVITY.ended_at).where(*meant)
    ).one_or_none()
    return None if row is None else Newest(row.stamped_at, row.ended_at is not None)


def find_state(connection: Connection, message_id: str | None) -> str | None:
    """Read the state of a message that tells an event; None where retention took it."""
    state = connection.scalar(select(MESSAGE.state).where(MESSAGE.id == message_id))
    return None if state is None else str(state)


def find_event(connection: Connection, message_id: str | None) -> Mapping[str, Any] | None:
    """Read the event that a message tells; None where retention or an erasure took it."""
    content = connection.scalar(select(MESSAGE.content).where(MESSAGE.id == message_id))
    event = None if content is None else content.get("activity")
    return event if isinstance(event, Mapping) else None


def find_named(connection: Connection, message_id: str | None) -> tuple[list[str], list[str]]:
    """Read the users and the devices that a message names."""
    meant = select(MESSAGE.delivery_options).where(MESSAGE.id == message_id)
    to = connection.scalar(meant) or {}
    return to.get("pushUsers") or [], to.get("pushSinglecast") or []


def count_under_way(connection: Connection) -> dict[str, int]:
    """Count the activities that have not ended, by app."""
    counts = (
        select(ACTIVITY.app_id, func.count())
        .where(ACTIVITY.ended_at.is_(None))
        .group_by(ACTIVITY.app_id)
        .order_by(ACTIVITY.app_id)
    )
    return dict(connection.execute(counts).all())


def prune_activities(connection: Connection, before: int, most: int) -> int:
    """Delete some activities of which nothing was said since a time, with their addresses."""
    old = (
        select(ACTIVITY.id)
        .where(ACTIVITY.updated_at < before)
        .order_by(ACTIVITY.updated_at)
        .limit(most)
    )
    return connection.execute(delete(Activity).where(ACTIVITY.id.in_(old))).rowcount


def _last_state(connection: Connection, message_id: str | None) -> Mapping[str, Any] | None:
    event = find_event(connection, message_id)
    return None if event is None else event.get("state")
