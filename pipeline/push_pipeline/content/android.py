"""The data map that FCM gets: strings only, no `notification` block.

The Android SDK builds what is shown from the data itself; a `notification` block would go past
it. Firebase reserves some keys ("About FCM messages", data messages): `from`, `message_type`
and whatever begins with `google` or `gcm`.
"""

from collections.abc import Mapping

from push_pipeline.content.values import count_of, is_on, text_of

_OTHER_SYSTEMS = ("ios-", "ios_", "osx-", "osx_", "wp-")

#: Our extensions: they steer how FCM delivers and do not travel to the device.
_ENVELOPE = frozenset(
    (
        "android-collapse-key",
        "android-delivery-priority",
        "android-direct-boot",
        "android-ttl-seconds",
    )
)

_RESERVED = frozenset(("from", "message_type"))
_RESERVED_BEGINNINGS = ("google", "gcm")

#: Keys that the pipeline writes itself.
OWN_KEYS = frozenset(("message", "messageId"))


def data_map(text: str, headers: Mapping[str, object], message_id: str) -> dict[str, str]:
    """Build the data map. A title line stands in for a text that is empty."""
    shown = text or text_of(headers.get("android-content-text", ""))
    custom = {name: text_of(value) for name, value in headers.items() if _travels(name)}
    return {**custom, "message": shown, "messageId": message_id}


def collapse_key(headers: Mapping[str, object]) -> str | None:
    """Return the collapse key that the publisher asks for (our extension), if any."""
    wanted = headers.get("android-collapse-key")
    return None if wanted is None else text_of(wanted)


def is_urgent(headers: Mapping[str, object]) -> bool:
    """Tell whether FCM is to wake the device: yes, unless `android-delivery-priority: normal`."""
    return str(headers.get("android-delivery-priority", "high")).lower() != "normal"


def ttl_seconds(headers: Mapping[str, object]) -> int | None:
    """Return the seconds that FCM may keep it for a device that is away, if less is asked for."""
    return count_of(headers.get("android-ttl-seconds"))


def is_for_locked_device(headers: Mapping[str, object]) -> bool:
    """Tell whether the push may arrive before the first unlock: `android-direct-boot`."""
    return is_on(headers.get("android-direct-boot"))


def unusable(headers: Mapping[str, object]) -> list[str]:
    """Name the headers that FCM has no place for."""
    return [name for name in headers if _is_reserved(name) or name in OWN_KEYS]


def _travels(name: str) -> bool:
    taken = name in _ENVELOPE or name in OWN_KEYS or _is_reserved(name)
    return not taken and not name.startswith(_OTHER_SYSTEMS)


def _is_reserved(name: str) -> bool:
    return name in _RESERVED or name.startswith(_RESERVED_BEGINNINGS)
