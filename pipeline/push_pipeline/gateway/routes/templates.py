"""Push templates: pushed by name, pushed without being stored, and told to devices."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header

from push_pipeline import db, push_with_template
from push_pipeline.directory.templates import PUSH, get_template, templates_for_devices
from push_pipeline.errors import UnknownOs
from push_pipeline.gateway import recipients, requests
from push_pipeline.gateway.auth import Asking
from push_pipeline.gateway.body import JsonObject, OptionalObject
from push_pipeline.gateway.paths import Named
from push_pipeline.gateway.wire import MessageStatus, PushStatus
from push_pipeline.platform import Platform
from push_pipeline.publishing.push_template import push_immediately
from push_pipeline.template.stored import PushTemplate

router = APIRouter(tags=["templates"])

#: When a push of a template goes out, by the names of a publish.
WHEN = {
    "publishAt": "publish_at",
    "publishAtLocal": "publish_at_local",
    "repeatEvery": "repeat_every",
    "repeatExpiresAt": "repeat_expires_at",
}

DeviceTemplates = dict[str, dict[str, Any]]

IdempotencyKey = Annotated[str | None, Header()]


@router.post("/console/messaging/push", include_in_schema=False)
@router.post(
    "/messaging/push",
    openapi_extra=requests.TEMPLATE,
    summary="Push a template that is not stored",
)
def push(asking: Asking, body: JsonObject, idempotency_key: IdempotencyKey = None) -> PushStatus:
    """Push a template that is not stored. Its counts are nought: nothing has been sent yet.

    A request with the same `Idempotency-Key` as an earlier one pushes nothing again.
    """
    users, template = recipients.split_users(body)
    asking.require_publish(PushTemplate.read(template).channel_name)
    receipt = push_immediately(template, app=asking.app_id, dedupe_key=idempotency_key, users=users)
    return PushStatus.of(receipt)


@router.post(
    "/messaging/push/{name:path}",
    openapi_extra=requests.TEMPLATE_VALUES,
    summary="Push a stored template",
)
def push_template(
    name: Named, asking: Asking, body: OptionalObject, idempotency_key: IdempotencyKey = None
) -> MessageStatus:
    """Push a stored template now, later or repeatedly, filled with `templateValues`.

    A request with the same `Idempotency-Key` as an earlier one pushes nothing again.
    """
    with db.reading() as connection:
        template = get_template(connection, asking.app_id, PUSH, name)
    asking.require_publish(template.channel_name)
    when: dict[str, Any] = {field: body.get(given) for given, field in WHEN.items()}
    receipt = push_with_template(
        name,
        _values(body),
        app=asking.app_id,
        dedupe_key=idempotency_key,
        users=recipients.read_users(body),
        **when,
    )
    return MessageStatus.of(receipt)


@router.get("/messaging/pushtemplates", summary="Templates for iOS")
def templates_of_ios(asking: Asking) -> DeviceTemplates:
    """Tell an iOS device what templates look like: the Swift SDK names no system."""
    return _templates(asking.app_id, Platform.IOS)


@router.get("/messaging/pushtemplates/{device_type}", summary="Templates for a system")
def templates(device_type: Named, asking: Asking) -> DeviceTemplates:
    """Tell a device of an operating system what templates look like, by their names."""
    if device_type.upper() not in Platform.__members__:
        raise UnknownOs("the device type is unknown: use IOS, ANDROID or OSX")
    return _templates(asking.app_id, Platform[device_type.upper()])


def _templates(app_id: str, platform: Platform) -> DeviceTemplates:
    with db.reading() as connection:
        return templates_for_devices(connection, app_id, platform)


def _values(body: Mapping[str, Any]) -> Any:
    """Return the values of variables; one SDK sends them as the body itself."""
    if "templateValues" in body:
        return body["templateValues"]
    said = {name: value for name, value in body.items() if name not in {*WHEN, *recipients.NAMES}}
    flat = not any(isinstance(value, dict | list) for value in said.values())
    return said if flat else None
