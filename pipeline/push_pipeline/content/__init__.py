"""What a push says: one message and its headers, turned into each platform's own document."""

from push_pipeline.content.content import Content
from push_pipeline.content.sizes import APNS_PAYLOAD_BYTES, FCM_DATA_BYTES, measure
from push_pipeline.content.values import compact_json

__all__ = ["APNS_PAYLOAD_BYTES", "FCM_DATA_BYTES", "Content", "compact_json", "measure"]
