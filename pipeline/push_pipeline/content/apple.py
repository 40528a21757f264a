"""The JSON document that APNs gets: `aps` from the headers that steer it, the rest beside it.

iOS reads the headers that begin with `ios-`, macOS those that begin with `osx-`; both mean the
same after the prefix. The SDK on the device reads title, subtitle, picture, template and every
custom header at the top level, so these travel there as well. Apple's rules: "Generating a
remote notification" (keys of `aps`; custom keys beside it), "Pushing background updates to your
App" (what a silent push may hold).
"""

from collections.abc import Mapping

from push_pipeline.content import aps
from push_pipeline.content.badge import BadgeChange, change_of
from push_pipeline.content.raw import merged, read_raw
from push_pipeline.content.values import is_on, switch_of, text_of
from push_pipeline.errors import InvalidParameter
from push_pipeline.field_warning import WRITTEN_BY_US, FieldWarning
from push_pipeline.platform import Platform
from push_pipeline.push_type import PUSH_TYPES, PushType

JsonObject = dict[str, object]

#: A header that begins with a system's name is for that system alone.
_BEGINNINGS = ("ios-", "ios_", "osx-", "osx_", "android-", "android_", "wp-", "web-", "web_")

#: What steers `aps` (after the prefix) and does not travel beside it. Title, subtitle and
#: picture travel as well: the SDK on the device reads them.
_SPENT = (
    *(name for name in aps.READERS if name not in ("alert-title", "alert-subtitle")),
    *("alert", "alert-body", "content-available", "mutable-content", "collapse-id", "raw"),
    *("sdk-copy", "push-type", "priority"),
)

#: What shows something, or lets the device show it. With one of these, or with a text, a push
#: is an alert even where `content-available` is on: the Swift SDK switches that on in every
#: publish, so it alone must not hide an alert.
_VISIBLE = frozenset(
    (
        *("alert", "alert-title", "alert-subtitle", "alert-body"),
        *("alert-title-loc-key", "alert-subtitle-loc-key", "alert-loc-key"),
        *("badge", "sound", "rich-media-url"),
    )
)

#: The same, in `aps` itself.
_VISIBLE_KEYS = frozenset(("alert", "badge", "sound"))

#: Apple: "Pushing background updates to your App": `aps` holds nothing else.
_BACKGROUND = "content-available"

#: A background push with any other priority is an error; an alert is to be shown now. Source:
#: Apple, "Sending notification requests to APNs".
_BACKGROUND_HEADERS = {"apns-push-type": "background", "apns-priority": "5"}
_ALERT_HEADERS = {"apns-push-type": "alert", "apns-priority": "10"}

_TEMPLATES = frozenset(("template_name", "ios_immediate_push", "osx_immediate_push"))

#: Where a push type of Apple's stands once a message is frozen.
_TYPE_HEADERS = ("ios-push-type", "osx-push-type")

#: Top-level keys that the pipeline writes itself.
OWN_KEYS = frozenset(("aps", "message", "messageId"))

#: What reads a header (after the prefix), for those that it may not be able to use.
_READERS = {
    **aps.READERS,
    **dict.fromkeys(("content-available", "mutable-content", "sdk-copy"), switch_of),
}


def document(
    platform: Platform,
    text: str,
    headers: Mapping[str, object],
    message_id: str,
    *,
    blank: bool,
    count: int | None = None,
) -> JsonObject:
    """Build the whole document. `blank` says that the publish had no text of its own.

    `count` is the badge where the push raises it: what is kept of the device, or its mark.
    """
    ours = _meant_for(platform, headers)
    steering = _steering(platform, ours)
    push_type = type_in(platform, headers)
    silent = is_silent(platform, headers, blank=blank)
    steered: JsonObject = {} if silent else _visible_aps(text, steering, ours)
    change = badge_change(platform, headers)
    if count is not None and steered and change is not None and change.raised:
        steered["badge"] = count
    copied = silent or switch_of(steering.get("sdk-copy", True)) is not False
    if push_type is not None:  # nothing is shown: the app reads the text, if there is one
        steered, copied = dict(push_type.aps), not blank and text != ""
    copy: JsonObject = {"message": text} if copied else {}
    built = {"aps": steered, **_beside(platform, ours), **copy, "messageId": message_id}
    whole = merged(built, raw_patch(platform, headers))
    return {**whole, "aps": {_BACKGROUND: 1}} if silent else whole


def badge_change(platform: Platform, headers: Mapping[str, object]) -> BadgeChange | None:
    """Return what the push does to the badge on this system, if anything."""
    if type_in(platform, headers) is not None:
        return None
    badge = _steering(platform, headers).get("badge")
    return None if badge is None else change_of(badge)


def is_silent(platform: Platform, headers: Mapping[str, object], *, blank: bool) -> bool:
    """Tell whether nothing is to be shown: a background push."""
    if type_in(platform, headers) is not None:
        return False
    ours = _meant_for(platform, headers)
    steering = _steering(platform, ours)
    given = _raw_aps(raw_patch(platform, headers))
    alerts = not blank or not _TEMPLATES.isdisjoint(ours)
    alerts = alerts or not (_VISIBLE - _VISIBLE_KEYS - {"alert"}).isdisjoint(steering)
    seen = {"alert"} if alerts else set()
    seen |= _VISIBLE_KEYS & (steering.keys() | given.keys())
    hidden = all(name in given and given[name] is None for name in seen)  # null takes it away
    return hidden and is_on(given.get(_BACKGROUND, steering.get(_BACKGROUND)))


def request_headers(
    platform: Platform,
    headers: Mapping[str, object],
    collapse_id: str,
    expires_at: int | None,
    *,
    blank: bool,
) -> dict[str, str]:
    """Return what APNs is told beside the document; FCM hands it on to APNs.

    `collapse_id` stands where the publisher chose none.
    """
    push_type = type_in(platform, headers)
    silent = is_silent(platform, headers, blank=blank)
    told = dict(_BACKGROUND_HEADERS if silent else _ALERT_HEADERS)
    told["apns-collapse-id"] = chosen_collapse_id(platform, headers) or collapse_id
    if push_type is not None:
        told = {"apns-push-type": push_type.name, "apns-priority": _priority(platform, headers)}
    if expires_at is not None:
        told["apns-expiration"] = str(expires_at)
    return told


def typed(headers: Mapping[str, object], push_type: str | None) -> JsonObject:
    """Return headers with a push type of Apple's, which nobody says as a header.

    Raises:
        InvalidParameter: somebody has said one.
    """
    for name in _TYPE_HEADERS:
        if name in headers:
            raise InvalidParameter(f"{name} is no header: say pushType beside the headers")
    return {**headers, **(dict.fromkeys(_TYPE_HEADERS, push_type) if push_type else {})}


def type_in(platform: Platform, headers: Mapping[str, object]) -> PushType | None:
    """Return the push type of Apple's that headers have; None for an alert or a background push."""
    return PUSH_TYPES.get(str(headers.get(f"{_prefix(platform)}-push-type")))


def check_type(platform: Platform, headers: Mapping[str, object], *, blank: bool) -> None:
    """Check a push of a type of Apple's.

    Raises:
        InvalidParameter: it has a text or something in `aps` that such a push cannot have, or a
            priority.
    """
    push_type = type_in(platform, headers)
    if push_type is None:
        return
    told = f"a push of type {push_type.name}"
    if _priority(platform, headers) not in push_type.priorities:
        most = " or ".join(push_type.priorities)
        raise InvalidParameter(f"{_prefix(platform)}-priority: {told} has {most}")
    given = _raw_aps(raw_patch(platform, headers))
    if push_type.fixed and not (blank and given.items() <= push_type.aps.items()):
        raise InvalidParameter(f"{told} only says that something changed: it has no text")


def _priority(platform: Platform, headers: Mapping[str, object]) -> str:
    push_type = type_in(platform, headers)
    usual = "10" if push_type is None else push_type.priorities[0]
    return text_of(headers.get(f"{_prefix(platform)}-priority", usual))


def raw_patch(platform: Platform, headers: Mapping[str, object]) -> JsonObject:
    """Return the publisher's own JSON (`ios-raw`), which is merged in last; empty without one.

    Raises:
        InvalidParameter: it is no JSON object, names a key that is ours or one of Live
            Activities, or has a value in `aps` that Apple does not take.
    """
    name = f"{_prefix(platform)}-raw"
    if name not in headers:
        return {}
    raw = read_raw(name, headers[name])
    for own in ("message", "messageId"):
        if own in raw:
            raise InvalidParameter(f"{name}: {own} is written by the pipeline")
    if "aps" in raw and not isinstance(raw["aps"], dict):
        raise InvalidParameter(f"{name}: aps must be an object")
    for key, value in _raw_aps(raw).items():
        _check_raw_key(name, key, value)
    return raw


def chosen_collapse_id(platform: Platform, headers: Mapping[str, object]) -> str | None:
    """Return the collapse id that the publisher asks for (our extension), if any."""
    wanted = _steering(platform, headers).get("collapse-id")
    return None if wanted is None else text_of(wanted)


def without_effect(
    platform: Platform, headers: Mapping[str, object], *, silent: bool
) -> list[FieldWarning]:
    """Name the headers that are not used, or not as they stand; `silent` as `is_silent` says."""
    steering = _steering(platform, headers)
    push_type = type_in(platform, headers)
    if push_type is not None:
        return _idle_in(push_type, _prefix(platform), headers, steering)
    unusable = (name for name, read in _READERS.items() if _is_unusable(steering, name, read))
    idle = _idle_in_background(platform, headers) if silent else ()
    prefix = _prefix(platform) + "-"
    return [
        *(FieldWarning(name, WRITTEN_BY_US) for name in sorted(OWN_KEYS) if name in headers),
        *(FieldWarning(prefix + name, "APNs has no place for it") for name in unusable),
        *(FieldWarning(prefix + name, "a background push has no place for it") for name in idle),
    ]


def _idle_in(
    push_type: PushType, prefix: str, headers: Mapping[str, object], steering: JsonObject
) -> list[FieldWarning]:
    idle = steering.keys() - {"raw", "push-type", "priority"}
    said = f"a push of type {push_type.name} has no place for it"
    return [
        *(FieldWarning(name, WRITTEN_BY_US) for name in sorted(OWN_KEYS) if name in headers),
        *(FieldWarning(f"{prefix}-{name}", said) for name in sorted(idle)),
    ]


def _is_unusable(steering: Mapping[str, object], name: str, reader: aps.Reader) -> bool:
    return name in steering and reader(steering[name]) is None


def _idle_in_background(platform: Platform, headers: Mapping[str, object]) -> list[str]:
    """Name (after the prefix) what steers a notification, where none is shown."""
    idle = (aps.READERS.keys() - _VISIBLE) & _steering(platform, headers).keys()
    if _raw_aps(raw_patch(platform, headers)).keys() - {_BACKGROUND}:
        idle |= {"raw"}
    return sorted(idle)


def _raw_aps(raw: JsonObject) -> JsonObject:
    found = raw.get("aps")
    return found if isinstance(found, dict) else {}


def _check_raw_key(name: str, key: str, value: object) -> None:
    """Check one key of `aps`; one that is unknown passes, since Apple adds some each year."""
    if key in aps.LIVE_ACTIVITY_KEYS:
        raise InvalidParameter(f"{name}: aps.{key} belongs to Live Activities")
    if value is not None and not _is_of_apple(key, value):
        raise InvalidParameter(f"{name}: aps.{key} has a value that APNs has no place for")


def _is_of_apple(key: str, value: object) -> bool:
    """Tell whether a value is what Apple takes, not only what can be read as such."""
    if key == "alert":
        return isinstance(value, str | dict)
    if key in ("content-available", "mutable-content"):
        return not isinstance(value, bool) and value in (0, 1)
    reader = aps.KEYS.get(key)
    return reader is None or reader(value) == value


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
    made: JsonObject = {"alert": _alert(text, steering), **aps.read(aps.KEYS, steering)}
    if is_on(steering.get("content-available")):
        made["content-available"] = 1
    if _is_mutable(steering, headers):
        made["mutable-content"] = 1
    return made


def _alert(text: str, steering: Mapping[str, object]) -> JsonObject:
    body = steering.get("alert-body", steering.get("alert", text))
    return {**aps.read(aps.ALERT_KEYS, steering, "alert-"), "body": text_of(body)}


def _is_mutable(steering: Mapping[str, object], headers: Mapping[str, object]) -> bool:
    """Tell whether the app's extension must run: for a picture, a template, or on request."""
    wanted = is_on(steering.get("mutable-content"))
    return wanted or "rich-media-url" in steering or not _TEMPLATES.isdisjoint(headers)


def _beside(platform: Platform, headers: Mapping[str, object]) -> JsonObject:
    """Return the keys beside `aps`: what the SDK on the device reads, and custom headers."""
    prefix = _prefix(platform) + "-"
    spent = {prefix + name for name in _SPENT} | OWN_KEYS
    beside = {name: value for name, value in headers.items() if name not in spent}
    picture = headers.get(prefix + "rich-media-url")
    return beside if picture is None else {**beside, "attachment-url": picture}
