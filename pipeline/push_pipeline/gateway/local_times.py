"""Times without an offset in a body, as Dart writes local ones: read by the app's zone. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from push_pipeline.field_warning import FieldWarning
from push_pipeline.options.time_zone import known_time_zones
from push_pipeline.options.wall_clock import FIRST_YEAR, LAST_YEAR
from push_pipeline.schedule import moment_of

#: The moments in a publish, in a registration and in an activity's event, by all their names.
OF_PUBLISH = ("publishAt", "publish_at", "repeatExpiresAt", "repeat_expires_at")
OF_REGISTRATION = ("expiration",)
OF_ACTIVITY = ("staleDate", "stale_date", "dismissalDate", "dismissal_date")

#: Characters of a date alone, which is no moment.
_DATE_ALONE = len("2030-01-31")


def in_zone(
    body: Mapping[str, Any], names: Sequence[str], zone: str
) -> tuple[dict[str, Any], list[FieldWarning]]:
    """Return a body in which no moment is without an offset, and what was made of those.

    Where the zone's clock skips that time it is the first moment after the gap, where it shows
    it twice the first one. What is no moment at all is left to who reads it.
    """
    local = {name: wall for name in names if (wall := _local(body.get(name))) is not None}
    if not local:
        return dict(body), []
    where = ZoneInfo(zone) if zone in known_time_zones() else UTC
    moments = {name: moment_of(wall, where).isoformat() for name, wall in local.items()}
    made = f"has no time zone, so it was read by the app's: {where}"
    return {**body, **moments}, [FieldWarning(name, made) for name in moments]


def _local(value: object) -> datetime | None:
    if not isinstance(value, str) or len(value.strip()) <= _DATE_ALONE:
        return None
    try:
        read = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return read if read.tzinfo is None and FIRST_YEAR <= read.year <= LAST_YEAR else None
