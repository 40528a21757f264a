"""The device of a session: it is its user's until that user logs out."""

from collections.abc import Mapping
from typing import Any

from push_pipeline import register_device, unregister_device
from push_pipeline.devices.owners import owner_of, unlink_device
from push_pipeline.errors import OperationDenied

#: Where a session keeps the id of the device that was registered in it.
SESSION_KEY = "push_pipeline_device"

_NAMED = ("deviceId", "deviceToken", "os")


def register(request: Any, fields: Mapping[str, Any]) -> None:
    """Register a device as that of the request's user. Durable on return; twice is as good.

    `fields` are the API's; a `userId` among them does not count.

    Raises:
        RequestError: a typed error with the API's code; nothing was written.
    """
    details = {name: value for name, value in fields.items() if name not in _NAMED}
    device_id, token, os = (fields.get(name, "") for name in _NAMED)
    register_device(device_id, token, os, **{**details, "userId": user_id(request.user)})
    if hasattr(request, "session"):
        request.session[SESSION_KEY] = device_id


def unregister(request: Any, device_id: str) -> None:
    """Remove a device of the request's user.

    Raises:
        OperationDenied: it is not this user's.
    """
    if owner_of(device_id) != user_id(request.user):
        raise OperationDenied
    unregister_device(device_id)


def unlink(request: Any) -> None:
    """Take the device of the request's session from its user: it gets none of their pushes."""
    device_id = getattr(request, "session", {}).get(SESSION_KEY)
    if device_id is not None:
        unlink_device(device_id)


def user_id(user: Any) -> str:
    """Return the id by which the pipeline knows a user of Django's."""
    return str(user.pk)
