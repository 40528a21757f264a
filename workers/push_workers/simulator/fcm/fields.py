"""The fields of FCM's v1 message, and what a JSON body does wrong against them.

Source: Google, REST resource `projects.messages`. Names may be written in snake_case or in
camelCase, as in all JSON forms of protocol buffers.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import Any

from push_workers.simulator.fcm.errors import Violation


class Kind(StrEnum):
    """What a leaf holds."""

    TEXT = "string"
    TEXTS = "list of strings"
    MAP = "map of strings"
    STRUCT = "object"
    FLAG = "bool"
    INT = "integer"
    NUMBER = "number"
    DURATION = "duration"
    DURATIONS = "list of durations"


Fields = dict[str, "Kind | Fields | frozenset[str]"]

_OPTIONS: Fields = {"analytics_label": Kind.TEXT}
_COLOR: Fields = dict.fromkeys(("red", "green", "blue", "alpha"), Kind.NUMBER)
_ANDROID_NOTIFICATION: Fields = {
    **dict.fromkeys(
        ("title", "body", "icon", "color", "sound", "tag", "click_action", "body_loc_key",
         "title_loc_key", "channel_id", "ticker", "event_time", "image"), Kind.TEXT
    ),
    **dict.fromkeys(("body_loc_args", "title_loc_args"), Kind.TEXTS),
    **dict.fromkeys(
        ("sticky", "local_only", "default_sound", "default_vibrate_timings",
         "default_light_settings", "bypass_proxy_notification"), Kind.FLAG
    ),
    "notification_count": Kind.INT,
    "vibrate_timings": Kind.DURATIONS,
    "light_settings": {
        "color": _COLOR,
        "light_on_duration": Kind.DURATION,
        "light_off_duration": Kind.DURATION,
    },
    "notification_priority": frozenset(
        {"PRIORITY_UNSPECIFIED", "PRIORITY_MIN", "PRIORITY_LOW", "PRIORITY_DEFAULT",
         "PRIORITY_HIGH", "PRIORITY_MAX"}
    ),
    "visibility": frozenset({"VISIBILITY_UNSPECIFIED", "PRIVATE", "PUBLIC", "SECRET"}),
    "proxy": frozenset({"PROXY_UNSPECIFIED", "ALLOW", "DENY", "IF_PRIORITY_LOWERED"}),
}  # fmt: skip
_ANDROID_COMMON: Fields = {
    "collapse_key": Kind.TEXT,
    "ttl": Kind.DURATION,
    "data": Kind.MAP,
    "restricted_package_name": Kind.TEXT,
    "direct_boot_ok": Kind.FLAG,
    "bandwidth_constrained_ok": Kind.FLAG,
    "restricted_satellite_ok": Kind.FLAG,
    "fcm_options": _OPTIONS,
}
MESSAGE: Fields = {
    "name": Kind.TEXT,
    "fid": Kind.TEXT,
    "token": Kind.TEXT,
    "topic": Kind.TEXT,
    "condition": Kind.TEXT,
    "data": Kind.MAP,
    "notification": {"title": Kind.TEXT, "body": Kind.TEXT, "image": Kind.TEXT},
    "android": {
        **_ANDROID_COMMON,
        "priority": frozenset({"NORMAL", "HIGH"}),
        "notification": _ANDROID_NOTIFICATION,
    },
    "android_v2": {
        **_ANDROID_COMMON,
        "remote_notification": {
            "notification": _ANDROID_NOTIFICATION,
            "mutable_content": Kind.FLAG,
            "use_as_v1_data_message": Kind.FLAG,
        },
        "background_sync": Kind.STRUCT,
    },
    "apns": {
        "headers": Kind.MAP,
        "payload": Kind.STRUCT,
        "live_activity_token": Kind.TEXT,
        "fcm_options": {"analytics_label": Kind.TEXT, "image": Kind.TEXT},
    },
    "webpush": {
        "headers": Kind.MAP,
        "data": Kind.MAP,
        "notification": Kind.STRUCT,
        "fcm_options": {"link": Kind.TEXT, "analytics_label": Kind.TEXT},
    },
    "fcm_options": _OPTIONS,
}

_DURATION = re.compile(r"-?\d+(\.\d{1,9})?s")
_UPPER = re.compile(r"(?<!^)([A-Z])")


@lru_cache(maxsize=1024)
def snake(name: str) -> str:
    """Return a field's name in snake_case."""
    return _UPPER.sub(r"_\1", name).lower()


def normalised(value: dict[str, Any]) -> dict[str, Any]:
    """Return an object with the names of its own level in snake_case."""
    return {snake(key): item for key, item in value.items()}


def violations(value: Any, fields: Fields = MESSAGE, at: str = "message") -> list[Violation]:
    """Return everything in a JSON value that the table does not allow."""
    if not isinstance(value, dict):
        return [Violation(at, f"Invalid value at '{at}': expected an object")]
    found = []
    for name, item in value.items():
        expected = fields.get(snake(name))
        path = f"{at}.{snake(name)}"
        if expected is None:
            text = f"Unknown name \"{name}\" at '{at}': Cannot find field."
            found.append(Violation(at, f"Invalid JSON payload received. {text}"))
        elif isinstance(expected, dict):
            found += violations(item, expected, path)
        else:
            found += _leaf(item, expected, path)
    return found


def _leaf(value: Any, expected: "Kind | frozenset[str]", at: str) -> list[Violation]:
    if expected is Kind.MAP:
        return _map(value, at)
    if isinstance(expected, frozenset):
        fits = isinstance(value, str) and value.upper() in expected
        label = "an enum name"
    else:
        fits, label = _CHECKS[expected](value), expected.value
    return [] if fits else [Violation(at, f"Invalid value at '{at}' ({label})")]


def _map(value: Any, at: str) -> list[Violation]:
    if not isinstance(value, dict):
        return [Violation(at, f"Invalid value at '{at}' (map of strings)")]
    return [
        Violation(f"{at}[{n}].value", f"Invalid value at '{at}[{n}].value' (TYPE_STRING)")
        for n, item in enumerate(value.values())
        if not isinstance(item, str)
    ]


def _is_duration(value: Any) -> bool:
    return isinstance(value, str) and _DURATION.fullmatch(value) is not None


_CHECKS: dict[Kind, Callable[[Any], bool]] = {
    Kind.TEXT: lambda v: isinstance(v, str),
    Kind.TEXTS: lambda v: isinstance(v, list) and all(isinstance(i, str) for i in v),
    Kind.STRUCT: lambda v: isinstance(v, dict),
    Kind.FLAG: lambda v: isinstance(v, bool),
    Kind.INT: lambda v: type(v) is int or (isinstance(v, str) and v.lstrip("-").isdigit()),
    Kind.NUMBER: lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    Kind.DURATION: _is_duration,
    Kind.DURATIONS: lambda v: isinstance(v, list) and all(map(_is_duration, v)),
}
