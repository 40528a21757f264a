"""Spans and moments as they are typed: `90`, `10m`, `1h30m`, `+10m`, `2027-01-01T09:00+01:00`."""

import re
from datetime import UTC, datetime, timedelta

from push_pipeline.errors import InvalidParameter

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_NUMBER = re.compile(r"[0-9]{1,9}")
_SPAN = re.compile(r"(?:[0-9]{1,9}[smhdw])+")
_PART = re.compile(r"([0-9]+)([smhdw])")


def span(text: str) -> timedelta:
    """Read a span of time: seconds, or numbers with s, m, h, d, w.

    Raises:
        InvalidParameter: it is none.
    """
    if _NUMBER.fullmatch(text):
        return timedelta(seconds=int(text))
    if not _SPAN.fullmatch(text):
        raise InvalidParameter(f"{text!r} is not a span of time: write 90, 10m or 1h30m")
    return timedelta(seconds=sum(int(n) * _SECONDS[unit] for n, unit in _PART.findall(text)))


def moment(text: str, now_ms: int) -> datetime | str:
    """Read a moment: `+10m` from now, or what the options read (ISO 8601 with an offset).

    Raises:
        InvalidParameter: what follows the plus is no span of time.
    """
    if text.startswith("+"):
        return datetime.fromtimestamp(now_ms / 1000, UTC) + span(text[1:])
    return text


def past(text: str, now_ms: int) -> datetime | str:
    """Read a moment that has passed: `2h` before now, or what the options read.

    Raises:
        InvalidParameter: it looks like a span of time and is too long for a date.
    """
    if not _NUMBER.fullmatch(text) and not _SPAN.fullmatch(text):
        return text
    try:
        return datetime.fromtimestamp(now_ms / 1000, UTC) - span(text)
    except OverflowError:
        raise InvalidParameter(f"{text!r} is before the first date") from None
