"""How large a push may be, told at publish time where it is certain."""

from collections.abc import Iterable

from push_pipeline.content.content import Content
from push_pipeline.content.values import compact_json
from push_pipeline.errors import PayloadTooLarge
from push_pipeline.platform import Platform

#: Apple: "Generating a remote notification": 4 KB for everything but VoIP. Bytes of the JSON.
APNS_PAYLOAD_BYTES = 4096

#: Firebase: "About FCM messages": 4096 bytes. Bytes of the data map's keys and values; what
#: Google counts besides them is not published, so only this much is certain.
FCM_DATA_BYTES = 4096


def check_sizes(content: Content, platforms: Iterable[Platform], message_id: str) -> None:
    """Refuse a push that a provider would certainly refuse.

    Sizes are those of the final UTF-8 bytes: compact JSON, non-ASCII unescaped.

    Raises:
        PayloadTooLarge: naming the platform, the bytes and the limit.
    """
    for platform in platforms:
        size, limit = size_of(content, platform, message_id)
        if size > limit:
            raise PayloadTooLarge(f"{platform}: the payload is {size} bytes, the limit is {limit}")


def size_of(content: Content, platform: Platform, message_id: str) -> tuple[int, int]:
    """Return the bytes that count for the platform's provider, and the most it takes."""
    if platform is Platform.ANDROID:
        data = content.for_android(message_id)
        return sum(len(part.encode()) for item in data.items() for part in item), FCM_DATA_BYTES
    return len(compact_json(content.for_apple(platform, message_id))), APNS_PAYLOAD_BYTES
