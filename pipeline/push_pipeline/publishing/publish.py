"""publish: check, write once, wake. The row is the truth; the wake-up only makes it quick."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.orm import Session, scoped_session

from push_pipeline import db, queues, telemetry
from push_pipeline.clock import now_ms
from push_pipeline.content import Content, check_sizes
from push_pipeline.devices.upsert import ensure_channels
from push_pipeline.devices.zones import default_zone, find_zones
from push_pipeline.directory.apps import resolve_app
from push_pipeline.errors import InvalidChannelName, InvalidParameter
from push_pipeline.ledger.messages import (
    NewMessage,
    NewRun,
    Receipt,
    new_message_id,
    write_messages,
)
from push_pipeline.options import EVERY_CHANNEL, DeliveryOptions, PublishOptions, check_channel_name
from push_pipeline.options.user_ids import read_user_ids
from push_pipeline.queues import Wake
from push_pipeline.schedule import plan_waves
from push_pipeline.template.smart_text import fill_clause
from push_pipeline.template.wording import Wording, freeze
from push_pipeline.whereclause import parse_clause

#: Characters. Long enough for any natural key, short enough for an index.
DEDUPE_KEY_MAX = 255

#: Milliseconds. A push with a ttl of 0 is not stored by the provider for a device that is away;
#: the time that our own sending takes must not end it.
NOW_OR_NEVER_MS = 60_000

UserIds = str | int | Iterable[str | int]


def publish(  # noqa: PLR0913 - every one of them is the API's
    channel: str | None,
    message: Any,
    publish_options: PublishOptions | Mapping[str, Any] | None = None,
    delivery_options: DeliveryOptions | Mapping[str, Any] | None = None,
    *,
    app: str | None = None,
    dedupe_key: str | None = None,
    session: Session | scoped_session[Session] | None = None,
    users: UserIds | None = None,
) -> Receipt:
    """Publish a message to the devices of a channel, of users, or of users in a channel.

    When this returns, the message and its run are committed and cannot be lost; with a
    `session` of yours they are committed with it. Redis being away costs at most two seconds
    and loses nothing. The same `dedupe_key` returns the same receipt and sends nothing again.

    Args:
        channel: its name; created if it does not exist. None needs `users`: their devices.
        message: any JSON value; the text of the notification where no header gives one.
        publish_options: publisher id and headers.
        delivery_options: which devices, when, how long.
        app: an app's id; the default app without it.
        dedupe_key: at most 255 characters, one per thing that is to be said once.
        session: write in this SQLAlchemy session's transaction; the wake-up follows its commit.
            Flask-SQLAlchemy's `db.session` is as good.
        users: only the devices of these users, by the ids that they were registered with.

    Raises:
        EmptyAudience: `users` is a list without anybody (code 8008).
        RequestError: a typed error with the API's code; nothing was written.
        SetupError: the database or a setting; nothing was written.
    """
    queues.broker_url()
    now = now_ms()
    to = to_users(DeliveryOptions.of(delivery_options), users)
    new = check(channel, message, publish_options, to, dedupe_key, now)
    return write(new, app=app, session=session, now=now)


def push_to_user(
    user_id: str | int,
    message: Any,
    publish_options: PublishOptions | Mapping[str, Any] | None = None,
    delivery_options: DeliveryOptions | Mapping[str, Any] | None = None,
    *,
    app: str | None = None,
    dedupe_key: str | None = None,
    session: Session | scoped_session[Session] | None = None,
) -> Receipt:
    """Publish a message to the devices of one user, whatever channels they are in.

    The rest is as for `publish`.
    """
    to_whom = publish_options, delivery_options
    return publish(
        None, message, *to_whom, app=app, dedupe_key=dedupe_key, session=session, users=[user_id]
    )


def to_users(to: DeliveryOptions, users: UserIds | None) -> DeliveryOptions:
    """Return options that are for these users only; unchanged with None.

    Raises:
        EmptyAudience, MissingParameter, InvalidParameter: as `read_user_ids`.
        InvalidParameter: the options name users already.
    """
    if users is None:
        return to
    if to.user_ids:
        raise InvalidParameter("users are named twice: beside the options, and in them")
    return to.model_copy(update={"push_users": read_user_ids(users)})


def check(
    channel: str | None,
    message: Any,
    publish_options: PublishOptions | Mapping[str, Any] | None,
    delivery_options: DeliveryOptions | Mapping[str, Any] | None,
    dedupe_key: str | None,
    now: int,
) -> NewMessage:
    """Check all of a publish and return the message that would be written; writes nothing.

    Raises:
        RequestError: a typed error with the API's code.
    """
    said = PublishOptions.of(publish_options)
    to = DeliveryOptions.of(delivery_options)
    channel = _check_channel(channel, to)
    if message is None and not to.pushes:
        message = ""  # only a text for devices must be one
    if said.template_values:
        wording = Wording.fill(message, said.headers, said.template_values)
        content = freeze(dict.fromkeys(to.platforms, wording))
        to = fill_segment(to, said.template_values)
    else:
        plain = Content.from_publish(message, dict(said.headers))
        check_sizes(plain, to.platforms, new_message_id())
        telemetry.headers_without_effect(plain.warnings)
        content = plain.to_json()
    return compose(channel, {**said.to_json(), **content}, to, dedupe_key, now)


def _check_channel(channel: str | None, to: DeliveryOptions) -> str:
    if channel is not None:
        return check_channel_name(channel)
    if not to.user_ids:
        raise InvalidChannelName("a message without a channel must name its users")
    return EVERY_CHANNEL


def fill_segment(to: DeliveryOptions, values: Mapping[str, str]) -> DeliveryOptions:
    """Fill the variables of the segment, if there is one.

    Raises:
        MissingParameter, InvalidParameter: as `fill_clause`.
    """
    if to.segment_query is None:
        return to
    return to.model_copy(update={"segment_query": fill_clause(to.segment_query, values)})


def compose(
    channel: str, content: dict[str, Any], to: DeliveryOptions, dedupe_key: str | None, now: int
) -> NewMessage:
    """Check when and to whom a content goes and return the message that would be written.

    Raises:
        RequestError: a typed error with the API's code.
    """
    to.check(now)
    if to.segment_query is not None:
        parse_clause(to.segment_query)
    if dedupe_key is not None and not 0 < len(dedupe_key) <= DEDUPE_KEY_MAX:
        raise InvalidParameter(f"a dedupe key has 1 to {DEDUPE_KEY_MAX} characters")
    return NewMessage(
        app_id="",
        channel=channel,
        content=content,
        delivery_options=to,
        dedupe_key=dedupe_key,
        due_at=max(now, to.publish_at_ms or now),
        ttl_ms=to.ttl_seconds * 1000 or NOW_OR_NEVER_MS,
        failure="no recipients" if to.reaches_nobody else None,
    )


def write(
    new: NewMessage,
    *,
    app: str | None,
    session: Session | scoped_session[Session] | None,
    now: int,
) -> Receipt:
    """Write a checked message once, in the caller's session or a transaction of ours, and wake.

    Raises:
        UnknownApp: it is not clear which app is meant.
        SetupError: the database; nothing was written.
    """
    if session is not None:
        receipt, wakes = _write_one(session.connection(), app, new, now)
        _wake_after_commit(session, wakes)
        return receipt
    with db.writing() as connection:
        receipt, wakes = _write_one(connection, app, new, now)
    queues.wake(wakes)
    return receipt


def write_all(news: Sequence[NewMessage]) -> list[Receipt]:
    """Write checked messages, each with its app's id, in one transaction, and wake their runs.

    Raises:
        SetupError: the database; nothing was written.
    """
    with db.writing() as connection:
        written = _write(connection, news, now_ms())
    queues.wake([wake for _, wakes in written for wake in wakes])
    return [receipt for receipt, _ in written]


def looks_at_its_audience(new: NewMessage) -> bool:
    """Whether writing a message reads all of its audience first: by local time, for the zones."""
    return new.delivery_options.publish_at_local is not None


def _write_one(
    connection: Connection, app: str | None, new: NewMessage, now: int
) -> tuple[Receipt, list[Wake]]:
    [written] = _write(connection, [replace(new, app_id=resolve_app(connection, app))], now)
    return written


def _write(
    connection: Connection, news: Sequence[NewMessage], now: int
) -> list[tuple[Receipt, list[Wake]]]:
    _ensure_channels(connection, news, now)
    planned = [(new, _plan_runs(connection, new, now)) for new in news]
    written = write_messages(connection, planned, now)
    return [
        (receipt, _wakes_for(keys, runs, now))
        for (receipt, keys), (_, runs) in zip(written, planned, strict=True)
    ]


def _ensure_channels(connection: Connection, news: Sequence[NewMessage], now: int) -> None:
    named: dict[str, set[str]] = {}
    for new in news:
        if new.channel != EVERY_CHANNEL:
            named.setdefault(new.app_id, set()).add(new.channel)
    for app_id in sorted(named):  # in one order, as the names are in each
        ensure_channels(connection, app_id, sorted(named[app_id]), now)


def _wakes_for(keys: Sequence[int], runs: Sequence[NewRun], now: int) -> list[Wake]:
    return [
        _wake_for(key, run.due_at, now)
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
    return max(due_at, now) if due_at <= now + queues.horizon_ms() else None


def _wake_for(run_id: int, due_at: int, now: int) -> Wake:
    return queues.wake_for_run(run_id) if due_at <= now else queues.wake_at(run_id, due_at)


def _wake_after_commit(session: Session | scoped_session[Session], wake: list[Wake]) -> None:
    if wake:
        event.listen(_real(session), "after_commit", lambda _: queues.wake(wake), once=True)


def _real(session: Session | scoped_session[Session]) -> Session:
    """Return the session behind a registry of them, such as Flask-SQLAlchemy's `db.session`.

    Listened to itself, a registry means the class of its sessions: the commit of any other
    request would wake too early, and the own one nobody.
    """
    return session() if isinstance(session, scoped_session) else session
