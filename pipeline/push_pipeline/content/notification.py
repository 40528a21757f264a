"""FCM's `android.notification`: what Android shows by itself, without the app's code.

Source: Firebase, reference of `projects.messages` (AndroidNotification). A header `android-…`
fills the key of the same words; where the SDK has a name of its own for a header, that one is
read as well. What a reader cannot use is None, and the header is named in the warnings.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from push_pipeline.content.values import count_of, switch_of, text_of, texts_of

JsonObject = dict[str, object]
Reader = Callable[[object], object | None]

_COLOUR: Final = re.compile(r"#[0-9A-Fa-f]{6}")
_PRIORITIES: Final = ("MIN", "LOW", "DEFAULT", "HIGH", "MAX")
_VISIBILITIES: Final = ("PRIVATE", "PUBLIC", "SECRET")


def colour_of(value: object) -> str | None:
    """Read a colour, `#rrggbb`."""
    return value if isinstance(value, str) and _COLOUR.fullmatch(value) else None


def priority_of(value: object) -> str | None:
    """Read how a notification is ranked on the device; not how fast FCM delivers it."""
    word = str(value).upper().removeprefix("PRIORITY_")
    return f"PRIORITY_{word}" if word in _PRIORITIES else None


def visibility_of(value: object) -> str | None:
    """Read what a locked screen shows of it."""
    word = str(value).upper()
    return word if word in _VISIBILITIES else None


#: Header (after `android-`) → key of the notification, and how it is read. The later wins.
KEYS: Final[Mapping[str, tuple[str, Reader]]] = MappingProxyType(
    {
        "content-title": ("title", text_of),
        "content-sound": ("sound", text_of),
        "sound": ("sound", text_of),
        "attachment-url": ("image", text_of),
        "image": ("image", text_of),
        "action": ("click_action", text_of),
        "click-action": ("click_action", text_of),
        "ticker-text": ("ticker", text_of),
        "ticker": ("ticker", text_of),
        "badge": ("notification_count", count_of),
        "channel-id": ("channel_id", text_of),
        "tag": ("tag", text_of),
        "icon": ("icon", text_of),
        "color": ("color", colour_of),
        "notification-priority": ("notification_priority", priority_of),
        "visibility": ("visibility", visibility_of),
        "sticky": ("sticky", switch_of),
        "title-loc-key": ("title_loc_key", text_of),
        "title-loc-args": ("title_loc_args", texts_of),
        "body-loc-key": ("body_loc_key", text_of),
        "body-loc-args": ("body_loc_args", texts_of),
    }
)


def block(text: str, headers: Mapping[str, object]) -> JsonObject:
    """Build the notification of a text and its headers."""
    made: JsonObject = {"body": text} if text else {}
    for name, (key, reader) in KEYS.items():
        if f"android-{name}" in headers:
            value = reader(headers[f"android-{name}"])
            made |= {} if value is None else {key: value}
    return made


def unusable(headers: Mapping[str, object]) -> list[str]:
    """Name the headers whose value a notification has no place for."""
    return [
        f"android-{name}"
        for name, (_, reader) in KEYS.items()
        if f"android-{name}" in headers and reader(headers[f"android-{name}"]) is None
    ]
