"""The `apns` block of an FCM message: what FCM hands on to APNs for an iPhone.

Google names no rule for most of it, and Apple's answer would come when the message has long been
taken. The simulator refuses at once what Apple would refuse, so that a test sees it.
"""

from typing import Any, NamedTuple

import orjson

from push_workers.simulator.apns import activities, checks
from push_workers.simulator.fcm.errors import Violation

_HEADERS = "message.apns.headers"
_APS = "message.apns.payload.aps"

#: FCM puts the app's own topic in; any stands for it here.
_SOME_TOPIC = "app.of.the.project"


class Handed(NamedTuple):
    """What the block says of a delivery. `expires_at` is epoch seconds, 0 for now or never."""

    collapse: str = ""
    expires_at: float | None = None
    logical_id: str = ""


def violations(block: dict[str, Any]) -> list[Violation]:
    """Return what Apple would not take."""
    headers = {name.lower(): value for name, value in block.get("headers", {}).items()}
    aps = block.get("payload", {}).get("aps", {})
    found = [] if isinstance(aps, dict) else [Violation(_APS, "aps must be an object")]
    fault = checks.header_fault(
        checks.Headers(
            headers.get("apns-expiration"),
            headers.get("apns-priority"),
            headers.get("apns-push-type"),
            headers.get("apns-collapse-id"),
            headers.get("apns-topic", _SOME_TOPIC),
        )
    )
    if fault is not None:
        found.append(Violation(_HEADERS, f"APNs would answer {fault}"))
    if "live_activity_token" in block:
        found += _of_activity(block, headers.get("apns-priority"))
    if headers.get("apns-push-type") == "background" and aps != {"content-available": 1}:
        found.append(Violation(_APS, "a background push shows nothing"))
    return found


def _of_activity(block: dict[str, Any], priority: str | None) -> list[Violation]:
    fault = activities.fault(orjson.dumps(block.get("payload", {})), priority)
    return [] if fault is None else [Violation(_APS, "no device would show it")]


def says_nothing(message: dict[str, Any]) -> bool:
    """Tell a message that an iPhone gets nothing of: data alone goes with priority 5.

    Firebase, "Set and manage message priority": APNs refuses a data message of priority 10.
    """
    block = message.get("apns", {})
    patient = block.get("headers", {}).get("apns-priority") == "5"
    return not (block.get("payload") or message.get("notification") or patient)


def handed(block: dict[str, Any], logical_key: str) -> Handed:
    """Return what of a sound block concerns its delivery."""
    headers = {name.lower(): value for name, value in block.get("headers", {}).items()}
    expiration = headers.get("apns-expiration")
    return Handed(
        headers.get("apns-collapse-id", ""),
        None if expiration is None else float(expiration),
        str(block.get("payload", {}).get(logical_key, "")),
    )
