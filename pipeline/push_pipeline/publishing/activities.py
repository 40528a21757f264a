"""Live Activities: started, updated and ended as messages; their addresses, as apps report them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session, scoped_session
from typing_extensions import TypedDict  # pydantic reads typing's only from Python 3.12 on

from push_pipeline import db
from push_pipeline.clock import iso, now_ms
from push_pipeline.content.activity_alert import languages_of
from push_pipeline.content.languages import DEFAULT
from push_pipeline.content.live_activity import ActivityContent, in_language, kept_in
from push_pipeline.content.sizes import measure
from push_pipeline.db import Connection
from push_pipeline.devices.activity_addresses import (
    Reported,
    count_addresses,
    may_report,
    put_address,
    remove_address,
    used_for,
)
from push_pipeline.directory.apps import resolve_app
from push_pipeline.errors import (
    EmptyAudience,
    InvalidParameter,
    MissingParameter,
    OperationDenied,
    UnknownActivity,
    UnknownDevice,
)
from push_pipeline.ledger.activities import (
    ensure_activities,
    find_activity,
    find_event,
    find_named,
    find_state,
)
from push_pipeline.ledger.messages import Receipt, new_message_id
from push_pipeline.options import EVERY_CHANNEL, DeliveryOptions, check_channel_name
from push_pipeline.options.activity import (
    ActivityAudience,
    ActivityEvent,
    ActivityOptions,
    read_activity_id,
    read_attributes_type,
)
from push_pipeline.platform import Platform
from push_pipeline.publishing.dedupe import DedupeKey, key_of_host
from push_pipeline.publishing.draft import Draft, Frozen, UserIds, in_languages, once, to_users
from push_pipeline.publishing.push_template import Values, find_template
from push_pipeline.publishing.recorder import check_broker
from push_pipeline.publishing.write import write
from push_pipeline.template.alert import alert_of

#: Apple gives its tokens no fixed length; one of more digits than this is none.
_TOKEN = re.compile(r"(?:[0-9A-Fa-f]{2}){8,320}")

Moment = datetime | int | float | str


class ActivityView(TypedDict):
    """What is known of an activity.

    `state` is the last one, and `status` what became of its message, while that is kept.
    """

    activityId: str
    attributesType: str | None
    event: str | None
    timestamp: int | None
    state: dict[str, Any] | None
    messageId: str | None
    status: str | None
    startedAt: str | None
    updatedAt: str | None
    endedAt: str | None
    addresses: int
    addressesEnded: int


@dataclass(frozen=True, slots=True)
class ReportAnswer:
    """What an app is told that reports an address: what is shown now, or that it ended."""

    ended: bool = False
    timestamp: int | None = None
    state: Mapping[str, Any] | None = None


def start_activity(  # noqa: PLR0913 - every one of them is the API's
    activity_id: str,
    attributes_type: str,
    attributes: Mapping[str, Any],
    state: Mapping[str, Any],
    *,
    alert: str | Mapping[str, Any] | None = None,
    template: str | None = None,
    template_values: Values | None = None,
    channel: str | None = None,
    users: UserIds | None = None,
    devices: str | Iterable[str] | None = None,
    stale_date: Moment | None = None,
    relevance_score: float | None = None,
    priority: int | None = None,
    input_push_channel: str | None = None,
    delivery_options: DeliveryOptions | Mapping[str, Any] | None = None,
    app: str | None = None,
    dedupe_key: str | None = None,
    session: Session | scoped_session[Session] | None = None,
) -> Receipt:
    """Start a Live Activity on the devices of users, on named devices, or on those of a channel.

    It goes to iPhones whose app has reported a push-to-start token for this type of attributes,
    and as data to Android devices. `activity_id` is yours: updates and the end name it, and the
    app finds it as `activityId` among its attributes. Started again while it is under way, it is
    started on further devices. What the alert says may be by language, as `publish` has it:
    `{"title": {"default": "Goal", "de": "Tor"}}`. Instead of an alert a stored `template` may be
    named: its title, message and iOS sound, filled now; whom it is for does not count.

    The rest is as for `publish`; `delivery_options` may say when, also by local time, how long and
    how fast. A start that waits says the state that it was given; `cancel` takes it back.

    Raises:
        EmptyAudience: nobody is meant: no channel, users or devices (code 8008).
        UnknownTemplate: there is none of this name (code 5060).
        RequestError: a typed error with the API's code; nothing was written.
        SetupError: the database or a setting; nothing was written.
    """
    said = ActivityOptions(
        activity_id=activity_id,
        event=ActivityEvent.START,
        attributes_type=attributes_type,
        attributes=attributes,
        state=state,
        alert=alert,
        template=template,
        template_values=template_values,
        stale_date=stale_date,
        relevance_score=relevance_score,
        priority=priority,
        input_push_channel=input_push_channel,
    )
    to = _named(DeliveryOptions.of(delivery_options), users, devices)
    return _publish(said, channel, to, app=app, dedupe_key=dedupe_key, session=session)


def update_activity(  # noqa: PLR0913 - every one of them is the API's
    activity_id: str,
    state: Mapping[str, Any],
    *,
    alert: str | Mapping[str, Any] | None = None,
    template: str | None = None,
    template_values: Values | None = None,
    stale_date: Moment | None = None,
    relevance_score: float | None = None,
    priority: int | None = None,
    ttl: timedelta | int | None = None,
    app: str | None = None,
    dedupe_key: str | None = None,
    session: Session | scoped_session[Session] | None = None,
) -> Receipt:
    """Show another state of an activity, on all devices that have it.

    Without an alert it has priority 5, which costs nothing of a device's budget, and with one as
    well where a user has switched frequent updates off. Without one it is not sent any more where
    a newer one has overtaken it. The rest is as for `start_activity`.

    Raises:
        UnknownActivity: no such activity is under way (code 5045).
        QuotaExceeded: there was more than one event a second for a minute (code 999).
    """
    said = ActivityOptions(
        activity_id=activity_id,
        event=ActivityEvent.UPDATE,
        state=state,
        alert=alert,
        template=template,
        template_values=template_values,
        stale_date=stale_date,
        relevance_score=relevance_score,
        priority=priority,
    )
    to = DeliveryOptions(ttl=ttl)
    return _publish(said, None, to, app=app, dedupe_key=dedupe_key, session=session)


def end_activity(  # noqa: PLR0913 - every one of them is the API's
    activity_id: str,
    state: Mapping[str, Any] | None = None,
    *,
    alert: str | Mapping[str, Any] | None = None,
    template: str | None = None,
    template_values: Values | None = None,
    dismissal_date: Moment | None = None,
    relevance_score: float | None = None,
    priority: int | None = None,
    app: str | None = None,
    dedupe_key: str | None = None,
    session: Session | scoped_session[Session] | None = None,
) -> Receipt:
    """End an activity on all devices that have it; without a state it shows its last one.

    It leaves the lock screen at `dismissal_date`: at once where that has passed, after four hours
    at the latest. The rest is as for `update_activity`.

    Raises:
        UnknownActivity: no such activity is under way (code 5045).
    """
    said = ActivityOptions(
        activity_id=activity_id,
        event=ActivityEvent.END,
        state=state,
        alert=alert,
        template=template,
        template_values=template_values,
        dismissal_date=dismissal_date,
        relevance_score=relevance_score,
        priority=priority,
    )
    to = DeliveryOptions()
    return _publish(said, None, to, app=app, dedupe_key=dedupe_key, session=session)


def fill_alert(
    said: ActivityOptions,
    *,
    app: str | None,
    session: Session | scoped_session[Session] | None = None,
) -> ActivityOptions:
    """Return an event with the alert of its template, where it names one.

    Raises:
        UnknownTemplate: there is none of this name.
        MissingParameter, InvalidParameter: as `alert_of`.
    """
    if said.template is None:
        return said
    template = find_template(said.template, app=app, session=session)
    return said.alerting(alert_of(template, said.template_values or {}))


def draft_activity(
    said: ActivityOptions,
    channel: str | None,
    to: DeliveryOptions,
    *,
    dedupe_key: DedupeKey | None = None,
    now: int,
) -> Draft:
    """Check all of an event, whose template is filled; `now` is epoch milliseconds.

    Raises:
        EmptyAudience: it is a start, and nobody is meant.
        InvalidParameter: it repeats, waits or is sent slowly, and has no such thing.
        PayloadTooLarge: a provider would refuse it.
    """
    said.check(max(now, to.publish_at_ms or now))
    where = _where(said, channel, to)
    _check_delivery(said, to)
    meant = to.model_copy(update={"activity": said.audience})
    if not meant.platforms:
        raise InvalidParameter("an activity is on iPhones and Android devices: none are meant")
    told = said.told()
    words = in_languages(
        languages_of(told.alert), lambda language: _say(language, told, meant.platforms, now)
    )
    of_template = {} if said.template is None else {"template": said.template}
    draft = Draft(
        where,
        {**of_template, **words.content},
        meant,
        once(dedupe_key, to, channel=where, activity=said.said()),
        now,
        too_large=words.too_large,
        activity=in_language(DEFAULT, told),
    )
    draft.refuse_as_too_large(meant.platforms)
    return draft


def report_activity_token(
    device_id: str,
    token: str,
    *,
    activity_id: str | None = None,
    attributes_type: str | None = None,
    frequent: bool | None = None,
    app: str | None = None,
) -> ReportAnswer:
    """Note where a device's activity is updated, or with `attributes_type` where one is started.

    The app reports each token that ActivityKit gives it. Answered is what the activity shows by
    now, for a device that missed it, or that it has ended. `frequent` is whether the user lets it
    be updated often (`frequentPushesEnabled`): where not, an update that alerts has priority 5,
    unless its publisher said one.

    Raises:
        UnknownDevice: it is not registered (code 5000).
        OperationDenied: the activity is for users or devices, and it is none of theirs (code 2000).
        MissingParameter, InvalidParameter: neither or both are said, or one is wrong.
    """
    check_use(activity_id, attributes_type)
    _check_token(token)
    if not isinstance(frequent, bool | None):
        raise InvalidParameter("frequentPushesEnabled is true or false")
    now = now_ms()
    with db.writing() as connection:
        app_id = resolve_app(connection, app)
        key = None
        if activity_id is not None:
            named = ActivityAudience(ActivityEvent.UPDATE, activity_id)
            ensure_activities(connection, app_id, [named], now)
            row = find_activity(connection, app_id, activity_id)
            key = row.id
            named_now = find_named(connection, row.message_id)
            if not (row.is_open or may_report(connection, app_id, device_id, key, named_now)):
                raise OperationDenied("the activity was not started on this device")
        reported = Reported(device_id, token, key, attributes_type, frequent)
        if not put_address(connection, app_id, reported, now):
            raise UnknownDevice(f"no device has the id {device_id!r}")
        return ReportAnswer() if activity_id is None else _answer(connection, app_id, activity_id)


def remove_activity_token(
    device_id: str,
    *,
    activity_id: str | None = None,
    attributes_type: str | None = None,
    app: str | None = None,
) -> bool:
    """Forget an address that a device had; False where it had none.

    Raises:
        MissingParameter, InvalidParameter: neither or both are said, or one is wrong.
    """
    check_use(activity_id, attributes_type)
    with db.writing() as connection:
        app_id = resolve_app(connection, app)
        row = None if activity_id is None else find_activity(connection, app_id, activity_id)
        if activity_id is not None and row is None:
            return False
        use = used_for(None if row is None else row.id, attributes_type)
        return remove_address(connection, app_id, device_id, use)


def show_activity(activity_id: str, *, app: str | None = None) -> ActivityView:
    """Tell what is known of an activity, and on how many devices it is reached.

    Raises:
        UnknownActivity: nobody has told of it (code 5045).
    """
    with db.reading() as connection:
        app_id = resolve_app(connection, app)
        row = find_activity(connection, app_id, activity_id)
        if row is None:
            raise UnknownActivity(f"nobody has told of an activity {activity_id!r}")
        event = find_event(connection, row.message_id)
        status = find_state(connection, row.message_id)
        used, known = count_addresses(connection, row.id)
    return ActivityView(
        activityId=row.activity_id,
        attributesType=row.attributes_type,
        event=row.event,
        timestamp=row.stamped_at or None,
        state=None if event is None else event.get("state"),
        messageId=row.message_id,
        status=status,
        startedAt=iso(row.created_at),
        updatedAt=iso(row.updated_at),
        endedAt=iso(row.ended_at),
        addresses=used,
        addressesEnded=known - used,
    )


def check_use(activity_id: str | None, attributes_type: str | None) -> None:
    """Check that an address is for one activity, or for starting those of one type.

    Raises:
        MissingParameter, InvalidParameter: it is for neither or both, or a name is wrong.
    """
    if activity_id is None and attributes_type is None:
        raise MissingParameter("say activityId, or attributesType for a push-to-start token")
    if activity_id is not None and attributes_type is not None:
        raise InvalidParameter("a token is of an activity, or for starting one: not both")
    if activity_id is not None:
        read_activity_id(activity_id)
    else:
        read_attributes_type(attributes_type)


def _publish(
    said: ActivityOptions,
    channel: str | None,
    to: DeliveryOptions,
    *,
    app: str | None,
    dedupe_key: str | None,
    session: Session | scoped_session[Session] | None,
) -> Receipt:
    check_broker()
    key = key_of_host(dedupe_key)
    said = fill_alert(said, app=app, session=session)
    return write(
        draft_activity(said, channel, to, dedupe_key=key, now=now_ms()), app=app, session=session
    )


def _named(
    to: DeliveryOptions, users: UserIds | None, devices: str | Iterable[str] | None
) -> DeliveryOptions:
    named = to_users(to, users)
    if devices is None:
        return named
    of_devices = DeliveryOptions(push_singlecast=devices).push_singlecast
    return named.model_copy(update={"push_singlecast": of_devices})


def _where(said: ActivityOptions, channel: str | None, to: DeliveryOptions) -> str:
    if channel is not None:
        return check_channel_name(channel)
    if said.event is ActivityEvent.START and not (to.user_ids or to.device_ids):
        raise EmptyAudience("say where it is started: on a channel, users or devices")
    return EVERY_CHANNEL


def _say(language: str, said: ActivityOptions, platforms: Iterable[Platform], now: int) -> Frozen:
    content = ActivityContent.of(in_language(language, said), now // 1000)
    too_large = measure(content, platforms, new_message_id())
    return Frozen(kept_in(language, said), (), too_large)


def _check_delivery(said: ActivityOptions, to: DeliveryOptions) -> None:
    if to.repeat_every:
        raise InvalidParameter("an activity is started once: repeatEvery has no place in it")
    if to.push_type is not None:
        raise InvalidParameter(
            "an activity's event is a push type of its own: pushType has no place"
        )
    if said.event is ActivityEvent.START:
        return
    idle = {"ttl", "unknown_policy"}
    if misplaced := sorted(to.model_fields_set - idle):
        raise InvalidParameter(f"{misplaced[0]} has no place in an activity's {said.event}")


def _check_token(token: object) -> None:
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise InvalidParameter("token is one of ActivityKit's, in hexadecimal digits")


def _answer(connection: Connection, app_id: str, activity_id: str) -> ReportAnswer:
    row = find_activity(connection, app_id, activity_id)
    event = find_event(connection, row.message_id)
    state = None if event is None else event.get("state")
    return ReportAnswer(row.ended_at is not None, row.stamped_at or None, state)
