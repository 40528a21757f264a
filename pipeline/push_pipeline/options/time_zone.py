"""Names of time zones, as the IANA database has them: `Europe/Berlin`, `UTC`."""

from functools import cache
from zoneinfo import available_timezones

from push_pipeline.errors import InvalidParameter

#: Characters of an unknown name that an error repeats.
_SHOWN = 40


def check_time_zone(name: str) -> str:
    """Return the name of a time zone as it is.

    Raises:
        InvalidParameter: the IANA database has no such name (they are case-sensitive).
    """
    if name not in known_time_zones():
        shown = repr(name[:_SHOWN])
        raise InvalidParameter(f"time zone {shown} is unknown: use a name such as Europe/Berlin")
    return name


@cache
def known_time_zones() -> frozenset[str]:
    """Return all names. Read once: it is a walk through the files of the database."""
    return frozenset(available_timezones())
