"""What a host's pages do for its users, whatever the framework. Errors are in the API's shape."""

from collections.abc import Mapping
from typing import Any, Final

from push_pipeline import register_device, unregister_device
from push_pipeline.devices.owners import owner_of
from push_pipeline.errors import (
    InvalidParameter,
    OperationDenied,
    PipelineError,
    RegistrationMalformed,
)
from push_pipeline.options.json_values import parse_json

#: Where a session keeps the id of the device that was registered in it.
SESSION_KEY: Final = "push_pipeline_device"

#: What somebody is told who has not signed in, with HTTP status 401.
SIGN_IN: Final = {"code": 3064, "message": "Sign in first.", "errorData": {}}

_NAMED = ("deviceId", "deviceToken", "os")


def read_object(body: bytes) -> dict[str, Any]:
    """Read a registration's JSON.

    Raises:
        RegistrationMalformed: it is no object.
        InvalidParameter: a text in it cannot be stored.
    """
    try:
        parsed = parse_json("the body", body)
    except ValueError:
        raise RegistrationMalformed from None
    if not isinstance(parsed, dict):
        raise RegistrationMalformed
    if b"\\u0000" in body:
        raise InvalidParameter("a text holds the character U+0000")
    return parsed


def register_of_user(user_id: str, fields: Mapping[str, Any]) -> str:
    """Register a device as that of a user; return its id. Twice is as good as once.

    `fields` are the API's; a `userId` among them does not count.

    Raises:
        RequestError: a typed error with the API's code; nothing was written.
    """
    details = {name: value for name, value in fields.items() if name not in _NAMED}
    device_id, token, os = (fields.get(name, "") for name in _NAMED)
    register_device(device_id, token, os, **{**details, "userId": user_id})
    return str(device_id)


def unregister_of_user(user_id: str, device_id: str) -> None:
    """Remove a device of a user.

    Raises:
        OperationDenied: it is not this user's.
    """
    if owner_of(device_id) != user_id:
        raise OperationDenied
    unregister_device(device_id)


def told(error: PipelineError) -> dict[str, Any]:
    """Return the body of an error's answer; its HTTP status is `error.http_status`."""
    return {"code": error.code, "message": str(error), "errorData": {}}
