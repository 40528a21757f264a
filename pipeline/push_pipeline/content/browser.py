"""The JSON document that a browser gets, and what its push service is told beside it.

The document is that of Declarative Web Push (W3C Push API; WebKit, "Meet Declarative Web Push"):
a browser that knows it shows the notification by itself, any other hands the same JSON to the
page's service worker. Headers `web-…` steer it; every other one that names no system travels in
`notification.data`, where the page's code finds it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from push_pipeline.content.values import count_of, switch_of, text_of
from push_pipeline.errors import InvalidParameter
from push_pipeline.field_warning import FieldWarning

JsonObject = dict[str, object]

#: A header that begins with a system's name is for that system alone.
_SYSTEMS = ("ios-", "ios_", "osx-", "osx_", "android-", "android_", "wp-", "web-", "web_")

#: RFC 8030, 5.4. Apple is said to refuse `-` and `_`, which the RFC allows.
_TOPIC = re.compile(r"[A-Za-z0-9]{1,32}")

#: RFC 8030, 5.3.
URGENCIES: Final = ("very-low", "low", "normal", "high")

#: Seconds. The push services keep a message for four weeks at the most, and cut a longer time
#: to that or refuse it.
LONGEST_LIFE_SECONDS = 2_419_200

#: Says that a document is declarative: the number of the RFC.
_DECLARATIVE = 8030

#: Header (after `web-`) → key of the notification, for texts.
_TEXTS: Final = {
    "link": "navigate",
    "icon": "icon",
    "image": "image",
    "badge-icon": "badge",
    "lang": "lang",
    "dir": "dir",
}

#: The same for switches.
_SWITCHES: Final = {
    "silent": "silent",
    "renotify": "renotify",
    "require-interaction": "requireInteraction",
}


def document(
    text: str, headers: Mapping[str, object], message_id: str, collapse_id: str
) -> JsonObject:
    """Build the whole document; without a text and a title it has no notification.

    `collapse_id` stands as the tag where the publisher chose none: a second copy of a push then
    takes the place of the first.
    """
    steering = _steering(headers)
    custom = {name: value for name, value in headers.items() if not name.startswith(_SYSTEMS)}
    data: JsonObject = {**custom, "messageId": message_id}
    title = text_of(steering.get("title", text))
    if not title:
        return {"data": data}
    shown: JsonObject = {"title": title, "tag": text_of(steering.get("tag", collapse_id))}
    if "title" in steering and text:
        shown["body"] = text
    return _around({**shown, **_look(steering), "data": data}, steering)


def request_headers(
    text: str, headers: Mapping[str, object], expires_at: int | None, now: float
) -> dict[str, str]:
    """Return what the push service is told; `expires_at` and `now` are epoch seconds."""
    steering = _steering(headers)
    visible = bool(text or steering.get("title"))
    told = {
        "ttl": str(_lifetime(steering, expires_at, now)),
        "urgency": urgency_of(steering.get("urgency")) or ("high" if visible else "normal"),
    }
    if "topic" in steering:
        told["topic"] = text_of(steering["topic"])
    return told


def check(headers: Mapping[str, object]) -> None:
    """Refuse what every push service would.

    Raises:
        InvalidParameter: a topic or an urgency that is none, or actions that are no list.
    """
    steering = _steering(headers)
    if "topic" in steering and not _TOPIC.fullmatch(text_of(steering["topic"])):
        raise InvalidParameter("web-topic must be 1 to 32 letters and digits")
    if "urgency" in steering and urgency_of(steering["urgency"]) is None:
        raise InvalidParameter(f"web-urgency must be one of {', '.join(URGENCIES)}")
    if steering.get("actions") and not _actions(steering["actions"]):
        raise InvalidParameter("web-actions must be a list of objects with action and title")


def without_effect(headers: Mapping[str, object]) -> list[FieldWarning]:
    """Name the headers for browsers that are not used as they stand."""
    steering = _steering(headers)
    readers: dict[str, Callable[[object], object]] = {
        **dict.fromkeys(_SWITCHES, switch_of),
        **dict.fromkeys(("badge", "ttl-seconds"), count_of),
        "mutable": switch_of,
    }
    unusable = [name for name, read in readers.items() if _is_unusable(steering, name, read)]
    return [FieldWarning(f"web-{name}", "browsers have no place for it") for name in unusable]


def _is_unusable(
    steering: Mapping[str, object], name: str, read: Callable[[object], object]
) -> bool:
    return name in steering and read(steering[name]) is None


def urgency_of(value: object) -> str | None:
    """Read how much a push is worth to a browser's battery."""
    word = str(value).lower()
    return word if word in URGENCIES else None


def _lifetime(steering: Mapping[str, object], expires_at: int | None, now: float) -> int:
    most = LONGEST_LIFE_SECONDS
    left = most if expires_at is None else max(0, int(expires_at - now))
    asked = count_of(steering.get("ttl-seconds"))
    return min(left, most, most if asked is None else asked)


def _around(shown: JsonObject, steering: Mapping[str, object]) -> JsonObject:
    """Return the document of a notification. A declarative one has to say where a click leads."""
    whole: JsonObject = {"notification": shown}
    if "navigate" in shown:
        whole["web_push"] = _DECLARATIVE
    if (count := count_of(steering.get("badge"))) is not None:
        whole["app_badge"] = count
    if switch_of(steering.get("mutable")):
        whole["mutable"] = True
    return whole


def _look(steering: Mapping[str, object]) -> JsonObject:
    """Return what a notification has beside its words."""
    texts = {_TEXTS[name]: text_of(steering[name]) for name in _TEXTS if steering.get(name)}
    switches = {_SWITCHES[name]: switch_of(steering.get(name)) for name in _SWITCHES}
    said = {key: value for key, value in switches.items() if value is not None}
    actions = _actions(steering.get("actions"))
    return {**texts, **said, **({"actions": actions} if actions else {})}


def _actions(value: object) -> list[JsonObject]:
    """Read a notification's buttons; nothing where one of them is none."""
    listed = value if isinstance(value, list) else []
    found = [dict(one) for one in listed if isinstance(one, Mapping)]
    whole = all(isinstance(one.get(key), str) for one in found for key in ("action", "title"))
    return found if whole and len(found) == len(listed) else []


def _steering(headers: Mapping[str, object]) -> JsonObject:
    return {
        name.removeprefix("web-"): value
        for name, value in headers.items()
        if name.startswith("web-")
    }
