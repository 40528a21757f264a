"""Push-notification delivery: publish to a channel, see what became of each device."""

from pipeline.api import register_device, status, unregister_device
from pipeline.ledger.messages import Receipt
from pipeline.options import DeliveryOptions, PublishOptions
from pipeline.publisher import publish

__all__ = [
    "DeliveryOptions",
    "PublishOptions",
    "Receipt",
    "publish",
    "register_device",
    "status",
    "unregister_device",
]
