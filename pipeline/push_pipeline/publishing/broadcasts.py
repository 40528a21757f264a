"""push_to_broadcast_channel: one request that reaches all activities that listen to a channel."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session, scoped_session

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.content.activity_alert import languages_of
from push_pipeline.content.languages import DEFAULT
from push_pipeline.content.live_activity import document, in_language
from push_pipeline.content.values import compact_json
from push_pipeline.directory import broadcast_channels as rows
from push_pipeline.directory.apps import resolve_app
from push_pipeline.directory.broadcast_channels import Known
from push_pipeline.errors import InvalidParameter, UnknownBroadcastChannel
from push_pipeline.ledger.broadcasts import STORED_AS
from push_pipeline.ledger.messages import Receipt
from push_pipeline.options import EVERY_CHANNEL, DeliveryOptions
from push_pipeline.options.activity import ActivityOptions
from push_pipeline.options.broadcast_channel import (
    check_name,
    check_size,
    read_event,
    read_lifetime,
)
from push_pipeline.options.moment import whole_seconds
from push_pipeline.publishing.activities import fill_alert
from push_pipeline.publishing.broadcast_channels import environment_of
from push_pipeline.publishing.dedupe import DedupeKey, key_of_host
from push_pipeline.publishing.draft import Draft, once
from push_pipeline.publishing.push_template import Values
from push_pipeline.publishing.recorder import check_broker
from push_pipeline.publishing.write import write


def push_to_broadcast_channel(  # noqa: PLR0913 - every one of them is the API's
    name: str,
    state: Mapping[str, Any] | None = None,
    *,
    event: str = "update",
    alert: str | Mapping[str, Any] | None = None,
    template: str | None = None,
    template_values: Values | None = None,
    stale_date: datetime | int | str | None = None,
    dismissal_date: datetime | int | str | None = None,
    relevance_score: float | None = None,
    priority: int | None = None,
    ttl: timedelta | int | None = None,
    publish_at: datetime | int | str | None = None,
    unknown_policy: str | None = None,
    environment: str | None = None,
    app: str | None = None,
    dedupe_key: str | None = None,
    session: Session | scoped_session[Session] | None = None,
) -> Receipt:
    """Tell all activities that listen to a broadcast channel of an update, or of their end.

    It is one request; how many phones it reaches, Apple tells nobody. What is said is as for
    `update_activity` and `end_activity`, durability, `dedupe_key` and `session` as for `publish`.

    What may happen twice: where no answer came it is sent again with the same timestamp, which
    phones take for the same; one with an alert would ring twice, so it ends as `unknown`.

    Raises:
        UnknownBroadcastChannel: there is none of this name (code 5010).
        PayloadTooLarge: it is larger than 5,120 bytes (code 8008).
        RequestError: a typed error with the API's code; nothing was written.
        SetupError: the database or a setting; nothing was written.
    """
    said = ActivityOptions(
        activity_id=name,
        event=read_event(event),
        state=state,
        alert=alert,
        template=template,
        template_values=template_values,
        stale_date=stale_date,
        dismissal_date=dismissal_date,
        relevance_score=relevance_score,
        priority=priority,
    )
    return publish_broadcast(
        said,
        DeliveryOptions(publish_at=publish_at, unknown_policy=unknown_policy),
        ttl=None if ttl is None else _seconds(ttl),
        environment=environment,
        app=app,
        dedupe_key=key_of_host(dedupe_key),
        session=session,
    )


def publish_broadcast(
    said: ActivityOptions,
    to: DeliveryOptions,
    *,
    ttl: int | None = None,
    environment: str | None = None,
    app: str | None = None,
    dedupe_key: DedupeKey | None = None,
    session: Session | scoped_session[Session] | None = None,
) -> Receipt:
    """Check and write a push to the broadcast channel that `said` names as its activity."""
    check_broker()
    with db.reading() as connection:
        app_id = resolve_app(connection, app)
        where = environment_of(connection, app_id, environment)
        known = rows.find(connection, app_id, where, check_name(said.activity_id))
    said = fill_alert(said, app=app_id, session=session)
    draft = draft_broadcast(said, known, to, ttl=ttl, dedupe_key=dedupe_key, now=now_ms())
    return write(draft, app=app_id, session=session)


def draft_broadcast(
    said: ActivityOptions,
    channel: Known,
    to: DeliveryOptions,
    *,
    ttl: int | None,
    dedupe_key: DedupeKey | None,
    now: int,
) -> Draft:
    """Check all of a push to a broadcast channel; `now` is epoch milliseconds.

    Raises:
        UnknownBroadcastChannel: it is still being made.
        InvalidParameter: it starts an activity, lives longer than the channel keeps it, or
            alerts in several languages.
        PayloadTooLarge: Apple would refuse it.
    """
    read_event(said.event)
    if channel.channel_id is None:
        raise UnknownBroadcastChannel(f"the broadcast channel {channel.name!r} is being made")
    said.check(now)
    if languages_of(said.alert):
        raise InvalidParameter("one request for all has an alert in one language, or a loc-key")
    told = in_language(DEFAULT, said.told())
    check_size(compact_json(document(told, now // 1000)))
    lifetime = read_lifetime(ttl, channel.stores)
    meant = to.model_copy(update={"push_broadcast_channel": channel.name, "ttl": lifetime})
    kept = {"environment": channel.environment, "event": told.to_json()}
    return Draft(
        EVERY_CHANNEL,
        {"message": "", "headers": {}, STORED_AS: kept},
        meant,
        once(dedupe_key, to, broadcast=channel.name, activity=said.said()),
        now,
    )


def _seconds(ttl: timedelta | int) -> int:
    try:
        return whole_seconds(ttl)
    except ValueError as wrong:
        raise InvalidParameter(f"ttl {wrong}") from None
