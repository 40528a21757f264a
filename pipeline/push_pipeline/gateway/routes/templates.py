"""Push templates: pushed by name, pushed without being stored, and told to devices."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Response

from push_pipeline import db
from push_pipeline.directory.templates import PUSH, get_template, templates_for_devices
from push_pipeline.errors import InvalidChannelName, UnknownOs
from push_pipeline.gateway import recipients, requests
from push_pipeline.gateway.auth import Asking, Publishing
from push_pipeline.gateway.body import JsonObject, OptionalObject
from push_pipeline.gateway.idempotency import IdempotencyKey, say_if_replayed
from push_pipeline.gateway.local_times import OF_PUBLISH, in_zone
from push_pipeline.gateway.paths import Named
from push_pipeline.gateway.permissions import Caller
from push_pipeline.gateway.wire import MessageStatus, PushStatus
from push_pipeline.options import DeliveryOptions
from push_pipeline.platform import NAMES, Platform
from push_pipeline.publishing.push_template import push_immediately, push_stored
from push_pipeline.template.stored import PushTemplate

router = APIRouter(tags=["templates"])

#: What a template has and a publish has not: by them a body is known as one.
TEMPLATE_FIELDS = frozenset(("id", "name", "platforms", "channelName", "options"))

DeviceTemplates = dict[str, dict[str, Any]]


@router.post("/console/messaging/push", include_in_schema=False)
@router.post(
    "/messaging/push",
    openapi_extra=requests.TEMPLATE,
    summary="Push a template that is not stored",
)
def push(
    asking: Publishing, body: JsonObject, dedupe_key: IdempotencyKey, response: Response
) -> PushStatus:
    """Push a template that is not stored. Its counts are nought: nothing has been sent yet.

    A request with the same `Idempotency-Key` as an earlier one pushes nothing again.
    """
    users, template = recipients.split_users(body)
    if TEMPLATE_FIELDS.isdisjoint(template):
        raise InvalidChannelName("'push' is no channel, and a template has name or platforms")
    checked = PushTemplate.read(template)
    asking.require_publish(checked.channel_name)
    asking.require_delivery(DeliveryOptions(segment_query=checked.segment_query))
    receipt = push_immediately(template, app=asking.app_id, dedupe_key=dedupe_key, users=users)
    say_if_replayed(response, receipt)
    return PushStatus.of(receipt)


@router.post(
    "/messaging/push/{name:path}",
    openapi_extra=requests.TEMPLATE_VALUES,
    summary="Push a stored template",
)
def push_template(
    name: Named,
    asking: Publishing,
    body: OptionalObject,
    dedupe_key: IdempotencyKey,
    response: Response,
) -> MessageStatus:
    """Push a stored template now, later or repeatedly, filled with `templateValues`.

    Whoever else the body names (`pushSinglecast`, `pushBroadcast`, `segmentQuery`, `pushUsers`),
    it is pushed to those of them who are in the template's audience.
    A request with the same `Idempotency-Key` as an earlier one pushes nothing again.
    """
    with db.reading() as connection:
        template = get_template(connection, asking.app_id, PUSH, name)
    asking.require_publish(template.channel_name)
    body, dated = in_zone(body, OF_PUBLISH, asking.time_zone)
    values, to = recipients.read_template_push(body)
    asking.require_delivery(to)
    ignored = (*recipients.warnings_of_empty(body), *dated)
    strict = "templateValues" in body and recipients.read_strict(body)  # else it is a value
    recipients.refuse_if_strict(ignored, strict=strict)
    receipt = push_stored(name, values, to, app=asking.app_id, dedupe_key=dedupe_key, strict=strict)
    say_if_replayed(response, receipt)
    return MessageStatus.of(replace(receipt, warnings=(*receipt.warnings, *ignored)))


@router.get("/messaging/pushtemplates", summary="Templates for iOS")
def templates_of_ios(asking: Asking) -> DeviceTemplates:
    """Tell an iOS device what templates look like: the Swift SDK names no system."""
    return _templates(asking, Platform.IOS)


@router.get("/messaging/pushtemplates/{device_type}", summary="Templates for a system")
def templates(device_type: Named, asking: Asking) -> DeviceTemplates:
    """Tell a device of an operating system what templates look like, by their names."""
    if device_type.upper() not in Platform.__members__:
        raise UnknownOs(f"the device type is unknown: use {NAMES}")
    return _templates(asking, Platform[device_type.upper()])


def _templates(asking: Caller, platform: Platform) -> DeviceTemplates:
    asking.require_some()
    with db.reading() as connection:
        return templates_for_devices(connection, asking.app_id, platform)
