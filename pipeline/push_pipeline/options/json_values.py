"""JSON with its numbers as they were written: parsed, and copied from Python's values.

What parses fast makes floats of integers beyond 64 bits, and what writes fast makes null of
NaN: ids of other systems would change on their way, and a value would be gone.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import orjson

from push_pipeline.errors import InvalidParameter

#: The shortest integer that may not fit into 64 bits.
_LONG: Final = re.compile(rb"[0-9]{19}")

#: Characters of a number that an error repeats.
_SHOWN: Final = 20


def parse_json(name: str, text: bytes) -> Any:
    """Parse a JSON text; `name` is what an error calls it.

    Raises:
        InvalidParameter: it holds NaN, infinity, or a number beyond all floating ones.
        ValueError: it is no JSON.
    """
    try:
        parsed = orjson.loads(text)
        return json.loads(text) if _LONG.search(text) else parsed
    except orjson.JSONDecodeError:
        _explain(name, text)
        raise


def copy_json(name: str, value: object) -> Any:
    """Return a deep copy of a JSON value; `name` is what an error calls it.

    Raises:
        InvalidParameter: it holds NaN, infinity, or what is no JSON at all.
    """
    try:
        copy = orjson.loads(orjson.dumps(value))
    except TypeError:  # numbers beyond 64 bits, and what is no JSON
        copy = _copy_exactly(name, value)
    check_json(name, value)
    return copy


def check_json(name: str, value: object) -> None:
    """Look for what Python writes into JSON in another way, or not at all.

    Raises:
        InvalidParameter: it holds NaN, infinity, or a name that is no text.
    """
    waiting, seen = [value], set[int]()
    while waiting:
        one = waiting.pop()
        if isinstance(one, float) and not math.isfinite(one):
            raise InvalidParameter(f"{name}: {one} is no number of JSON")
        if isinstance(one, Mapping) and not all(isinstance(inner, str) for inner in one):
            raise InvalidParameter(f"{name}: a name of an object is text")
        if isinstance(one, Mapping | list | tuple) and id(one) not in seen:
            seen.add(id(one))
            waiting += one.values() if isinstance(one, Mapping) else one


def _copy_exactly(name: str, value: object) -> Any:
    try:
        return json.loads(json.dumps(value, ensure_ascii=False).encode())
    except (TypeError, ValueError, RecursionError):
        raise InvalidParameter(f"{name} must hold JSON values only") from None


def _explain(name: str, text: bytes) -> None:
    """Say if it is only a number that is wrong with a text."""

    def refuse(written: str) -> NoReturn:
        raise InvalidParameter(f"{name}: {written[:_SHOWN]} is no number of JSON")

    def finite(written: str) -> float:
        number = float(written)
        return number if math.isfinite(number) else refuse(written)

    try:
        # Integers as well: one that is beyond every floating number is no number of anybody's.
        json.loads(text, parse_constant=refuse, parse_float=finite, parse_int=finite)
    except (ValueError, RecursionError):
        return
