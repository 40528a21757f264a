"""Registrations of devices: made or renewed, read, ended."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from push_pipeline import db, telemetry
from push_pipeline.clock import now_ms
from push_pipeline.devices.lookup import find_registration, leave_channels, require_ownership
from push_pipeline.devices.possession import Claimant
from push_pipeline.devices.register import Arrival, register_arrivals, remove_device
from push_pipeline.devices.registration import Registration, check_registration
from push_pipeline.errors import InvalidParameter, UnknownDevice, UnknownRegistration
from push_pipeline.gateway import requests
from push_pipeline.gateway.auth import Asking, asking_by
from push_pipeline.gateway.batcher import Batcher
from push_pipeline.gateway.body import (
    RegistrationBody,
    as_utf8,
    read_body,
    read_registration,
    registration_in,
)
from push_pipeline.gateway.local_times import OF_REGISTRATION, in_zone
from push_pipeline.gateway.paths import Listed, Named
from push_pipeline.gateway.permissions import Caller
from push_pipeline.gateway.short_way import as_json
from push_pipeline.gateway.straight_way import Asked, Plan, Told
from push_pipeline.gateway.wire import (
    RegistrationId,
    RegistrationView,
    Removed,
    registration_id,
    registration_text,
    told,
)
from push_pipeline.settings import get_settings

router = APIRouter(tags=["registrations"])

Channels = Annotated[Listed | None, Query(description="Only these, separated by commas.")]


async def claimant(
    asking: Asking,
    device_token: Annotated[
        str | None, Header(description="The token that the device is registered with.")
    ] = None,
) -> Claimant:
    """Say who speaks for a device, and what they have shown."""
    return _claimant(asking, device_token)


def _claimant(asking: Caller, device_token: str | None) -> Claimant:
    return Claimant(asking.is_admin, asking.user_id, device_token, must_show=asking.device_proof)


Claiming = Annotated[Claimant, Depends(claimant)]


@router.post("/messaging/registrations/", include_in_schema=False)
@router.post(
    "/messaging/registrations",
    openapi_extra=requests.REGISTRATION,
    summary="Register a device",
)
async def register(
    request: Request, asking: Asking, claiming: Claiming, body: RegistrationBody
) -> RegistrationId:
    """Register a device, or renew its registration; channels are added to those it has.

    With a user token the device becomes that user's; without one it keeps the user it has, or
    loses it where the body's `userId` is null or empty. Another `userId` counts with a key that
    has the scope `admin`.

    A device that gets another token is unlinked, unless a token of its user proves the user, the
    header `device-token` shows the token that it had, or the key has the scope `admin`.
    """
    return await _register(request, asking, claiming, body)


async def register_shortly(request: Request) -> Response:
    """Register a device, as `register` does, on the short way."""
    asking = await asking_by(request)
    claiming = await claimant(asking, request.headers.get("device-token"))
    body = await read_registration(await read_body(request))
    return as_json(await _register(request, asking, claiming, body))


def plan_registration(asked: Asked) -> Plan:
    """Plan a registration, as `register` does it, on the straight way."""
    asking = asked.asking
    claiming = _claimant(asking, asked.header(b"device-token"))
    wanted = _wanted(asking, claiming, registration_in(as_utf8(asked.body)))
    return Plan(Arrival(asking.app_id, wanted), partial(_told_straight, wanted))


async def _register(
    request: Request, asking: Caller, claiming: Claimant, body: dict[str, Any]
) -> RegistrationId:
    wanted = _wanted(asking, claiming, body)
    registering: Batcher[Arrival, int] = request.app.state.registering
    return _told(wanted, await registering.do(Arrival(asking.app_id, wanted)))


def _wanted(asking: Caller, claiming: Claimant, body: dict[str, Any]) -> Registration:
    asking.require("register")
    body, dated = in_zone(body, OF_REGISTRATION, asking.time_zone)
    wanted = _checked(_with_user(asking, body))
    asking.require_channels(len(wanted.channels))
    return replace(wanted, claimant=claiming, warnings=(*wanted.warnings, *dated))


def _told_straight(wanted: Registration, key: int) -> Told:
    telemetry.registration_changed(wanted.warnings)
    return Told(HTTPStatus.OK, registration_text(key, wanted))


def _told(wanted: Registration, key: int) -> RegistrationId:
    telemetry.registration_changed(wanted.warnings)
    return RegistrationId(
        registration_id=registration_id(key, wanted.channels), warnings=told(wanted.warnings)
    )


def _checked(fields: Mapping[str, Any]) -> Registration:
    return check_registration(fields, now_ms(), get_settings().push_services)


def register_all(arrivals: Sequence[Arrival]) -> list[int]:
    """Write registrations in one transaction; return the keys of their devices."""
    with db.writing() as connection:
        return register_arrivals(connection, arrivals, now_ms())


@router.get("/messaging/registrations/{device_id:path}", summary="Read a registration")
def read(device_id: Named, asking: Asking, claiming: Claiming) -> list[RegistrationView]:
    """Read the registration of a device: a list of one.

    Its token is whole only for its user, who shows it, or a key with the scope `admin`.
    """
    asking.require("register")
    with db.reading() as connection:
        found = find_registration(connection, asking.app_id, device_id, now_ms())
    if found is None:
        raise UnknownDevice("no device with this id is registered")
    return [RegistrationView.of(found, whole=claiming.owns(found.token, found.user_id))]


@router.delete(
    "/messaging/registrations/{device_id:path}",
    response_model_exclude_none=True,
    summary="Unregister a device",
)
def unregister(
    device_id: Named, asking: Asking, claiming: Claiming, channels: Channels = None
) -> Removed:
    """End a registration, in all channels or in some."""
    asking.require("register")
    now = now_ms()
    with db.writing() as connection:
        require_ownership(connection, asking.app_id, device_id, claiming)
        if channels is None:
            remaining = None
            known = remove_device(connection, asking.app_id, device_id, now)
        else:
            names = _names(channels)
            remaining = leave_channels(connection, asking.app_id, device_id, names, now)
            known = remaining is not None
    if not known:
        raise UnknownRegistration
    return Removed(result=True, remaining=remaining)


def _names(channels: str) -> list[str]:
    names = [name for name in channels.split(",") if name]
    if not names:  # not taken for all of them: a list that came out empty would end it everywhere
        raise InvalidParameter("channels names no channel")
    return names


def _with_user(asking: Caller, body: dict[str, Any]) -> dict[str, Any]:
    """Return the body with whose device it is: a token proves it, an admin's word is taken.

    Anybody's word is taken that it is nobody's any more.
    """
    if asking.user_id is not None:
        return {**body, "userId": asking.user_id}
    if "admin" in asking.grant.scopes or body.get("userId") in (None, ""):
        return body
    return {name: value for name, value in body.items() if name != "userId"}
