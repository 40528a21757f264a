"""The fields of FCM's message that `android-raw` may set. An unknown one would be refused by FCM.

Source: Firebase, reference of `projects.messages` (Message, AndroidConfig, AndroidNotification).
Left out is what the pipeline decides for each device (its target) and for other systems.
"""

import re
from collections.abc import Mapping
from typing import Final

_TEXT: Final = (str,)
_FLAG: Final = (bool,)

Fields = Mapping[str, "Expected"]

Expected = tuple[type, ...] | frozenset[str] | Fields

#: `vibrate_timings` and `light_settings` are left to FCM's own check.
_NOTIFICATION: Final[Fields] = {
    **dict.fromkeys(
        (
            *("title", "body", "icon", "color", "sound", "tag", "click_action", "body_loc_key"),
            *("title_loc_key", "channel_id", "ticker", "event_time", "image"),
        ),
        _TEXT,
    ),
    "notification_priority": frozenset(
        f"PRIORITY_{word}" for word in ("MIN", "LOW", "DEFAULT", "HIGH", "MAX")
    ),
    "visibility": frozenset(("PRIVATE", "PUBLIC", "SECRET")),
    "proxy": frozenset(("ALLOW", "DENY", "IF_PRIORITY_LOWERED")),
    **dict.fromkeys(
        (
            *("sticky", "local_only", "default_sound", "default_vibrate_timings"),
            *("default_light_settings", "bypass_proxy_notification"),
        ),
        _FLAG,
    ),
    **dict.fromkeys(("body_loc_args", "title_loc_args", "vibrate_timings"), (list,)),
    "notification_count": (int,),
    "light_settings": (dict,),
}

_OPTIONS: Final[Fields] = {"analytics_label": _TEXT}

MESSAGE: Final[Fields] = {
    "data": (dict,),
    "notification": dict.fromkeys(("title", "body", "image"), _TEXT),
    "android": {
        "collapse_key": _TEXT,
        "priority": frozenset(("NORMAL", "HIGH")),
        "restricted_package_name": _TEXT,
        "data": (dict,),
        **dict.fromkeys(
            ("direct_boot_ok", "bandwidth_constrained_ok", "restricted_satellite_ok"), _FLAG
        ),
        "notification": _NOTIFICATION,
        "fcm_options": _OPTIONS,
    },
    "fcm_options": _OPTIONS,
}

#: Firebase: "Adding analytics labels to messages".
_LABEL: Final = re.compile(r"[a-zA-Z0-9\-_.~%]{1,50}")


def label_of(value: object) -> str | None:
    """Read an analytics label."""
    return value if isinstance(value, str) and _LABEL.fullmatch(value) else None


def misplaced(value: Mapping[str, object], fields: Fields = MESSAGE, at: str = "") -> str | None:
    """Name the first field that FCM does not have, or whose value is of a wrong kind."""
    for name, item in value.items():
        path = f"{at}{name}"
        expected = fields.get(name)
        if expected is None:
            return path
        if (wrong := _misplaced(item, expected, path)) is not None:
            return wrong
    return None


def _misplaced(item: object, expected: "Expected", path: str) -> str | None:
    if isinstance(expected, Mapping):
        return misplaced(item, expected, f"{path}.") if isinstance(item, dict) else path
    if isinstance(expected, frozenset):
        fits = item is None or item in expected
    else:
        fits = type(item) in expected or (item is None and dict not in expected)
    return None if fits else path  # null removes a field, but none that holds others
