"""How large a push may be, told at publish time where it is certain."""

from collections.abc import Iterable
from typing import NamedTuple

import orjson

from push_pipeline.content.android import raw_patch
from push_pipeline.content.content import Content
from push_pipeline.content.raw import merged
from push_pipeline.content.values import compact_json, text_of
from push_pipeline.platform import Platform
from push_pipeline.push_type import PAYLOAD_BYTES

#: Bytes of the JSON, for what is shown; other push types have their own.
APNS_PAYLOAD_BYTES = PAYLOAD_BYTES

#: Firebase: "About FCM messages": 4096 bytes. Bytes of the keys and values of the data map and
#: of the notification; what Google counts besides them is not published.
FCM_DATA_BYTES = 4096

#: RFC 8030, 7.2: 4096 bytes of a body, of which encryption takes 103 (RFC 8291).
WEB_DOCUMENT_BYTES = 3993

#: Bytes of message and headers as JSON. A document has no text more than twice, with a byte for
#: another where it is escaped, and below a kilobyte of its own: it is far from every limit.
SURELY_FITS_BYTES = 512

#: As long as every message id.
SOME_MESSAGE_ID = "message:00000000-0000-0000-0000-000000000000"

#: As long as the collapse id of any run.
_SOME_COLLAPSE_ID = "00000000-0000-0000-0000-000000000000.100000000"


class Oversize(NamedTuple):
    """For which platforms a push is too large, and how: as it is, or without the SDK's copy."""

    usual: dict[Platform, str]
    once: dict[Platform, str]

    def add(self, other: "Oversize", place: str = "") -> None:
        """Take in what another text of the same push is too large for."""
        for mine, theirs in zip(self, other, strict=True):
            for platform, how in theirs.items():
                mine.setdefault(platform, f"{place}{how}")


def measure(content: Content, platforms: Iterable[Platform], message_id: str) -> Oversize:
    """Return for which platforms a push is certainly too large.

    That small ones are not is known without building what each provider would get.
    """
    if _surely_fits(content):
        return Oversize({}, {})
    usual = find_oversized(content, platforms, message_id)
    return Oversize(usual, find_oversized(content.copied(copies=False), usual, message_id))


def _surely_fits(content: Content) -> bool:
    if type(content) is not Content:  # an event of an activity says more than text and headers
        return False
    try:
        return len(orjson.dumps(content.to_json())) <= SURELY_FITS_BYTES
    except TypeError:  # an integer beyond 64 bits
        return False


def find_oversized(
    content: Content, platforms: Iterable[Platform], message_id: str
) -> dict[Platform, str]:
    """Return on which platforms a provider would certainly refuse a push, with size and limit.

    Sizes are those of the final UTF-8 bytes: compact JSON, non-ASCII unescaped.
    """
    sizes = {platform: size_of(content, platform, message_id) for platform in sorted(platforms)}
    return {
        platform: f"the payload is {size} bytes, the limit is {limit}"
        for platform, (size, limit) in sizes.items()
        if size > limit
    }


def size_of(content: Content, platform: Platform, message_id: str) -> tuple[int, int]:
    """Return the bytes that count for the platform's provider, and the most it takes."""
    if platform is Platform.ANDROID:
        return _weight_on_android(content, message_id), FCM_DATA_BYTES
    if platform is Platform.WEB:
        document = content.for_browsers(message_id, _SOME_COLLAPSE_ID)
        return len(compact_json(document)), WEB_DOCUMENT_BYTES
    push_type = content.push_type
    limit = APNS_PAYLOAD_BYTES if push_type is None else push_type.payload_bytes
    return len(compact_json(content.for_apple(platform, message_id))), limit


def _weight_on_android(content: Content, message_id: str) -> int:
    said: dict[str, object] = {
        "data": content.for_android(message_id),
        "android": {"notification": content.android_notification() or {}},
    }
    whole = merged(said, raw_patch(content.headers))
    parts = (whole, whole["android"])
    return sum(
        _weight(part[name])
        for part in parts
        if isinstance(part, dict)
        for name in ("data", "notification")
        if name in part
    )


def _weight(value: object) -> int:
    """Count the bytes of the texts in a value, keys included."""
    if isinstance(value, dict):
        return sum(len(name.encode()) + _weight(item) for name, item in value.items())
    if isinstance(value, list):
        return sum(map(_weight, value))
    return len(text_of(value).encode())
