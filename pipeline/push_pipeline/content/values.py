"""How one JSON value is read: as text, as a count, as a switch; and how JSON is written."""

import json
import math
from collections.abc import Mapping

#: The spellings of "on" and "off" that the client SDKs put into a header.
_ON = (1, "1", "true")
_OFF = (0, "0", "false", "")

#: Digits of the largest count that is read; APNs keeps a badge in 32 bits.
_COUNT_DIGITS = 9
_COUNT_END = 10**_COUNT_DIGITS

_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def compact_json(value: object) -> bytes:
    """Return the bytes that go on the wire: UTF-8, no spaces, non-ASCII unescaped.

    Raises:
        ValueError: for NaN, infinity and lone surrogates, which are not JSON.
        TypeError: for a Python value that has no JSON.
        RecursionError: for a value nested too deep.
    """
    return _COMPACT.encode(value).encode()


def text_of(value: object) -> str:
    """Return a string as it is, and anything else as its compact JSON."""
    return value if isinstance(value, str) else compact_json(value).decode()


def is_on(value: object) -> bool:
    """Tell whether a switch is on: 1, "1", true or "true" in any case."""
    return bool(switch_of(value))


def switch_of(value: object) -> bool | None:
    """Return whether a switch is on or off, None for what is neither."""
    word = value.lower() if isinstance(value, str) else value
    return True if word in _ON else False if word in _OFF else None


def count_of(value: object) -> int | None:
    """Return a count of zero or more, given as a whole number or as digits; None for others."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, str):
        readable = value.isascii() and value.isdigit() and len(value) <= _COUNT_DIGITS
        return int(value) if readable else None
    return int(value) if 0 <= value < _COUNT_END and value == int(value) else None


def number_of(value: object) -> int | float | None:
    """Return a finite number, given as such or as text; None for others."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    return number if isinstance(value, str) else value


def object_of(value: object) -> dict[str, object] | None:
    """Return an object, given as such or as its JSON text; None for others."""
    value = _parsed(value, "{")
    return dict(value) if isinstance(value, Mapping) else None


def texts_of(value: object) -> list[str] | None:
    """Return a list of texts, given as a list or as its JSON text; None for others."""
    value = _parsed(value, "[")
    return [text_of(one) for one in value] if isinstance(value, list) else None


def _parsed(value: object, beginning: str) -> object:
    """Parse a text that begins as the wanted JSON does: a shell and some SDKs send only text."""
    if not isinstance(value, str) or not value.lstrip().startswith(beginning):
        return value
    try:
        parsed: object = json.loads(value)
        compact_json(parsed)  # refuses NaN and lone surrogates, which json.loads reads
    except (ValueError, RecursionError):
        return value
    return parsed
