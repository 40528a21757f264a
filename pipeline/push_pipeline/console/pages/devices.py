"""Devices and users: found by id, what each got lately, put back into service, forgotten."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Query
from starlette.responses import RedirectResponse, Response

from push_pipeline import db
from push_pipeline.console.progress import NOTHING
from push_pipeline.console.rendering import page
from push_pipeline.console.roles import Role
from push_pipeline.console.visitor import Visiting
from push_pipeline.devices.activity_addresses import addresses_of
from push_pipeline.devices.inventory import device_of_token, list_devices, show_device
from push_pipeline.devices.owners import named_devices
from push_pipeline.devices.revival import put_out_device, revive_devices
from push_pipeline.devices.views import DeviceView
from push_pipeline.errors import UnknownDevice
from push_pipeline.ledger.deliveries import deliveries_of
from push_pipeline.privacy import forget_device

router = APIRouter(prefix="/a/{app_id}/devices")

#: Devices of a page.
PAGE = 50

_PROVIDERS = {"apns": "APNs", "fcm": "FCM", "webpush": "Web Push"}

DeviceId = Annotated[str, Form(max_length=1_000)]


@router.get("")
def devices(
    visitor: Visiting,
    user: str = "",
    channel: str = "",
    after: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """List devices: of a user, of a channel, or all."""
    found = list_devices(
        user=user or None, channel=channel or None, limit=PAGE, after=after, app=visitor.app_id
    )
    asked = {"user": user, "channel": channel}
    return page("devices.html", visitor, found=found, asked=asked)


@router.post("/by-token")
def by_token(visitor: Visiting, token: Annotated[str, Form(max_length=4_000)]) -> Response:
    """Find the device of a token; by a form, so that no token stands in an address or a log."""
    with db.reading() as connection:
        device_id = device_of_token(connection, visitor.app_id, token.strip())
    if device_id is None:
        raise UnknownDevice("no device has this token")
    return _to(visitor.app_id, device_id)


@router.get("/one")
def device(visitor: Visiting, id: str) -> Response:  # noqa: A002 - the name in the address
    """Show a device, and what became of what was sent to it."""
    found = show_device(id.strip(), app=visitor.app_id)
    with db.reading() as connection:
        named = named_devices(connection, visitor.app_id, device_id=found["deviceId"])
        keys = [one.key for one in named]
        deliveries = deliveries_of(connection, visitor.app_id, keys, [])
        activities = addresses_of(connection, keys)
    return page(
        "device.html",
        visitor,
        device=found,
        described=_described(found),
        deliveries=deliveries,
        activities=activities,
    )


@router.post("/revive")
def revive(visitor: Visiting, device_id: DeviceId) -> Response:
    """Take a device back into service."""
    visitor.require(Role.ADMIN)
    revive_devices([device_id], app=visitor.app_id)
    visitor.note_alone("revived a device", device_id)
    return _to(visitor.app_id, device_id)


@router.post("/put-out")
def put_out(visitor: Visiting, device_id: DeviceId) -> Response:
    """Put a device out of service."""
    visitor.require(Role.ADMIN)
    put_out_device(device_id, app=visitor.app_id)
    visitor.note_alone("put a device out of service", device_id)
    return _to(visitor.app_id, device_id)


@router.post("/forget")
def forget(visitor: Visiting, device_id: DeviceId) -> Response:
    """Remove a device and its id for good."""
    visitor.require(Role.ADMIN)
    forget_device(device_id, app=visitor.app_id)
    visitor.note_alone("forgot a device", "its id is not kept")
    return RedirectResponse(f"/console/a/{visitor.app_id}/devices", status_code=303)


def _described(device: DeviceView) -> list[tuple[str, str]]:
    """Say what is known of a device, in the words that fit what it is."""
    browser = device["tokenType"] == "webpush"
    environment = device["environment"]
    return [
        ("System", f"{device['os']} {device['osVersion'] or ''}"),
        ("Kind", device["pushType"] or ("browser" if browser else "notifications")),
        ("Reached by", _PROVIDERS[device["tokenType"]]),
        ("Push service" if browser else "Environment", environment or "the app's"),
        ("User", device["userId"] or NOTHING),
        ("Channels", ", ".join(device["channels"])),
        ("Subscription ends in" if browser else "Token ends in", device["token"]),
        ("Locale", device["locale"] or NOTHING),
        ("Time zone", device["timezone"] or NOTHING),
        ("Registered", device["registeredAt"] or NOTHING),
        ("Expires", device["expiration"] or "never"),
    ]


def _to(app_id: str, device_id: str) -> Response:
    where = f"/console/a/{app_id}/devices/one?id={quote(device_id, safe='')}"
    return RedirectResponse(where, status_code=303)
