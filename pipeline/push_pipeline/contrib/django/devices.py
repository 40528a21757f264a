"""The device of a session: it is its user's until that user logs out."""

from collections.abc import Mapping
from typing import Any

from push_pipeline.contrib.pages import SESSION_KEY, register_of_user, unregister_of_user
from push_pipeline.devices.owners import unlink_device


def register(request: Any, fields: Mapping[str, Any]) -> None:
    """Register a device as that of the request's user. Durable on return; twice is as good.

    Raises:
        RequestError: a typed error with the API's code; nothing was written.
    """
    device_id = register_of_user(user_id(request.user), fields)
    if hasattr(request, "session"):
        request.session[SESSION_KEY] = device_id


def unregister(request: Any, device_id: str) -> None:
    """Remove a device of the request's user.

    Raises:
        OperationDenied: it is not this user's.
    """
    unregister_of_user(user_id(request.user), device_id)


def unlink(request: Any) -> None:
    """Take the device of the request's session from its user: it gets none of their pushes."""
    device_id = getattr(request, "session", {}).get(SESSION_KEY)
    if device_id is not None:
        unlink_device(device_id)


def user_id(user: Any) -> str:
    """Return the id by which the pipeline knows a user of Django's."""
    return str(user.pk)
