"""Push-notification delivery: publish to a channel, see what became of each device."""

from pipeline.api import register_device, status, unregister_device
from pipeline.control import cancel, pause, resume
from pipeline.ledger.messages import Receipt
from pipeline.options import DeliveryOptions, PublishOptions
from pipeline.publisher import publish

__all__ = [
    "DeliveryOptions",
    "PublishOptions",
    "Receipt",
    "cancel",
    "pause",
    "publish",
    "register_device",
    "resume",
    "status",
    "unregister_device",
]
