"""The checks of one device request that need nothing but the request.

Apple publishes no order. This one is ours and stable: path, repeated headers, authentication,
headers, body, token. Each function returns Apple's reason, or None where all is well. The rules
are those of Apple, "Sending notification requests to APNs".
"""

import re
import uuid
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

#: Push type -> what its topic ends with, beside the bundle id. `mdm` takes any topic.
TOPIC_SUFFIX = {
    "alert": "",
    "background": "",
    "location": ".location-query",
    "voip": ".voip",
    "complication": ".complication",
    "fileprovider": ".pushkit.fileprovider",
    "mdm": "",
    "liveactivity": ".push-type.liveactivity",
    "pushtotalk": ".voip-ptt",
    "widgets": ".push-type.widgets",
    "controls": ".push-type.controls",
}
#: Push types that a client certificate cannot send.
TOKEN_ONLY = frozenset({"location", "liveactivity"})
#: What `aps` is, where it can be nothing else.
_APS: dict[str, dict[str, Any]] = {
    "background": {"content-available": 1},
    "widgets": {"content-changed": True},
    "controls": {"content-changed": True},
}
#: Payload limits in bytes.
PAYLOAD_MAX_BYTES = 4096
VOIP_PAYLOAD_MAX_BYTES = 5120
#: apns-collapse-id, in bytes.
COLLAPSE_MAX_BYTES = 64

_DEVICE_PATH = "/3/device/"
_TOPIC = re.compile(r"[A-Za-z0-9.-]{1,255}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_SUFFIXES = sorted(filter(None, set(TOPIC_SUFFIX.values())), key=len, reverse=True)


class Headers(NamedTuple):
    """The headers that many requests share; a value is checked once and remembered."""

    expiration: str | None
    priority: str | None
    push_type: str | None
    collapse_id: str | None
    topic: str | None


def path_fault(method: str, path: str) -> str | None:
    """Check method and path."""
    if method != "POST":
        return "MethodNotAllowed"
    if not path.startswith(_DEVICE_PATH):
        return "MissingDeviceToken" if path == _DEVICE_PATH[:-1] else "BadPath"
    token = path[len(_DEVICE_PATH) :]
    if not token:
        return "MissingDeviceToken"
    return "BadPath" if "/" in token else None


def token_of(path: str) -> str:
    """Return the device token of a path, empty where there is none."""
    return path[len(_DEVICE_PATH) :] if path.startswith(_DEVICE_PATH) else ""


def id_fault(apns_id: str | None) -> str | None:
    """Check the client's apns-id: a canonical UUID, in any case."""
    if apns_id is None:
        return None
    try:
        canonical = str(uuid.UUID(apns_id))
    except ValueError:
        return "BadMessageId"
    return None if canonical == apns_id.lower() else "BadMessageId"


@lru_cache(maxsize=4096)
def header_fault(headers: Headers) -> str | None:
    """Check everything about the headers but authorization, apns-id and the topic's owner."""
    expiration = headers.expiration
    if expiration is not None and not (expiration.isascii() and expiration.isdigit()):
        return "BadExpirationDate"
    if headers.priority not in (None, "1", "5", "10"):
        return "BadPriority"
    push_type = headers.push_type
    if push_type == "background" and headers.priority != "5":
        return "BadPriority"  # an absent priority means 10
    if push_type is not None and push_type not in TOPIC_SUFFIX:
        return "InvalidPushType"
    if headers.collapse_id is not None and len(headers.collapse_id) > COLLAPSE_MAX_BYTES:
        return "BadCollapseId"
    return _topic_fault(headers.topic, push_type)


def _topic_fault(topic: str | None, push_type: str | None) -> str | None:
    if topic is None:
        return "MissingTopic"
    if not _TOPIC.fullmatch(topic):
        return "BadTopic"
    if push_type is None or push_type == "mdm":
        return None
    return None if _suffix(topic) == TOPIC_SUFFIX[push_type] else "BadTopic"


@lru_cache(maxsize=4096)
def bundle_id(topic: str) -> str:
    """Return the topic without a push type's suffix."""
    suffix = _suffix(topic)
    return topic[: len(topic) - len(suffix)]


def _suffix(topic: str) -> str:
    return next((suffix for suffix in _SUFFIXES if topic.endswith(suffix)), "")


def size_fault(size: int, push_type: str | None) -> str | None:
    """Check the payload's size in bytes."""
    if size == 0:
        return "PayloadEmpty"
    limit = VOIP_PAYLOAD_MAX_BYTES if push_type == "voip" else PAYLOAD_MAX_BYTES
    return "PayloadTooLarge" if size > limit else None


@lru_cache(maxsize=4096)
def logical_id(body: bytes, key: str) -> str | None:
    """Return the payload's own id, empty where it has none, None where it is no JSON object."""
    try:
        payload: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(payload, dict):
        return None
    value = payload.get(key, "")
    return value if isinstance(value, str) else str(value)


@lru_cache(maxsize=4096)
def aps_fault(body: bytes, push_type: str | None) -> str | None:
    """Check `aps` where the push type leaves no choice: it has that alone.

    Apple, "Pushing background updates to your App", names no reason: it says that a type that
    does not match the payload may be refused, delayed or dropped.
    """
    wanted = _APS.get(push_type or "")
    if wanted is None or orjson.loads(body).get("aps") == wanted:
        return None
    return "InvalidPushType"


def is_token(token: str) -> bool:
    """Say whether a device token is hexadecimal and of even length; Apple fixes no length."""
    return _HEX.fullmatch(token) is not None
