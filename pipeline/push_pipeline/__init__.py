"""Push-notification delivery: publish to a channel, see what became of each device."""

from push_pipeline.api import register_device, status, unregister_device
from push_pipeline.ledger.messages import Receipt
from push_pipeline.options import DeliveryOptions, PublishOptions
from push_pipeline.publishing.control import cancel, pause, resume
from push_pipeline.publishing.publish import publish
from push_pipeline.publishing.push_template import push_with_template

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
