"""What a publish may say beside its message: every spelling the SDKs use, checked at birth."""

from push_pipeline.options.broadcast import Broadcast
from push_pipeline.options.channel import EVERY_CHANNEL, check_channel_name
from push_pipeline.options.delivery import DeliveryOptions, PublishPolicy
from push_pipeline.options.publish import PublishOptions, check_message

__all__ = [
    "EVERY_CHANNEL",
    "Broadcast",
    "DeliveryOptions",
    "PublishOptions",
    "PublishPolicy",
    "check_channel_name",
    "check_message",
]
