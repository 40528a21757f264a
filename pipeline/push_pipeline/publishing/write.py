"""A draft is written once, with its first runs, and woken. The row is the truth."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session, scoped_session

from push_pipeline import db, queues, telemetry, tracing
from push_pipeline.clock import now_ms
from push_pipeline.content.live_activity import STORED_AS
from push_pipeline.devices.upsert import ensure_channels
from push_pipeline.devices.zones import default_zone, find_zones
from push_pipeline.directory.apps import resolve_app
from push_pipeline.errors import PipelineError
from push_pipeline.field_warning import FieldWarning
from push_pipeline.host import waits_for_commit
from push_pipeline.ledger.activities import Stamped, lock_activities, stamp
from push_pipeline.ledger.due_runs import counts_from
from push_pipeline.ledger.messages import (
    NewMessage,
    NewRun,
    Receipt,
    find_said,
    fresh_receipt,
    new_message_id,
    write_messages,
)
from push_pipeline.options import EVERY_CHANNEL
from push_pipeline.options.activity import URGENT_IN_AN_HOUR, ActivityAudience
from push_pipeline.publishing.draft import Draft
from push_pipeline.publishing.foresight import Foresight, foresee
from push_pipeline.publishing.on_commit import after_commit
from push_pipeline.publishing.recorder import recorder
from push_pipeline.queues import Wake
from push_pipeline.schedule import plan_waves

_OVER_BUDGET = FieldWarning(
    "priority",
    f"more than {URGENT_IN_AN_HOUR} urgent events of this activity in an hour: iPhones may drop"
    " what is over their budget, which 5 does not count against",
)


def write(
    draft: Draft, *, app: str | None, session: Session | scoped_session[Session] | None
) -> Receipt:
    """Write a draft once, in the caller's session or a transaction of ours, and wake.

    In a host's transaction that cannot be ours, in another database, it is checked now and
    written after the commit. Who is answered has its id; a process that dies between loses it.

    Raises:
        StrictRefusal: it is strict, and would reach nobody as things stand.
        UnknownApp: it is not clear which app is meant.
        DedupeKeyReused: its key was used for another message.
        SetupError: the database; nothing was written.
    """
    recording = recorder()
    if recording is not None:
        return recording.take(draft, app, session)
    with tracing.publish() as traceparent:
        return _write_own(replace(draft, traceparent=traceparent), app, session)


def _write_own(
    draft: Draft, app: str | None, session: Session | scoped_session[Session] | None
) -> Receipt:
    if session is not None:
        receipt, wakes = _write_one(session.connection(), app, draft)
        if wakes:
            after_commit(session, lambda: queues.wake(wakes))
        return receipt
    later = waits_for_commit()
    if later is not None:
        return _hold_back(draft, app, later)
    with db.writing() as connection:
        receipt, wakes = _write_one(connection, app, draft)
    db.after_commit(lambda: queues.wake(wakes))
    return receipt


def _hold_back(
    draft: Draft, app: str | None, later: Callable[[Callable[[], object]], None]
) -> Receipt:
    """Check a draft as if it were written now, and write it when its time has come."""
    with db.reading() as connection:
        held = replace(
            draft, app_id=resolve_app(connection, app), message_id=new_message_id(), strict=False
        )
        new = held.message()
        said = find_said(connection, [new])
        judged = held if said else replace(held, strict=draft.strict)
        [known] = foresee(connection, [judged], draft.now)
    if not said:
        later(lambda: _write_held(held))
    return _told(
        draft,
        known,
        said[0] if said else fresh_receipt(str(held.message_id), _failing(new, known)),
    )


def _write_held(held: Draft) -> None:
    try:
        write_all([held])
    except PipelineError as error:
        # The host's transaction is committed: nobody is there to be told.
        telemetry.publish_lost(str(held.message_id), str(error))


def write_all(drafts: Sequence[Draft]) -> list[Receipt]:
    """Write drafts, each with its app's id, in one transaction, and wake their runs.

    Raises:
        DedupeKeyReused: one's key was used for another message; nothing was written.
        SetupError: the database; nothing was written.
    """
    with db.writing() as connection:
        written = _write(connection, drafts, now_ms())
    db.after_commit(lambda: queues.wake([wake for _, wakes in written for wake in wakes]))
    return [receipt for receipt, _ in written]


def _write_one(connection: Connection, app: str | None, draft: Draft) -> tuple[Receipt, list[Wake]]:
    addressed = replace(draft, app_id=resolve_app(connection, app))
    [written] = _write(connection, [addressed], draft.now)
    return written


def _write(
    connection: Connection, drafts: Sequence[Draft], now: int
) -> list[tuple[Receipt, list[Wake]]]:
    _lock_activities(connection, drafts, now)
    told = [draft.message() for draft in drafts]
    said = find_said(connection, told)
    # What went out is told of, however strict: nothing of it can be refused any more.
    judged = [replace(one, strict=False) if n in said else one for n, one in enumerate(drafts)]
    foreseen = foresee(connection, judged, now)
    news = [_failing(*one) for one in zip(told, foreseen, strict=True)]
    for place, draft in enumerate(judged):
        if draft.activity is not None and place not in said:
            news[place], foreseen[place] = _stamp(connection, draft, news[place], foreseen[place])
    fresh = {place: new for place, new in enumerate(news) if place not in said}
    trusted = all(draft.trusted for draft in drafts)
    unsure = [new for place, new in fresh.items() if not foreseen[place].populated]
    _ensure_channels(connection, unsure, now, trusted=trusted)
    planned = [(new, _plan_runs(connection, new, now)) for new in fresh.values()]
    done: dict[int, tuple[Receipt, list[Wake]]] = {place: (said[place], []) for place in said}
    written = write_messages(connection, planned, now) if planned else []
    for place, (receipt, keys), (_, runs) in zip(fresh, written, planned, strict=True):
        done[place] = receipt, _wakes_for(keys, runs, news[place].app_id, receipt.message_id, now)
    answers = ((*one, *done[place]) for place, one in enumerate(zip(drafts, foreseen, strict=True)))
    return [(_told(draft, known, receipt), wakes) for draft, known, receipt, wakes in answers]


def _failing(new: NewMessage, known: Foresight) -> NewMessage:
    return new if known.failure is None else replace(new, failure=known.failure)


def _lock_activities(connection: Connection, drafts: Sequence[Draft], now: int) -> None:
    """Before it is asked what was said: two with one dedupe key must not both be stamped."""
    meant: dict[str, list[ActivityAudience]] = {}
    for draft in drafts:
        if draft.activity is not None:
            meant.setdefault(draft.app_id, []).append(draft.activity.audience)
    for app_id in sorted(meant):
        lock_activities(connection, app_id, meant[app_id], now)


def _stamp(
    connection: Connection, draft: Draft, new: NewMessage, known: Foresight
) -> tuple[NewMessage, Foresight]:
    """Give an activity's event its place in the course of it, and tell of a spent budget."""
    if draft.activity is None:
        return new, known
    message_id = new.id or new_message_id()
    stamped = stamp(
        connection,
        draft.app_id,
        draft.activity,
        message_id,
        opens=draft.channel != EVERY_CHANNEL,
        waits=new.due_at > draft.now or draft.to.publish_at_local is not None,
        now=draft.now,
    )
    if stamped.over_budget:
        known = replace(known, warnings=(*known.warnings, _OVER_BUDGET))
        draft.refuse_if_strict(known.warnings)
    content = {**new.content, STORED_AS: _stamped_event(stamped)}
    return replace(new, id=message_id, content=content), known


def _stamped_event(stamped: Stamped) -> dict[str, Any]:
    timestamp = {} if stamped.timestamp is None else {"timestamp": stamped.timestamp}
    return {**stamped.said.to_json(), **timestamp}


def _told(draft: Draft, known: Foresight, receipt: Receipt) -> Receipt:
    if draft.warnings:  # the others tell whom it is for
        telemetry.publish_changed(draft.warnings)
    warnings = (*draft.warnings, *known.warnings)
    if not warnings and not known.not_found:
        return receipt
    return replace(receipt, warnings=warnings, not_found=known.not_found)


def _ensure_channels(
    connection: Connection, news: Sequence[NewMessage], now: int, *, trusted: bool
) -> None:
    named: dict[str, set[str]] = {}
    for new in news:
        if new.channel != EVERY_CHANNEL:
            named.setdefault(new.app_id, set()).add(new.channel)
    for app_id in sorted(named):  # in one order, as the names are in each
        ensure_channels(connection, app_id, sorted(named[app_id]), now, trusted=trusted)


def _wakes_for(
    keys: Sequence[int], runs: Sequence[NewRun], app_id: str, message_id: str, now: int
) -> list[Wake]:
    return [
        _wake_for(key, run.due_at, app_id, message_id, now)
        for key, run in zip(keys, runs, strict=False)  # no key where nothing new was written
        if run.woken_at is not None
    ]


def _plan_runs(connection: Connection, new: NewMessage, now: int) -> list[NewRun]:
    """Plan the first run of a message, or where it goes by local time its runs for each zone."""
    to = new.delivery_options
    if to.publish_at_local is None:
        return [NewRun(1, new.due_at, _woken_at(new.due_at, now))]
    channel = None if new.channel == EVERY_CHANNEL else new.channel
    zones = find_zones(connection, new.app_id, channel, to.device_ids, to.user_ids)
    default = default_zone(connection, new.app_id)
    return [
        NewRun(n, due_at, _woken_at(due_at, now), zone, is_default)
        for n, due_at, zone, is_default in plan_waves(to.publish_at_local, default, zones, now)
    ]


def _woken_at(due_at: int, now: int) -> int | None:
    if due_at <= now:
        return now
    if due_at > now + queues.horizon_ms():
        return None
    return counts_from(due_at, now, queues.last_tick_ms())


def _wake_for(run_id: int, due_at: int, app_id: str, message_id: str, now: int) -> Wake:
    if due_at <= now:
        return queues.wake_for_run(run_id, app_id, of=message_id)
    return queues.wake_at(run_id, app_id, due_at, of=message_id)
