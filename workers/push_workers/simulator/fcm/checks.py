"""The checks of an FCM message that need nothing but the message.

Limits of Google, "About FCM messages" and REST resource `projects.messages`.
"""

import re
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from push_workers.simulator.fcm import apple, errors, fields
from push_workers.simulator.fcm.errors import Violation
from push_workers.simulator.messages import Answer

#: Payload limits in bytes; keys and values count.
PAYLOAD_MAX_BYTES = 4096
TOPIC_PAYLOAD_MAX_BYTES = 2048
#: Longest time to live, in seconds: four weeks.
TTL_MAX_SECONDS = 2_419_200

TARGETS = ("fid", "token", "topic", "condition")
_RESERVED = re.compile(r"from|message_type|google\..*|gcm\.notification\..*", re.DOTALL)
_TOKEN = re.compile(r"[A-Za-z0-9_:.-]{10,4096}")
_FID = re.compile(r"[A-Za-z0-9_-]{22}")
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_LABEL = re.compile(r"[a-zA-Z0-9\-_.~%]{1,50}")
_TOPIC = re.compile(r"[a-zA-Z0-9\-_.~%]{1,900}")


class Parsed(NamedTuple):
    """A body whose envelope is good."""

    message: dict[str, Any]  # names of the top level in snake_case
    validate_only: bool


class Facts(NamedTuple):
    """What the rest of the program wants to know about a message."""

    fault: Answer | None
    logical_id: str = ""
    collapse: str = ""
    ttl_seconds: float | None = None
    for_apple: apple.Handed = apple.Handed()
    empty_on_apple: bool = False


def parse(body: bytes) -> Parsed | Answer:
    """Read the envelope."""
    try:
        envelope: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return errors.bad_request([Violation("", "Invalid JSON payload received.")])
    if not isinstance(envelope, dict):
        return errors.bad_request([Violation("", "Invalid JSON payload received.")])
    top = fields.normalised(envelope)
    unknown = [
        Violation("", f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')
        for name in top.keys() - {"message", "validate_only"}
    ]
    message = top.get("message")
    if unknown or not isinstance(message, dict):
        return errors.bad_request(unknown or [Violation("message", "Message is not set.")])
    return Parsed(fields.normalised(message), top.get("validate_only") is True)


def target(message: dict[str, Any]) -> tuple[str, str] | Answer:
    """Return kind and value of the one target."""
    named = [(kind, message[kind]) for kind in TARGETS if kind in message]
    if len(named) != 1 or not isinstance(named[0][1], str) or not named[0][1]:
        text = "Recipient of the message is not set."
        if len(named) > 1:
            text = "The message has more than one recipient."
        return errors.bad_request([Violation("message", text)])
    return named[0]


def target_fault(kind: str, value: str) -> Answer | None:
    """Check the shape of a target."""
    if kind == "token" and not _TOKEN.fullmatch(value):
        return errors.rejection("INVALID_ARGUMENT")
    if kind == "fid" and not _FID.fullmatch(value):
        return errors.rejection("INVALID_ARGUMENT")
    if kind == "topic" and not _TOPIC.fullmatch(value):
        return errors.bad_request([Violation("message.topic", "Malformed topic name")])
    return None


@lru_cache(maxsize=4096)
def facts(raw: bytes, logical_key: str, *, to_topic: bool) -> Facts:
    """Check a message without its target. Many devices get the same one, so it is remembered."""
    message = orjson.loads(raw)
    wrong = fields.violations(message)
    if wrong:
        return Facts(errors.bad_request(wrong))
    android = fields.normalised(message.get("android", {}))
    data = message.get("data", {})
    ttl = android.get("ttl")
    seconds = None if ttl is None else float(ttl[:-1])
    wrong = _reserved(data, "message.data") + _reserved(
        android.get("data", {}), "message.android.data"
    )
    wrong += _malformed(message, android)
    block = message.get("apns", {})
    wrong += apple.violations(block)
    if seconds is not None and not 0 <= seconds <= TTL_MAX_SECONDS:
        wrong.append(Violation("message.android.ttl", "ttl is out of range"))
    if wrong:
        return Facts(errors.bad_request(wrong))
    if _size(message, android) > (TOPIC_PAYLOAD_MAX_BYTES if to_topic else PAYLOAD_MAX_BYTES):
        return Facts(errors.rejection("PAYLOAD_TOO_LARGE"))
    tag = android.get("notification", {}).get("tag", "")
    return Facts(
        None,
        data.get(logical_key, ""),
        tag or android.get("collapse_key", ""),
        seconds,
        apple.handed(block, logical_key),
        apple.says_nothing(message),
    )


def _malformed(message: dict[str, Any], android: dict[str, Any]) -> list[Violation]:
    """Check the texts that have a form of their own: colour and analytics label."""
    colour = fields.normalised(android.get("notification", {})).get("color")
    found = []
    if colour is not None and not _COLOUR.fullmatch(colour):
        found.append(Violation("message.android.notification.color", "Malformed color"))
    for at, part in (("message", message), ("message.android", android)):
        options = fields.normalised(part.get("fcm_options", {}))
        if not _LABEL.fullmatch(options.get("analytics_label", "-")):
            found.append(Violation(f"{at}.fcm_options.analytics_label", "Malformed label"))
    return found


def _reserved(data: dict[str, str], at: str) -> list[Violation]:
    return [
        Violation(f"{at}[{n}].key", f"Invalid data payload key: {key}")
        for n, key in enumerate(data)
        if _RESERVED.fullmatch(key)
    ]


def _size(message: dict[str, Any], android: dict[str, Any]) -> int:
    counted = (
        message.get("data"),
        message.get("notification"),
        android.get("data"),
        android.get("notification"),
    )
    size = sum(_weight(part) for part in counted if part)
    payload = message.get("apns", {}).get("payload")
    return max(size, len(orjson.dumps(payload)) if payload else 0)


def _weight(value: Any) -> int:
    if isinstance(value, dict):
        return sum(len(key.encode()) + _weight(item) for key, item in value.items())
    if isinstance(value, list):
        return sum(map(_weight, value))
    return len(str(value).encode())
