"""The JSON document that APNs gets: `aps` from the headers that steer it, the rest beside it.

iOS reads the headers that begin with `ios-`, macOS those that begin with `osx-`; both mean the
same after the prefix. The SDK on the device reads title, subtitle, picture, template and every
custom header at the top level, so these travel there as well. Apple's rules: "Generating a
remote notification" (keys of `aps`; custom keys beside it), "Pushing background updates to your
App" (what a silent push may hold).
"""

from collections.abc import Mapping

from push_pipeline.content.values import count_of, is_on, text_of
from push_pipeline.platform import Platform

JsonObject = dict[str, object]

#: A header that begins with a system's name is for that system alone.
_BEGINNINGS = ("ios-", "ios_", "osx-", "osx_", "android-", "android_", "wp-")

#: What steers `aps` (after the prefix) and does not travel beside it.
_SPENT = ("alert", "alert-body", "badge", "sound", "content-available")
_SPENT_EXTENSIONS = ("category", "thread-id", "mutable-content", "collapse-id")

#: What shows something, or lets the device show it. With one of these, or with a text, a push
#: is an alert even where `content-available` is on: the Swift SDK switches that on in every
#: publish, so it alone must not hide an alert.
_VISIBLE = frozenset(
    ("alert", "alert-title", "alert-subtitle", "alert-body", "badge", "sound", "rich-media-url")
)
_TEMPLATES = frozenset(("template_name", "ios_immediate_push", "osx_immediate_push"))

#: Top-level keys that the pipeline writes itself.
OWN_KEYS = frozenset(("aps", "message", "messageId"))


def document(
    platform: Platform, text: str, headers: Mapping[str, object], message_id: str, *, blank: bool
) -> JsonObject:
    """Build the whole document. `blank` says that the publish had no text of its own."""
    ours = _meant_for(platform, headers)
    steering = _steering(platform, ours)
    silent = is_silent(platform, headers, blank=blank)
    aps: JsonObject = {"content-available": 1} if silent else _visible_aps(text, steering, ours)
    return {"aps": aps, **_beside(platform, ours), "message": text, "messageId": message_id}


def is_silent(platform: Platform, headers: Mapping[str, object], *, blank: bool) -> bool:
    """Tell whether nothing is to be shown: a background push."""
    ours = _meant_for(platform, headers)
    steering = _steering(platform, ours)
    hidden = _VISIBLE.isdisjoint(steering) and _TEMPLATES.isdisjoint(ours)
    return blank and hidden and is_on(steering.get("content-available"))


def collapse_id(platform: Platform, headers: Mapping[str, object]) -> str | None:
    """Return the collapse id that the publisher asks for (our extension), if any."""
    wanted = _steering(platform, headers).get("collapse-id")
    return None if wanted is None else text_of(wanted)


def unusable(headers: Mapping[str, object]) -> list[str]:
    """Name the headers that APNs has no place for."""
    sounds = [name for name in ("ios-sound", "osx-sound") if name in headers]
    badges = [name for name in ("ios-badge", "osx-badge") if name in headers]
    return [
        *(name for name in sorted(OWN_KEYS) if name in headers),
        *(name for name in sounds if not isinstance(headers[name], str)),
        *(name for name in badges if count_of(headers[name]) is None),
    ]


def _prefix(platform: Platform) -> str:
    return platform.value.lower()


def _meant_for(platform: Platform, headers: Mapping[str, object]) -> JsonObject:
    own = (_prefix(platform) + "-", _prefix(platform) + "_")
    return {
        name: value
        for name, value in headers.items()
        if name.startswith(own) or not name.startswith(_BEGINNINGS)
    }


def _steering(platform: Platform, headers: Mapping[str, object]) -> JsonObject:
    prefix = _prefix(platform) + "-"
    return {
        name.removeprefix(prefix): value
        for name, value in headers.items()
        if name.startswith(prefix)
    }


def _visible_aps(
    text: str, steering: Mapping[str, object], headers: Mapping[str, object]
) -> JsonObject:
    sound = steering.get("sound")
    aps: JsonObject = {
        "alert": _alert(text, steering),
        "badge": count_of(steering.get("badge")),
        "sound": sound if isinstance(sound, str) else None,
        "content-available": 1 if is_on(steering.get("content-available")) else None,
        "mutable-content": 1 if _is_mutable(steering, headers) else None,
    }
    for name in ("category", "thread-id"):
        aps[name] = text_of(steering[name]) if name in steering else None
    return {name: value for name, value in aps.items() if value is not None}


def _alert(text: str, steering: Mapping[str, object]) -> JsonObject:
    body = steering.get("alert-body", steering.get("alert", text))
    shown = {name: steering.get(f"alert-{name}") for name in ("title", "subtitle")}
    alert = {name: text_of(value) for name, value in shown.items() if value is not None}
    return {**alert, "body": text_of(body)}


def _is_mutable(steering: Mapping[str, object], headers: Mapping[str, object]) -> bool:
    """Tell whether the app's extension must run: for a picture, a template, or on request."""
    wanted = is_on(steering.get("mutable-content"))
    return wanted or "rich-media-url" in steering or not _TEMPLATES.isdisjoint(headers)


def _beside(platform: Platform, headers: Mapping[str, object]) -> JsonObject:
    """Return the keys beside `aps`: what the SDK on the device reads, and custom headers."""
    prefix = _prefix(platform) + "-"
    spent = {prefix + name for name in (*_SPENT, *_SPENT_EXTENSIONS)} | OWN_KEYS
    beside = {name: value for name, value in headers.items() if name not in spent}
    picture = headers.get(prefix + "rich-media-url")
    return beside if picture is None else {**beside, "attachment-url": picture}
