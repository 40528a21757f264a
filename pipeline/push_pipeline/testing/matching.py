"""A push as a test sees it, and whether it is the one that is looked for."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from push_pipeline.content.live_activity import STORED_AS
from push_pipeline.options import EVERY_CHANNEL
from push_pipeline.publishing.draft import Draft

#: In place of a value that a test does not look at.
WHATEVER: Final[Any] = object()


@dataclass(frozen=True, slots=True)
class Push:
    """What was said, to whom and when, as it would have been written.

    `at` is when it is sent: None for now, an aware datetime, or by the devices' clocks a `time`
    or a naive datetime. `activity` is the event of a Live Activity by the API's names, which has
    no message and no headers.
    """

    message_id: str
    channel: str | None
    message: Any
    headers: Mapping[str, Any]
    users: tuple[str, ...]
    devices: tuple[str, ...]
    segment: str | None
    platforms: frozenset[str]
    at: datetime | time | None
    repeat_every: timedelta | None
    lifetime: timedelta
    template: str | None
    app: str | None
    dedupe_key: str | None
    content: Mapping[str, Any]
    activity: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, message_id: str, draft: Draft) -> "Push":
        """Read a draft."""
        to, said = draft.to, draft.content
        at = None if to.publish_at_ms is None else _instant(to.publish_at_ms)
        return cls(
            message_id=message_id,
            channel=None if draft.channel == EVERY_CHANNEL else draft.channel,
            message=said.get("message"),
            headers=said.get("headers", {}),
            users=to.user_ids,
            devices=to.device_ids,
            segment=to.segment_query,
            platforms=frozenset(platform.value for platform in to.platforms),
            at=to.publish_at_local or at,
            repeat_every=timedelta(seconds=to.repeat_every) if to.repeat_every else None,
            lifetime=timedelta(seconds=to.ttl_seconds),
            template=said.get("template"),
            app=draft.app_id or None,
            dedupe_key=draft.once.key if draft.once else None,
            content=said,
            activity=said.get(STORED_AS),
        )

    def __str__(self) -> str:
        shown = ("channel", "users", "devices", "message", "headers", "at", "template", "activity")
        values = ((name, getattr(self, name)) for name in shown)
        return ", ".join(f"{name}={value!r}" for name, value in values if value not in _NOTHING)


_NOTHING: Final[tuple[Any, ...]] = (None, (), {})


def is_as(push: Push, wanted: Mapping[str, Any]) -> bool:
    """Say whether a push has every value that is wanted, by the names of its fields."""
    return all(
        _COMPARE.get(name, _equal)(getattr(push, name), value)
        for name, value in wanted.items()
        if value is not WHATEVER
    )


def _equal(found: Any, wanted: Any) -> bool:
    return bool(found == wanted)


def _says(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, re.Pattern):
        return wanted.search(str(found)) is not None
    return _equal(found, wanted)


def _has(found: Mapping[str, Any] | None, wanted: Mapping[str, Any] | None) -> bool:
    if found is None or wanted is None:
        return found is wanted
    return all(name in found and found[name] == value for name, value in wanted.items())


def _same_people(found: Iterable[str], wanted: str | int | Iterable[str | int]) -> bool:
    listed = [wanted] if isinstance(wanted, str | int) else wanted
    return set(found) == {str(one) for one in listed}


def _when(found: Any, wanted: Any) -> bool:
    if not isinstance(wanted, tuple):
        return _equal(found, wanted)
    moment = datetime.now(UTC) if found is None else found
    if not isinstance(moment, datetime) or moment.tzinfo is None:  # by the devices' clocks
        return False
    earliest, latest = wanted
    return bool(earliest <= moment <= latest)


_COMPARE: Final[Mapping[str, Any]] = {
    "message": _says,
    "headers": _has,
    "activity": _has,
    "users": _same_people,
    "devices": _same_people,
    "at": _when,
}


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
