"""The operating systems a message is for: a mask of bits with many spellings."""

import re
from collections.abc import Iterable, Mapping
from enum import IntFlag
from functools import cache
from typing import Final

from push_pipeline.errors import UnknownOs
from push_pipeline.platform import NAMES, Platform


class Broadcast(IntFlag):
    """The bits that the SDKs agree on, and ours for browsers. `WP` is accepted and reaches nobody.

    `ALL` is the SDKs' own number, and means every system: browsers too, where the app has a key
    for them.
    """

    NONE = 0
    IOS = 1
    ANDROID = 2
    WP = 4
    OSX = 8
    ALL = 15
    WEB = 16

    @property
    def platforms(self) -> frozenset[Platform]:
        """The platforms of the mask that can be reached."""
        return _platforms_of(int(self))

    @property
    def spelling(self) -> str:
        """The one spelling that is stored: `ALL`, `NONE`, or names joined by `|`."""
        return _spelling_of(int(self))


@cache
def _spelling_of(bits: int) -> str:
    mask = Broadcast(bits)
    if mask == Broadcast.NONE or Broadcast.ALL in mask:
        return str((mask & Broadcast.ALL).name)
    return "|".join(str(bit.name) for bit in mask)


@cache
def _platforms_of(bits: int) -> frozenset[Platform]:
    mask = Broadcast(bits)
    if Broadcast.ALL in mask:
        return frozenset(Platform)
    return frozenset(platform for platform in Platform if mask & Broadcast[platform])


_SEPARATORS: Final = re.compile(r"[|,\s]+")

#: Characters of an unknown name that an error repeats.
_SHOWN: Final = 20


def read_broadcast(value: object) -> Broadcast:
    """Read a mask: a number, names with or without `FOR_`, or a collection of either.

    Nothing at all (0, "", an empty list) means everybody, since several SDKs send that by
    default; only the word `NONE` means nobody.

    Raises:
        UnknownOs: a name or a bit means nothing.
    """
    if isinstance(value, Broadcast):
        return value
    words = list(_words(value))
    mask = Broadcast.NONE
    for word in words:
        mask |= _bits(word)
    return mask if mask or "NONE" in words else Broadcast.ALL


def _words(value: object) -> Iterable[object]:
    """Split into numbers and into names, upper case and without `FOR_`."""
    if isinstance(value, str):
        names = _SEPARATORS.split(value.upper())
        return [_number_or_name(name.removeprefix("FOR_")) for name in names if name]
    if isinstance(value, Iterable) and not isinstance(value, Mapping | bytes):
        return [word for item in value for word in _words(item)]
    return [value]


def _number_or_name(word: str) -> int | str:
    short = len(word) <= len("15") and word.isascii()
    return int(word) if short and word.isdecimal() else word


def _bits(word: object) -> Broadcast:
    if isinstance(word, str):
        if word in Broadcast.__members__:
            return Broadcast[word]
        raise UnknownOs(f"{word[:_SHOWN]!r} is no operating system: use {NAMES} or ALL")
    if isinstance(word, bool) or not isinstance(word, int | float):
        raise UnknownOs
    most = Broadcast.ALL | Broadcast.WEB
    if not 0 <= word <= most or word != int(word):
        raise UnknownOs(f"a mask of operating systems is between 0 and {most:d}")
    return Broadcast(int(word))
