"""The Python surface beside publish: devices and the ledger, one transaction each."""

from collections.abc import Sequence
from typing import Any

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.devices.register import register_devices
from push_pipeline.devices.register import unregister_device as remove_device
from push_pipeline.devices.registration import check_registration
from push_pipeline.directory.apps import resolve_app
from push_pipeline.errors import UnknownRegistration
from push_pipeline.ledger.status import read_status


def register_device(
    device_id: str,
    device_token: str,
    os: str,
    *,
    channels: Sequence[str] | None = None,
    app: str | None = None,
    **details: Any,
) -> None:
    """Register a device, or renew its registration. Durable on return; twice is as good as once.

    Channels are added to those it has. `details` are the API's other fields: `osVersion`,
    `userId`, `properties`, `locale`, `timezone`, `environment` (APNs), `expiration`.

    Raises:
        RequestError: a typed error with the API's code; nothing was written.
    """
    now = now_ms()
    fields = {
        "deviceId": device_id,
        "deviceToken": device_token,
        "os": os,
        "channels": list(channels) if channels is not None else None,
        **details,
    }
    registration = check_registration(fields, now)
    with db.writing() as connection:
        app_id = resolve_app(connection, app)
        register_devices(connection, app_id, [registration], now, alive=True)


def unregister_device(device_id: str, *, app: str | None = None) -> None:
    """Remove a device and all its subscriptions. Pushes already on their way still arrive.

    Raises:
        UnknownRegistration: there is none.
    """
    with db.writing() as connection:
        app_id = resolve_app(connection, app)
        if not remove_device(connection, app_id, device_id, now_ms()):
            raise UnknownRegistration(f"no device has the id {device_id!r}")


def status(message_id: str) -> dict[str, Any]:
    """Read the ledger of a message.

    Per run: `audience` = `accepted` + `rejected` + `expired` + `cancelled` + `unknown` +
    `inFlight` at every moment. `accepted` means that the provider took it. `resent` counts
    devices that may have two copies. An unknown id has the status `unknown`.
    """
    with db.reading() as connection:
        return read_status(connection, message_id)
