"""The keys of `aps`: which header (after `ios-` or `osx-`) fills which, and how it is read.

Rules of Apple: "Generating a remote notification" (tables 1 to 3), "UNNotificationSound" for
the critical sound. What a reader cannot use is None: the key stays away, and the header is named
in the warnings. `content-state` and its like belong to Live Activities, which are another push
type with tokens of their own; they are left to them.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from push_pipeline.content.badge import badge_of
from push_pipeline.content.values import count_of, number_of, object_of, text_of, texts_of

JsonObject = dict[str, object]
Reader = Callable[[object], object | None]

INTERRUPTION_LEVELS: Final = ("passive", "active", "time-sensitive", "critical")

#: Keys of Live Activities. They are sent with another push type and topic.
LIVE_ACTIVITY_KEYS: Final = frozenset(
    (
        "attributes",
        "attributes-type",
        "content-state",
        "dismissal-date",
        "event",
        "input-push-channel",
        "input-push-token",
        "stale-date",
        "timestamp",
    )
)


def level_of(value: object) -> str | None:
    """Read how far a notification may interrupt."""
    level = value.lower() if isinstance(value, str) else None
    return level if level in INTERRUPTION_LEVELS else None


def score_of(value: object) -> int | float | None:
    """Read a relevance: a number from 0 to 1."""
    return _from_nought_to_one(number_of(value))


def sound_of(value: object) -> str | JsonObject | None:
    """Read a sound: its name, or the dictionary of a critical one (`critical`, `name`, `volume`).

    A critical sound rings on a silenced phone, and needs Apple's entitlement.
    """
    critical = object_of(value)
    if critical is None:
        return value if isinstance(value, str) else None
    name, volume = critical.get("name", "default"), critical.get("volume", 1)
    known = critical.keys() <= {"critical", "name", "volume"}
    fits = isinstance(name, str) and isinstance(volume, int | float)
    if not (known and fits and critical.get("critical") in (0, 1)):
        return None
    return critical if _from_nought_to_one(number_of(volume)) is not None else None


#: Keys of `aps` that a header of the same name fills.
KEYS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "badge": badge_of,
        "sound": sound_of,
        "category": text_of,
        "thread-id": text_of,
        "target-content-id": text_of,
        "filter-criteria": text_of,
        "interruption-level": level_of,
        "relevance-score": score_of,
        "url-args": texts_of,
    }
)

#: Keys of `aps.alert` that a header `alert-…` fills; `body` has older names as well.
ALERT_KEYS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "title": text_of,
        "subtitle": text_of,
        "launch-image": text_of,
        "title-loc-key": text_of,
        "title-loc-args": texts_of,
        "subtitle-loc-key": text_of,
        "subtitle-loc-args": texts_of,
        "loc-key": text_of,
        "loc-args": texts_of,
        "action-loc-key": text_of,
        "summary-arg": text_of,
        "summary-arg-count": count_of,
    }
)

READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {**KEYS, **{f"alert-{name}": reader for name, reader in ALERT_KEYS.items()}}
)


def read(keys: Mapping[str, Reader], headers: Mapping[str, object], prefix: str = "") -> JsonObject:
    """Read those of the keys that a header gives and whose value can be used."""
    read = {
        name: reader(headers[prefix + name])
        for name, reader in keys.items()
        if prefix + name in headers
    }
    return {name: value for name, value in read.items() if value is not None}


def _from_nought_to_one(number: int | float | None) -> int | float | None:
    return number if number is not None and 0 <= number <= 1 else None
