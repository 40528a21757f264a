"""Registrations of devices: made or renewed, read, ended."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from pipeline import db
from pipeline.clock import now_ms
from pipeline.directory.arrivals import Arrival, register_arrivals
from pipeline.directory.devices import unregister_device
from pipeline.directory.registrations import find_registration, leave_channels
from pipeline.errors import UnknownDevice, UnknownRegistration
from pipeline.gateway import requests
from pipeline.gateway.auth import Asking
from pipeline.gateway.body import RegistrationBody
from pipeline.gateway.paths import Named
from pipeline.gateway.permissions import Caller
from pipeline.gateway.together import Together
from pipeline.gateway.wire import RegistrationId, RegistrationView, Removed, registration_id
from pipeline.registration import check_registration

router = APIRouter(tags=["registrations"])

Channels = Annotated[str | None, Query(description="Only these, separated by commas.")]


@router.post("/messaging/registrations", openapi_extra=requests.REGISTRATION)
async def register(request: Request, asking: Asking, body: RegistrationBody) -> RegistrationId:
    """Register a device, or renew its registration; channels are added to those it has.

    With a user token the device becomes that user's; without one it keeps the user it has. A
    `userId` in the body counts with a key that has the scope `admin`.
    """
    asking.require("register")
    wanted = check_registration({**body, "userId": _user(asking, body)}, now_ms())
    registering: Together[Arrival, int] = request.app.state.registering
    key = await registering.do(Arrival(asking.app_id, wanted))
    return RegistrationId(registration_id=registration_id(key, wanted.channels))


def register_together(arrivals: Sequence[Arrival]) -> list[int]:
    """Write registrations in one transaction; return the keys of their devices."""
    with db.writing() as connection:
        return register_arrivals(connection, arrivals, now_ms())


@router.get("/messaging/registrations/{device_id:path}")
def read(device_id: Named, asking: Asking) -> list[RegistrationView]:
    """Read the registration of a device: a list of one."""
    asking.require("register")
    with db.reading() as connection:
        found = find_registration(connection, asking.app_id, device_id, now_ms())
    if found is None:
        raise UnknownDevice("no device with this id is registered")
    return [RegistrationView.of(found)]


@router.delete("/messaging/registrations/{device_id:path}", response_model_exclude_none=True)
def unregister(device_id: Named, asking: Asking, channels: Channels = None) -> Removed:
    """End a registration, in all channels or in some."""
    asking.require("register")
    names = [name for name in (channels or "").split(",") if name]
    with db.writing() as connection:
        if names:
            remaining = leave_channels(connection, asking.app_id, device_id, names)
            removed = remaining is not None
        else:
            remaining = None
            removed = unregister_device(connection, asking.app_id, device_id)
    if not removed:
        raise UnknownRegistration
    return Removed(result=True, remaining=remaining)


def _user(asking: Caller, body: dict[str, Any]) -> Any:
    """Return whose device it is: a token proves it, and an admin's word is taken."""
    if asking.user_id is None and "admin" in asking.grant.scopes:
        return body.get("userId")
    return asking.user_id
