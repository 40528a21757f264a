"""What a channel may be called."""

import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from push_pipeline.errors import InvalidChannelName

#: Characters.
CHANNEL_NAME_MAX: Final = 255

#: Characters of a name as it is written: a letter and up to three marks may become one.
_WRITTEN_MAX: Final = 4 * CHANNEL_NAME_MAX

#: What stands for all channels: a name that none can have.
EVERY_CHANNEL: Final = ""

#: They cannot be sent in one segment of a path, or are lost from it on the way.
FORBIDDEN_CHARACTERS: Final = frozenset("/\\?#%")

#: Control characters, halves of surrogate pairs, line and paragraph separators.
FORBIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})

#: The routes beside `/messaging/{channel}`, and what a client folds away from a path.
RESERVED_NAMES: Final = frozenset(
    {"push", "registrations", "email", "channels", "broadcast-channels", "pushtemplates", ".", ".."}
)

#: Of difflib: a letter more or less in a word of five is likely enough.
_LIKENESS: Final = 0.75

_DIGITS: Final = re.compile("[0-9]+")


def normal_name(name: str) -> str:
    """Return a channel's name in the one form that it is kept and looked for in (NFC).

    A letter with its accent is one character on most keyboards, and two in what macOS makes of a
    file's name: both are read as the same name, and were two channels.
    """
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def check_channel_name(name: object) -> str:
    """Return the name of a channel in its normal form.

    Raises:
        InvalidChannelName: it is empty, too long, reserved, or has a character that is not allowed.
    """
    if not isinstance(name, str) or not 0 < len(name) <= _WRITTEN_MAX:
        raise InvalidChannelName(f"a channel name has 1 to {CHANNEL_NAME_MAX} characters")
    return _checked(name)


@lru_cache(maxsize=1024)  # an app has few that are named all the time
def _checked(name: str) -> str:
    if any(_forbidden(character) for character in name):
        raise InvalidChannelName
    normal = normal_name(name)
    if len(normal) > CHANNEL_NAME_MAX:
        raise InvalidChannelName(f"a channel name has 1 to {CHANNEL_NAME_MAX} characters")
    if normal in RESERVED_NAMES:
        raise InvalidChannelName(f"{name!r} is a reserved name, a channel cannot have it")
    return normal


def near_name(name: str, names: Iterable[str]) -> str | None:
    """Return the one of some names that `name` may have been meant as, if any.

    Names that differ in their digits alone, as those of rooms or orders do, are not meant.
    """
    by_look = {one.casefold(): one for one in names if _kind(one) != _kind(name)}
    found = get_close_matches(name.casefold(), by_look, n=1, cutoff=_LIKENESS)
    return by_look[found[0]] if found else None


def _kind(name: str) -> str:
    return _DIGITS.sub("0", name)


def _forbidden(character: str) -> bool:
    category = unicodedata.category(character)
    return character in FORBIDDEN_CHARACTERS or category in FORBIDDEN_CATEGORIES
