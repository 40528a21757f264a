"""The message that FCM gets: a data map for the app's code, a notification for the system.

The Android SDK of the API builds what is shown from the data itself, and a `notification` block
would go past it; a plain Firebase app shows nothing without one. So who shows a push is said per
app, and per push by `android-style`. Firebase reserves some keys of the data (reference of
`projects.messages`, Message.data): `from`, `message_type`, `google.…` and `gcm.notification.…`.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum

from push_pipeline.content import notification
from push_pipeline.content.fcm_fields import label_of, misplaced
from push_pipeline.content.raw import JsonObject, read_raw
from push_pipeline.content.values import count_of, is_on, switch_of, text_of
from push_pipeline.errors import InvalidParameter
from push_pipeline.field_warning import WRITTEN_BY_US, FieldWarning

_OTHER_SYSTEMS = ("ios-", "ios_", "osx-", "osx_", "wp-", "web-", "web_")

_URGENCY = "android-delivery-priority"

#: Our extensions: they steer how FCM delivers and do not travel to the device.
_ENVELOPE = frozenset(
    (
        "android-analytics-label",
        "android-collapse-key",
        _URGENCY,
        "android-direct-boot",
        "android-style",
        "android-raw",
        "android-ttl-seconds",
    )
)

#: What shows something, or lets the app show it; so does a text.
_VISIBLE = frozenset(
    (
        *("android-content-title", "android-content-text", "android-title-loc-key"),
        *("android-body-loc-key", "template_name", "android_immediate_push"),
    )
)

_RESERVED = frozenset(("from", "message_type"))
_RESERVED_BEGINNINGS = ("google.", "gcm.notification.")

#: Firebase: AndroidConfig.ttl is 0 to 4 weeks. Seconds.
LONGEST_LIFE_SECONDS = 2_419_200

#: Keys that the pipeline writes itself.
OWN_KEYS = frozenset(("message", "messageId"))


class Style(StrEnum):
    """Who shows a push on Android."""

    DATA = "data"  # the app's code
    NOTIFICATION = "notification"  # the system, while the app is in the background
    BOTH = "both"  # the system then, and the app's code gets all of it as well


def style_of(value: object) -> Style | None:
    """Read who shows a push; None for what is none of the three."""
    word = str(value).lower()
    return Style(word) if word in tuple(Style) else None


def data_map(text: str, headers: Mapping[str, object], message_id: str) -> dict[str, str]:
    """Build the data map. A title line stands in for a text that is empty.

    Where the system alone shows the push, its text and its look are not said a second time.
    """
    custom = {name: text_of(value) for name, value in headers.items() if _travels(name)}
    if _style(headers) is Style.NOTIFICATION:
        custom = {name: value for name, value in custom.items() if not name.startswith("android-")}
        return {**custom, "messageId": message_id}
    return {**custom, "message": _shown(text, headers), "messageId": message_id}


def notification_block(text: str, headers: Mapping[str, object]) -> JsonObject | None:
    """Build `android.notification`; None where the app shows the push, or nothing is shown."""
    if _style(headers) is Style.DATA or is_silent(text, headers):
        return None
    return notification.block(_shown(text, headers), headers)


def is_silent(text: str, headers: Mapping[str, object]) -> bool:
    """Tell whether there is nothing to be shown."""
    return not text and _VISIBLE.isdisjoint(headers)


def raw_patch(headers: Mapping[str, object]) -> JsonObject:
    """Return the publisher's own JSON (`android-raw`), merged into FCM's message last.

    Raises:
        InvalidParameter: it is no JSON object, has a field that FCM does not have or that is
            the pipeline's, or a key of the data that is reserved or no text.
    """
    if "android-raw" not in headers:
        return {}
    raw = read_raw("android-raw", headers["android-raw"])
    if (wrong := misplaced(raw)) is not None:
        raise InvalidParameter(f"android-raw: FCM has no place for {wrong}, or it is not yours")
    below = raw.get("android")
    for data in (raw.get("data"), below.get("data") if isinstance(below, dict) else None):
        for name, value in data.items() if isinstance(data, dict) else ():
            if name in OWN_KEYS or _is_reserved(name) or not isinstance(value, str | None):
                raise InvalidParameter(f"android-raw: data.{name} is reserved or no text")
    return raw


def collapse_key(headers: Mapping[str, object]) -> str | None:
    """Return the collapse key that the publisher asks for (our extension), if any."""
    wanted = headers.get("android-collapse-key")
    return None if wanted is None else text_of(wanted)


def is_urgent(text: str, headers: Mapping[str, object]) -> bool:
    """Tell whether FCM is to wake the device: yes, unless `android-delivery-priority: normal`.

    A push that shows nothing goes NORMAL, whatever is asked for: Firebase, "Set message
    priority", takes HIGH away from an app whose urgent messages show nothing.
    """
    return urgency_of(headers.get(_URGENCY)) != "normal" and not is_silent(text, headers)


def ttl_seconds(headers: Mapping[str, object]) -> int | None:
    """Return the seconds that FCM may keep it for a device that is away, if less is asked for."""
    return count_of(headers.get("android-ttl-seconds"))


def is_for_locked_device(headers: Mapping[str, object]) -> bool:
    """Tell whether the push may arrive before the first unlock: `android-direct-boot`."""
    return is_on(headers.get("android-direct-boot"))


def analytics_label(headers: Mapping[str, object]) -> str | None:
    """Return the label under which Firebase counts the push, if it has one."""
    return label_of(headers.get("android-analytics-label"))


def without_effect(text: str, headers: Mapping[str, object]) -> list[FieldWarning]:
    """Name the headers that are not used, or not as they stand."""
    style = _style(headers)
    unusable = [
        *(name for name in headers if _is_reserved(name)),
        *(name for name, reader in _READERS.items() if _is_unusable(headers, name, reader)),
        *(notification.unusable(headers) if style is not Style.DATA else ()),
    ]
    unshown = filter(_is_left_out, headers) if style is Style.NOTIFICATION else ()
    calmed = is_silent(text, headers) and urgency_of(headers.get(_URGENCY)) == "high"
    return [
        *(FieldWarning(name, WRITTEN_BY_US) for name in sorted(OWN_KEYS) if name in headers),
        *(FieldWarning(name, "FCM has no place for it") for name in unusable),
        *(FieldWarning(name, "not sent where the system shows the push") for name in unshown),
        *([FieldWarning(_URGENCY, "a push that shows nothing goes normal")] if calmed else ()),
    ]


def urgency_of(value: object) -> str | None:
    """Read how fast FCM is to deliver: `normal` or `high`."""
    word = str(value).lower()
    return word if word in ("normal", "high") else None


def _lifetime_of(value: object) -> int | None:
    seconds = count_of(value)
    return seconds if seconds is not None and seconds <= LONGEST_LIFE_SECONDS else None


#: What reads a header that steers FCM, for those that it may not be able to use.
_READERS: Mapping[str, Callable[[object], object | None]] = {
    "android-style": style_of,
    "android-analytics-label": label_of,
    "android-ttl-seconds": _lifetime_of,
    _URGENCY: urgency_of,
    "android-direct-boot": switch_of,
}


def _is_unusable(
    headers: Mapping[str, object], name: str, reader: Callable[[object], object | None]
) -> bool:
    return name in headers and reader(headers[name]) is None


def _is_left_out(name: str) -> bool:
    """Tell whether a header is for the app's code, and no field of a notification."""
    shown = name.removeprefix("android-") in notification.KEYS or name == "android-content-text"
    return name.startswith("android-") and not shown and name not in _ENVELOPE


def _style(headers: Mapping[str, object]) -> Style:
    return style_of(headers.get("android-style")) or Style.DATA


def _shown(text: str, headers: Mapping[str, object]) -> str:
    return text or text_of(headers.get("android-content-text", ""))


def _travels(name: str) -> bool:
    taken = name in _ENVELOPE or name in OWN_KEYS or _is_reserved(name)
    return not taken and not name.startswith(_OTHER_SYSTEMS)


def _is_reserved(name: str) -> bool:
    return name in _RESERVED or name.startswith(_RESERVED_BEGINNINGS)
