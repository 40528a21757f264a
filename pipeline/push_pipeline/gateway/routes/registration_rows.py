"""Registrations as rows of the table DeviceRegistration, a row for each device and channel.

The Swift SDK leaves some channels, and in older releases renews a token, by its calls for any
table. These calls are served for this table alone, and for one device at a time.
"""

import base64
import re
from dataclasses import replace
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from push_pipeline import db, telemetry
from push_pipeline.clock import now_ms
from push_pipeline.devices.lookup import (
    Registered,
    find_registration,
    leave_channels,
    require_ownership,
)
from push_pipeline.devices.register import Arrival
from push_pipeline.devices.registration import check_registration
from push_pipeline.errors import InvalidWhereClause, UnknownDevice, UnknownRegistration
from push_pipeline.gateway.auth import Asking
from push_pipeline.gateway.batcher import Batcher
from push_pipeline.gateway.body import JsonObject, OptionalObject
from push_pipeline.gateway.paths import Named
from push_pipeline.gateway.routes.registrations import Claiming
from push_pipeline.gateway.wire import RegistrationView
from push_pipeline.options.texts import is_text
from push_pipeline.settings import get_settings

router = APIRouter(prefix="/data/DeviceRegistration", include_in_schema=False)

#: The only question that is answered: the rows of one device, whose id the caller knows.
_OF_DEVICE = re.compile(r"\s*deviceId\s*=\s*'((?:[^']|'')*)'\s*")

#: Rows of a page where none is asked for, as in the API elsewhere.
_PAGE = 10


@router.post("/find")
def find(asking: Asking, claiming: Claiming, body: OptionalObject) -> list[dict[str, Any]]:
    """Find the rows of the device that the where clause names."""
    asking.require("register")
    found = _OF_DEVICE.fullmatch(str(body.get("where")))
    if found is None:
        raise InvalidWhereClause("only the rows of one device are told: where deviceId = '…'")
    device_id = found[1].replace("''", "'")
    with db.reading() as connection:
        known = find_registration(connection, asking.app_id, device_id, now_ms())
    if known is None:
        return []
    view = RegistrationView.of(known, whole=claiming.owns(known.token, known.user_id))
    offset, size = _number(body.get("offset"), 0), _number(body.get("pageSize"), _PAGE)
    return [_row(view, channel) for channel in view.channels[offset : offset + size]]


@router.put("/{object_id}")
async def update(
    request: Request, object_id: Named, asking: Asking, claiming: Claiming, body: JsonObject
) -> dict[str, Any]:
    """Give a device another token: as if it registered with it, in the channel of the row."""
    asking.require("register")
    device_id, channel = read_object_id(object_id)
    known = await _known(asking.app_id, device_id)
    fields = {
        "deviceId": device_id,
        "deviceToken": body.get("deviceToken"),
        "os": known.platform,
        "osVersion": known.os_version,
        "expiration": known.expires_at,
        "channels": [channel],
    }
    wanted = replace(
        check_registration(fields, now_ms(), get_settings().push_services), claimant=claiming
    )
    registering: Batcher[Arrival, int] = request.app.state.registering
    await registering.do(Arrival(asking.app_id, wanted))
    telemetry.registration_changed(wanted.warnings)
    return _row(RegistrationView.of(replace(known, token=wanted.token)), channel)


@router.delete("/{object_id}")
def remove(object_id: Named, asking: Asking, claiming: Claiming) -> dict[str, int]:
    """Take a device out of the channel of a row; out of the last one, it is unregistered."""
    asking.require("register")
    device_id, channel = read_object_id(object_id)
    now = now_ms()
    with db.writing() as connection:
        require_ownership(connection, asking.app_id, device_id, claiming)
        if leave_channels(connection, asking.app_id, device_id, [channel], now) is None:
            raise UnknownRegistration
    return {"deletionTime": now}


def write_object_id(device_id: str, channel: str) -> str:
    """Name a row, in letters that a client may put into a path as they are.

    By the device's own id: by its key, anybody could name the rows of others one by one.
    """
    return base64.urlsafe_b64encode(orjson.dumps([device_id, channel])).decode().rstrip("=")


def read_object_id(object_id: str) -> tuple[str, str]:
    """Return the device id and the channel of a row.

    Raises:
        UnknownRegistration: it names none.
    """
    try:
        padded = object_id + "=" * (-len(object_id) % 4)
        device_id, channel = orjson.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, TypeError):  # no base64, no JSON, no pair
        raise UnknownRegistration from None
    if not all(isinstance(part, str) and is_text(part) for part in (device_id, channel)):
        raise UnknownRegistration
    return device_id, channel


async def _known(app_id: str, device_id: str) -> Registered:
    def read() -> Registered | None:
        with db.reading() as connection:
            return find_registration(connection, app_id, device_id, now_ms())

    known = await run_in_threadpool(read)
    if known is None:
        raise UnknownDevice("no device with this id is registered")
    return known


def _number(value: object, otherwise: int) -> int:
    return value if type(value) is int and value >= 0 else otherwise


def _row(view: RegistrationView, channel: str) -> dict[str, Any]:
    return {
        "___class": "DeviceRegistration",
        "objectId": write_object_id(view.device_id, channel),
        "deviceId": view.device_id,
        "deviceToken": view.device_token,
        "operatingSystemName": view.os,
        "operatingSystemVersion": view.os_version,
        "channelName": channel,
        "expiration": view.expiration,
    }
