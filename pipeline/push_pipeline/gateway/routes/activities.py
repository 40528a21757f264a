"""Live Activities: started, updated, ended; and the tokens that apps report for them."""

from dataclasses import asdict, replace
from typing import Any

from fastapi import APIRouter, Request, Response

from push_pipeline import db, tracing
from push_pipeline.clock import now_ms
from push_pipeline.devices.lookup import require_ownership
from push_pipeline.errors import InvalidParameter, MissingParameter
from push_pipeline.gateway import requests
from push_pipeline.gateway.auth import Asking, Publishing
from push_pipeline.gateway.body import JsonObject
from push_pipeline.gateway.idempotency import IdempotencyKey, say_if_replayed
from push_pipeline.gateway.local_times import OF_ACTIVITY, OF_PUBLISH, in_zone
from push_pipeline.gateway.paths import Named
from push_pipeline.gateway.permissions import Caller
from push_pipeline.gateway.recipients import read_delivery, read_strict, read_users
from push_pipeline.gateway.routes.registrations import Claiming
from push_pipeline.gateway.wire import ActivityAnswer, MessageStatus
from push_pipeline.options import EVERY_CHANNEL
from push_pipeline.options.activity import ActivityEvent, ActivityOptions
from push_pipeline.publishing.activities import (
    ActivityView,
    draft_activity,
    fill_alert,
    remove_activity_token,
    report_activity_token,
    show_activity,
)
from push_pipeline.publishing.dedupe import DedupeKey
from push_pipeline.publishing.draft import Draft
from push_pipeline.publishing.write import write_all

router = APIRouter(tags=["activities"])


@router.post("/messaging/registrations/activities", openapi_extra=requests.ACTIVITY_TOKEN)
def report_token(asking: Asking, claiming: Claiming, body: JsonObject) -> ActivityAnswer:
    """Note a device's token of an activity, or with `attributesType` its push-to-start token.

    A token that is null is forgotten. Answered is what the activity shows by now, for a device
    that missed it, or that it has ended. Who may change the device's registration may do so.
    """
    asking.require("register")
    device_id = _text(body, "deviceId")
    with db.writing() as connection:
        require_ownership(connection, asking.app_id, device_id, claiming)
    use = {name: body.get(wire) for name, wire in _USES.items()}
    if body.get("token") is None and "token" in body:
        remove_activity_token(device_id, **use, app=asking.app_id)
        return ActivityAnswer()
    frequent = body.get("frequentPushesEnabled")
    token = _text(body, "token")
    answer = report_activity_token(device_id, token, **use, frequent=frequent, app=asking.app_id)
    return ActivityAnswer(**asdict(answer))


@router.get("/messaging/activities/{activity_id}")
def read_activity(activity_id: Named, asking: Asking) -> ActivityView:
    """Tell what is known of an activity, and on how many devices it is reached."""
    asking.require_key()
    asking.require("read")
    return show_activity(activity_id, app=asking.app_id)


@router.post("/messaging/activities/{activity_id}/{event}", openapi_extra=requests.ACTIVITY)
def tell_event(
    request: Request,
    activity_id: Named,
    event: ActivityEvent,
    asking: Publishing,
    body: JsonObject,
    dedupe_key: IdempotencyKey,
    response: Response,
) -> MessageStatus:
    """Start, update or end a Live Activity; its id is the caller's own.

    A start names a channel, users or devices. Whoever starts one on users or devices, updates or
    ends one must be allowed to publish to all channels.
    """
    channel = body.get("channel")
    if not isinstance(channel, str | None):
        raise InvalidParameter("channel is not text")
    asking.require_publish(EVERY_CHANNEL if channel is None else channel)
    if channel is not None and event is not ActivityEvent.START:
        raise InvalidParameter(f"channel has no place in an activity's {event}")
    draft = _draft({**body, "activityId": activity_id, "event": event.value}, dedupe_key, asking)
    asking.require_delivery(draft.to)
    with tracing.publish(request.headers.get("traceparent")) as traceparent:
        [receipt] = write_all(
            [
                replace(
                    draft,
                    app_id=asking.app_id,
                    trusted=asking.is_admin,
                    traceparent=traceparent,
                )
            ]
        )
    say_if_replayed(response, receipt)
    return MessageStatus.of(receipt)


_USES = {"activity_id": "activityId", "attributes_type": "attributesType"}


def _draft(body: dict[str, Any], dedupe_key: DedupeKey | None, asking: Caller) -> Draft:
    read_users(body)
    body, dated = in_zone(body, (*OF_PUBLISH, *OF_ACTIVITY), asking.time_zone)
    spoken = ActivityOptions.spellings()
    to = read_delivery({name: value for name, value in body.items() if name not in spoken})
    draft = draft_activity(
        fill_alert(ActivityOptions.from_wire(body), app=asking.app_id),
        body.get("channel"),
        to,
        dedupe_key=dedupe_key,
        now=now_ms(),
    )
    return replace(draft, warnings=tuple(dated), strict=read_strict(body))


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None:
        raise MissingParameter(f"{name} is missing")
    if not isinstance(value, str) or not value:
        raise InvalidParameter(f"{name} is not text")
    return value
