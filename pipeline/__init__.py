"""Push-notification delivery: publish to a channel, see what became of each device."""

from pipeline.api import register_device, status, unregister_device
from pipeline.control import cancel, pause, resume
from pipeline.ledger.messages import Receipt
from pipeline.options import DeliveryOptions, PublishOptions
from pipeline.publisher import publish
from pipeline.template_publisher import push_with_template

__all__ = [
    "DeliveryOptions",
    "PublishOptions",
    "Receipt",
    "cancel",
    "pause",
    "publish",
    "push_with_template",
    "register_device",
    "resume",
    "status",
    "unregister_device",
]
