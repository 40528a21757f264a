"""Push-notification delivery: publish to a channel, see what became of each device.

What is heavy (SQLAlchemy, Celery, cryptography) is imported when a name is first asked for: a
web application that imports this package starts no later for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from push_pipeline.api import status
    from push_pipeline.devices.inventory import list_devices, show_device
    from push_pipeline.devices.register import register_device, unregister_device
    from push_pipeline.devices.revival import revive_devices
    from push_pipeline.errors import PipelineError, RequestError, SetupError
    from push_pipeline.ledger.messages import Receipt
    from push_pipeline.options import DeliveryOptions, PublishOptions
    from push_pipeline.privacy import erase_user, export_user, forget_device
    from push_pipeline.publishing.activities import (
        end_activity,
        remove_activity_token,
        report_activity_token,
        show_activity,
        start_activity,
        update_activity,
    )
    from push_pipeline.publishing.apublish import apublish
    from push_pipeline.publishing.broadcast_channels import (
        create_broadcast_channel,
        delete_broadcast_channel,
        list_broadcast_channels,
        show_broadcast_channel,
    )
    from push_pipeline.publishing.broadcasts import push_to_broadcast_channel
    from push_pipeline.publishing.control import cancel, pause, resume
    from push_pipeline.publishing.publish import publish, push_to_user
    from push_pipeline.publishing.push_template import push_with_template
    from push_pipeline.publishing.resend import resend

__all__ = [
    "DeliveryOptions",
    "PipelineError",
    "PublishOptions",
    "Receipt",
    "RequestError",
    "SetupError",
    "apublish",
    "cancel",
    "create_broadcast_channel",
    "delete_broadcast_channel",
    "end_activity",
    "erase_user",
    "export_user",
    "forget_device",
    "list_broadcast_channels",
    "list_devices",
    "pause",
    "publish",
    "push_to_broadcast_channel",
    "push_to_user",
    "push_with_template",
    "register_device",
    "remove_activity_token",
    "report_activity_token",
    "resend",
    "resume",
    "revive_devices",
    "show_activity",
    "show_broadcast_channel",
    "show_device",
    "start_activity",
    "status",
    "unregister_device",
    "update_activity",
]

_HOMES = {
    "DeliveryOptions": "options",
    "PipelineError": "errors",
    "PublishOptions": "options",
    "Receipt": "ledger.messages",
    "RequestError": "errors",
    "SetupError": "errors",
    "apublish": "publishing.apublish",
    "cancel": "publishing.control",
    "create_broadcast_channel": "publishing.broadcast_channels",
    "delete_broadcast_channel": "publishing.broadcast_channels",
    "end_activity": "publishing.activities",
    "erase_user": "privacy",
    "export_user": "privacy",
    "forget_device": "privacy",
    "list_broadcast_channels": "publishing.broadcast_channels",
    "list_devices": "devices.inventory",
    "pause": "publishing.control",
    "publish": "publishing.publish",
    "push_to_broadcast_channel": "publishing.broadcasts",
    "push_to_user": "publishing.publish",
    "push_with_template": "publishing.push_template",
    "register_device": "devices.register",
    "remove_activity_token": "publishing.activities",
    "report_activity_token": "publishing.activities",
    "resend": "publishing.resend",
    "resume": "publishing.control",
    "revive_devices": "devices.revival",
    "show_activity": "publishing.activities",
    "show_broadcast_channel": "publishing.broadcast_channels",
    "show_device": "devices.inventory",
    "start_activity": "publishing.activities",
    "status": "api",
    "unregister_device": "devices.register",
    "update_activity": "publishing.activities",
}


if not TYPE_CHECKING:  # a type checker would take every name for one that is here

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
