"""The checks of a Live Activity's event.

Apple, "Starting and updating Live Activities with ActivityKit push notifications". Apple takes
most of what is wrong in a payload, and the device drops it without a word; the simulator refuses
at once what no device would show, so that a test sees it.
"""

from functools import lru_cache
from typing import Any

import orjson

from push_workers.simulator.devices import TokenKind

PUSH_TYPE = "liveactivity"

_EVENTS_OF: dict[TokenKind, frozenset[str]] = {
    "any": frozenset({"start", "update", "end"}),
    "device": frozenset(),
    "start": frozenset({"start"}),
    "activity": frozenset({"update", "end"}),
}
#: What each event needs, and of what type.
_NEEDED: dict[str, dict[str, type]] = {
    "start": {"attributes-type": str, "attributes": dict, "content-state": dict, "alert": dict},
    "update": {"content-state": dict},
    "end": {},
}
#: What stands in one event alone.
_ONLY_IN = {
    **dict.fromkeys(("attributes-type", "attributes"), "start"),
    **dict.fromkeys(("input-push-token", "input-push-channel"), "start"),
    "dismissal-date": "end",
}
_TYPES: dict[str, tuple[type, ...]] = {
    "content-state": (dict,),
    "alert": (dict,),
    "stale-date": (int,),
    "dismissal-date": (int,),
    "relevance-score": (int, float),
}


@lru_cache(maxsize=4096)
def fault(body: bytes, priority: str | None) -> str | None:
    """Return why no device would show an event, None where it is sound."""
    if priority not in (None, "5", "10"):
        return "BadPriority"
    aps = aps_of(body)
    event = aps.get("event")
    needed = _NEEDED.get(event) if isinstance(event, str) else None
    if needed is None or type(aps.get("timestamp")) is not int:
        return "InvalidPushType"
    complete = all(isinstance(aps.get(name), kind) for name, kind in needed.items())
    placed = all(_ONLY_IN.get(name, event) == event for name in aps)
    typed = all(isinstance(aps[name], kinds) for name, kinds in _TYPES.items() if name in aps)
    return None if complete and placed and typed else "InvalidPushType"


def token_fault(kind: TokenKind, body: bytes, push_type: str | None) -> str | None:
    """Return why a token of a kind is not for this push, None where it is."""
    if push_type != PUSH_TYPE:
        return None if kind in ("any", "device") else "DeviceTokenNotForTopic"
    return None if aps_of(body)["event"] in _EVENTS_OF[kind] else "DeviceTokenNotForTopic"


def aps_of(body: bytes) -> dict[str, Any]:
    """Return a payload's `aps`, empty where it is none."""
    payload: Any = orjson.loads(body)
    aps = payload.get("aps")
    return aps if isinstance(aps, dict) else {}
