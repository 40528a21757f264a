"""Every spelling of a moment and of a span of time that callers use, read into whole numbers."""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

#: Milliseconds. The last moment that a date can name: 9999-12-31T23:59:59.999Z.
LAST_MS: Final = 253_402_300_799_999

_NUMBER: Final = re.compile(r"-?\d{1,20}(\.\d{1,20})?", re.ASCII)


def epoch_ms(value: object) -> int | None:
    """Read a moment as epoch milliseconds; 0 means that none is set.

    Takes epoch milliseconds (a number, or its text), ISO 8601 with an offset (what JavaScript
    makes of a `Date`) and an aware datetime. A number is never taken for seconds.

    Raises:
        ValueError: it is no moment; the text fits after the name of the parameter.
    """
    at = _from_datetime(value) if isinstance(value, datetime) else _from_text_or_number(value)
    if not 0 <= at <= LAST_MS:
        raise ValueError("is not between 1970 and 9999")
    return at or None


def whole_seconds(value: object) -> int:
    """Read a span of time as seconds: a whole number, its text, or a timedelta.

    Raises:
        ValueError: it is no whole number of seconds; the text fits after the parameter's name.
    """
    if isinstance(value, timedelta):
        value = value.total_seconds()
    number = _number(value)
    if number is None or number != int(number):
        raise ValueError("is not a whole number of seconds")
    return int(number)


def _from_datetime(value: datetime) -> int:
    if value.utcoffset() is None:
        raise ValueError("has no time zone")
    return (value - EPOCH) // timedelta(milliseconds=1)


def _from_text_or_number(value: object) -> int:
    number = _number(value)
    if number is not None:
        return int(number)
    if not isinstance(value, str):
        raise ValueError("is not a date")  # noqa: TRY004 - one class for whatever is no moment
    try:
        return _from_datetime(datetime.fromisoformat(value.strip()))
    except ValueError as wrong:
        reason = str(wrong) if str(wrong).startswith("has") else "is not a date"
        raise ValueError(reason) from None


def _number(value: object) -> int | float | None:
    """Return a finite number, or None for what is none; a truth value is none."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None
