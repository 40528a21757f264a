"""Names of time zones, as the IANA database has them: `Europe/Berlin`, `UTC`."""

import re
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


#: An offset as Apple's and Java's systems name a zone that is none of a place.
_OFFSET = re.compile(r"(?:GMT|UTC)?([+-])(\d{1,2})(?::?00)?")

#: What else is called by no place.
_ZULU = frozenset(("z", "gmt+00:00", "gmt-00:00", "utc+00:00", "utc-00:00"))


def likely_time_zone(name: str) -> str | None:
    """Return the zone that a device means: by its name in any case, or by a whole-hour offset.

    Devices name what their system gives them. An offset becomes a zone without summer time,
    whose IANA name has the opposite sign (`GMT+02:00` is `Etc/GMT-2`); one of half an hour is
    no zone. None where it is not clear which is meant.
    """
    wanted = name.strip().replace(" ", "_")
    if wanted.lower() in _ZULU:
        return "UTC"
    found = _by_lower_case().get(wanted.lower())
    return found or _of_offset(wanted.upper())


def _of_offset(name: str) -> str | None:
    offset = _OFFSET.fullmatch(name)
    if offset is None:
        return None
    hours = int(offset[2])
    if hours == 0:
        return "UTC"
    zone = f"Etc/GMT{'-' if offset[1] == '+' else '+'}{hours}"
    return zone if zone in known_time_zones() else None


@cache
def _by_lower_case() -> dict[str, str]:
    return {name.lower(): name for name in known_time_zones()}


@cache
def known_time_zones() -> frozenset[str]:
    """Return all names. Read once: it is a walk through the files of the database."""
    return frozenset(available_timezones())
