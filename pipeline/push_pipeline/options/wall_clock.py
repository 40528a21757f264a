"""A time on the clock at the wall, without a time zone: `09:00`, `2027-01-01T09:00`."""

import re
from datetime import datetime, time
from typing import Final

from push_pipeline.errors import InvalidPublishAt

WallClock = time | datetime

#: Years. Within them a date stays a date in every time zone.
FIRST_YEAR: Final = 1971
LAST_YEAR: Final = 9998

_TIME: Final = re.compile(r"\d\d:\d\d(:\d\d)?", re.ASCII)
_DATE_AND_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?", re.ASCII)


def read_wall_clock(value: object) -> WallClock:
    """Read a time of day, or a date with a time, that names no time zone.

    Raises:
        InvalidPublishAt: it is neither, or it names a zone.
    """
    found = _parse(value.strip()) if isinstance(value, str) else value
    if not isinstance(found, time | datetime):
        raise InvalidPublishAt("publishAtLocal is neither HH:MM nor YYYY-MM-DDTHH:MM")
    if found.tzinfo is not None:
        raise InvalidPublishAt("publishAtLocal has a time zone: it goes by each device's own")
    if isinstance(found, datetime) and not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise InvalidPublishAt(f"publishAtLocal is not between {FIRST_YEAR} and {LAST_YEAR}")
    return found.replace(microsecond=0)


def _parse(text: str) -> WallClock | None:
    try:
        if _TIME.fullmatch(text):
            return time.fromisoformat(text)
        if _DATE_AND_TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    return None
