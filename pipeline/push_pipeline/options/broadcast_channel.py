"""What is said of a broadcast channel of Apple's, and in one push to it; pure.

Rules of Apple: "Setting up broadcast push notifications", "Sending broadcast push notification
requests to APNs", "Starting and updating Live Activities with ActivityKit push notifications".
"""

from collections.abc import Mapping
from typing import Any, Final

from push_pipeline.errors import InvalidParameter, MissingParameter, PayloadTooLarge
from push_pipeline.options.channel import check_channel_name
from push_pipeline.options.json_values import copy_json

#: What Apple keeps for phones that are away, by our word, as its storage policy has it.
POLICIES: Final[Mapping[str, int]] = {"nothing": 0, "latest": 1}

#: Seconds that Apple keeps the latest push of a channel at the most.
KEPT_SECONDS: Final = 8 * 3600

#: Bytes of the JSON.
PAYLOAD_BYTES: Final = 5120

PRIORITIES: Final = ("1", "5", "10")

#: Keys of `aps` in a push to a channel; an activity is started on one phone alone.
_KEYS: Final = frozenset(
    (
        *("timestamp", "event", "content-state", "alert", "stale-date", "dismissal-date"),
        *("relevance-score", "sound"),
    )
)

_NUMBERS: Final = ("stale-date", "dismissal-date", "relevance-score")


def check_name(name: object) -> str:
    """Return the name of a broadcast channel in its normal form, as a channel's.

    Raises:
        InvalidChannelName: it is none.
    """
    return check_channel_name(name)


def read_stores(value: object) -> str:
    """Read what Apple is to keep: `nothing` or the `latest` push.

    Raises:
        InvalidParameter: it is neither.
    """
    if value in POLICIES:
        return str(value)
    raise InvalidParameter("stores is nothing or latest")


def check_aps(value: object) -> dict[str, Any]:
    """Check what activities are told, and return a copy.

    Raises:
        MissingParameter: it has no event, or an update no content-state.
        InvalidParameter: Apple would not take it.
        PayloadTooLarge: it is larger than Apple takes.
    """
    if not isinstance(value, Mapping):
        raise InvalidParameter("aps must be an object")
    aps: dict[str, Any] = copy_json("aps", dict(value))
    event = aps.get("event")
    if event not in ("update", "end"):
        raise InvalidParameter("aps: event is update or end; a channel starts no activity")
    if unknown := aps.keys() - _KEYS:
        raise InvalidParameter(f"aps: {min(unknown)} is not for a broadcast channel")
    if event == "update" and "content-state" not in aps:
        raise MissingParameter("aps: an update needs content-state")
    if event != "end" and "dismissal-date" in aps:
        raise InvalidParameter("aps: dismissal-date is for event end")
    for name in ("content-state", "alert"):
        _check_object(aps, name)
    for name in ("timestamp", *_NUMBERS):
        _check_number(aps, name)
    return aps


def check_size(body: bytes) -> None:
    """Check the bytes of a push to a channel.

    Raises:
        PayloadTooLarge: there are more than Apple takes.
    """
    if len(body) > PAYLOAD_BYTES:
        raise PayloadTooLarge(f"the payload is {len(body)} bytes, the limit is {PAYLOAD_BYTES}")


def read_priority(value: object, aps: Mapping[str, Any]) -> str:
    """Read a priority; without one it is 10 for what is to be noticed, 5 for other updates.

    Raises:
        InvalidParameter: it is none.
    """
    if value is None:
        return "10" if aps["event"] == "end" or "alert" in aps else "5"
    if str(value) in PRIORITIES and not isinstance(value, bool):
        return str(value)
    raise InvalidParameter("priority is 1, 5 or 10")


def read_lifetime(seconds: int | None, stores: str) -> int:
    """Return for how many seconds Apple may keep a push; 0 where the channel keeps nothing.

    Raises:
        InvalidParameter: the channel keeps none, or not for so long.
    """
    most = KEPT_SECONDS if stores == "latest" else 0
    if seconds is None:
        return most
    if not 0 <= seconds <= most:
        kept = f"for {most} seconds at most" if most else "nothing: ttl is 0"
        raise InvalidParameter(f"ttl: the channel keeps {kept}")
    return seconds


def is_repeatable(aps: Mapping[str, Any]) -> bool:
    """Tell whether a second copy goes unnoticed: of one timestamp, and nothing rings."""
    return "alert" not in aps


def _check_object(aps: Mapping[str, Any], name: str) -> None:
    if not isinstance(aps.get(name, {}), Mapping):
        raise InvalidParameter(f"aps: {name} must be an object")


def _check_number(aps: Mapping[str, Any], name: str) -> None:
    value = aps.get(name, 0)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not (whole or (name == "relevance-score" and isinstance(value, float))):
        raise InvalidParameter(f"aps: {name} must be a number")
